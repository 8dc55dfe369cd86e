//! Messages between the page and a lazily loaded view, as postcard.
//!
//! The page opens a view with a [`ViewInput`] and sends another one whenever anything in it has changed, at
//! most four times per second. The view responds with [`ViewAction`]s. Neither accesses the other's DOM
//! elements.

use serde::{Deserialize, Serialize};
use sluice_shared::certificate::Certificate;
use sluice_shared::flood::FloodStyle;
use sluice_shared::lab::{FlowReport, Knobs, LabPorts, TcpStack};
use sluice_shared::mode::Mode;
use sluice_shared::session::Heartbeat;
use sluice_shared::time::Time;

use super::{
    Connection, ConnectionEvent, DeliveryGap, Endpoints, FeedKinds, FeedSetup, InboundColumn, LabAction,
    LaneSetup, Level, NetworkSettings, Summary,
};

/// A view of the page that is loaded when it is first opened.
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
    /// Network changes and the load balancer.
    Migration,
    /// Handshakes and capabilities of this browser.
    ThisBrowser,
    /// The event log.
    Log,
    /// A story, step by step.
    Story,
    /// Definitions of terms.
    Glossary,
    /// Ready-made situations of the lab.
    Situations,
}

impl View {
    /// All views.
    pub const ALL: [Self; 13] = [
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
        Self::Story,
        Self::Glossary,
        Self::Situations,
    ];

    /// Returns the name, which also prefixes the view's query parameters in the page's URL.
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
            Self::Story => "story",
            Self::Glossary => "glossary",
            Self::Situations => "situations",
        }
    }

    /// Returns whether a query parameter of the page's URL belongs to this view: `migration=…` or
    /// `migration-…=…`, and `step=…` for a story.
    pub fn owns_query_part(self, part: &str) -> bool {
        let has_prefix =
            |name: &str| part.strip_prefix(name).is_some_and(|rest| rest.starts_with(['=', '-']));
        has_prefix(self.name()) || (self == Self::Story && part.starts_with("step="))
    }
}

/// A snapshot of the page for the current view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewInput {
    /// The current view.
    pub view: View,
    /// Query parameters that belong to the view, joined by `&`, without a question mark.
    pub query: String,
    /// The rest of the page's query, with its question mark: the set-up and the panel.
    pub setup_query: String,
    /// The server; `None` before its first response.
    pub server: Option<ServerInput>,
    /// The page's emulated network.
    pub lab: LabInput,
    /// Requested settings of that network.
    pub network: NetworkSettings,
    /// Feeds to which all lanes subscribe.
    pub feeds: FeedSetup,
    /// Interval and timeout of the lanes' heartbeats.
    pub heartbeat: Heartbeat,
    /// Maximum payload of a WebSocket frame from the server, bytes; 0 for whole messages.
    pub fragment_bytes: u32,
    /// Requested settings of all lanes, from the top.
    pub lane_setups: Vec<LaneSetup>,
    /// The lanes that run, from the top.
    pub lanes: Vec<LaneInput>,
    /// Time marked in the charts, on the browser's clock.
    pub marked: Option<Time>,
    /// Number of changes of the colours or the reduced-motion preference, each of which requires redrawing
    /// the canvases.
    pub look_revision: u32,
    /// Beginning of the measurements, on the browser's clock.
    pub measured_since: Time,
    /// Newest outages of the emulated network, oldest first; filled only for [`View::Story`].
    pub outages: Vec<OutageInput>,
    /// Load of all cores of the server's machine, 0 to 1; `None` if it is not measured.
    pub cpu: Option<f32>,
    /// The log, newest first; filled only for [`View::Log`].
    pub log: Vec<LogLine>,
}

/// An outage of the emulated network, on the browser's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageInput {
    /// Its beginning.
    pub from: Time,
    /// Its end; `None` while it lasts.
    pub until: Option<Time>,
}

/// Server facts that a view may need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInput {
    /// Version of the server.
    pub version: String,
    /// True if it accepts WebTransport.
    pub has_webtransport: bool,
    /// Feeds that it offers.
    pub offered: FeedKinds,
    /// Endpoints without an emulated network.
    pub endpoints: Endpoints,
}

/// The page's emulated network at the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LabInput {
    /// Requested, without a response so far.
    Pending,
    /// Not available from the server, with the reason.
    Missing(String),
    /// Available.
    Ready(LabSettings),
}

impl LabInput {
    /// Returns the lab, if it exists.
    pub const fn ready(&self) -> Option<&LabSettings> {
        match self {
            Self::Ready(lab) => Some(lab),
            Self::Pending | Self::Missing(_) => None,
        }
    }
}

/// Settings of an existing lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabSettings {
    /// Identifier in the API's paths.
    pub id: String,
    /// Link settings in force, from the server to the client.
    pub knobs: Knobs,
    /// TCP stack whose segments cross the network.
    pub tcp: TcpStack,
    /// Ports to which lanes connect.
    pub ports: LabPorts,
}

/// A snapshot of one lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneInput {
    /// Number of the lane, which is also part of its URL.
    pub id: u32,
    /// Name in sentences and headings.
    pub name: String,
    /// Design token of its colour, such as `--ws-0`.
    pub colour: String,
    /// Settings: mode, policy, consumer, window and more.
    pub setup: LaneSetup,
    /// Mode in use, which differs from the requested one while WebSocket replaces WebTransport.
    pub mode_in_use: Mode,
    /// State of the connection.
    pub connection: Connection,
    /// Time of its worker's last report, on the browser's clock.
    pub reported_at: Option<Time>,
    /// Levels and totals, with the clock's offset, the delivery gaps and the state of a flood.
    pub summary: Summary,
    /// Newest delivery gaps of half a second and more, oldest first.
    pub long_gaps: Vec<DeliveryGap>,
    /// Newest events of its connections without heartbeats, oldest first; at most [`LaneInput::MAX_EVENTS`].
    pub timeline: Vec<ConnectionEvent>,
    /// Steps of its trace, in chronological order.
    pub trace: Vec<TraceStep>,
    /// Newest continuity certificate.
    pub certificate: Option<Certificate>,
    /// Messages that a certificate in progress waits for.
    pub uncertified: Option<u64>,
    /// Newest report on its emulated connection.
    pub flow: Option<FlowReport>,
    /// Flood over the last 30 s, oldest first; filled only for [`View::Inbound`].
    pub inbound: Vec<InboundColumn>,
}

impl LaneInput {
    /// Maximum number of events in a timeline.
    pub const MAX_EVENTS: usize = 64;

    /// Returns whether the connection is open.
    pub const fn is_open(&self) -> bool {
        matches!(self.connection, Connection::Open { .. })
    }
}

/// A step of a lane's trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    /// Kind of the step, as used in test ids.
    pub id: String,
    /// Stage of the pipeline.
    pub stage: String,
    /// True if the step means that something was lost or has ended.
    pub is_harm: bool,
    /// True if the step happened before the trace began, so that its time is unknown.
    pub is_earlier: bool,
    /// Time of the step, on the browser's clock.
    pub at: Time,
    /// A sentence with the measured values.
    pub text: String,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Sequence number since the page was opened, which identifies the line.
    pub number: u64,
    /// Time of the event.
    pub at: Time,
    /// Severity.
    pub level: Level,
    /// Name of the lane; `None` for the page itself.
    pub lane: Option<String>,
    /// The text.
    pub text: String,
}

/// The settings of the whole page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageSettings {
    /// The lanes, from the top.
    pub lanes: Vec<LaneSetup>,
    /// Feeds to which all lanes subscribe.
    pub feeds: FeedSetup,
    /// The emulated network.
    pub network: NetworkSettings,
    /// Interval and timeout of the lanes' heartbeats.
    pub heartbeat: Heartbeat,
}

/// A request from a view to the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ViewAction {
    /// Open another view.
    Open(View),
    /// Mark a time in the charts, on the browser's clock, or unmark it if it is already marked.
    Mark(Time),
    /// Set the emulated network.
    SetNetwork(NetworkSettings),
    /// Trigger an event in the emulated network.
    Happen(LabAction),
    /// Set the feeds to which all lanes subscribe.
    SetFeeds(FeedSetup),
    /// Set interval and timeout of the lanes' heartbeats.
    SetHeartbeat(Heartbeat),
    /// Set the maximum payload of a WebSocket frame from the server, bytes; 0 for whole messages.
    SetFragmentBytes(u32),
    /// Change one lane: its policy, consumer, window or another setting.
    SetLane {
        /// The lane's number.
        id: u32,
        /// All settings of the lane.
        setup: LaneSetup,
    },
    /// Replace all lanes.
    SetLanes(Vec<LaneSetup>),
    /// Replace lanes, feeds, network and heartbeat at once and restart the measurement.
    Begin(Box<PageSettings>),
    /// Replace lanes, feeds, network and heartbeat at once and restart the measurement, within the lab.
    Apply {
        /// The settings.
        settings: Box<PageSettings>,
        /// True if all lanes connect anew.
        reopens: bool,
    },
    /// Replace the view's query parameters and add an entry to the browser's history.
    Navigate(String),
    /// Open the lab with the current set-up.
    OpenLab,
    /// Open the list of stories, with the set-up from before the story.
    OpenStories,
    /// Check the continuity of every lane.
    Certify,
    /// Flood the server from every lane.
    Flood {
        /// Sending style.
        style: FloodStyle,
        /// Size, bytes.
        bytes: u64,
    },
    /// End the floods.
    StopFlood,
    /// Replace the view's query parameters; those that do not begin with the view's name are ignored.
    SetQuery(String),
    /// Write a line to the log.
    Note {
        /// Severity.
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
            long_gaps: vec![DeliveryGap { lost: 2, ..DeliveryGap::default() }],
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
            lane_setups: vec![lane().setup],
            lanes: vec![lane()],
            marked: Some(Time::from_millis(6)),
            look_revision: 4,
            measured_since: Time::from_millis(3),
            outages: vec![OutageInput { from: Time::from_millis(4), until: None }],
            cpu: Some(0.5),
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
            ViewAction::Begin(Box::new(PageSettings {
                lanes: vec![lane().setup],
                feeds: FeedSetup::default(),
                network: NetworkSettings::default(),
                heartbeat: Heartbeat::default(),
            })),
            ViewAction::Navigate("story=train&step=2".to_owned()),
            ViewAction::OpenLab,
            ViewAction::OpenStories,
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
        assert!(View::Story.owns_query_part("story=train") && View::Story.owns_query_part("step=3"));
        assert!(!View::Log.owns_query_part("step=3"));
    }
}
