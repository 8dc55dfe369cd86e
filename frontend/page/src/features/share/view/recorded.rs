//! Components of an open recording: label, verdict, lanes and log.

use leptos::prelude::*;
use sluice_bridge::LogLine;
use sluice_browser::{clock, window};

use crate::app::state::App;
use crate::features::share::date::UtcDate;

/// Element ID of the heading.
const TITLE: &str = "recording-title";

/// Label, verdict and lanes of the open recording, and the button that closes it.
#[component]
pub fn RecordingBanner() -> impl IntoView {
    let app = expect_context::<App>();
    let back = move |_| {
        app.share.close();
        // The button is gone; move the focus to the lanes that take its place.
        window::focus_element("content");
    };
    // The menu that opened the recording is closed, so the focus moves to the recording.
    Effect::new(move |_| {
        if app.share.opened.with(Option::is_some) {
            window::focus_element(TITLE);
        }
    });
    move || {
        app.share.opened.get().map(|recording| {
            let lanes = recording.scene.lanes.iter().map(|lane| {
                let series_style = format!("--tone: var({})", lane.series_style.token());
                view! { <li style=series_style><span class="swatch" aria-hidden="true"></span>{lane.name.clone()}</li> }
            });
            view! {
                <div class="recording" data-testid="recording">
                    <div class="recording-title">
                        <h2 id=TITLE tabindex="-1">"Recording of " {UtcDate::new(recording.saved_at).label()}</h2>
                        <button type="button" class="primary" data-testid="back-to-live" on:click=back>"Back to live"</button>
                    </div>
                    <p class="hint">
                        "Saved by Sluice " {recording.app.clone()}
                        ". Nothing below is measured now; the controls change the live lanes, which go on."
                    </p>
                    <p class="verdict">
                        <span class="epoch">{recording.epoch.clone()}</span>
                        <span data-testid="recorded-verdict">{recording.verdict.clone()}</span>
                    </p>
                    <ul class="recording-lanes" aria-label="Recorded lanes">{lanes.collect_view()}</ul>
                </div>
            }
        })
    }
}

/// The log of the open recording, newest first.
#[component]
pub fn RecordingLog() -> impl IntoView {
    let app = expect_context::<App>();
    move || {
        app.share.opened.get().filter(|recording| !recording.log.is_empty()).map(|recording| {
            let lines = recording.log.iter().cloned().map(line_view).collect_view();
            view! {
                <details>
                    <summary>"Recorded log"</summary>
                    <ol class="log" tabindex="0" aria-label="Recorded log, newest first">{lines}</ol>
                </details>
            }
        })
    }
}

fn line_view(line: LogLine) -> impl IntoView {
    view! {
        <li>
            <time>{clock::time_of_day(line.at)}</time>
            <b>{line.lane.unwrap_or_else(|| "Page".to_owned())}</b>
            <span>{line.text}</span>
        </li>
    }
}
