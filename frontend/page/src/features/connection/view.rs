//! Components of a lane's connection: its timeline, figures of the last loss, and the controls for the next
//! one. Part of the details of a lane row.

use leptos::prelude::*;
use sluice_shared::mode::Transport;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::controls::choice::Choice;
use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use crate::features::connection::paint::LifePainter;
use sluice_bridge::Connection;
use sluice_bridge::Recovery;
use sluice_text::format;

/// Figure: test id, raw value, which may be empty, and text.
type Reading = (&'static str, fn(&LaneView) -> String, fn(&LaneView) -> String);

const READINGS: [Reading; 6] = [
    ("carried-by", |view| carried_by(view).map_or("", Transport::name).to_owned(), carried_text),
    ("life-noticed", |view| millis(noticed(view)), noticed_text),
    ("life-recovered", |view| millis(recovered(view)), recovered_text),
    ("life-missed", |view| raw(view.summary.last_outage.map(|outage| outage.missed)), missed_text),
    (
        "ready-webtransport",
        |view| millis(ready(view).0),
        |view| ready_text("WebTransport", ready(view).0, view),
    ),
    ("ready-websocket", |view| millis(ready(view).1), |view| ready_text("WebSocket", ready(view).1, view)),
];

/// Heartbeats, losses and recoveries, below the lane's latency chart.
#[component]
pub fn Lifeline(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let mut painter = LifePainter::new(app.engine(), lane.id);
    let readings = READINGS
        .map(|(testid, value, text)| {
            view! { <span data-testid=testid data-value=lane.read(value)>{lane.read(text)}</span> }
        })
        .collect_view();
    view! {
        <div class="life">
            <Canvas
                class="life-canvas"
                label="Heartbeats and the life of the connection over the last 30 s; the last loss stands below as text"
                title="Ticks: heartbeats sent. Dots: answers, higher when slower. Rings: an answer is overdue. Bar: what carries the lane; red while it is lost, hatched while it waits for the next try"
                painter=move |surface, frame| painter.paint(surface, frame)
            />
            <div class="life-line">
                <p class="life-readings" role="status">{readings}</p>
            </div>
        </div>
    }
}

/// Controls for the loss of a connection: resuming or starting over, and racing WebTransport with WebSocket.
#[component]
pub fn LossControls(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let is_webtransport = Memo::new(move |_| lane.mode.get().transport() == Transport::WebTransport);
    view! {
        <Choice
            label="After a loss"
            testid="recovery"
            title="resume: the session goes on where it was. start over: as a page that reloads, which loses what came meanwhile"
            options=vec![
                (Recovery::Resume.name().to_owned(), "resume".to_owned()),
                (Recovery::StartOver.name().to_owned(), "start over (naive)".to_owned()),
            ]
            chosen=Signal::derive(move || lane.recovery.get().name().to_owned())
            on_choose=move |name: String| {
                if let Some(recovery) = Recovery::ALL.into_iter().find(|recovery| recovery.name() == name) {
                    lane.recovery.set(recovery);
                }
            }
        />
        <Show when=move || is_webtransport.get()>
            <Choice
                label="Fallback"
                testid="fallback"
                title="websocket: WebTransport is raced with WebSocket, which stands in for it; nothing is lost on the switch"
                options=[FALLBACK_NONE, FALLBACK_WEBSOCKET].map(|name| (name.to_owned(), name.to_owned())).to_vec()
                chosen=Signal::derive(move || fallback_name(lane.falls_back.get()).to_owned())
                on_choose=move |name: String| lane.falls_back.set(name == FALLBACK_WEBSOCKET)
            />
        </Show>
    }
}

const FALLBACK_NONE: &str = "none";
const FALLBACK_WEBSOCKET: &str = "websocket";

const fn fallback_name(falls_back: bool) -> &'static str {
    if falls_back { FALLBACK_WEBSOCKET } else { FALLBACK_NONE }
}

fn raw(value: Option<u64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn millis(micros: Option<u64>) -> String {
    raw(micros.map(|micros| micros / 1_000))
}

fn carried_by(view: &LaneView) -> Option<Transport> {
    match view.connection {
        Connection::Open { mode, .. } => Some(mode.transport()),
        Connection::Idle
        | Connection::Connecting { .. }
        | Connection::Waiting { .. }
        | Connection::Failed { .. } => None,
    }
}

fn carried_text(view: &LaneView) -> String {
    carried_by(view)
        .map_or_else(|| "not connected".to_owned(), |transport| "over ".to_owned() + transport.name())
}

fn noticed(view: &LaneView) -> Option<u64> {
    view.summary.last_outage.map(|outage| outage.noticed_after_micros)
}

fn noticed_text(view: &LaneView) -> String {
    noticed(view).map_or_else(
        || "the connection has held so far".to_owned(),
        |micros| "last lost connection: noticed after ".to_owned() + &format::span(micros),
    )
}

fn recovered(view: &LaneView) -> Option<u64> {
    view.summary.last_outage.and_then(|outage| outage.fresh_after_micros)
}

fn recovered_text(view: &LaneView) -> String {
    let Some(outage) = view.summary.last_outage else { return String::new() };
    match (outage.welcome, outage.fresh_after_micros) {
        (Some((_, transport, _)), Some(micros)) => {
            ["fresh again ", &format::span(micros), " later over ", transport.name()].concat()
        }
        (Some(_) | None, _) => "nothing fresh since".to_owned(),
    }
}

fn missed_text(view: &LaneView) -> String {
    let Some(outage) = view.summary.last_outage else { return String::new() };
    let Some((_, _, start)) = outage.welcome else { return String::new() };
    [start.name(), ", ", &format::count(outage.missed), " lost"].concat()
}

/// Returns the times that WebTransport and WebSocket took to open in the last race.
fn ready(view: &LaneView) -> (Option<u64>, Option<u64>) {
    let times = view.summary.transport_open_times.unwrap_or_default();
    (times.webtransport_micros, times.websocket_micros)
}

fn ready_text(name: &str, micros: Option<u64>, view: &LaneView) -> String {
    if view.summary.transport_open_times.is_none() {
        return String::new();
    }
    let took = micros.map_or_else(|| "not in time".to_owned(), format::span);
    [name, " ", &took].concat()
}
