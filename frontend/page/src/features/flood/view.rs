//! What a page feels that floods a server which stops reading.

use leptos::prelude::*;
use sluice_shared::flood::FloodStyle;
use sluice_shared::mode::Mode;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::controls::segmented::Segmented;
use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use crate::features::flood::model::SLOW;
use crate::features::flood::model::is_full;
use crate::features::flood::model::story;
use crate::features::flood::paint::InboundPainter;
use sluice_bridge::Connection;
use sluice_bridge::FloodReport;
use sluice_text::format;

/// Floods on offer, bytes.
const AMOUNTS: [u64; 3] = [1_000_000, 8_000_000, 32_000_000];

/// A number: its name, its test id, its value if there is one, and its text.
type Figure = (&'static str, &'static str, fn(&FloodReport) -> Option<u64>, fn(&FloodReport) -> String);

const FIGURES: [Figure; 9] = [
    (
        "in the browser",
        "inbound-buffered",
        |told| Some(told.level.buffered),
        |told| format::bytes(told.level.buffered),
    ),
    ("at most", "inbound-most-buffered", most_buffered, |told| or_dash(most_buffered(told), format::bytes)),
    ("beyond it", "inbound-under-way", under_way, |told| or_dash(under_way(told), format::bytes)),
    ("waits", "inbound-ready-waits", waits, |told| or_dash(waits(told), format::count)),
    (
        "desiredSize",
        "inbound-desired-size",
        |told| Some(u64::from(is_full(&told.level))),
        |told| told.level.desired_size.map_or_else(|| "–".to_owned(), |size| size.to_string()),
    ),
    ("came back", "inbound-echoed", echoed, |told| or_dash(echoed(told), format::bytes)),
    ("echo p50", "inbound-echo-p50", echo_p50, |told| or_dash(echo_p50(told), format::span)),
    (
        "heartbeat",
        "inbound-heartbeat",
        |told| told.heartbeat_micros,
        |told| or_dash(told.heartbeat_micros, format::span),
    ),
    (
        "server",
        "inbound-server-reading",
        |told| Some(u64::from(told.server.stopped_at.is_none())),
        |told| if told.server.stopped_at.is_none() { "reads" } else { "stopped" }.to_owned(),
    ),
];

fn most_buffered(told: &FloodReport) -> Option<u64> {
    told.flood.map(|flood| flood.most_buffered)
}

/// What left the browser and has not come back: in the system's buffers, on the way, at the server.
fn under_way(told: &FloodReport) -> Option<u64> {
    told.flood.map(|flood| (flood.sent - flood.echoed).saturating_sub(told.level.buffered))
}

fn waits(told: &FloodReport) -> Option<u64> {
    told.flood.map(|flood| flood.waits)
}

fn echoed(told: &FloodReport) -> Option<u64> {
    told.flood.map(|flood| flood.echoed)
}

/// Nothing has come back yet where this is zero.
fn echo_p50(told: &FloodReport) -> Option<u64> {
    told.flood.map(|flood| flood.echo_p50).filter(|micros| *micros > 0)
}

fn or_dash(value: Option<u64>, text: fn(u64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), text)
}

/// How to flood, and each lane under it.
#[component]
pub fn InboundPanel() -> impl IntoView {
    let app = expect_context::<App>();
    let (style, amount) = (RwSignal::new(0usize), RwSignal::new(1usize));
    let is_flooding = Memo::new(move |_| {
        let runs = |view: &LaneView| view.summary.flooding.flood.is_some_and(|flood| !flood.is_over);
        app.lanes.get().iter().any(|lane| lane.view.with(runs))
    });
    let flood = move |_| {
        let style = FloodStyle::ALL.get(style.get_untracked()).copied().unwrap_or_default();
        let bytes = AMOUNTS.get(amount.get_untracked()).copied().unwrap_or_default();
        app.engine().borrow().flood(style, bytes);
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
                on:click=move |_| app.engine().borrow().stop_flood()
            >
                "Stop"
            </button>
            <button
                type="button"
                data-testid="inbound-network"
                on:click=move |_| SLOW.iter().for_each(|(knob, value)| app.network.turn(*knob, *value))
            >
                "10 Mbit/s, 40 ms round trip"
            </button>
        </div>
        <p class="hint">
            "The server returns every byte, and stops reading while what it has read can't go back. Naive hands everything over at once; paced waits for room in the browser; credit lets 64 KiB be under way and no more. Area: what waits in the browser. Shaded: it has no room. Marks on top: the server does not read. Dashed: heartbeats, on the right axis."
        </p>
        <div class="columns">
            <For
                each=move || app.lanes.get()
                key=|lane| lane.id
                children=|lane| view! { <LaneInbound lane/> }
            />
        </div>
    }
}

/// One lane under the flood.
#[component]
fn LaneInbound(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let colour = move || app.tone(lane.id).map(|tone| format!("--tone: var({})", tone.token()));
    let mut painter = InboundPainter::new(app.engine(), lane.id);
    let figures = FIGURES
        .map(|(label, testid, value, text)| {
            let value = move || lane.view.with(|view| value(&view.summary.flooding));
            let text = move || lane.view.with(|view| text(&view.summary.flooding));
            view! { <div><dd data-testid=testid data-value=value>{text}</dd><dt>{label}</dt></div> }
        })
        .collect_view();
    let longest = lane.read(|view| view.summary.flooding.longest_heartbeat_micros);
    let is_faithful = lane.read(|view| view.summary.flooding.flood.is_none_or(|flood| flood.is_faithful));
    view! {
        <section style=colour data-testid=move || format!("inbound-{}", lane.mode.get().name())>
            <h3><span class="swatch" aria-hidden="true"></span>{move || app.short_name(lane.id)}</h3>
            <Canvas
                class="inbound-canvas"
                label="What waits in the browser, and how long heartbeats take, over the last 30 s; the numbers follow"
                painter=move |surface, frame| painter.paint(surface, frame)
            />
            <dl class="numbers">{figures}</dl>
            <p data-testid="inbound-story" data-value=longest class:bad=move || !is_faithful.get()>
                {move || lane.view.with(|view| story(&view.summary.flooding, carried(view, lane.mode.get()).transport()))}
            </p>
        </section>
    }
}

/// How the lane's messages are carried: a lane that has fallen back says so.
fn carried(view: &LaneView, mode: Mode) -> Mode {
    match view.connection {
        Connection::Open { mode, .. } => mode,
        Connection::Idle
        | Connection::Connecting { .. }
        | Connection::Waiting { .. }
        | Connection::Failed { .. } => mode,
    }
}
