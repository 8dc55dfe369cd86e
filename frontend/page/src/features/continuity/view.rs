//! Whether everything that was produced is accounted for.

use leptos::prelude::*;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::continuity::model::Line;
use crate::features::continuity::model::lines;
use crate::features::continuity::model::sentence;
use sluice_browser::clock;
use sluice_browser::window;

/// The certificate of each lane beside the others'.
#[component]
pub fn ContinuityPanel() -> impl IntoView {
    let app = expect_context::<App>();
    let certify = move |_| app.engine().borrow().certify();
    view! {
        <div class="card-head">
            <p class="hint">
                "The server's log and this page each keep a digest of message numbers, a fingerprint that does not depend on order. A certificate draws a cut through every stream, waits until all before it has come to rest, and compares. Reset does not touch it; one is made every ten seconds."
            </p>
            <button type="button" data-testid="certify" on:click=certify>"Certify now"</button>
        </div>
        <div class="columns">
            <For each=move || app.lanes.get() key=|lane| lane.id children=|lane| view! { <LaneCertificate lane/> }/>
        </div>
    }
}

/// One lane's newest certificate.
#[component]
fn LaneCertificate(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let title = move || format!("{} · {}", app.short_name(lane.id), lane.policy.get());
    let colour = move || app.tone(lane.id).map(|tone| format!("--tone: var({})", tone.token()));
    let verdict = move || {
        lane.certificate.with(|newest| newest.as_ref().map_or("none", |newest| newest.verdict.name()))
    };
    let words = move || {
        lane.certificate.with(|newest| {
            newest.as_ref().map_or_else(
                || "No certificate yet.".to_owned(),
                |newest| format!("{} {}", clock::time_of_day(newest.taken_at), sentence(newest)),
            )
        })
    };
    let progress = move || match lane.view.with(|view| view.uncertified) {
        Some(open) => format!("Certifying: {open} messages before the cut are not accounted for yet."),
        None => String::new(),
    };
    let numbers = move || {
        let lines = lane.certificate.with(|newest| newest.as_ref().map(lines).unwrap_or_default());
        lines.into_iter().map(row).collect_view()
    };
    let json = move || {
        lane.certificate.with(|newest| newest.as_ref().map(|newest| newest.to_json()).unwrap_or_default())
    };
    let copy = move |_| {
        let text = untrack(json);
        leptos::task::spawn_local(async move {
            if let Err(error) = window::copy(&text).await {
                web_sys::console::warn_1(&error);
            }
        });
    };
    view! {
        <section
            style=colour
            class="certificate"
            data-testid=move || format!("certificate-{}", app.position(lane.id).unwrap_or(0))
            data-value=verdict
        >
            <h3>
                <span class="swatch" aria-hidden="true"></span>
                {title}
                <b class="judgement" data-value=verdict>{verdict}</b>
                <button type="button" data-testid="certificate-json" data-value=json on:click=copy>"Copy JSON"</button>
            </h3>
            <p class="hint">{words}</p>
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
