//! A thousand changes of address of live sessions: who survives them, and for how long nothing comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluice_shared::certificate::Verdict;
use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::lab::{Congestion, LabReport, PathFrame, PathFrameKind};
use sluice_shared::link::Direction;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::Heartbeat;
use sluice_shared::time::Time;
use sluice_tests::chaos::Draw;
use sluice_tests::client::{Client, Lane};
use sluice_tests::deadline::{PATIENCE, must};
use sluice_tests::lab::Lab;
use sluice_tests::process::ServerProcess;
use sluice_tests::target::Target;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::measure::{Row, grouped};
use crate::timelines::{Life, Outage, lives, outages};

/// Labs, each with a network of its own, that change networks each at moments of its own.
const LABS: u64 = 8;
/// What a lab's sessions are carried by: five times WebTransport, and a WebSocket beside them.
const LANES: [Mode; 6] = [
    Mode::OneStream,
    Mode::StreamPerTopic,
    Mode::StreamPerMessage,
    Mode::Datagrams,
    Mode::StreamPerTopic,
    Mode::WebSocket,
];
/// Changes of each lab: 1,000 for all sessions over WebTransport.
const CHANGES: u64 = 25;
/// How long a lab rests before a change, seconds, at least and at most.
const REST: (f64, f64) = (2.0, 3.0);
/// The round trip of the network without its jitter, and its way from the server, ms.
const RTT_MS: f64 = 50.0;
/// The longest way of a message that waits for nothing: half a round trip, and the jitter of `lte`.
const WAY: Duration = Duration::from_millis(33);
/// A dashboard's.
const FEED: TicksSpec = TicksSpec { rate: 50, size: 200, streams: 4, keys: 8, seed: 1 };

/// What is known of a lab's sessions in the end.
#[derive(Default)]
struct Outcome {
    lives: Vec<Life>,
    outages: Vec<Outage>,
    consumed: u64,
    lost: u64,
    twice: u64,
    in_gaps: u64,
    connections: u64,
    /// Changes after which no answer to a PATH_CHALLENGE reached the server.
    unanswered: u64,
}

/// Live changes of address by port and by host in turn, at two intervals of the heartbeat.
pub(crate) async fn goes_on() -> Vec<Row> {
    let mut rows = Vec::new();
    for heartbeat in [Duration::from_secs(1), Duration::from_millis(250)] {
        let server = ServerProcess::start(&["--feed", "ticks"]).await;
        let target = must("asking the server", Target::of(server.http).await);
        let mut labs = JoinSet::new();
        for number in 0..LABS {
            labs.spawn(lab(target.clone(), number, heartbeat));
        }
        let outcome = labs.join_all().await.into_iter().fold(Outcome::default(), Outcome::plus);
        assert_eq!(server.log().errors(), Vec::<String>::new(), "the server logged errors");
        rows.extend(outcome.rows(heartbeat));
    }
    rows
}

/// One lab, whose clients get another address again and again.
async fn lab(server: Target, number: u64, heartbeat: Duration) -> Outcome {
    let lab = Lab::open(&server, &format!(r#"{{"preset":"lte","seed":{number}}}"#)).await;
    let mut clients = Vec::new();
    for (lane, mode) in (0..).zip(LANES) {
        let mut settings = Lane::new(mode, [FeedSpec::Ticks(FEED)]).coming_back().timed();
        settings.config.heartbeat = Heartbeat { interval: heartbeat, ..Heartbeat::default() };
        let client = Client::connect(&lab.target(lane, Congestion::Cubic), settings).await;
        clients.push(must("connecting", client));
    }
    for client in &clients {
        client.until_settled(50).await;
    }
    let seen: Arc<Mutex<BTreeMap<u64, Change>>> = Arc::default();
    let mut reports = lab.watch().await;
    let watcher = {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(report) = reports.next().await {
                note(&mut seen.lock(), &report);
            }
        })
    };
    let mut draw = Draw::new(number);
    let (shortest, longest) = REST;
    for change in 0..CHANGES {
        sleep(Duration::from_secs_f64(shortest + (longest - shortest) * draw.share())).await;
        let address = ["port", "host"][usize::from(change % 2 == 1)];
        lab.event(&format!(r#"{{"event":"switch-network","address":"{address}"}}"#)).await;
    }
    // The last change is seen to its end as all others.
    sleep(Duration::from_secs_f64(longest)).await;
    let mut outcome = Outcome::default();
    for client in &clients {
        let certificate = client.certify(PATIENCE).await;
        client.tally().assert_certified(&certificate);
        if client.mode().is_reliable() {
            assert_eq!(certificate.verdict, Verdict::Continuous, "{}", certificate.to_json());
        }
    }
    watcher.abort();
    let seen = std::mem::take(&mut *seen.lock());
    assert_eq!(seen.len() as u64, CHANGES, "every change is told");
    for (lane, client) in (0..).zip(&clients) {
        let tally = client.tally();
        tally.assert_sound();
        let Some(timeline) = tally.timeline.as_ref().filter(|timeline| !timeline.is_full()) else {
            panic!("the timeline of {} has no end", client.mode());
        };
        match client.mode().transport() {
            Transport::WebTransport => {
                let changes: Vec<_> =
                    seen.values().map(|change| (change.at, change.new_paths.get(&lane).copied())).collect();
                outcome.lives.extend(lives(timeline.moments(), &changes, WAY));
                let is_answered = |change: &&Change| change.answered.contains(&lane);
                outcome.unanswered += CHANGES - seen.values().filter(is_answered).count() as u64;
                outcome.connections += tally.welcomes.len() as u64;
            }
            Transport::WebSocket => {
                let changes: Vec<Time> = seen.values().map(|change| change.at).collect();
                outcome.outages.extend(outages(timeline.moments(), &changes));
            }
        }
        outcome.consumed += tally.consumed.messages;
        outcome.lost += tally.lost;
        outcome.twice += tally.twice;
        outcome.in_gaps += tally.gaps().values().sum::<u64>();
    }
    outcome
}

/// A change of networks, as the lab tells it.
#[derive(Clone, Debug)]
struct Change {
    at: Time,
    /// When the first packet by its new path reached the client, by lane.
    new_paths: BTreeMap<u16, Time>,
    /// The lanes whose client's answer to a PATH_CHALLENGE has reached the server.
    answered: BTreeSet<u16>,
}

fn note(seen: &mut BTreeMap<u64, Change>, report: &LabReport) {
    for switch in &report.switches {
        assert_eq!(switch.problem, None, "every host can be had here");
        let change = seen.entry(switch.number).or_insert_with(|| Change {
            at: switch.at,
            new_paths: BTreeMap::new(),
            answered: BTreeSet::new(),
        });
        for path in &switch.paths {
            let (Some(lane), Some(quic)) = (path.lane, &path.quic) else { continue };
            if let Some(at) = quic.new_down.arrived_at {
                change.new_paths.insert(lane, at);
            }
            let is_answer =
                |frame: &PathFrame| frame.kind == PathFrameKind::Response && frame.arrived_at.is_some();
            if quic.frames.iter().any(|frame| frame.direction == Direction::Up && is_answer(frame)) {
                change.answered.insert(lane);
            }
        }
    }
}

impl Outcome {
    fn plus(mut self, other: Self) -> Self {
        self.lives.extend(other.lives);
        self.outages.extend(other.outages);
        self.consumed += other.consumed;
        self.lost += other.lost;
        self.twice += other.twice;
        self.in_gaps += other.in_gaps;
        self.connections += other.connections;
        self.unanswered += other.unanswered;
        self
    }

    fn rows(&self, heartbeat: Duration) -> Vec<Row> {
        let heartbeat_ms = heartbeat.as_secs_f64() * 1e3;
        let bound = heartbeat_ms + 1.5 * RTT_MS + 25.0;
        let changes = self.lives.len();
        let survived = self.lives.iter().filter(|life| life.has_survived).count();
        let sessions = LABS * (LANES.len() as u64 - 1);
        let gaps: Vec<f64> = self.lives.iter().filter_map(|life| life.gap).map(millis).collect();
        let waited: Vec<f64> =
            self.lives.iter().filter(|life| life.gap.is_some()).map(|life| life.waited as f64).collect();
        let of = |part: fn(&Outage) -> Duration| {
            let spans: Vec<f64> = self.outages.iter().map(|outage| millis(part(outage))).collect();
            format!("{:.0} / {:.0}", quantile(&spans, 0.5), quantile(&spans, 0.95))
        };
        let p95 = quantile(&gaps, 0.95);
        let row = |what: String, value: String, compared_with: String, ratio: String, runs: usize| Row {
            what,
            value,
            compared_with,
            ratio,
            runs,
        };
        let none = || "–".to_owned();
        vec![
            row(
                format!(
                    "live changes of address, {sessions} WebTransport sessions, `lte`, heartbeat {heartbeat_ms:.0} ms: survived"
                ),
                format!("{} of {}", grouped(survived as f64), grouped(changes as f64)),
                format!(
                    "{} connections for {sessions} sessions; challenges unanswered: {}",
                    self.connections, self.unanswered
                ),
                none(),
                changes,
            ),
            row(
                "the same: gap between messages, p50 / p95 / longest".into(),
                format!("{:.0} / {p95:.0} / {:.0} ms", quantile(&gaps, 0.5), quantile(&gaps, 1.0)),
                format!("heartbeat + 1.5 RTT + 25 ms: {bound:.0} ms"),
                format!("{:.2}", p95 / bound),
                gaps.len(),
            ),
            row(
                format!("the same: messages that waited, of {} a second, p50 / p95 / most", FEED.rate),
                format!(
                    "{:.0} / {:.0} / {:.0}",
                    quantile(&waited, 0.5),
                    quantile(&waited, 0.95),
                    quantile(&waited, 1.0)
                ),
                none(),
                none(),
                waited.len(),
            ),
            row(
                format!("beside them, {LABS} WebSockets that are told: detect, reconnect, resume, p50 / p95"),
                format!(
                    "{}, {}, {} ms",
                    of(|outage| outage.detect),
                    of(|outage| outage.connect),
                    of(|outage| outage.resume)
                ),
                format!("gap {} ms", of(|outage| outage.gap)),
                none(),
                self.outages.len(),
            ),
            row(
                "all sessions: messages lost, consumed twice, in gaps".into(),
                format!("{} lost, {} twice, {} in gaps", self.lost, self.twice, grouped(self.in_gaps as f64)),
                format!("consumed {}: digests agree", grouped(self.consumed as f64)),
                none(),
                1,
            ),
        ]
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// The value that this share of `values` does not exceed; 0 of none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}
