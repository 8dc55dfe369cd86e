//! One place of the strip, in numbers.

use leptos::prelude::*;
use sluice_shared::wire::{Hop, Waiting};

use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use crate::features::pipeline::levels::Place;
use crate::features::pipeline::levels::credit_left;
use crate::features::pipeline::levels::has_credit;
use sluice_bridge::Credit;
use sluice_text::format;

/// How much waits at a tank, of how much, and how old the oldest is.
#[component]
pub fn HopValue(
    /// The lane.
    lane: Lane,
    /// The tank.
    place: Place,
) -> impl IntoView {
    let read = move |view: &LaneView| place.hop(&view.summary.hops, &view.relay).unwrap_or_default();
    let messages = Signal::derive(move || lane.view.with(read).held.messages);
    let is_absent = move || place.is_emulated() && lane.view.with(|view| view.network.is_none());
    let held =
        Signal::derive(move || if is_absent() { String::new() } else { format::count(messages.get()) });
    let bound = Signal::derive(move || bound_text(&lane.view.with(read)));
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
    let hop = place.hop(&view.summary.hops, &view.relay).unwrap_or_default();
    let first = match place {
        Place::Consumer => Some(format!("{} busy", format::percent(f64::from(view.summary.busy)))),
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

/// What the gate still lets pass, of how much, and why nothing moves.
#[component]
pub fn GateValue(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let left = lane.read(|view| credit_left(&view.summary.credit).messages);
    let window = lane.read(|view| view.summary.credit.window.messages);
    view! {
        <div class="hop gate" class:closed=lane.read(|view| obstacle(view).is_some())>
            <b data-testid=Place::Credit.id() data-value=left>
                {lane.read(|view| gate_text(view, |credit| format::count(credit_left(credit).messages), "none"))}
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

/// What is said of the gate, if there is one.
fn gate_text(view: &LaneView, text: fn(&Credit) -> String, without: &str) -> String {
    let credit = &view.summary.credit;
    if has_credit(credit.window) { text(credit) } else { without.to_owned() }
}

fn obstacle(view: &LaneView) -> Option<&'static str> {
    match view.summary.waiting {
        // The server's word is as old as the way from it, and the grant needs as long to get there.
        Waiting::NoCredit { .. } if credit_left(&view.summary.credit).messages > 0 => Some("grant under way"),
        Waiting::NoCredit { .. } => Some("closed: no credit"),
        Waiting::Transport { .. } => Some("transport is full"),
        Waiting::Nothing | Waiting::NoData => None,
    }
}
