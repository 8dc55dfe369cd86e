//! The views of the page, and their part of its address.

/// A view: what stands below the timeline, or instead of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
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
    /// Event log.
    Log,
}

impl View {
    /// All views, in the order of the navigation.
    pub const ALL: [Self; 10] = [
        Self::Lab,
        Self::Compare,
        Self::Trace,
        Self::Policies,
        Self::Continuity,
        Self::Inbound,
        Self::Frames,
        Self::Handshakes,
        Self::Migration,
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
            Self::Log => "Everything that has happened on this page.",
        }
    }

    /// Reports whether the timeline and the lanes stand above the view.
    pub const fn has_lanes(self) -> bool {
        !matches!(self, Self::Handshakes | Self::Log)
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
        self.title().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_its_link() {
        for view in View::ALL {
            assert_eq!(View::from_query(&("?seed=1".to_owned() + &view.query_part())), view);
        }
        assert_eq!(View::default().query_part(), "");
        assert_eq!(View::from_query("?view=pigeons&lane=websocket"), View::default());
        assert_eq!(View::from_query("?lane=websocket&panel=trace"), View::Trace);
    }
}
