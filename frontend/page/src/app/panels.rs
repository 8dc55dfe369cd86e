//! The card below the lanes, of which one panel is in sight.

use leptos::prelude::*;
use sluice_bridge::View;

use crate::app::lazy_panel::LazyPanel;
use crate::app::state::App;
use crate::features::continuity::view::ContinuityPanel;
use crate::features::flood::view::InboundPanel;
use crate::features::frames::view::FramesPanel;
use crate::features::log::view::LogView;
use crate::features::policies::view::PoliciesPanel;
use crate::features::timeline::compare::Compare;
use crate::features::trace::view::TracePanel;
use crate::url::panel::Panel;

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
        Panel::Handshakes => view! { <LazyPanel view=View::Handshakes/> }.into_any(),
        Panel::Migration => view! { <LazyPanel view=View::Migration/> }.into_any(),
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
