//! Table of the page's lanes, beside the network's facts.

use leptos::prelude::*;
use sluice_browser::clock;
use sluice_shared::time::Time;
use sluice_text::format;

use crate::features::migration::model::lane::PageLane;
use crate::features::migration::state::MigrationState;

/// Row for each lane.
#[component]
pub(super) fn LaneTable() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    view! {
        <section>
            <h3>"Lanes"</h3>
            <div class="table-scroll" tabindex="0" role="region" aria-label="Lanes of this page">
                <table class="proof" aria-label="Lanes">
                    <thead>
                        <tr>
                            <td></td>
                            <th scope="col">"now"</th>
                            <th scope="col">"reconnects"</th>
                            <th scope="col">"last loss"</th>
                            <th scope="col">"skipped"</th>
                            <th scope="col">"lost"</th>
                        </tr>
                    </thead>
                    <tbody>
                        {move || state.lanes.with(|lanes| lanes.iter().map(row).collect_view())}
                    </tbody>
                </table>
            </div>
            <p class="hint">"Whether anything was lost is proved in the Continuity panel's certificate."</p>
        </section>
    }
}

fn row(lane: &PageLane) -> impl IntoView + use<> {
    let last_loss = lane.last_loss();
    let since = lane.delivery_gaps_since.map(|since| since.as_micros());
    view! {
        <tr data-testid="migration-lane" data-value=since>
            <th scope="row">{lane.name.clone()}</th>
            <td>{lane.state}</td>
            <td>{format::count(lane.reconnects)}</td>
            <td data-testid="migration-last-loss" data-value=last_loss.map(Time::as_micros)>
                {last_loss.map_or_else(|| "–".to_owned(), clock::time_of_day)}
            </td>
            <td class:bad={lane.gaps > 0}>{format::count(lane.gaps)}</td>
            <td class:bad={lane.lost > 0}>{format::count(lane.lost)}</td>
        </tr>
    }
}
