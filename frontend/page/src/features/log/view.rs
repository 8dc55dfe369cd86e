//! Log view: all events of the page.

use leptos::prelude::*;
use sluice_bridge::{Level, LogLine};
use sluice_browser::clock;

use crate::features::lazy_host::Input;

/// The log, newest first.
#[component]
pub fn LogView() -> impl IntoView {
    let Input(input) = expect_context();
    let lines = Memo::new(move |_| input.with(|input| input.log.clone()));
    view! {
        <Show when=move || lines.with(Vec::is_empty)>
            <p class="hint">"Nothing has happened yet."</p>
        </Show>
        <ol class="log" data-testid="log" tabindex="0" aria-label="Log, newest first">
            <For each=move || lines.get() key=|line| line.number children=|line| view! { <LogEntry line/> }/>
        </ol>
    }
}

/// One line: time, origin and text.
#[component]
fn LogEntry(
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
