//! What the bytes of a lane's WebSocket say.

use leptos::{ev, html, prelude::*};
use sluice_shared::lab::Opcode;
use wasm_bindgen::JsCast;

use crate::app::state::App;
use crate::engine::lane::LaneId;
use crate::features::frames::state::Frames;
use sluice_browser::dom::subject;

/// Fragments on offer, payload bytes; 0 is none.
const FRAGMENTS: [(u32, &str); 5] =
    [(0, "off"), (64, "64 B"), (256, "256 B"), (1_024, "1 024 B"), (16_384, "16 384 B")];

const HEAD: &str = "<div class='card-head frames-choices'>\
    <button type=button data-testid=frames-pause aria-pressed=false>Pause</button>\
    <label title='Lanes on the emulated path; direct ones are not read'>Lane <select data-testid=frames-lane></select></label>\
    <label>Frames <select data-testid=frames-filter><option>all</option>";
const MIDDLE: &str = "</select></label>\
    <label title='A control frame may stand between fragments: a ping does about once a second'>\
    Server sends fragments of <select data-testid=fragments>";
const BODY: &str = "</select></label></div>\
    <p class=hint data-testid=frames-count data-value=0></p>\
    <div class=columns>\
    <ol class=frames data-testid=frames-table tabindex=0 aria-label='Frames, newest first; arrow keys choose one'></ol>\
    <div class=explained><div data-part=detail><p class=hint>Choose a frame to see what its bytes mean.</p></div>\
    <div data-part=upgrade></div></div></div>\
    <div class=table-scroll tabindex=0 role=region aria-label=\"Costs of frames\" data-part=costs></div>";

/// Frames live or paused, one of them explained, the opening handshake, and what framing costs.
#[component]
pub fn FramesPanel() -> impl IntoView {
    let app = expect_context::<App>();
    let frames = Frames::new(app);
    let root = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        if let Some(root) = root.get() {
            frames.look(root.into());
        }
    });
    let choose = move |event: ev::Event| {
        let Some((what, _)) = subject(&event, "data-testid") else { return };
        let value = event_target_value(&event);
        match what.as_str() {
            "frames-lane" => frames.choose_lane(value.parse().ok().map(LaneId)),
            "frames-filter" => frames.choose_kind(&value),
            "fragments" => app.fragment_bytes.set(value.parse().unwrap_or(0)),
            _ => {}
        }
    };
    let press = move |event: ev::MouseEvent| match subject(event.unchecked_ref(), "data-number") {
        Some((what, number)) if what == "frame" => frames.select(number.parse().ok()),
        // A line may be written anew between press and release, so that is told by the press alone.
        Some((what, _)) if what == "frames-pause" && event.type_() == "click" => frames.pause(),
        Some(_) | None => {}
    };
    let step = move |event: ev::KeyboardEvent| {
        let lines = match event.key().as_str() {
            "ArrowDown" => 1,
            "ArrowUp" => -1,
            _ => return,
        };
        if subject(event.unchecked_ref(), "data-testid").is_some_and(|(what, _)| what == "frames-table") {
            event.prevent_default();
            frames.step(lines);
        }
    };
    view! {
        <div
            class="inspector"
            node_ref=root
            inner_html=skeleton(app.fragment_bytes.get_untracked())
            on:change=choose
            on:click=press
            on:mousedown=press
            on:keydown=step
        ></div>
    }
}

/// The panel before anything was told.
fn skeleton(fragment_bytes: u32) -> String {
    let kinds = Opcode::ALL.map(|kind| ["<option>", kind.name(), "</option>"].concat()).concat();
    let sizes = FRAGMENTS.map(|(bytes, text)| {
        let selected = if bytes == fragment_bytes { " selected" } else { "" };
        ["<option value=", &bytes.to_string(), selected, ">", text, "</option>"].concat()
    });
    [HEAD, &kinds, MIDDLE, &sizes.concat(), BODY].concat()
}
