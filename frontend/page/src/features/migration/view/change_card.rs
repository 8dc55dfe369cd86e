//! Card of a change of networks: drawing, event list and facts. The newest change is shown unless another one
//! is selected.

use leptos::html;
use leptos::prelude::*;
use sluice_shared::lab::SwitchReport;

use super::choice::{ChoiceGroup, ChoiceOption};
use super::controls::tcp_fate_label;
use super::drawing_view::{DrawingView, MeaningList, width_of};
use super::fact_table::FactTableView;
use crate::features::migration::drawing::change;
use crate::features::migration::drawing::scale::Extent;
use crate::features::migration::drawing::shape::Drawing;
use crate::features::migration::model::facts;
use crate::features::migration::state::{MigrationState, ShownChange};

/// Card of the shown change; empty before the first.
#[component]
pub(super) fn ChangeCard() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let shown = Memo::new(move |_| state.shown_change());
    view! {
        <Show when=move || shown.with(Option::is_some)>
            <section class="ladder-card" aria-label="A change of networks">
                <div class="card-head">
                    <h3>"Change"</h3>
                    <ChangeNumbers shown/>
                    <ExtentChoice/>
                </div>
                <ChangeDrawing shown/>
                <p class="hint">{move || shown.with(|shown| shown.as_ref().map(problem))}</p>
                <ChangeFacts shown/>
            </section>
        </Show>
    }
}

/// One button per change that the server remembers.
#[component]
fn ChangeNumbers(shown: Memo<Option<ShownChange>>) -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let switches = Memo::new(move |_| {
        let description = |switch: &SwitchReport| {
            let number = (switch.number + 1).to_string();
            (switch.number, ["Change ", &number, ": ", &kind(switch)].concat())
        };
        state.report.with(|report| {
            let switches = report.as_ref().map(|report| report.switches.as_slice()).unwrap_or_default();
            switches.iter().map(description).collect::<Vec<_>>()
        })
    });
    let number = move || shown.with(|shown| shown.as_ref().map(|shown| shown.switch.number));
    view! {
        <span class="segmented" role="group" aria-label="Which change">
            <For
                each=move || switches.get()
                key=|(number, _)| *number
                children=move |(own, description)| {
                    view! {
                        <button
                            type="button"
                            data-testid=["switched-", &own.to_string()].concat()
                            aria-label=description
                            aria-pressed=move || (number() == Some(own)).to_string()
                            on:click=move |_| state.chosen.set(Some(own))
                        >
                            {own + 1}
                        </button>
                    }
                }
            />
        </span>
        <span class="note">{move || shown.with(|shown| shown.as_ref().map(|shown| kind(&shown.switch)))}</span>
    }
}

/// Choice of the time range that is drawn.
#[component]
fn ExtentChoice() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let options = Extent::ALL
        .map(|extent| ChoiceOption::new("extent-".to_owned() + extent.name(), extent.title(), ""))
        .into();
    let chosen = Signal::derive(move || {
        let extent = state.settings.with(|settings| settings.extent);
        Extent::ALL.iter().position(|known| *known == extent)
    });
    let choose = move |at: usize| {
        if let Some(extent) = Extent::ALL.get(at) {
            state.settings.update(|settings| settings.extent = *extent);
        }
    };
    view! { <ChoiceGroup label="Time axis" options chosen on_choose=choose/> }
}

/// Drawing, its legend, and its events as a list.
#[component]
fn ChangeDrawing(shown: Memo<Option<ShownChange>>) -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let node = NodeRef::<html::Div>::new();
    let width = width_of(node);
    let drawing = Memo::new(move |_| -> Option<Drawing> {
        let (extent, width) = (state.settings.with(|settings| settings.extent), width.get());
        shown.with(|shown| {
            let ShownChange { switch, effects, .. } = shown.as_ref()?;
            let titles: Vec<String> =
                state.lanes.with(|lanes| switch.paths.iter().map(|path| facts::title(path, lanes)).collect());
            Some(change::drawing(switch, &titles, effects, extent, width))
        })
    });
    let number = move || shown.with(|shown| shown.as_ref().map(|shown| shown.switch.number.to_string()));
    view! {
        <div class="moving-box" node_ref=node data-testid="switch-drawing" data-value=number>
            <DrawingView drawing/>
        </div>
        <p class="legend">
            <span class="old">"old path"</span>
            <span class="new">"new path"</span>
            <span class="challenge">"PATH_CHALLENGE"</span>
            <span class="response">"PATH_RESPONSE"</span>
            <span class="lost">"lost"</span>
            <span class="gap">"gap at the client"</span>
            <span class="heard">"delivery gap of the lane"</span>
        </p>
        <MeaningList drawing summary="Events of the drawing as a list"/>
    }
}

/// Table of the facts, or a note that there are none.
#[component]
fn ChangeFacts(shown: Memo<Option<ShownChange>>) -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let table = Memo::new(move |_| {
        shown.with(|shown| {
            shown.as_ref().map_or_else(Default::default, |shown| {
                state.lanes.with(|lanes| facts::table(&shown.switch, lanes, &shown.effects))
            })
        })
    });
    let has_any = move || table.with(|table| !table.columns.is_empty());
    let none = || view! { <p class="hint">"No connection existed when it happened."</p> };
    view! {
        <Show when=has_any fallback=none>
            <FactTableView table label="The change in numbers"/>
        </Show>
    }
}

/// Returns the kind of a change, from its settings.
fn kind(switch: &SwitchReport) -> String {
    ["another ", switch.address.name(), ", TCP ", tcp_fate_label(switch.tcp)].concat()
}

/// Explains why the change was not made as requested, and how many connections are not shown.
fn problem(shown: &ShownChange) -> String {
    let mut text = shown.switch.problem.clone().unwrap_or_default();
    if shown.left_out > 0 {
        text.extend([
            " ",
            &*shown.left_out.to_string(),
            " more that the lanes had left before are not shown.",
        ]);
    }
    text
}
