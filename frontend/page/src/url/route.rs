//! The routes of the page: its views, and their part of its address.

use sluice_bridge::View;

/// A view of the page: what stands below the timeline, or instead of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// The lanes with all their instruments.
    #[default]
    Lab,
    /// The lanes' latency distributions against each other.
    Compare,
    /// Consequences of a slow consumer, step by step.
    Trace,
    /// All policies with the same slow consumer.
    Policies,
    /// Proof that every message is accounted for.
    Continuity,
    /// A client that floods the server.
    Inbound,
    /// WebSocket frames, decoded from their bytes.
    Frames,
    /// Round trips before the first byte.
    Handshakes,
    /// Address changes, balancers and tunnels.
    Migration,
    /// Connections of this browser, measured.
    ThisBrowser,
    /// Event log.
    Log,
}

impl Route {
    /// All views, in the order of the navigation.
    pub const ALL: [Self; 11] = [
        Self::Lab,
        Self::Compare,
        Self::Trace,
        Self::Policies,
        Self::Continuity,
        Self::Inbound,
        Self::Frames,
        Self::Handshakes,
        Self::Migration,
        Self::ThisBrowser,
        Self::Log,
    ];

    /// Returns the name on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lab => "Lab",
            Self::Compare => "Compare",
            Self::Trace => "Trace",
            Self::Policies => "Policies",
            Self::Continuity => "Continuity",
            Self::Inbound => "Inbound",
            Self::Frames => "Frames",
            Self::Handshakes => "Handshakes",
            Self::Migration => "Migration",
            Self::ThisBrowser => "This browser",
            Self::Log => "Log",
        }
    }

    /// Returns one sentence that says what the view is for.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Lab => "Every lane with its queues, controls and connection.",
            Self::Compare => "How latency is distributed, lane against lane.",
            Self::Trace => "How a slow consumer reaches back to the server, step by step.",
            Self::Policies => "The same slow consumer under every delivery policy.",
            Self::Continuity => "Proof that every message was consumed or reported as skipped.",
            Self::Inbound => "A client that sends more than the server reads.",
            Self::Frames => "The bytes of a WebSocket, frame by frame.",
            Self::Handshakes => "Round trips before the first byte: TCP with TLS beside QUIC.",
            Self::Migration => "What becomes of connections when the client changes networks.",
            Self::ThisBrowser => "How long this browser takes to open each kind of connection.",
            Self::Log => "Everything that has happened on this page.",
        }
    }

    /// Returns the route that shows a lazily loaded view.
    pub const fn of(view: View) -> Self {
        match view {
            View::Compare => Self::Compare,
            View::Trace => Self::Trace,
            View::Policies => Self::Policies,
            View::Continuity => Self::Continuity,
            View::Frames => Self::Frames,
            View::Inbound => Self::Inbound,
            View::Handshakes => Self::Handshakes,
            View::Migration => Self::Migration,
            View::ThisBrowser => Self::ThisBrowser,
            View::Log => Self::Log,
        }
    }

    /// Reports whether the timeline and the lanes stand above the view.
    pub const fn has_lanes(self) -> bool {
        !matches!(self, Self::Handshakes | Self::ThisBrowser | Self::Log)
    }

    /// Returns its part of the address, behind the set-up; empty for the first view.
    pub fn query_part(self) -> String {
        if self == Self::default() { String::new() } else { ["&view=", &self.name()].concat() }
    }

    /// Returns the view that a query names, the first one otherwise. Links of earlier versions say `panel=`.
    pub fn from_query(query: &str) -> Self {
        let named = query
            .trim_start_matches('?')
            .split('&')
            .find_map(|pair| pair.strip_prefix("view=").or_else(|| pair.strip_prefix("panel=")));
        let found = named.and_then(|name| Self::ALL.into_iter().find(|view| view.name() == name));
        found.unwrap_or_default()
    }

    /// Returns the name in addresses and test ids.
    pub fn name(self) -> String {
        self.title().to_ascii_lowercase().replace(' ', "-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_its_link() {
        for view in Route::ALL {
            assert_eq!(Route::from_query(&("?seed=1".to_owned() + &view.query_part())), view);
        }
        assert_eq!(Route::default().query_part(), "");
        assert_eq!(Route::from_query("?view=pigeons&lane=websocket"), Route::default());
        assert_eq!(Route::from_query("?lane=websocket&panel=trace"), Route::Trace);
    }
}
