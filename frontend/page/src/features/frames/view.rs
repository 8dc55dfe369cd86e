//! Frames view: the frames of a lane's WebSocket, decoded from their bytes. Mounted by the lazy module as a
//! view of its own, and by the stories as [`FramesPanel`] with their own state.

use std::sync::Arc;

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use sluice_bridge::ViewAction;
use sluice_browser::clock;
use sluice_shared::lab::{FrameRecord, Opcode, UpgradeRecord};

use crate::features::frames::cost::{COLUMNS, CostRow};
use crate::features::frames::explanation::{BROKEN, accept_key, columns, dumps, explained};
use crate::features::frames::state::FramesState;
use crate::features::lazy_host::{Actions, Input};

/// Available fragment sizes, payload bytes; 0 is none.
const FRAGMENTS: [(u32, &str); 5] =
    [(0, "off"), (64, "64 B"), (256, "256 B"), (1_024, "1 024 B"), (16_384, "16 384 B")];
const NO_LANE: &str = "No lane has a WebSocket through the emulated network. Frames are read there: let a WebSocket \
                       lane take the emulated path.";

/// Frames (live or paused) with an explanation of the selected one, the opening handshake, and the cost of
/// framing.
#[component]
pub fn FramesView() -> impl IntoView {
    let Input(input) = expect_context();
    view! { <FramesPanel state=FramesState::start(input)/> }
}

/// Renders the frames watched by a state.
#[component]
pub fn FramesPanel(
    /// The view's state.
    state: FramesState,
) -> impl IntoView {
    let has_source = Memo::new(move |_| state.source.with(Option::is_some));
    let count = move || state.log.with(|log| log.counts.frames());
    let summary =
        move || if has_source.get() { state.log.with(|log| log.counts.text()) } else { NO_LANE.to_owned() };
    view! {
        <div class="inspector">
            <Choices state/>
            <p class="hint" data-testid="frames-count" data-value=count>{summary}</p>
            <div class="columns">
                <FrameList state/>
                <div class="explained">
                    <Detail state/>
                    <Handshake state/>
                </div>
            </div>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Cost of framing"><CostTable state/></div>
        </div>
    }
}

/// Controls for pause, lane, kind of frame, and fragments.
#[component]
fn Choices(
    /// The view's state.
    state: FramesState,
) -> impl IntoView {
    let Input(input) = expect_context();
    let actions = expect_context::<Actions>();
    let watched = move || state.source.with(|source| source.as_ref().map(|(_, lane)| *lane));
    let lanes = move || {
        let option = |(id, name)| {
            view! { <option value=id prop:selected=move || watched() == Some(id)>{name}</option> }
        };
        state.lanes.get().into_iter().map(option).collect_view()
    };
    let kinds = Opcode::ALL.map(|kind| view! { <option>{kind.name()}</option> }).collect_view();
    let fragment_bytes = Memo::new(move |_| input.with(|input| input.fragment_bytes));
    let sizes = FRAGMENTS
        .map(|(bytes, text)| {
            view! { <option value=bytes prop:selected=move || fragment_bytes.get() == bytes>{text}</option> }
        })
        .collect_view();
    let set_fragments = move |event| {
        if let Ok(bytes) = event_target_value(&event).parse() {
            actions.send(&ViewAction::SetFragmentBytes(bytes));
        }
    };
    view! {
        <div class="card-head frames-choices">
            <button
                type="button"
                data-testid="frames-pause"
                aria-pressed=move || state.is_paused.get().to_string()
                on:click=move |_| state.toggle_pause()
            >
                {move || if state.is_paused.get() { "Go on" } else { "Pause" }}
            </button>
            <label data-tip="Lanes on the emulated path; direct ones are not read">
                "Lane "
                <select
                    data-testid="frames-lane"
                    on:change=move |event| state.choose_lane(event_target_value(&event).parse().ok())
                >
                    {lanes}
                </select>
            </label>
            <label>
                "Frames "
                <select
                    data-testid="frames-filter"
                    on:change=move |event| state.choose_kind(&event_target_value(&event))
                >
                    <option>"all"</option>
                    {kinds}
                </select>
            </label>
            <label data-tip="A control frame may stand between fragments: a ping does about once a second">
                "Server sends fragments of "
                <select data-testid="fragments" on:change=set_fragments>{sizes}</select>
            </label>
        </div>
    }
}

/// The newest frames; arrow keys select one.
#[component]
fn FrameList(
    /// The view's state.
    state: FramesState,
) -> impl IntoView {
    let step = move |event: KeyboardEvent| {
        let lines = match event.key().as_str() {
            "ArrowDown" => 1,
            "ArrowUp" => -1,
            _ => return,
        };
        event.prevent_default();
        state.select_next(lines);
    };
    // Frame numbers restart with each connection.
    let rows = move || {
        let connection = state.log.with_untracked(|log| log.connection());
        state.listed.get().into_iter().map(|frame| (connection, frame)).collect::<Vec<_>>()
    };
    view! {
        <ol
            class="frames"
            data-testid="frames-table"
            tabindex="0"
            aria-label="Frames, newest first; arrow keys choose one"
            on:keydown=step
        >
            <For
                each=rows
                key=|(connection, frame)| (*connection, frame.number)
                children=move |(_, frame)| view! { <FrameRow state frame/> }
            />
        </ol>
    }
}

/// One frame of the list.
#[component]
fn FrameRow(
    /// The view's state.
    state: FramesState,
    /// The frame.
    frame: Arc<FrameRecord>,
) -> impl IntoView {
    let FrameRecord { number, at, opcode, .. } = *frame;
    let is_current = move || {
        let is_selected = |selected: &Option<Arc<FrameRecord>>| {
            selected.as_ref().is_some_and(|selected| selected.number == number)
        };
        state.selected.with(is_selected).then_some("true")
    };
    let millis = (1_000 + at.as_micros() / 1_000 % 1_000).to_string();
    let time = [&clock::time_of_day(at), ".", millis.get(1..).unwrap_or_default()].concat();
    let cells = columns(&frame).map(|cell| view! { <span>{cell}</span> }).collect_view();
    let is_broken = !frame.faults.is_empty();
    let pressed = Arc::clone(&frame);
    view! {
        // Selects on press, not on click: the row may move between press and release.
        <li
            data-testid="frame"
            data-number=number
            data-value=Opcode::from_number(opcode).name()
            aria-current=is_current
            class:harm=is_broken
            on:mousedown=move |_| state.selected.set(Some(Arc::clone(&pressed)))
            on:click=move |_| state.selected.set(Some(Arc::clone(&frame)))
        >
            <time>{time}</time>
            {cells}
        </li>
    }
}

/// The explanation of the selected frame.
#[component]
fn Detail(
    /// The view's state.
    state: FramesState,
) -> impl IntoView {
    let part = |(name, text)| {
        view! {
            <dt>{name}</dt>
            <dd class:bad=name == BROKEN>{text}</dd>
        }
    };
    let explain = move |frame: &FrameRecord| {
        let parts = explained(frame).into_iter().map(part).collect_view();
        let dumps = dumps(frame).into_iter().map(|(title, text)| pre(title, text)).collect_view();
        view! {
            <div data-testid="frame-detail" data-value=frame.number>
                <dl>{parts}</dl>
                <div class="dumps">{dumps}</div>
            </div>
        }
    };
    move || match state.selected.get() {
        Some(frame) => explain(&frame).into_any(),
        None => view! { <p class="hint">"Choose a frame to see what its bytes mean."</p> }.into_any(),
    }
}

/// The opening handshake, and whether its response is correct.
#[component]
fn Handshake(
    /// The view's state.
    state: FramesState,
) -> impl IntoView {
    let upgrade = Memo::new(move |_| state.log.with(|log| log.upgrade.clone()));
    let show = |upgrade: UpgradeRecord| {
        let judgement = if upgrade.matches { "matches" } else { "differs" };
        view! {
            <p>
                "Upgrade: the accept key "
                <b data-testid="upgrade-accept" data-value=judgement class:bad=!upgrade.matches>{judgement}</b>
            </p>
            {pre("recomputed (RFC 6455 §4.2.2)", accept_key(&upgrade))}
            {pre("request", upgrade.request.trim().to_owned())}
            {pre("answer", upgrade.response.trim().to_owned())}
        }
    };
    move || upgrade.get().map(show)
}

fn pre(title: &'static str, text: String) -> impl IntoView {
    view! { <figure><figcaption>{title}</figcaption><pre tabindex="0">{text}</pre></figure> }
}

/// Table of the cost of a message on each lane.
#[component]
fn CostTable(
    /// The view's state.
    state: FramesState,
) -> impl IntoView {
    let titles = COLUMNS
        .map(|(title, meaning, ..)| view! { <th scope="col" tabindex="0" data-tip=meaning>{title}</th> })
        .collect_view();
    let rows = Memo::new(move |_| state.costs.get());
    view! {
        <table data-testid="framing-cost">
            <thead>
                <tr><td>"bytes for each message to the browser"</td>{titles}</tr>
            </thead>
            <tbody>{move || rows.get().into_iter().enumerate().map(cost_row).collect_view()}</tbody>
        </table>
    }
}

fn cost_row((at, row): (usize, CostRow)) -> impl IntoView {
    let cells = row
        .cells()
        .map(|(testid, text)| {
            let shown = text.clone().unwrap_or_else(|| "–".to_owned());
            view! { <td data-testid=testid data-value=text.unwrap_or_default()>{shown}</td> }
        })
        .collect_view();
    view! {
        <tr data-testid=["framing-", &at.to_string()].concat() style=["--tone: var(", &row.token, ")"].concat()>
            <th scope="row"><span class="swatch" aria-hidden="true"></span>{row.name}</th>
            {cells}
        </tr>
    }
}
