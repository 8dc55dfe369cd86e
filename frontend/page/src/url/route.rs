//! The routes of the page: its views, and their part of its address.

use sluice_bridge::View;

use crate::stories::place::Place;

/// A view of the page: what stands below the timeline, or instead of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// Running lanes, and stories to choose from.
    #[default]
    Stories,
    /// A story, step by step.
    Story,
    /// The lanes with all their instruments.
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
    /// Definitions of terms.
    Glossary,
}

impl Route {
    /// All views of the navigation, in its order.
    pub const ALL: [Self; 13] = [
        Self::Stories,
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
        Self::Glossary,
    ];

    /// Returns the name on the page.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Stories => "Stories",
            Self::Story => "Story",
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
            Self::Glossary => "Glossary",
        }
    }

    /// Returns the view of the navigation to which this one belongs.
    pub const fn in_navigation(self) -> Self {
        if matches!(self, Self::Story) { Self::Stories } else { self }
    }

    /// Returns the heading of the view.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Stories | Self::Lab => "One feed, two transports, the same bad network",
            Self::Story
            | Self::Compare
            | Self::Trace
            | Self::Policies
            | Self::Continuity
            | Self::Inbound
            | Self::Frames
            | Self::Handshakes
            | Self::Migration
            | Self::ThisBrowser
            | Self::Log
            | Self::Glossary => self.title(),
        }
    }

    /// Returns one sentence that says what the view is for.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Stories => {
                "Both lanes are live. Make the network bad or a consumer slow, and see where the data waits and why."
            }
            Self::Story => "How transports fail, and the fix beside each failure, measured here and now.",
            Self::Lab => {
                "All lanes are live. Make the network bad or a consumer slow, and see where the data waits and why."
            }
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
            Self::Glossary => {
                "Terms of transports, each in one sentence, with the specification that defines it."
            }
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
            View::Story => Self::Story,
            View::Glossary => Self::Glossary,
            View::Situations => Self::Lab,
        }
    }

    /// Reports whether the timeline and the lanes stand above the view.
    pub const fn has_lanes(self) -> bool {
        !matches!(self, Self::Handshakes | Self::ThisBrowser | Self::Log | Self::Glossary)
    }

    /// Returns its part of the address, behind the set-up; empty for the lab.
    pub fn query_part(self) -> String {
        if self == Self::Lab { String::new() } else { ["&view=", &self.name()].concat() }
    }

    /// Returns the view that a query names. A link with a set-up and no view leads to the lab, any other to the stories.
    /// Links of earlier versions say `panel=`.
    pub fn from_query(query: &str) -> Self {
        if Place::from_query(query).is_some() {
            return Self::Story;
        }
        let mut pairs = query.trim_start_matches('?').split('&');
        let named =
            pairs.clone().find_map(|pair| pair.strip_prefix("view=").or_else(|| pair.strip_prefix("panel=")));
        let found = named.and_then(|name| Self::ALL.into_iter().find(|view| view.name() == name));
        let has_setup = pairs.any(|pair| pair.contains('='));
        found.unwrap_or(if has_setup { Self::Lab } else { Self::Stories })
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
        assert_eq!(Route::from_query("?view=pigeons&lane=websocket"), Route::Lab);
        assert_eq!((Route::from_query(""), Route::from_query("?")), (Route::Stories, Route::Stories));
        assert_eq!(Route::from_query("?story=train&step=3"), Route::Story);
        assert_eq!(
            Route::from_query("?story=pigeons"),
            Route::Lab,
            "there is something in it that is no story"
        );
        assert_eq!(Route::from_query("?lane=websocket&panel=trace"), Route::Trace);
    }
}
