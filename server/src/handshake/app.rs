//! The application behind both stacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::{Method, StatusCode};
use sluice_shared::handshake::ReplayGuard;

/// The largest answer of `/bytes/N`.
const MAX_BYTES: usize = 16 << 20;

/// A small site: `GET /hello…` and `GET /bytes/N` change nothing, `POST /count` counts.
///
/// What may be carried out before the handshake is over depends on its guard (RFC 8470 §4).
#[derive(Clone, Debug)]
pub(super) struct App {
    guard: ReplayGuard,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    effects: AtomicU32,
    too_early: AtomicU32,
    early: AtomicU32,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

impl App {
    pub(super) fn new(guard: ReplayGuard) -> Self {
        Self { guard, counters: Arc::default() }
    }

    /// Answers a request that came in early data, or after the handshake.
    ///
    /// A safe method changes nothing, so that it may be carried out twice (RFC 9110 §9.2.1); everything else waits for
    /// the handshake.
    pub(super) fn answer(&self, method: &Method, path: &str, is_early: bool) -> Answer {
        if is_early {
            self.counters.early.fetch_add(1, Ordering::Relaxed);
        }
        if is_early && !method.is_safe() && self.guard != ReplayGuard::Nothing {
            self.counters.too_early.fetch_add(1, Ordering::Relaxed);
            return Answer { status: StatusCode::TOO_EARLY, body: Bytes::new() };
        }
        let ok = |body: Bytes| Answer { status: StatusCode::OK, body };
        match path.strip_prefix("/bytes/").map(str::parse::<usize>) {
            Some(Ok(bytes)) if *method == Method::GET => ok(Bytes::from(vec![b'.'; bytes.min(MAX_BYTES)])),
            _ if *method == Method::GET => ok(Bytes::from_static(b"hello\n")),
            _ if *method == Method::POST && path == "/count" => {
                let count = self.counters.effects.fetch_add(1, Ordering::Relaxed) + 1;
                ok(Bytes::from(format!("{count}\n")))
            }
            _ => Answer { status: StatusCode::NOT_FOUND, body: Bytes::new() },
        }
    }

    /// How often `/count` counted.
    pub(super) fn effects(&self) -> u32 {
        self.counters.effects.load(Ordering::Relaxed)
    }

    /// Answers 425 Too Early.
    pub(super) fn too_early(&self) -> u32 {
        self.counters.too_early.load(Ordering::Relaxed)
    }

    /// Requests that were read before the handshake was over.
    pub(super) fn early(&self) -> u32 {
        self.counters.early.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_something_has_to_wait() {
        let app = App::new(ReplayGuard::SingleUse);
        assert_eq!(app.answer(&Method::GET, "/hello", true).status, StatusCode::OK);
        assert_eq!(app.answer(&Method::POST, "/count", true).status, StatusCode::TOO_EARLY);
        assert_eq!((app.effects(), app.too_early(), app.early()), (0, 1, 2));
        assert_eq!(app.answer(&Method::POST, "/count", false).body, "1\n");
        assert_eq!(app.effects(), 1);
    }

    #[test]
    fn the_exhibit_carries_out_everything() {
        let app = App::new(ReplayGuard::Nothing);
        assert_eq!(app.answer(&Method::POST, "/count", true).status, StatusCode::OK);
        assert_eq!(app.effects(), 1);
    }

    #[test]
    fn answers_are_as_large_as_asked_and_bounded() {
        let app = App::new(ReplayGuard::SingleUse);
        assert_eq!(app.answer(&Method::GET, "/bytes/1000", false).body.len(), 1_000);
        assert_eq!(app.answer(&Method::GET, "/bytes/99999999999", false).body.len(), MAX_BYTES);
        assert_eq!(app.answer(&Method::DELETE, "/hello", false).status, StatusCode::NOT_FOUND);
    }
}
