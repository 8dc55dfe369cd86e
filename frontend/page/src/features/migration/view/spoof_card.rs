//! Card of the last attack with copied packets, as a fact table.

use leptos::prelude::*;

use super::fact_table::FactTableView;
use crate::features::migration::model::spoof;
use crate::features::migration::state::MigrationState;

/// Card of the last attack; empty before the first.
#[component]
pub(super) fn SpoofCard() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let last = Memo::new(move |_| state.report.with(|report| report.as_ref()?.spoofs.last().cloned()));
    let table = Memo::new(move |_| {
        last.with(|last| {
            last.as_ref()
                .map_or_else(Default::default, |report| state.lanes.with(|lanes| spoof::table(report, lanes)))
        })
    });
    let problem = move || last.with(|last| last.as_ref().and_then(|last| last.problem.clone()));
    let has_any = move || table.with(|table| !table.columns.is_empty());
    let none = || view! { <p class="hint">"No QUIC connection existed when it happened."</p> };
    view! {
        <Show when=move || last.with(Option::is_some)>
            <section class="ladder-card" aria-label="Spoofed address">
                <div class="card-head"><h3>"Spoofed address"</h3></div>
                <p class="hint">{problem}</p>
                <div data-testid="spoofed">
                    <Show when=has_any fallback=none>
                        <FactTableView table label="The attack in numbers"/>
                    </Show>
                </div>
            </section>
        </Show>
    }
}
