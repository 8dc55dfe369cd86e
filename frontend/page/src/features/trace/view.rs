//! Trace view: the effects of a slow consumer, step by step.

use leptos::prelude::*;
use sluice_bridge::{TraceStep, ViewAction};
use sluice_shared::time::{Time, micros};
use sluice_text::decimal::fixed;

use crate::features::lane_columns::{LaneColumns, SnapshotLane};
use crate::features::lazy_host::{Actions, Input};

/// The trace of each lane, side by side.
#[component]
pub fn TraceView() -> impl IntoView {
    view! {
        <p class="hint">
            "What happened on each lane since its consumer, policy or connection was last changed. A step marks its moment in the charts above."
        </p>
        <LaneColumns column=|lane| view! { <LaneTrace lane/> }.into_any()/>
    }
}

/// One lane's steps.
#[component]
fn LaneTrace(
    /// The lane.
    lane: SnapshotLane,
) -> impl IntoView {
    let steps = Memo::new(move |_| lane.read(|lane| lane.trace.clone()));
    let began = Memo::new(move |_| steps.with(|steps| steps.first().map(|first| first.at)));
    view! {
        <section style=move || lane.style() data-testid=move || format!("trace-{}", lane.position())>
            <h3><span class="swatch" aria-hidden="true"></span>{move || lane.name_and_policy()}</h3>
            <Show when=move || steps.with(Vec::is_empty)>
                <p class="hint">"Nothing is in the way."</p>
            </Show>
            <ol class="trace">
                <For
                    each=move || steps.get()
                    key=|step| (step.id.clone(), step.at)
                    children=move |step| view! { <TraceStepItem step began/> }
                />
            </ol>
        </section>
    }
}

/// One step: time, stage and description. Selecting it marks its moment in the charts.
#[component]
fn TraceStepItem(
    /// The step.
    step: TraceStep,
    /// Start of the trace.
    began: Memo<Option<Time>>,
) -> impl IntoView {
    let Input(input) = expect_context();
    let actions = expect_context::<Actions>();
    let TraceStep { id, stage, is_harm, is_earlier, at, text } = step;
    let after = move || {
        if is_earlier {
            return "before".to_owned();
        }
        let elapsed = micros(at.since(began.get().unwrap_or(at)));
        fixed(elapsed as f64 / 1e6, 3) + " s"
    };
    view! {
        <li>
            <button
                type="button"
                class="quiet"
                class:harm=is_harm
                data-testid=["step-", &id].concat()
                data-value=at.as_micros()
                aria-pressed=move || input.with(|input| input.marked == Some(at)).to_string()
                data-tip="Mark this moment in the charts"
                on:click=move |_| actions.send(&ViewAction::Mark(at))
            >
                <time>{after}</time>
                <b>{stage}</b>
                <span>{text}</span>
            </button>
        </li>
    }
}
