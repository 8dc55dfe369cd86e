//! What bounds a failure exhibit, and what one has used.
//!
//! An exhibit does on purpose what naive servers do ([`Policy::is_exhibit`](crate::policy::Policy::is_exhibit)). It is
//! over as soon as it reaches one of these caps, and its connection is closed with
//! [`CloseCode::ExhibitOver`](crate::wire::CloseCode::ExhibitOver).

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// Most memory that an exhibit's queue holds, bytes: 32 MiB. The same bounds what a page lets pile up in its inbox.
pub const MAX_HELD_BYTES: u64 = 32 * 1024 * 1024;
/// Most time that an exhibit keeps a core busy: 10 s.
pub const MAX_CORE_TIME: Duration = Duration::from_secs(10);
/// Most time that an exhibit runs: 60 s.
pub const MAX_DURATION: Duration = Duration::from_secs(60);
/// What a message that waits takes besides its bytes: its place in a queue that doubles as it grows, and its own
/// allocation.
pub const BYTES_BESIDE_MESSAGE: u64 = 192;

/// What an exhibit has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExhibitUse {
    /// Memory that its queue holds, bytes: encoded messages, and [`BYTES_BESIDE_MESSAGE`] for each.
    pub held_bytes: u64,
    /// The most that it has held.
    pub held_bytes_peak: u64,
    /// For how long its task has run in total, microseconds.
    pub core_micros: u64,
    /// Since its Hello, microseconds.
    pub elapsed_micros: u64,
    /// Messages dropped without a word to the client.
    pub silently_dropped: u64,
}

/// The cap that an exhibit has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cap {
    /// [`MAX_HELD_BYTES`].
    Memory,
    /// [`MAX_CORE_TIME`].
    CoreTime,
    /// [`MAX_DURATION`].
    Duration,
}

impl Cap {
    /// All caps.
    pub const ALL: [Self; 3] = [Self::Memory, Self::CoreTime, Self::Duration];

    /// The name used in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::CoreTime => "core-time",
            Self::Duration => "duration",
        }
    }
}

impl ExhibitUse {
    /// The cap that is reached, if one is.
    pub fn reached(&self) -> Option<Cap> {
        if self.held_bytes >= MAX_HELD_BYTES {
            return Some(Cap::Memory);
        }
        if Duration::from_micros(self.core_micros) >= MAX_CORE_TIME {
            return Some(Cap::CoreTime);
        }
        (Duration::from_micros(self.elapsed_micros) >= MAX_DURATION).then_some(Cap::Duration)
    }
}

/// One sentence on an exhibit that is over: what was reached after how long, and what a real server would suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The cap.
    pub cap: Cap,
    /// The figures.
    pub used: ExhibitUse,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = &self.used;
        let after = tenths(used.elapsed_micros, 1_000_000);
        match self.cap {
            Cap::Memory => write!(
                f,
                "the queue held {} MiB after {after} s: a real server goes on until it is out of memory, and takes every client with it",
                tenths(used.held_bytes_peak, 1024 * 1024),
            ),
            Cap::CoreTime => write!(
                f,
                "one slow client kept a core busy for {} s of {after} s: a real server has no time left for the others",
                tenths(used.core_micros, 1_000_000),
            ),
            Cap::Duration if used.silently_dropped > 0 => write!(
                f,
                "{} messages were dropped in {after} s and nobody was told: a real server never would",
                used.silently_dropped,
            ),
            Cap::Duration => write!(
                f,
                "after {after} s, with {} MiB held at most and {} s of a core: a real server goes on",
                tenths(used.held_bytes_peak, 1024 * 1024),
                tenths(used.core_micros, 1_000_000),
            ),
        }
    }
}

/// A quotient with one digit after the point, cut off.
fn tenths(amount: u64, unit: u64) -> Tenths {
    Tenths(amount.saturating_mul(10) / unit.max(1))
}

struct Tenths(u64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_cap_is_reached_at_its_value_and_not_before() {
        let below = ExhibitUse {
            held_bytes: MAX_HELD_BYTES - 1,
            core_micros: 9_999_999,
            elapsed_micros: 59_999_999,
            ..ExhibitUse::default()
        };
        assert_eq!(below.reached(), None);
        let at = |change: fn(&mut ExhibitUse)| {
            let mut used = below;
            change(&mut used);
            used.reached()
        };
        assert_eq!(at(|used| used.held_bytes += 1), Some(Cap::Memory));
        assert_eq!(at(|used| used.core_micros += 1), Some(Cap::CoreTime));
        assert_eq!(at(|used| used.elapsed_micros += 1), Some(Cap::Duration));
    }

    #[test]
    fn the_verdict_names_what_was_measured() {
        let used = ExhibitUse {
            held_bytes_peak: MAX_HELD_BYTES,
            core_micros: 9_870_000,
            elapsed_micros: 12_340_000,
            ..ExhibitUse::default()
        };
        let text = |cap| Verdict { cap, used }.to_string();
        assert!(
            text(Cap::Memory).starts_with("the queue held 32.0 MiB after 12.3 s"),
            "{}",
            text(Cap::Memory)
        );
        assert!(text(Cap::CoreTime).contains("busy for 9.8 s of 12.3 s"), "{}", text(Cap::CoreTime));
    }
}
