//! Transport facts of each lane and the differences between lanes, computed by the engine when lanes change.
//! Facts that the server does not report are absent and never count as a difference.

use sluice_shared::lab::TcpStack;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::wire::TransportFacts;

use sluice_text::format;

/// Fact about a lane's transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Subject, for test ids and the tooltip.
    pub about: About,
    /// Value as text.
    pub text: String,
    /// True if it differs from another lane's fact.
    pub differs: bool,
}

/// Subject of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Transport protocol: TCP or QUIC.
    Protocol,
    /// Congestion controller of the server.
    Congestion,
    /// Initial congestion window of the server.
    InitialWindow,
    /// Maximum segment or datagram size.
    Segment,
    /// Ordering guarantee for the receiver.
    Ordering,
    /// Encryption: TLS or none.
    Encryption,
    /// Network path between server and browser.
    Path,
}

impl About {
    /// Returns a one-sentence explanation.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Protocol => "protocol below",
            Self::Congestion => "the server's congestion control",
            Self::InitialWindow => "the server's congestion window at the start",
            Self::Segment => "largest TCP segment payload or QUIC datagram",
            Self::Ordering => "order the receiver may count on",
            Self::Encryption => "encryption",
            Self::Path => "what lies between server and browser",
        }
    }
}

/// Network path between a lane and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkPath {
    /// Direct path, without anything known to the page in between.
    Direct,
    /// Through the lab's network, with the TCP stack that crosses it.
    Emulated(TcpStack),
}

/// Returns the facts of all lanes, from the top. Facts that the server does not report are absent, and mark
/// no difference.
pub fn fairness(lanes: &[(Mode, Option<TransportFacts>, NetworkPath)]) -> Vec<Vec<Fact>> {
    let known: Vec<Vec<(About, String)>> =
        lanes.iter().map(|(mode, facts, path)| known_facts(*mode, facts.as_ref(), *path)).collect();
    known
        .iter()
        .map(|own| {
            own.iter()
                .map(|(about, text)| Fact {
                    about: *about,
                    text: text.clone(),
                    differs: known.iter().flatten().any(|(other, said)| other == about && said != text),
                })
                .collect()
        })
        .collect()
}

fn known_facts(mode: Mode, facts: Option<&TransportFacts>, path: NetworkPath) -> Vec<(About, String)> {
    let (protocol, segment_name) = match mode.transport() {
        Transport::WebSocket => ("TCP", "MSS"),
        Transport::WebTransport => ("QUIC", "MTU"),
    };
    let mut known = vec![(About::Protocol, protocol.to_owned())];
    if let Some(facts) = facts {
        if let Some(name) = &facts.congestion_control {
            known.push((About::Congestion, name.to_ascii_uppercase()));
        }
        if let Some(bytes) = facts.initial_window {
            known.push((About::InitialWindow, format!("IW {}", format::bytes(bytes))));
        }
        if let Some(bytes) = facts.segment {
            known.push((About::Segment, format!("{segment_name} {bytes}")));
        }
        let encryption = if facts.encrypted { "TLS 1.3" } else { "no TLS" };
        known.push((About::Encryption, encryption.to_owned()));
    }
    known.push((About::Ordering, mode.ordering().to_owned()));
    let path = match (path, mode.transport()) {
        (NetworkPath::Direct, _) => "direct",
        (NetworkPath::Emulated(TcpStack::Kernel), Transport::WebSocket) => {
            "emulated network, the kernel's TCP"
        }
        (NetworkPath::Emulated(TcpStack::Kernel | TcpStack::Model), _) => "emulated network",
    };
    known.push((About::Path, path.to_owned()));
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMULATED: NetworkPath = NetworkPath::Emulated(TcpStack::Model);

    fn facts(congestion: Option<&str>, encrypted: bool) -> Option<TransportFacts> {
        Some(TransportFacts {
            congestion_control: congestion.map(str::to_owned),
            initial_window: None,
            segment: Some(1_200),
            encrypted,
        })
    }

    #[test]
    fn what_differs_is_marked_and_what_agrees_is_not() {
        let lanes = [
            (Mode::WebSocket, facts(Some("cubic"), false), NetworkPath::Direct),
            (Mode::OneStream, facts(Some("cubic"), true), NetworkPath::Direct),
        ];
        let facts = fairness(&lanes);
        for lane in &facts {
            let differing: Vec<_> = lane.iter().filter(|fact| fact.differs).map(|fact| fact.about).collect();
            assert_eq!(differing, [About::Protocol, About::Segment, About::Encryption]);
        }
    }

    #[test]
    fn a_lane_that_bypasses_the_network_is_marked_beside_one_that_does_not() {
        let facts =
            fairness(&[(Mode::WebSocket, None, EMULATED), (Mode::WebSocket, None, NetworkPath::Direct)]);
        let paths: Vec<_> = facts
            .iter()
            .filter_map(|lane| lane.last())
            .map(|fact| (fact.text.as_str(), fact.differs))
            .collect();
        assert_eq!(paths, [("emulated network", true), ("direct", true)]);
    }

    #[test]
    fn the_kernels_tcp_is_marked_on_the_lanes_that_use_it() {
        let kernel = NetworkPath::Emulated(TcpStack::Kernel);
        let facts = fairness(&[(Mode::WebSocket, None, kernel), (Mode::Datagrams, None, kernel)]);
        let paths: Vec<_> =
            facts.iter().filter_map(|lane| lane.last()).map(|fact| fact.text.as_str()).collect();
        assert_eq!(paths, ["emulated network, the kernel's TCP", "emulated network"]);
    }

    #[test]
    fn what_is_unknown_is_absent_and_marks_nothing() {
        let facts = fairness(&[
            (Mode::WebSocket, facts(None, false), EMULATED),
            (Mode::WebSocket, facts(Some("bbr"), false), EMULATED),
        ]);
        assert!(facts[0].iter().all(|fact| fact.about != About::Congestion));
        assert!(facts.iter().flatten().all(|fact| !fact.differs));
        let before_welcome = fairness(&[(Mode::Datagrams, None, EMULATED)]);
        assert_eq!(before_welcome[0].len(), 3);
    }
}
