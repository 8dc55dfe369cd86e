//! What a comparison found; `docs/compare.md` explains every field.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use sluice_shared::flow::WindowMode;
use sluice_shared::histogram::Histogram;
use sluice_shared::lab::Knobs;
use sluice_shared::scenario::LaneSetup;

use super::migration::Migration;
use super::plan::Plan;
use super::spoofed::Spoofed;
use super::tally::{Tally, millis, span_millis};

/// The layout of the JSON form; another number means that a field has changed its meaning or is gone.
const SCHEMA: &str = "sluice-compare/1";

/// A whole comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The layout of this form.
    pub schema: &'static str,
    /// The version of this program.
    pub version: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario shows.
    pub summary: String,
    /// `virtual` or `native`.
    pub time: Time,
    /// Where every chance comes from.
    pub seed: u64,
    /// For how long the feed sent.
    pub seconds: u32,
    /// The congestion controller of both ends of every lane.
    pub congestion: &'static str,
    /// The network.
    pub network: Network,
    /// How often each client asked for a sign of life, milliseconds.
    pub heartbeat_ms: f64,
    /// What was sent.
    pub feed: Feed,
    /// How the client's address changed, beside what the network did; left out if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_changes: Option<AddressChanges>,
    /// Who copied the client's packets; left out if nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoof: Option<SpoofSettings>,
    /// What stood in front of several backends; left out if there was one server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balancer: Option<Balancer>,
    /// The lanes, in the order in which they were asked for.
    pub lanes: Vec<LaneReport>,
}

/// Which time a comparison ran in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Time {
    /// Virtual: reproducible.
    Virtual,
    /// Real, on real sockets.
    Native,
}

/// The network of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network {
    /// The preset that it is based on.
    pub preset: Option<&'static str>,
    /// The least round trip, milliseconds.
    pub rtt_ms: f64,
    /// The least time on the way from the server to the client, milliseconds.
    pub way_down_ms: f64,
    /// Whether UDP is blocked.
    pub blocks_udp: bool,
    /// The main settings from the client to the server.
    pub up: Knobs,
    /// The main settings from the server to the client.
    pub down: Knobs,
}

/// The feed of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Feed {
    /// Messages a second over all topics.
    pub messages_per_second: u32,
    /// Bytes of payload in a message.
    pub payload_bytes: u32,
    /// Topics that take turns.
    pub topics: u16,
    /// Keys in each topic.
    pub keys: u16,
}

/// How the client's address changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AddressChanges {
    /// There was one change in each span of this length, milliseconds.
    pub every_ms: f64,
    /// What became another one: `port` or `address`.
    pub part: &'static str,
    /// Whether the client's machine noticed.
    pub tells_client: bool,
    /// Whether the server let QUIC connections migrate.
    pub server_follows: bool,
}

/// How somebody copied the client's packets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SpoofSettings {
    /// There was one attack in each span of this length, milliseconds.
    pub every_ms: f64,
    /// Packets that were copied each time.
    pub packets: u8,
    /// What became of the originals: `follows` or `dropped`.
    pub original: &'static str,
}

/// A balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Balancer {
    /// How many backends there were.
    pub backends: u8,
    /// What QUIC's packets were routed by: `address` or `connection-id`.
    pub routing: &'static str,
    /// Whether the backends made stateless resets with one key.
    pub shares_reset_key: bool,
}

/// What one lane measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LaneReport {
    /// Its mode.
    pub mode: &'static str,
    /// `websocket` or `webtransport`.
    pub transport: &'static str,
    /// What order the receiver may count on.
    pub ordering: &'static str,
    /// Whether the bytes are encrypted.
    pub encrypted: bool,
    /// The server's and the client's congestion controller, by stack: `tcp cubic (modelled)`.
    pub congestion: String,
    /// What the server does with messages that there is no credit for.
    pub policy: String,
    /// `auto`, or the window in messages and bytes.
    pub window: String,
    /// How long the consumer has each message.
    pub consumer_delay_us: u64,
    /// From the start until the server's Welcome had come; `None` when it never did.
    pub connected_after_ms: Option<f64>,
    /// Connections that a Welcome came on; more than one when the session had to be resumed.
    pub connections: u64,
    /// What became of the messages.
    pub messages: Messages,
    /// How old messages were when they were consumed; `None` when none was.
    pub age: Option<Ages>,
    /// How much older than the least time on the way they were; `None` when none was consumed.
    pub added_age: Option<Ages>,
    /// Silences longer than a round trip that were ended by a message that had waited for longer than that.
    pub stalls: u64,
    /// The longest of them, milliseconds.
    pub longest_stall_ms: f64,
    /// Payload consumed a second while connected, kbit/s.
    pub goodput_kbit_per_s: f64,
    /// What changes of the client's address did; left out where nothing changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<Migration>,
    /// What came of copies of the client's packets; left out where nobody sent some, and for TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoof: Option<Spoofed>,
    /// The way from the client to the server.
    pub up: Wire,
    /// The way from the server to the client.
    pub down: Wire,
    /// Packets sent in both directions for each message consumed; `None` when none was.
    pub packets_per_message: Option<f64>,
    /// Bytes delivered in both directions for each message consumed, IP headers included; `None` when none was.
    pub bytes_per_message: Option<f64>,
    /// CPU time of the whole process (server, emulator and client) for each message consumed, microseconds; left out where
    /// it is not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_message: Option<f64>,
}

/// What became of the messages that were published since the lane followed the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Messages {
    /// Published.
    pub published: u64,
    /// Consumed.
    pub consumed: u64,
    /// Reported not to come, by reason.
    pub gaps: BTreeMap<&'static str, u64>,
    /// Neither consumed nor reported when the run ended: still on their way.
    pub unfinished: u64,
    /// Gone without a report, which none should be.
    pub lost: u64,
}

/// Ages of messages when they were consumed, milliseconds since they were produced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ages {
    /// Half of the messages were no older.
    pub p50_ms: f64,
    /// 95 % were no older.
    pub p95_ms: f64,
    /// 99 % were no older.
    pub p99_ms: f64,
    /// The oldest.
    pub max_ms: f64,
}

impl Ages {
    fn of(histogram: &Histogram) -> Option<Self> {
        let mut quantiles = histogram.quantiles_micros([0.5, 0.95, 0.99].into_iter()).map(millis);
        Some(Self {
            p50_ms: quantiles.next()?,
            p95_ms: quantiles.next()?,
            p99_ms: quantiles.next()?,
            max_ms: millis(histogram.max_micros()),
        })
        .filter(|_| histogram.count() > 0)
    }
}

/// What one direction of the link saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Wire {
    /// Packets that the end sent.
    pub packets: u64,
    /// Bytes that the other end got, IP headers included.
    pub bytes: u64,
    /// Packets lost of those that reached the wire, %; `None` before the first.
    pub loss_percent: Option<f64>,
    /// Packets lost there.
    pub lost_packets: u64,
    /// Packets dropped because the queue was full.
    pub queue_drops: u64,
    /// Packets dropped by outages and blocks.
    pub outage_drops: u64,
    /// Packets sent again (TCP), or declared lost and their data sent again (QUIC), by this direction's sender; `None`
    /// where it does not tell.
    pub resent_packets: Option<u64>,
}

impl Report {
    pub(super) fn new(plan: &Plan, time: Time, lanes: Vec<LaneReport>) -> Self {
        let scenario = plan.scenario();
        let profile = scenario.network.profile();
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            scenario: scenario.name.clone(),
            summary: scenario.summary.clone(),
            time,
            seed: scenario.seed,
            seconds: scenario.seconds,
            congestion: scenario.congestion.name(),
            network: Network {
                preset: scenario.network.preset().map(|preset| preset.name()),
                rtt_ms: span_millis(profile.up.propagation.delay + profile.down.propagation.delay),
                way_down_ms: span_millis(profile.down.propagation.delay),
                blocks_udp: profile.blocks_udp,
                up: Knobs::of(&profile.up),
                down: Knobs::of(&profile.down),
            },
            heartbeat_ms: span_millis(scenario.heartbeat),
            feed: Feed {
                messages_per_second: scenario.feed.messages_per_second,
                payload_bytes: scenario.feed.payload_bytes,
                topics: scenario.feed.topics,
                keys: scenario.feed.keys,
            },
            address_changes: scenario.address_changes.map(|changes| AddressChanges {
                every_ms: span_millis(changes.every),
                part: changes.part.name(),
                tells_client: changes.tells_client,
                server_follows: changes.server_follows,
            }),
            spoof: scenario.spoof.map(|setup| SpoofSettings {
                every_ms: span_millis(setup.every),
                packets: setup.spoof.packets,
                original: setup.spoof.original.name(),
            }),
            balancer: scenario.balancer.map(|balancer| Balancer {
                backends: balancer.backends,
                routing: balancer.routing.name(),
                shares_reset_key: balancer.shares_reset_key,
            }),
            lanes,
        }
    }

    /// The report as JSON, on several lines.
    ///
    /// # Errors
    /// None: every field can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

/// What a run of one lane hands over, beside its tally.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// From the start until the Welcome, milliseconds.
    pub(super) connected_after_ms: Option<f64>,
    /// From the Welcome until the last message was consumed, or the feed had ended, seconds.
    pub(super) connected_secs: f64,
    /// Messages published since the lane followed.
    pub(super) published: u64,
    pub(super) congestion: String,
    pub(super) encrypted: bool,
    /// CPU time of the process over the run.
    pub(super) cpu: Option<Duration>,
    /// What changes of the client's address did, where there were some and they were looked at.
    pub(super) migration: Option<Migration>,
    /// What came of copies of the client's packets, where somebody sent some.
    pub(super) spoof: Option<Spoofed>,
    pub(super) up: Wire,
    pub(super) down: Wire,
}

impl LaneReport {
    pub(super) fn new(lane: &LaneSetup, tally: &Tally, outcome: Outcome) -> Self {
        let consumed = tally.consumed;
        let per_message = |total: u64| (consumed > 0).then(|| total as f64 / consumed as f64);
        let Outcome {
            connected_after_ms,
            connected_secs,
            published,
            congestion,
            encrypted,
            cpu,
            migration,
            spoof,
            up,
            down,
        } = outcome;
        Self {
            mode: lane.mode.name(),
            transport: lane.mode.transport().name(),
            ordering: lane.mode.ordering(),
            encrypted,
            congestion,
            policy: lane.policy.to_string(),
            window: match lane.window {
                WindowMode::Auto => "auto".to_owned(),
                WindowMode::Fixed(window) => format!("{} messages, {} bytes", window.messages, window.bytes),
            },
            consumer_delay_us: sluice_shared::time::micros(lane.consumer_delay),
            connected_after_ms,
            connections: tally.connections,
            messages: Messages {
                published,
                consumed,
                gaps: tally.gaps.iter().map(|(reason, count)| (reason.name(), *count)).collect(),
                unfinished: published.saturating_sub(tally.settled()),
                lost: tally.lost,
            },
            age: Ages::of(&tally.age),
            added_age: Ages::of(&tally.added),
            stalls: tally.stalls,
            longest_stall_ms: span_millis(tally.longest_stall),
            goodput_kbit_per_s: if connected_secs > 0.0 {
                tally.payload_bytes as f64 * 8.0 / 1e3 / connected_secs
            } else {
                0.0
            },
            migration,
            spoof,
            up,
            down,
            packets_per_message: per_message(up.packets + down.packets),
            bytes_per_message: per_message(up.bytes + down.bytes),
            cpu_us_per_message: cpu.and_then(|cpu| per_message(sluice_shared::time::micros(cpu))),
        }
    }
}
