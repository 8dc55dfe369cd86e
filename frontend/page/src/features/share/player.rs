//! Replays the timed network actions of a link, once.

use leptos::task::spawn_local;
use sluice_bridge::{ConnectionEventKind, Level};
use sluice_browser::clock;
use sluice_shared::time::{Time, micros};

use crate::app::state::App;
use crate::engine::driver::Engine;
use crate::features::network::state::LabState;
use leptos::prelude::*;

/// Interval between checks for a connected lane, ms.
const POLL_MILLIS: i32 = 100;

/// Waits for the first connected lane and replays the actions of the link.
pub(crate) fn start(app: App) {
    spawn_local(async move {
        let connected_at = loop {
            let connected_at = first_connection(&app.engine().borrow());
            if let Some(connected_at) = connected_at {
                break connected_at;
            }
            clock::sleep_millis(POLL_MILLIS).await;
        };
        app.share.connected_at.set(Some(connected_at));
        let plan = app.share.plan();
        if plan.is_empty() {
            return;
        }
        app.note(Level::Info, format!("The link replays network actions: {}.", plan.text()));
        for timed in plan.actions() {
            sleep_until(connected_at + timed.after()).await;
            let has_lab = app.network.lab.with_untracked(|lab| matches!(lab, LabState::Ready(_)));
            if has_lab {
                app.network.happen(app, timed.action.event());
            } else {
                let text = format!("Not replayed, as there is no emulated network: {}.", timed.text());
                app.note(Level::Warning, text);
            }
        }
    });
}

/// Returns the time at which the first lane was connected.
fn first_connection(engine: &Engine) -> Option<Time> {
    let events = engine.lanes().flat_map(|running| running.model.connection_timeline.events());
    events.filter(|event| matches!(event.kind, ConnectionEventKind::Welcome(..))).map(|event| event.at).min()
}

async fn sleep_until(at: Time) {
    loop {
        let left = micros(at.since(clock::now())).div_ceil(1_000);
        if left == 0 {
            return;
        }
        // Timers are throttled in hidden pages and may fire early: the clock decides.
        clock::sleep_millis(i32::try_from(left.min(60_000)).unwrap_or(60_000)).await;
    }
}
