//! What follows from a slow consumer, step by step.

use leptos::prelude::*;
use sluice_shared::time::micros;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::trace::model::Step;
use crate::features::trace::model::StepKind;
use sluice_text::decimal::fixed;

/// The trace of each lane beside the others.
#[component]
pub fn TracePanel() -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <p class="hint">
            "What happened on each lane since its consumer, policy or connection was last changed. A step marks its moment in the charts above."
        </p>
        <div class="columns">
            <For each=move || app.lanes.get() key=|lane| lane.id children=|lane| view! { <LaneTrace lane/> }/>
        </div>
    }
}

/// One lane's steps.
#[component]
fn LaneTrace(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let title = move || format!("{} · {}", app.short_name(lane.id), lane.policy.get());
    let colour = move || app.tone(lane.id).map(|tone| format!("--tone: var({})", tone.token()));
    view! {
        <section style=colour data-testid=move || format!("trace-{}", app.position(lane.id).unwrap_or(0))>
            <h3><span class="swatch" aria-hidden="true"></span>{title}</h3>
            <Show when=move || lane.trace.with(Vec::is_empty)>
                <p class="hint">"Nothing is in the way."</p>
            </Show>
            <ol class="trace">
                <For each=move || lane.trace.get() key=|step| (step.kind, step.at) children=move |step| view! { <TraceStep lane step/> }/>
            </ol>
        </section>
    }
}

/// One step: when, where, what; it marks its moment in the charts.
#[component]
fn TraceStep(
    /// The lane.
    lane: Lane,
    /// The step.
    step: Step,
) -> impl IntoView {
    let app = expect_context::<App>();
    let Step { kind, at, is_earlier, text } = step;
    let after = move || {
        if is_earlier {
            return "before".to_owned();
        }
        let began = lane.trace.with(|steps| steps.first().map_or(at, |first| first.at));
        format!("{} s", fixed(micros(at.since(began)) as f64 / 1e6, 3))
    };
    view! {
        <li>
            <button
                type="button"
                class="quiet"
                class:harm=kind.is_harm()
                data-testid=format!("step-{}", kind.id())
                data-value=at.as_micros()
                aria-pressed=move || (app.marked.get() == Some(at)).to_string()
                title="Mark this moment in the charts"
                on:click=move |_| app.mark(at)
            >
                <time>{after}</time>
                <b>{StepKind::place(kind)}</b>
                <span>{text}</span>
            </button>
        </li>
    }
}
