//! Footer of the page.

use leptos::prelude::*;

use crate::app::server::Server;
use crate::app::state::App;
use sluice_text::decimal::fixed;

/// Renders the server's version, the seed and the page's own frame cost.
#[component]
pub fn Footer() -> impl IntoView {
    let app = expect_context::<App>();
    let cost = app.frame_cost;
    let version = move || {
        app.server.with(|server| match server {
            Server::Ready(info) => format!("Sluice {}", info.version),
            Server::Asking => "asking the server".to_owned(),
            Server::Unreachable { .. } => "no server".to_owned(),
        })
    };
    view! {
        <footer class="bottom">
            <span>{version}</span>
            <span>{move || format!("seed {}", app.feeds.get().ticks.seed)}</span>
            <span>"Levels are drawn as the square root of held ÷ bound"</span>
            <span
                data-testid="frame-times"
                data-value=move || cost.get().p95_ms.map(|millis| fixed(millis, 2))
                data-frames-per-second=move || cost.get().frames_per_second.map(|rate| fixed(rate, 1))
                tabindex="0" data-tip="Frames a second, and the 95th percentile of the page's own work for a frame"
            >
                {move || format!("{} frames/s · {} ms a frame", or_dash(cost.get().frames_per_second, 0), or_dash(cost.get().p95_ms, 1))}
            </span>
        </footer>
    }
}

fn or_dash(value: Option<f64>, digits: u32) -> String {
    value.map_or_else(|| "–".to_owned(), |value| fixed(value, digits))
}
