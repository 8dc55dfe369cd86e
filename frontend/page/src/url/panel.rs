//! What stands below the lanes.

use sluice_bridge::View;

/// One of the panels, of which one is in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// The lanes' ages against each other.
    #[default]
    Compare,
    /// What follows from a slow consumer, step by step.
    Trace,
    /// All policies with the same slow consumer.
    Policies,
    /// Whether everything that was produced is accounted for.
    Continuity,
    /// What a WebSocket's bytes say.
    Frames,
    /// What a client that floods the server feels.
    Inbound,
    /// How connections begin, measured by native clients.
    Handshakes,
    /// What becomes of connections when clients change networks.
    Migration,
    /// What has happened.
    Log,
}

impl Panel {
    /// All panels, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Compare,
        Self::Trace,
        Self::Policies,
        Self::Continuity,
        Self::Frames,
        Self::Inbound,
        Self::Handshakes,
        Self::Migration,
        Self::Log,
    ];

    /// The panel that shows a lazily loaded view.
    pub const fn showing(view: View) -> Self {
        match view {
            View::Trace => Self::Trace,
            View::Policies => Self::Policies,
            View::Continuity => Self::Continuity,
            View::Frames => Self::Frames,
            View::Inbound => Self::Inbound,
            View::Handshakes | View::ThisBrowser => Self::Handshakes,
            View::Migration => Self::Migration,
            View::Log => Self::Log,
        }
    }

    /// What it is called.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Compare => "Compare",
            Self::Trace => "Trace",
            Self::Policies => "Policies",
            Self::Continuity => "Continuity",
            Self::Frames => "Frames",
            Self::Inbound => "Inbound",
            Self::Handshakes => "Handshakes",
            Self::Migration => "Migration",
            Self::Log => "Log",
        }
    }

    /// Its part of the page's address, behind the set-up; nothing for the one that is shown anyway.
    pub fn query_part(self) -> String {
        if self == Self::default() { String::new() } else { ["&panel=", &self.name()].concat() }
    }

    /// The panel that a query names; what is no panel's name names none.
    pub fn from_query(query: &str) -> Self {
        let named = query.trim_start_matches('?').split('&').find_map(|pair| pair.strip_prefix("panel="));
        let found = named.and_then(|name| Self::ALL.into_iter().find(|panel| panel.name() == name));
        found.unwrap_or_default()
    }

    /// What test ids and addresses call it.
    pub fn name(self) -> String {
        self.title().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_survives_its_link() {
        for panel in Panel::ALL {
            assert_eq!(Panel::from_query(&("?seed=1".to_owned() + &panel.query_part())), panel);
        }
        assert_eq!(Panel::default().query_part(), "");
        assert_eq!(Panel::from_query("?panel=pigeons&lane=websocket"), Panel::default());
    }
}
