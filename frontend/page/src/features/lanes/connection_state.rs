//! Connection state of a lane.

use leptos::prelude::*;
use sluice_shared::mode::Transport;

use crate::app::state::App;
use crate::engine::lane::Lane;
use sluice_bridge::Connection;
use sluice_browser::clock;
use sluice_text::format;

/// State as a word, with the steps taken to get there as a tooltip.
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
    view! { <span class="state" data-testid="state" data-value=name tabindex="0" data-tip=title>{name}</span> }
}

/// Reason why the lane is not connected, if there is one.
#[component]
pub fn ConnectionNote(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let is_blocked = Memo::new(move |_| {
        let is_out = app.network.outlook.with(|outlook| outlook.is_udp_blocked) && !lane.is_direct.get();
        is_out && lane.mode.get().transport() == Transport::WebTransport
    });
    let own = lane.read(|view| match &view.connection {
        Connection::Waiting { reason, retry_at } => {
            format!("{reason} Next try at {}.", clock::time_of_day(*retry_at))
        }
        Connection::Failed { reason } => reason.clone(),
        Connection::Idle | Connection::Connecting { .. } | Connection::Open { .. } => String::new(),
    });
    let sentence = move || match own.get() {
        text if lane.view.with(|view| matches!(view.connection, Connection::Open { .. })) => text,
        _ if is_blocked.get() => {
            "UDP is blocked in the emulated network, so WebTransport does not get through.".to_owned()
        }
        text => text,
    };
    view! { <p class="lane-note" role="status" data-testid="connection-note">{sentence}</p> }
}
