//! Inbound view: a page that floods a server which stops reading. Mounted by the lazy module. The flood
//! itself runs in the lanes' workers; the view starts it and shows the reports.

use leptos::prelude::*;
use sluice_bridge::{FloodReport, LaneInput, NetworkSettings, ViewAction};
use sluice_shared::flood::FloodStyle;
use sluice_text::format;

use crate::charts::canvas::Canvas;
use crate::controls::segmented::Segmented;
use crate::features::flood::model::{SLOW_DELAY_MS, SLOW_RATE_KBIT, story};
use crate::features::flood::paint::InboundPainter;
use crate::features::flood::track::is_full;
use crate::features::lane_columns::{LaneColumns, SnapshotLane};
use crate::features::lazy_host::{Actions, Input};

/// Available flood sizes, bytes.
const AMOUNTS: [u64; 3] = [1_000_000, 8_000_000, 32_000_000];

/// Figure: name, test id, value if there is one, and text.
type Figure = (&'static str, &'static str, fn(&FloodReport) -> Option<u64>, fn(&FloodReport) -> String);

const FIGURES: [Figure; 9] = [
    (
        "in the browser",
        "inbound-buffered",
        |flooding| Some(flooding.level.buffered),
        |flooding| format::bytes(flooding.level.buffered),
    ),
    ("at most", "inbound-most-buffered", most_buffered, |flooding| {
        or_dash(most_buffered(flooding), format::bytes)
    }),
    ("beyond it", "inbound-under-way", under_way, |flooding| or_dash(under_way(flooding), format::bytes)),
    ("waits", "inbound-ready-waits", waits, |flooding| or_dash(waits(flooding), format::count)),
    (
        "desiredSize",
        "inbound-desired-size",
        |flooding| Some(u64::from(is_full(&flooding.level))),
        |flooding| flooding.level.desired_size.map_or_else(|| "–".to_owned(), |size| size.to_string()),
    ),
    ("came back", "inbound-echoed", echoed, |flooding| or_dash(echoed(flooding), format::bytes)),
    ("echo p50", "inbound-echo-p50", echo_p50, |flooding| or_dash(echo_p50(flooding), format::span)),
    (
        "heartbeat",
        "inbound-heartbeat",
        |flooding| flooding.heartbeat_micros,
        |flooding| or_dash(flooding.heartbeat_micros, format::span),
    ),
    (
        "server",
        "inbound-server-reading",
        |flooding| Some(u64::from(flooding.server.stopped_at.is_none())),
        |flooding| if flooding.server.stopped_at.is_none() { "reads" } else { "stopped" }.to_owned(),
    ),
];

fn most_buffered(flooding: &FloodReport) -> Option<u64> {
    flooding.flood.map(|flood| flood.most_buffered)
}

/// Returns the bytes that left the browser and have not been echoed: in system buffers, in flight, or at the
/// server.
fn under_way(flooding: &FloodReport) -> Option<u64> {
    flooding.flood.map(|flood| (flood.sent - flood.echoed).saturating_sub(flooding.level.buffered))
}

fn waits(flooding: &FloodReport) -> Option<u64> {
    flooding.flood.map(|flood| flood.waits)
}

fn echoed(flooding: &FloodReport) -> Option<u64> {
    flooding.flood.map(|flood| flood.echoed)
}

/// Returns the median echo latency; `None` before the first echo.
fn echo_p50(flooding: &FloodReport) -> Option<u64> {
    flooding.flood.map(|flood| flood.echo_p50).filter(|micros| *micros > 0)
}

fn or_dash(value: Option<u64>, text: fn(u64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

/// Controls of the flood, and each lane's figures below them.
#[component]
pub fn InboundView() -> impl IntoView {
    let Input(input) = expect_context();
    let actions = expect_context::<Actions>();
    let (style, amount) = (RwSignal::new(0usize), RwSignal::new(1usize));
    let is_flooding = Memo::new(move |_| {
        let runs = |lane: &LaneInput| lane.summary.flooding.flood.is_some_and(|flood| !flood.is_over);
        input.with(|input| input.lanes.iter().any(runs))
    });
    let flood = move |_| {
        let style = FloodStyle::ALL.get(style.get_untracked()).copied().unwrap_or_default();
        let bytes = AMOUNTS.get(amount.get_untracked()).copied().unwrap_or_default();
        actions.send(&ViewAction::Flood { style, bytes });
    };
    // Slows down the network enough to observe a flood.
    let slow_down = move |_| {
        let network = input.with_untracked(|input| input.network.clone());
        actions.send(&ViewAction::SetNetwork(NetworkSettings {
            rate_kbit: Some(SLOW_RATE_KBIT),
            delay_ms: Some(SLOW_DELAY_MS),
            ..network
        }));
    };
    view! {
        <div class="card-head flood">
            <Segmented
                label="How to flood"
                options=FloodStyle::ALL.map(FloodStyle::name).to_vec()
                chosen=style
                on_choose=move |at| style.set(at)
            />
            <Segmented
                label="How much"
                options=vec!["1 MB", "8 MB", "32 MB"]
                chosen=amount
                on_choose=move |at| amount.set(at)
            />
            <button type="button" data-testid="flood" data-value=move || is_flooding.get().to_string() disabled=is_flooding on:click=flood>
                "Flood the server"
            </button>
            <button
                type="button"
                data-testid="flood-stop"
                disabled=move || !is_flooding.get()
                on:click=move |_| actions.send(&ViewAction::StopFlood)
            >
                "Stop"
            </button>
            <button type="button" data-testid="inbound-network" on:click=slow_down>
                "10 Mbit/s, 40 ms round trip"
            </button>
        </div>
        <p class="hint">
            "The server returns every byte, and stops reading while what it has read can't go back. Naive hands everything over at once; paced waits for room in the browser; credit lets 64 KiB be under way and no more. Area: what waits in the browser. Shaded: it has no room. Marks on top: the server does not read. Dashed: heartbeats, on the right axis."
        </p>
        <LaneColumns column=|lane| view! { <LaneInbound lane/> }.into_any()/>
    }
}

/// Figures of one lane during the flood.
#[component]
fn LaneInbound(
    /// The lane.
    lane: SnapshotLane,
) -> impl IntoView {
    let mut painter = InboundPainter::new(lane);
    let figures = FIGURES
        .map(|(label, testid, value, text)| {
            let value = move || lane.read(|lane| value(&lane.summary.flooding));
            let text = move || lane.read(|lane| text(&lane.summary.flooding));
            view! { <div><dd data-testid=testid data-value=value>{text}</dd><dt>{label}</dt></div> }
        })
        .collect_view();
    let longest = move || lane.read(|lane| lane.summary.flooding.longest_heartbeat_micros);
    let is_damaged =
        move || lane.read(|lane| lane.summary.flooding.flood.is_some_and(|flood| !flood.is_faithful));
    let testid = move || ["inbound-", lane.read(|lane| lane.setup.mode.name())].concat();
    view! {
        <section style=move || lane.style() data-testid=testid>
            <h3><span class="swatch" aria-hidden="true"></span>{move || lane.name()}</h3>
            <Canvas
                class="inbound-canvas"
                label="What waits in the browser, and how long heartbeats take, over the last 30 s; the numbers follow"
                painter=move |surface, frame| painter.paint(surface, frame)
            />
            <dl class="numbers">{figures}</dl>
            <p data-testid="inbound-story" data-value=longest class:bad=is_damaged>
                {move || lane.read(|lane| story(&lane.summary.flooding, lane.mode_in_use.transport()))}
            </p>
        </section>
    }
}
