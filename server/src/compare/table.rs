//! A report as text: a line for each measure, a column for each lane.

use std::collections::BTreeSet;

use sluice_shared::lab::Knobs;

use super::migration::{Migration, Spans};
use super::report::{LaneReport, Report, Time, Wire};
use super::spoofed::Spoofed;

/// Between two columns.
const GAP: &str = "   ";
/// What stands where nothing was measured.
const NOTHING: &str = "–";

/// The report as a table; ends with a line break.
pub fn table(report: &Report) -> String {
    let mut text = head(report);
    let rows = rows(&report.lanes);
    let label_width = rows.iter().map(|row| width(&row.label)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..report.lanes.len())
        .map(|lane| {
            rows.iter().filter_map(|row| row.cells.get(lane)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    for row in rows {
        let mut line = row.label.clone();
        pad(&mut line, label_width - width(&row.label));
        for (cell, column) in row.cells.iter().zip(&widths) {
            line.push_str(GAP);
            pad(&mut line, column - width(cell));
            line.push_str(cell);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn head(report: &Report) -> String {
    let Report { network, feed, .. } = report;
    let name = network.preset.unwrap_or("a profile of its own");
    let udp = if network.blocks_udp { ", UDP blocked" } else { "" };
    let time = match report.time {
        Time::Virtual => "virtual time",
        Time::Native => "real time",
    };
    format!(
        "{}: {}\n\
         network  {name}: {} ms round trip{udp}; up {}; down {}\n\
         feed     {} messages/s of {} bytes on {} topics for {} s; seed {}; {} on both ends; {time}\n{}\n",
        report.scenario,
        report.summary,
        network.rtt_ms,
        knobs(&network.up),
        knobs(&network.down),
        feed.messages_per_second,
        feed.payload_bytes,
        feed.topics,
        report.seconds,
        report.seed,
        report.congestion,
        roads(report),
    )
}

/// A line for what changes the client's address, and one for what stands before the servers.
fn roads(report: &Report) -> String {
    let changes = report.address_changes.map_or_else(String::new, |changes| {
        let told = if changes.tells_client { "TCP is told" } else { "nobody is told" };
        let followed = if changes.server_follows { "" } else { "; migration is off" };
        let heartbeat = report.heartbeat_ms;
        format!(
            "moves    another {} once in {} ms; {told}{followed}; a heartbeat every {heartbeat} ms\n",
            changes.part, changes.every_ms,
        )
    });
    let spoof = report.spoof.map_or_else(String::new, |spoof| {
        let packets = if spoof.packets == 1 { "packet" } else { "packets" };
        let original = if spoof.original == "dropped" { "are dropped" } else { "follow" };
        format!(
            "spoof    {} {packets} copied once in {} ms; originals {original}\n",
            spoof.packets, spoof.every_ms
        )
    });
    let balancer = report.balancer.map_or_else(String::new, |balancer| {
        let key = if balancer.shares_reset_key { "one key" } else { "a key each" };
        format!(
            "balancer {} backends by {}; {key} for stateless resets\n",
            balancer.backends, balancer.routing
        )
    });
    changes + &spoof + &balancer
}

fn knobs(knobs: &Knobs) -> String {
    let mut parts = Vec::new();
    if knobs.rate_kbit > 0.0 {
        parts.push(format!("{} kbit/s, queue {:.0} ms", knobs.rate_kbit, knobs.queue_ms));
    }
    if knobs.jitter_ms > 0.0 {
        parts.push(format!("jitter {} ms", knobs.jitter_ms));
    }
    let loss = format!("{} % lost", (knobs.loss_percent * 1e4).round() / 1e4);
    parts.push(if knobs.burst_ms > 0.0 { format!("{loss} in bursts") } else { loss });
    parts.join(", ")
}

struct Row {
    label: String,
    cells: Vec<String>,
}

fn rows(lanes: &[LaneReport]) -> Vec<Row> {
    let row = |label: &str, cell: &dyn Fn(&LaneReport) -> String| Row {
        label: label.to_owned(),
        cells: lanes.iter().map(cell).collect(),
    };
    let blank = || Row { label: String::new(), cells: Vec::new() };
    let mut rows =
        vec![row("", &|lane| lane.mode.to_owned()), row("congestion", &|lane| lane.congestion.clone())];
    rows.extend(settings(lanes));
    rows.extend([
        row("ordering", &|lane| lane.ordering.to_owned()),
        row("connected after, ms", &|lane| optional(lane.connected_after_ms, 1)),
        blank(),
        row("age p50, ms", &|lane| optional(lane.age.map(|age| age.p50_ms), 1)),
        row("age p95, ms", &|lane| optional(lane.age.map(|age| age.p95_ms), 1)),
        row("age p99, ms", &|lane| optional(lane.age.map(|age| age.p99_ms), 1)),
        row("age max, ms", &|lane| optional(lane.age.map(|age| age.max_ms), 1)),
        row("added p50, ms", &|lane| optional(lane.added_age.map(|age| age.p50_ms), 1)),
        row("added p95, ms", &|lane| optional(lane.added_age.map(|age| age.p95_ms), 1)),
        row("added p99, ms", &|lane| optional(lane.added_age.map(|age| age.p99_ms), 1)),
        row("stalls > 1 round trip", &|lane| lane.stalls.to_string()),
        row("longest stall, ms", &|lane| decimal(lane.longest_stall_ms, 1)),
        blank(),
        row("published", &|lane| lane.messages.published.to_string()),
        row("consumed", &|lane| lane.messages.consumed.to_string()),
    ]);
    rows.extend(gaps(lanes));
    rows.extend([
        row("unfinished", &|lane| lane.messages.unfinished.to_string()),
        row("goodput, kbit/s", &|lane| decimal(lane.goodput_kbit_per_s, 1)),
        row("connections", &|lane| lane.connections.to_string()),
        blank(),
        row("loss up / down, %", &|lane| both(lane, |wire| optional(wire.loss_percent, 2))),
        row("queue drops up / down", &|lane| both(lane, |wire| wire.queue_drops.to_string())),
        row("outage drops up / down", &|lane| both(lane, |wire| wire.outage_drops.to_string())),
        row("packets up / down", &|lane| both(lane, |wire| wire.packets.to_string())),
        row("resent up / down", &|lane| both(lane, |wire| counted(wire.resent_packets))),
        row("packets per message", &|lane| optional(lane.packets_per_message, 2)),
        row("bytes per message", &|lane| optional(lane.bytes_per_message, 1)),
    ]);
    if lanes.iter().any(|lane| lane.migration.is_some()) {
        rows.push(blank());
        rows.extend(migration(lanes));
    }
    if lanes.iter().any(|lane| lane.spoof.is_some()) {
        rows.push(blank());
        rows.extend(spoofed(lanes));
    }
    if lanes.iter().any(|lane| lane.cpu_us_per_message.is_some()) {
        rows.push(row("CPU per message, µs", &|lane| optional(lane.cpu_us_per_message, 1)));
    }
    rows
}

/// What changes of the client's address did.
fn migration(lanes: &[LaneReport]) -> Vec<Row> {
    let row = |label: &str, cell: &dyn Fn(&Migration) -> String| Row {
        label: label.to_owned(),
        cells: lanes
            .iter()
            .map(|lane| lane.migration.as_ref().map_or_else(|| NOTHING.to_owned(), cell))
            .collect(),
    };
    let both = |spans: Option<Spans>| {
        let quantile = |of: fn(Spans) -> f64| optional(spans.map(of), 1);
        format!("{} / {}", quantile(|spans| spans.p50_ms), quantile(|spans| spans.p95_ms))
    };
    vec![
        row("address changes", &|migration| migration.address_changes.to_string()),
        row("survived", &|migration| migration.survived.to_string()),
        row("gap p50 / p95, ms", &|migration| both(migration.gap)),
        row("connections lost", &|migration| migration.connections_lost.to_string()),
        row("sessions resumed", &|migration| migration.sessions_resumed.to_string()),
        row("at another backend", &|migration| migration.resumed_elsewhere.to_string()),
        row("sessions lost", &|migration| migration.sessions_lost.to_string()),
        row("detect p50 / p95, ms", &|migration| both(migration.detect)),
        row("connect p50 / p95, ms", &|migration| both(migration.connect)),
        row("resume p50 / p95, ms", &|migration| both(migration.resume)),
        row("misrouted / addresses", &|migration| {
            format!("{} / {}", counted(migration.addresses_misrouted), migration.addresses_used)
        }),
        row("misrouted packets", &|migration| migration.misrouted_packets.to_string()),
        row("stateless resets", &|migration| counted(migration.stateless_resets)),
        row("challenges / responses", &|migration| {
            format!("{} / {}", counted(migration.path_challenges), counted(migration.path_responses))
        }),
        row("windows reset / paths", &|migration| {
            format!("{} / {}", counted(migration.window_resets), migration.path_changes)
        }),
    ]
}

/// What came of copies of the client's packets.
fn spoofed(lanes: &[LaneReport]) -> Vec<Row> {
    let row = |label: &str, cell: &dyn Fn(&Spoofed) -> String| Row {
        label: label.to_owned(),
        cells: lanes
            .iter()
            .map(|lane| lane.spoof.as_ref().map_or_else(|| NOTHING.to_owned(), cell))
            .collect(),
    };
    vec![
        row("attacks", &|spoofed| spoofed.attacks.to_string()),
        row("server turned / back", &|spoofed| format!("{} / {}", spoofed.turned, spoofed.returned)),
        row("away at most, ms", &|spoofed| optional(spoofed.longest_away_ms, 1)),
        row("copied packets / bytes", &|spoofed| {
            format!("{} / {}", spoofed.copied_packets, spoofed.copied_bytes)
        }),
        row("reflected packets / bytes", &|spoofed| {
            format!("{} / {}", spoofed.reflected_packets, spoofed.reflected_bytes)
        }),
    ]
}

/// What only some lanes are set to.
fn settings(lanes: &[LaneReport]) -> Vec<Row> {
    type Shown = fn(&LaneReport) -> String;
    let all: [(&str, &str, Shown); 3] = [
        ("policy", "lossless", |lane| lane.policy.clone()),
        ("window", "auto", |lane| lane.window.clone()),
        ("consumer delay, µs", "0", |lane| lane.consumer_delay_us.to_string()),
    ];
    all.into_iter()
        .map(|(label, usual, shown)| (label, usual, lanes.iter().map(shown).collect::<Vec<_>>()))
        .filter(|(_, usual, cells)| cells.iter().any(|cell| cell != usual))
        .map(|(label, _, cells)| Row { label: label.to_owned(), cells })
        .collect()
}

/// A line for each reason that any lane has a gap for, and for what is lost without one.
fn gaps(lanes: &[LaneReport]) -> Vec<Row> {
    let reasons: BTreeSet<&str> = lanes.iter().flat_map(|lane| lane.messages.gaps.keys()).copied().collect();
    let mut rows: Vec<Row> = reasons
        .into_iter()
        .map(|reason| Row {
            label: format!("gaps: {reason}"),
            cells: lanes
                .iter()
                .map(|lane| lane.messages.gaps.get(reason).copied().unwrap_or(0).to_string())
                .collect(),
        })
        .collect();
    if lanes.iter().any(|lane| lane.messages.lost > 0) {
        let cells = lanes.iter().map(|lane| lane.messages.lost.to_string()).collect();
        rows.push(Row { label: "lost without a report".to_owned(), cells });
    }
    rows
}

fn both(lane: &LaneReport, shown: impl Fn(&Wire) -> String) -> String {
    format!("{} / {}", shown(&lane.up), shown(&lane.down))
}

fn optional(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| decimal(value, decimals))
}

fn counted(count: Option<u64>) -> String {
    count.map_or_else(|| NOTHING.to_owned(), |count| count.to_string())
}

fn decimal(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn pad(line: &mut String, by: usize) {
    line.extend(std::iter::repeat_n(' ', by));
}
