//! What has happened.

use leptos::prelude::*;

use crate::app::state::App;
use crate::features::log::model::LogLine;
use sluice_bridge::Level;
use sluice_browser::clock;

/// The log, newest first.
#[component]
pub fn LogView() -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <Show when=move || app.log.with(Vec::is_empty)>
            <p class="hint">"Nothing has happened yet."</p>
        </Show>
        <ol class="log" data-testid="log" tabindex="0" aria-label="Log, newest first">
            <For each=move || app.log.get() key=|line| line.number children=|line| view! { <Line line/> }/>
        </ol>
    }
}

/// One line.
#[component]
fn Line(
    /// The line.
    line: LogLine,
) -> impl IntoView {
    let level = match line.level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    view! {
        <li data-level=level>
            <time>{clock::time_of_day(line.at)}</time>
            <b>{line.lane.unwrap_or_else(|| "Page".to_owned())}</b>
            <span>{line.text}</span>
        </li>
    }
}
