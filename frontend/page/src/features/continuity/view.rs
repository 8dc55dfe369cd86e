//! Continuity view: accounts for every message that was produced.

use leptos::prelude::*;
use leptos::task::spawn_local;
use sluice_bridge::ViewAction;
use sluice_browser::{clock, window};

use crate::features::continuity::model::{Line, lines, sentence};
use crate::features::lane_columns::{LaneColumns, SnapshotLane};
use crate::features::lazy_host::Actions;

/// Certificates of all lanes, side by side.
#[component]
pub fn ContinuityView() -> impl IntoView {
    let actions = expect_context::<Actions>();
    view! {
        <div class="card-head">
            <p class="hint">
                "The server's log and this page each keep a digest of message numbers, a fingerprint that does not depend on order. A certificate draws a cut through every stream, waits until all before it has come to rest, and compares. Reset does not touch it; one is made every ten seconds."
            </p>
            <button type="button" data-testid="certify" on:click=move |_| actions.send(&ViewAction::Certify)>
                "Certify now"
            </button>
        </div>
        <LaneColumns column=|lane| view! { <LaneCertificate lane/> }.into_any()/>
    }
}

/// Newest certificate of one lane.
#[component]
fn LaneCertificate(
    /// The lane.
    lane: SnapshotLane,
) -> impl IntoView {
    let newest = Memo::new(move |_| lane.read(|lane| lane.certificate.clone()));
    let verdict =
        move || newest.with(|newest| newest.as_ref().map_or("none", |newest| newest.verdict.name()));
    let text = move || {
        newest.with(|newest| match newest {
            Some(newest) => [&clock::time_of_day(newest.taken_at), " ", &sentence(newest)].concat(),
            None => "No certificate yet.".to_owned(),
        })
    };
    let progress = move || match lane.read(|lane| lane.uncertified) {
        Some(open) => format!("Certifying: {open} messages before the cut are not accounted for yet."),
        None => String::new(),
    };
    let numbers = move || {
        let lines = newest.with(|newest| newest.as_ref().map(lines).unwrap_or_default());
        lines.into_iter().map(row).collect_view()
    };
    let json =
        move || newest.with(|newest| newest.as_ref().map(|newest| newest.to_json()).unwrap_or_default());
    let copy = move |_| {
        let text = untrack(json);
        spawn_local(async move {
            if let Err(error) = window::copy(&text).await {
                web_sys::console::warn_1(&error);
            }
        });
    };
    view! {
        <section
            style=move || lane.style()
            class="certificate"
            data-testid=move || format!("certificate-{}", lane.position())
            data-value=verdict
        >
            <h3>
                <span class="swatch" aria-hidden="true"></span>
                {move || lane.name_and_policy()}
                <b class="judgement" data-value=verdict>{verdict}</b>
                <button type="button" data-testid="certificate-json" data-value=json on:click=copy>"Copy JSON"</button>
            </h3>
            <p class="hint">{text}</p>
            <dl>{numbers}</dl>
            <p class="hint" aria-live="polite">{progress}</p>
        </section>
    }
}

fn row(line: Line) -> impl IntoView {
    view! {
        <div class:bad=line.is_harm>
            <dt>{line.title}</dt>
            <dd data-testid=line.id data-value=line.value>{line.text}</dd>
        </div>
    }
}
