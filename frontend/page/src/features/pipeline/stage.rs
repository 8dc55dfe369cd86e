//! Numeric values of one pipeline stage, shown below its bar. Used by the compact row of stages. Unknown
//! values are shown as such, never as zero.

use leptos::prelude::*;
use sluice_shared::wire::{Hop, Waiting};

use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use crate::features::pipeline::levels::Place;
use crate::features::pipeline::levels::has_credit;
use sluice_bridge::Credit;
use sluice_text::format;

/// Amount held in a stage, its bound, and the age of the oldest message.
#[component]
pub fn HopValue(
    /// The lane.
    lane: Lane,
    /// The stage.
    place: Place,
) -> impl IntoView {
    let read = move |view: &LaneView| place.hop(&view.summary.hops, &view.relay);
    let messages = Signal::derive(move || lane.view.with(read).map(|hop| hop.held.messages));
    let is_absent = move || place.is_emulated() && lane.view.with(|view| view.network.is_none());
    let held = Signal::derive(move || match messages.get() {
        _ if is_absent() => String::new(),
        Some(messages) => format::count(messages),
        None => "–".to_owned(),
    });
    let bound = Signal::derive(move || lane.view.with(read).map_or_else(String::new, |hop| bound_text(&hop)));
    let detail = Signal::derive(move || lane.view.with(|view| detail_text(place, view)));
    view! {
        <div class="hop">
            <b data-testid=place.id() data-value=messages>{held}<small>{bound}</small></b>
            <span>{detail}</span>
        </div>
    }
}

fn bound_text(hop: &Hop) -> String {
    match hop.bound.messages {
        0 => String::new(),
        bound => format!(" / {}", format::count(bound)),
    }
}

fn detail_text(place: Place, view: &LaneView) -> String {
    let Some(hop) = place.hop(&view.summary.hops, &view.relay) else { return String::new() };
    let first = match place {
        Place::Consumer => {
            let share = view.summary.occupancy.map(|share| format::percent(f64::from(share)));
            Some(share.unwrap_or_else(|| "–".to_owned()) + " occupied")
        }
        Place::Backlog
        | Place::PolicyQueue
        | Place::Credit
        | Place::Transport
        | Place::RelayQueue
        | Place::Wire
        | Place::Transit
        | Place::Inbox => (hop.held.bytes > 0).then(|| format::bytes(hop.held.bytes)),
    };
    let oldest = (hop.oldest_age_micros > 0).then(|| format::span(hop.oldest_age_micros));
    [first, oldest].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Credit left at the gate, its window, and the reason when nothing moves.
#[component]
pub fn GateValue(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let left = lane.read(|view| known(&view.summary.credit).map(|credit| credit.left().messages));
    let window = lane.read(|view| known(&view.summary.credit).map(|credit| credit.window.messages));
    view! {
        <div class="hop gate" class:closed=lane.read(|view| obstacle(view).is_some())>
            <b data-testid=Place::Credit.id() data-value=left>
                {lane.read(|view| gate_text(view, |credit| format::count(credit.left().messages), "none"))}
                <small data-testid="credit-window" data-value=window>
                    {lane.read(|view| gate_text(view, |credit| format!(" of {} left", format::count(credit.window.messages)), ""))}
                </small>
            </b>
            <span data-testid="waiting" data-value=lane.read(|view| view.summary.waiting.name())>
                {lane.read(|view| match obstacle(view) {
                    Some(obstacle) => obstacle.to_owned(),
                    None => gate_text(view, |credit| format!("granted {}", format::count(credit.limit.messages)), "this server knows no credit"),
                })}
            </span>
        </div>
    }
}

/// Returns a text about the credit, or `without` if there is no window.
fn gate_text(view: &LaneView, text: fn(&Credit) -> String, without: &str) -> String {
    match known(&view.summary.credit) {
        Some(credit) if has_credit(credit.window) => text(credit),
        Some(_) => without.to_owned(),
        None => "–".to_owned(),
    }
}

/// Returns the credit of a lane that has a session: a window is never empty.
fn known(credit: &Credit) -> Option<&Credit> {
    (!credit.window.is_zero()).then_some(credit)
}

fn obstacle(view: &LaneView) -> Option<&'static str> {
    match view.summary.waiting {
        // The server's report is as old as its path delay, and a grant takes as long to arrive.
        Waiting::NoCredit { .. } if view.summary.credit.left().messages > 0 => Some("grant under way"),
        Waiting::NoCredit { .. } => Some("closed: no credit"),
        Waiting::Transport { .. } => Some("transport is full"),
        Waiting::Nothing | Waiting::NoData => None,
    }
}
