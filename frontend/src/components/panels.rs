//! The card below the lanes, of which one panel is in sight.

use leptos::prelude::*;

use super::compare::Compare;
use super::continuity_panel::ContinuityPanel;
use super::frames_panel::FramesPanel;
use super::inbound_panel::InboundPanel;
use super::labs_panel::LabsPanel;
use super::log_view::LogView;
use super::policies_panel::PoliciesPanel;
use super::trace_panel::TracePanel;
use crate::model::panel::Panel;
use crate::state::App;

/// A row of names, and the panel that was chosen.
#[component]
pub fn Panels() -> impl IntoView {
    let app = expect_context::<App>();
    let names = Panel::ALL
        .map(|panel| {
            view! {
                <button
                    type="button"
                    data-testid=["panel-", &panel.name()].concat()
                    aria-pressed=move || (app.panel.get() == panel).to_string()
                    on:click=move |_| app.panel.set(panel)
                >
                    {panel.title()}
                </button>
            }
        })
        .collect_view();
    let shown = move || match app.panel.get() {
        Panel::Compare => view! { <Compare/> }.into_any(),
        Panel::Trace => view! { <TracePanel/> }.into_any(),
        Panel::Policies => view! { <PoliciesPanel/> }.into_any(),
        Panel::Continuity => view! { <ContinuityPanel/> }.into_any(),
        Panel::Frames => view! { <FramesPanel/> }.into_any(),
        Panel::Inbound => view! { <InboundPanel/> }.into_any(),
        panel @ (Panel::Handshakes | Panel::Migration) => view! { <LabsPanel panel/> }.into_any(),
        Panel::Log => view! { <LogView/> }.into_any(),
    };
    let is_wide = move || !matches!(app.panel.get(), Panel::Compare | Panel::Log);
    view! {
        <section class="card compare" class:wide=is_wide>
            <div class="segmented panels" role="group" aria-label="Panel">{names}</div>
            {shown}
        </section>
    }
}
