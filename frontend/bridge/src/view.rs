//! Messages between the page and a lazily loaded view, as postcard.
//!
//! The page opens a view with a [`ViewInput`] and sends another one whenever something in it has changed, at most
//! four times a second. The view answers with [`ViewAction`]s. Neither reads the other's elements.

use serde::{Deserialize, Serialize};
use sluice_shared::certificate::Certificate;
use sluice_shared::flood::FloodStyle;
use sluice_shared::lab::{FlowReport, Knobs, LabPorts, TcpStack};
use sluice_shared::mode::Mode;
use sluice_shared::session::Heartbeat;
use sluice_shared::time::Time;

use super::{
    Connection, ConnectionEvent, Endpoints, FeedKinds, FeedSetup, InboundColumn, LabAction, LaneSetup, Level,
    NetworkSettings, Summary,
};

/// A view that is loaded when it is opened first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum View {
    /// Latency distributions of the lanes.
    Compare,
    /// Consequences of a slow consumer, step by step.
    Trace,
    /// All policies with the same slow consumer.
    Policies,
    /// Continuity certificates.
    Continuity,
    /// WebSocket frames.
    Frames,
    /// A client that floods the server.
    Inbound,
    /// Handshakes of native clients.
    Handshakes,
    /// Changes of networks, and the balancer.
    Migration,
    /// Handshakes and abilities of this browser.
    ThisBrowser,
    /// The event log.
    Log,
}

impl View {
    /// All views.
    pub const ALL: [Self; 10] = [
        Self::Compare,
        Self::Trace,
        Self::Policies,
        Self::Continuity,
        Self::Frames,
        Self::Inbound,
        Self::Handshakes,
        Self::Migration,
        Self::ThisBrowser,
        Self::Log,
    ];

    /// The name that its parts of the page's address begin with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Trace => "trace",
            Self::Policies => "policies",
            Self::Continuity => "continuity",
            Self::Frames => "frames",
            Self::Inbound => "inbound",
            Self::Handshakes => "handshakes",
            Self::Migration => "migration",
            Self::ThisBrowser => "this-browser",
            Self::Log => "log",
        }
    }

    /// Whether a part of the page's address belongs to this view: `migration=…` or `migration-….=…`.
    pub fn owns_query_part(self, part: &str) -> bool {
        part.strip_prefix(self.name()).is_some_and(|rest| rest.starts_with(['=', '-']))
    }
}

/// A snapshot of the page for the view that is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewInput {
    /// Which view is shown.
    pub view: View,
    /// The parts of the page's address that belong to the view, joined by `&`, without a question mark.
    pub query: String,
    /// The rest of the page's address, with its question mark: the set-up and the panel.
    pub setup_query: String,
    /// The server; `None` before its first answer.
    pub server: Option<ServerInput>,
    /// The page's emulated network.
    pub lab: LabInput,
    /// The network that is set.
    pub network: NetworkSettings,
    /// What all lanes subscribe to.
    pub feeds: FeedSetup,
    /// Interval and timeout of the lanes' heartbeats.
    pub heartbeat: Heartbeat,
    /// Payload bytes of a WebSocket frame that the server sends at most; 0 for whole messages.
    pub fragment_bytes: u32,
    /// The lanes, from the top.
    pub lanes: Vec<LaneInput>,
    /// The moment that is marked in the charts, on the browser's clock.
    pub marked: Option<Time>,
    /// Counts changes of colours and of the wish for less motion, after which canvases are drawn anew.
    pub look_revision: u32,
    /// How often a race of the policies was asked for elsewhere on the page.
    pub races_requested: u32,
    /// The log, newest first; filled for [`View::Log`] alone.
    pub log: Vec<LogLine>,
}

/// What a view may need of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInput {
    /// Its version.
    pub version: String,
    /// Whether it accepts WebTransport.
    pub has_webtransport: bool,
    /// The feeds that it offers.
    pub offered: FeedKinds,
    /// Where to connect without an emulated network.
    pub endpoints: Endpoints,
}

/// The page's emulated network at the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LabInput {
    /// It has been requested.
    Pending,
    /// The server gives none, and why.
    Missing(String),
    /// It exists.
    Ready(LabSettings),
}

impl LabInput {
    /// The lab, if it exists.
    pub const fn ready(&self) -> Option<&LabSettings> {
        match self {
            Self::Ready(lab) => Some(lab),
            Self::Pending | Self::Missing(_) => None,
        }
    }
}

/// A lab that exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabSettings {
    /// Its name in the API's paths.
    pub id: String,
    /// The settings in force, from the server to the client.
    pub knobs: Knobs,
    /// Whose TCP crosses the network.
    pub tcp: TcpStack,
    /// Where lanes connect.
    pub ports: LabPorts,
}

/// One lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneInput {
    /// Its number, which its URL names too.
    pub id: u32,
    /// Its name in sentences and headings.
    pub name: String,
    /// The design token of its colour, as `--ws-0`.
    pub colour: String,
    /// Its settings: mode, policy, consumer, window and more.
    pub setup: LaneSetup,
    /// How messages are carried: another mode than the wanted one while WebSocket stands in for WebTransport.
    pub mode_in_use: Mode,
    /// The connection.
    pub connection: Connection,
    /// When its worker made the last report, on the browser's clock.
    pub reported_at: Option<Time>,
    /// Levels and totals, with the clock's offset, the delivery gaps and the state of a flood.
    pub summary: Summary,
    /// The newest events of its connections, oldest first, heartbeats left out; [`LaneInput::MAX_EVENTS`] at most.
    pub timeline: Vec<ConnectionEvent>,
    /// Steps of its trace, in the order of time.
    pub trace: Vec<TraceStep>,
    /// The newest certificate of its continuity.
    pub certificate: Option<Certificate>,
    /// Messages that a certificate in progress waits for.
    pub uncertified: Option<u64>,
    /// The newest report on its emulated connection.
    pub flow: Option<FlowReport>,
    /// Its flood over the last 30 s, oldest first; filled for [`View::Inbound`] alone.
    pub inbound: Vec<InboundColumn>,
}

impl LaneInput {
    /// Most events of a timeline.
    pub const MAX_EVENTS: usize = 64;

    /// Whether data may flow.
    pub const fn is_open(&self) -> bool {
        matches!(self.connection, Connection::Open { .. })
    }
}

/// A step of a lane's trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    /// Its kind, in test ids.
    pub id: String,
    /// The stage of the pipeline.
    pub stage: String,
    /// Whether something is lost or ends by it.
    pub is_harm: bool,
    /// Whether it was so before the trace began, so that its time is not known.
    pub is_earlier: bool,
    /// When, on the browser's clock.
    pub at: Time,
    /// A sentence with the measured values.
    pub text: String,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Counts lines since the page was opened, so that a line keeps its identity.
    pub number: u64,
    /// When.
    pub at: Time,
    /// How much it matters.
    pub level: Level,
    /// The lane; `None` for the page itself.
    pub lane: Option<String>,
    /// The text.
    pub text: String,
}

/// A request of a view to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ViewAction {
    /// Open another view.
    Open(View),
    /// Mark a moment in the charts, on the browser's clock; the marked moment is unmarked.
    Mark(Time),
    /// Set the emulated network.
    SetNetwork(NetworkSettings),
    /// Let something happen to the emulated network.
    Happen(LabAction),
    /// Set what all lanes subscribe to.
    SetFeeds(FeedSetup),
    /// Set interval and timeout of the lanes' heartbeats.
    SetHeartbeat(Heartbeat),
    /// Set the payload bytes of a WebSocket frame that the server sends at most; 0 for whole messages.
    SetFragmentBytes(u32),
    /// Change one lane: its policy, consumer, window or another setting.
    SetLane {
        /// The lane's number.
        id: u32,
        /// All its settings.
        setup: LaneSetup,
    },
    /// Replace all lanes.
    SetLanes(Vec<LaneSetup>),
    /// Check the continuity of every lane.
    Certify,
    /// Flood the server by every lane.
    Flood {
        /// How.
        style: FloodStyle,
        /// How much, bytes.
        bytes: u64,
    },
    /// End the floods.
    StopFlood,
    /// Replace the view's parts of the page's address; each must begin with the view's name, or is left out.
    SetQuery(String),
    /// Write a line into the log.
    Note {
        /// How much it matters.
        level: Level,
        /// The text.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConnectionEventKind, DeliveryGap, Outage, SessionStart};
    use sluice_shared::mode::Transport;

    fn lane() -> LaneInput {
        let event = |millis, kind| ConnectionEvent { at: Time::from_millis(millis), kind };
        LaneInput {
            id: 3,
            name: "WebTransport".to_owned(),
            colour: "--wt-0".to_owned(),
            setup: LaneSetup::new(Mode::StreamPerTopic),
            mode_in_use: Mode::WebSocket,
            connection: Connection::Waiting { reason: "lost".to_owned(), retry_at: Time::from_millis(9) },
            reported_at: Some(Time::from_millis(8)),
            summary: Summary {
                clock_offset_micros: Some(-12),
                delivery_gaps: vec![DeliveryGap { waited: 3, ..DeliveryGap::default() }],
                last_outage: Some(Outage {
                    lost_at: Time::ZERO,
                    noticed_after_micros: 1,
                    open_after_micros: Some(2),
                    welcome: Some((3, Transport::WebSocket, SessionStart::Resumed)),
                    fresh_after_micros: None,
                    missed: 4,
                }),
                ..Summary::default()
            },
            timeline: vec![
                event(1, ConnectionEventKind::Welcome(Transport::WebTransport, SessionStart::First)),
                event(2, ConnectionEventKind::Backoff { until: Time::from_millis(5) }),
            ],
            trace: vec![TraceStep {
                id: "inbox".to_owned(),
                stage: "inbox".to_owned(),
                is_harm: false,
                is_earlier: true,
                at: Time::from_millis(7),
                text: "full".to_owned(),
            }],
            certificate: None,
            uncertified: Some(5),
            flow: None,
            inbound: vec![InboundColumn { index: 7, buffered: 900, ..InboundColumn::default() }],
        }
    }

    fn input() -> ViewInput {
        ViewInput {
            view: View::Migration,
            query: "migration-address=host".to_owned(),
            setup_query: "?lane=websocket&panel=migration".to_owned(),
            server: None,
            lab: LabInput::Missing("none left".to_owned()),
            network: NetworkSettings::default(),
            feeds: FeedSetup::default(),
            heartbeat: Heartbeat::default(),
            fragment_bytes: 64,
            lanes: vec![lane()],
            marked: Some(Time::from_millis(6)),
            look_revision: 4,
            races_requested: 2,
            log: vec![LogLine {
                number: 1,
                at: Time::ZERO,
                level: Level::Warning,
                lane: None,
                text: "slow".to_owned(),
            }],
        }
    }

    #[test]
    fn a_snapshot_and_every_action_survive_their_encoding() {
        let bytes = postcard::to_stdvec(&input()).expect("a snapshot can be encoded");
        assert_eq!(postcard::from_bytes::<ViewInput>(&bytes), Ok(input()));
        let actions = [
            ViewAction::Open(View::Continuity),
            ViewAction::Mark(Time::from_millis(3)),
            ViewAction::SetNetwork(NetworkSettings { loss_percent: Some(2.5), ..NetworkSettings::default() }),
            ViewAction::Happen(LabAction::Tunnel { seconds: 4.0 }),
            ViewAction::SetFeeds(FeedSetup::default()),
            ViewAction::SetHeartbeat(Heartbeat::default()),
            ViewAction::SetFragmentBytes(256),
            ViewAction::SetLane { id: 3, setup: lane().setup },
            ViewAction::SetLanes(vec![lane().setup]),
            ViewAction::Certify,
            ViewAction::Flood { style: FloodStyle::Credit, bytes: 8_000_000 },
            ViewAction::StopFlood,
            ViewAction::SetQuery("migration-tcp=silent".to_owned()),
            ViewAction::Note { level: Level::Info, text: "done".to_owned() },
        ];
        for action in actions {
            let bytes = postcard::to_stdvec(&action).expect("an action can be encoded");
            assert_eq!(postcard::from_bytes(&bytes), Ok(action));
        }
    }

    #[test]
    fn a_view_owns_the_parts_of_the_address_that_begin_with_its_name() {
        assert!(View::Migration.owns_query_part("migration=host"));
        assert!(View::Migration.owns_query_part("migration-tcp=silent"));
        assert!(!View::Migration.owns_query_part("migrations=1"));
        assert!(!View::Log.owns_query_part("lane=websocket"));
    }
}
