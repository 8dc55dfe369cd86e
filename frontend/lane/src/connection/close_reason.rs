//! Reasons for which connections end.

use core::time::Duration;

use sluice_shared::wire::CloseCode;

/// Reason for which a connection ended or did not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The peer gave a reason, as a sentence.
    PeerClosed(String),
    /// The connection broke. Holds the browser's error message, which has little detail.
    Broken(String),
    /// The server did not respond at all.
    Unreachable,
    /// The connection was not ready in time.
    TimedOut,
    /// A connection that had been ready received nothing for this long after a heartbeat.
    Unresponsive(Duration),
}

impl CloseReason {
    /// Returns the reason for a close without a goodbye. `code` is the close code if it is one of ours;
    /// `reason` may be empty.
    pub(super) fn of_close(code: Option<CloseCode>, reason: String, was_open: bool) -> Self {
        match code {
            Some(_) if reason.is_empty() => Self::PeerClosed("The server has closed the connection.".into()),
            Some(_) => Self::PeerClosed(reason),
            None if !reason.is_empty() => Self::Broken(reason),
            None if was_open => Self::Broken("The connection broke.".into()),
            None => Self::Unreachable,
        }
    }
}

/// Returns the port of a URL, or the default port of its scheme if it names none.
pub(super) fn port_of(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or(authority);
    match authority.rsplit_once(':') {
        Some((_, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => port,
        Some(_) | None => "443",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_is_reported_in_a_sentence_whatever_little_is_known() {
        let end = |code, reason: &str, was_open| CloseReason::of_close(code, reason.into(), was_open);
        assert_eq!(end(Some(CloseCode::Overloaded), "Full.", true), CloseReason::PeerClosed("Full.".into()));
        assert_eq!(end(None, "Connection lost.", true), CloseReason::Broken("Connection lost.".into()));
        assert_eq!(end(None, "", false), CloseReason::Unreachable);
        assert_ne!(end(Some(CloseCode::Normal), "", true), CloseReason::PeerClosed(String::new()));
        assert_ne!(end(None, "", true), CloseReason::Unreachable);
    }

    #[test]
    fn the_port_is_read_from_the_url() {
        assert_eq!(port_of("https://127.0.0.1:4433/wt"), "4433");
        assert_eq!(port_of("https://[::1]:4433"), "4433");
        assert_eq!(port_of("https://[::1]/wt"), "443");
        assert_eq!(port_of("https://lab.example/wt"), "443");
    }
}
