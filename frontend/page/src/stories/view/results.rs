//! Table of a run's figures: a row for each lane, with its badge.

use leptos::prelude::*;

use crate::features::lane_columns;
use crate::features::lazy_host::Input;
use crate::stories::metric::Metric;
use crate::stories::script::Script;
use crate::stories::text::{Badge, LaneText, StoryText};
use crate::stories::view::state::StoryState;

/// Renders the figures of the current step's run.
#[component]
pub fn Results(
    /// The view's state.
    state: StoryState,
    /// The story's text.
    text: &'static StoryText,
    /// The story's script.
    script: &'static Script,
) -> impl IntoView {
    let step = Memo::new(move |_| state.place.get().map_or(0, |place| place.step));
    view! {
        <section class="card story-results" aria-label="Figures of this step's run">
            {move || {
                let at = step.get();
                let columns = script.steps.get(at).map_or(&[][..], |step| step.columns);
                // A step without a control shows the last run before it.
                let control = script.steps.iter().take(at + 1).rev().find_map(|step| step.control);
                let key = control.map(|control| (text.card.id, control.id));
                let headings = columns.iter().map(|metric| view! { <th scope="col">{metric.heading()}</th> }).collect_view();
                let rows = text
                    .lanes_at(at)
                    .iter()
                    .enumerate()
                    .map(|(position, lane)| view! { <ResultRow state lane position columns key/> })
                    .collect_view();
                view! {
                    <div class="table-scroll" tabindex="0" role="region" aria-label="Figures">
                        <table class="story-table">
                            <thead><tr><td></td>{headings}</tr></thead>
                            <tbody>{rows}</tbody>
                        </table>
                    </div>
                }
            }}
        </section>
    }
}

/// Renders one lane's figures.
#[component]
fn ResultRow(
    /// The view's state.
    state: StoryState,
    /// The lane's part in the story.
    lane: &'static LaneText,
    /// The lane's position from the top.
    position: usize,
    /// The columns.
    columns: &'static [Metric],
    /// The control whose run is shown.
    key: Option<(&'static str, &'static str)>,
) -> impl IntoView {
    let Input(input) = expect_context();
    let style = Memo::new(move |_| {
        input.with(|input| input.lanes.get(position).map(|lane| ["--tone: var(", &lane.colour, ")"].concat()))
    });
    let name = Memo::new(move |_| input.with(|input| input.lanes.get(position).map(lane_columns::name)));
    let figures =
        Memo::new(move |_| key.and_then(|key| state.figures(key)).unwrap_or_else(|| state.live.get()));
    let cells = columns
        .iter()
        .map(|metric| {
            let value = Memo::new(move |_| figures.with(|figures| figures.get(lane.id, *metric)));
            view! {
                <td
                    data-testid=[lane.id, "-", metric.name()].concat()
                    data-value=value
                    class:bad=move || metric.is_harm(value.get())
                >
                    {move || metric.text(value.get())}
                </td>
            }
        })
        .collect_view();
    view! {
        <tr>
            <th scope="row" style=style>
                <span class="swatch" aria-hidden="true"></span>
                <b>{name}</b> ": " {lane.label} " "
                {lane.badge.map(|badge| match badge {
                    Badge::Failure => view! { <span class="badge failure">"FAILURE"</span> },
                    Badge::Fix => view! { <span class="badge fix">"FIX"</span> },
                })}
            </th>
            {cells}
        </tr>
    }
}
