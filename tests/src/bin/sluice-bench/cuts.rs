//! A thousand cuts, and what they cost: nothing, or an exact gap.

use std::collections::BTreeMap;

use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::mode::Mode;
use sluice_shared::wire::Continuity;
use sluice_tests::client::{Client, Lane};
use sluice_tests::deadline::{PATIENCE, must};
use sluice_tests::process::ServerProcess;
use sluice_tests::target::Target;
use tokio::task::JoinSet;

use crate::measure::{Row, grouped};

/// Cuts of each kind of lane.
const CUTS: usize = 1_000;
/// Clients that share them.
const CLIENTS: usize = 10;
/// What each lane is carried by, one after the other, from cut to cut.
const LANES: [(&str, &[Mode]); 5] = [
    ("websocket", &[Mode::WebSocket]),
    ("one-stream", &[Mode::OneStream]),
    ("stream-per-topic", &[Mode::StreamPerTopic]),
    ("stream-per-message", &[Mode::StreamPerMessage]),
    (
        "mixed, another mode after each cut",
        &[Mode::WebSocket, Mode::StreamPerTopic, Mode::OneStream, Mode::WebSocket, Mode::StreamPerMessage],
    ),
];

/// What is known of a client in the end.
#[derive(Default)]
struct Outcome {
    cuts: usize,
    produced: u64,
    consumed: u64,
    lost: u64,
    twice: u64,
    gaps: BTreeMap<&'static str, u64>,
    agree: bool,
}

/// Each kind of lane, cut a thousand times while data flow, and certified.
pub(crate) async fn cost_nothing() -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, modes) in LANES {
        let server = ServerProcess::start(&["--feed", "ticks"]).await;
        let target = must("asking the server", Target::of(server.http).await);
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            clients.spawn(cut(target.clone(), modes, number));
        }
        let outcomes = clients.join_all().await;
        assert_eq!(server.log().errors(), Vec::<String>::new(), "the server logged errors");
        rows.push(row(name, &outcomes));
    }
    rows
}

fn row(name: &str, outcomes: &[Outcome]) -> Row {
    let total = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    let mut gaps = BTreeMap::<_, u64>::new();
    for (reason, count) in outcomes.iter().flat_map(|outcome| &outcome.gaps) {
        *gaps.entry(*reason).or_default() += count;
    }
    let gaps: Vec<String> = gaps.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let in_gaps = if gaps.is_empty() { "0".to_owned() } else { gaps.join(", ") };
    let cuts: usize = outcomes.iter().map(|outcome| outcome.cuts).sum();
    let digests =
        if outcomes.iter().all(|outcome| outcome.agree) { "digests agree" } else { "digests differ" };
    let (produced, consumed) =
        (grouped(total(|one| one.produced) as f64), grouped(total(|one| one.consumed) as f64));
    Row {
        what: format!("{} cuts, {name}: messages lost, consumed twice, in gaps", grouped(cuts as f64)),
        value: format!("{} lost, {} twice, {in_gaps} in gaps", total(|one| one.lost), total(|one| one.twice)),
        compared_with: format!("produced {produced}, consumed {consumed}: {digests}"),
        ratio: "–".into(),
        runs: 1,
    }
}

/// Cuts one client's connection its share of times, each at another moment.
async fn cut(target: Target, modes: &'static [Mode], number: usize) -> Outcome {
    let spec = TicksSpec { rate: 2_000, size: 64, streams: 4, keys: 8, seed: 1 };
    let lane = Lane::new(modes[0], [FeedSpec::Ticks(spec)]);
    let client = must("connecting", Client::connect(&target, lane).await);
    for cut in 1..=CUTS / CLIENTS {
        client.until_settled(1 + (cut * 7 + number) as u64 % 40).await;
        match modes {
            [_] => client.cut().await,
            _ => client.move_to(&target, modes[cut % modes.len()]).await,
        }
        client.until("the session goes on", |tally| tally.welcomes.len() > cut).await;
    }
    client.until_settled(1_000).await;
    let certificate = client.certify(PATIENCE).await;
    let tally = client.tally();
    tally.assert_sound();
    let is_continued = |continuity| continuity == Continuity::Continued;
    let continued = tally.welcomes.iter().filter(|welcome| is_continued(welcome.continuity)).count();
    Outcome {
        cuts: continued,
        produced: certificate.total(|stream| stream.produced.count()),
        consumed: certificate.total(|stream| stream.consumed.count()),
        lost: certificate.total(|stream| stream.lost.count()),
        twice: certificate.total(|stream| stream.duplicates()) + tally.twice,
        gaps: tally.gaps().into_iter().map(|(reason, count)| (reason.name(), count)).collect(),
        agree: certificate.digest_server() == certificate.digest_client(),
    }
}
