//! The state of a lane's connection.

use leptos::prelude::*;

use crate::bridge::Connection;
use crate::clock;
use crate::model::format;
use crate::state::Lane;

/// The state in a word, with what it took to get there as a tooltip.
#[component]
pub fn ConnectionState(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let name = lane.read(|view| view.connection.name());
    let title = lane.read(|view| match &view.connection {
        Connection::Open { ready_after_micros, .. } => {
            format!("Ready {} after the first call", format::span(*ready_after_micros))
        }
        Connection::Idle
        | Connection::Connecting { .. }
        | Connection::Waiting { .. }
        | Connection::Failed { .. } => String::new(),
    });
    view! { <span class="state" data-testid="state" data-value=name title=title>{name}</span> }
}

/// Why the lane is not connected, when there is a reason.
#[component]
pub fn ConnectionNote(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let sentence = lane.read(|view| match &view.connection {
        Connection::Waiting { reason, retry_at } => {
            format!("{reason} Next try at {}.", clock::time_of_day(*retry_at))
        }
        Connection::Failed { reason } => reason.clone(),
        Connection::Idle | Connection::Connecting { .. } | Connection::Open { .. } => String::new(),
    });
    view! { <p class="lane-note" role="status" data-testid="connection-note">{sentence}</p> }
}
