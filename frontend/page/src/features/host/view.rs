//! Host panel: load of the server machine, as each lane received it.

use leptos::prelude::*;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::controls::segmented::Segmented;
use crate::engine::lane::Lane;
use crate::features::host::model::HostMetric;
use crate::features::host::paint::HostPainter;
use crate::url::setup::FeedKind;
use sluice_text::format;

/// One quantity of the machine, with a row per lane that ends at the last reading its consumer has consumed.
#[component]
pub fn HostPanel() -> impl IntoView {
    let app = expect_context::<App>();
    let mut painter = HostPainter::new(app.engine());
    let chosen = move || HostMetric::ALL.iter().position(|metric| *metric == app.metric.get()).unwrap_or(0);
    let choose = move |at: usize| {
        if let Some(metric) = HostMetric::ALL.get(at) {
            app.metric.set(*metric);
        }
    };
    let is_off = Memo::new(move |_| !app.feeds.get().kinds.has(FeedKind::Host));
    view! {
        <section class="card host">
            <div class="card-head">
                <h2>"The server's machine, as each lane saw it"</h2>
                <Segmented
                    label="Quantity"
                    options=HostMetric::ALL.map(HostMetric::name).to_vec()
                    chosen=Signal::derive(chosen)
                    on_choose=choose
                />
            </div>
            <Show when=move || is_off.get()>
                <p class="hint">"The host feed is off. Switch it on among the feeds."</p>
            </Show>
            <div class="host-body">
                <Canvas
                    class="host-canvas"
                    label="Readings of the last 30 s, one row for each lane; the newest of each stand beside it"
                    painter=move |surface, frame| painter.paint(surface, frame)
                />
                <ul class="host-now">
                    <For each=move || app.lanes.get() key=|lane| lane.id children=|lane| view! { <HostNow lane/> }/>
                </ul>
            </div>
        </section>
    }
}

/// Newest reading consumed by a lane, and its age.
#[component]
fn HostNow(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let colour = move || {
        app.series_style(lane.id).map(|series_style| format!("--tone: var({})", series_style.token()))
    };
    let staleness = lane.read(|view| view.host_staleness);
    let value = Signal::derive(move || {
        let metric = app.metric.get();
        lane.view.with(|view| view.host.as_ref().map_or_else(|| "–".to_owned(), |sample| metric.text(sample)))
    });
    let age = lane.read(|view| match view.host_staleness {
        Some(micros) => format!("{} ago", format::span(micros)),
        None => "no reading".to_owned(),
    });
    view! {
        <li style=colour>
            <span class="spoken">{move || app.short_name(lane.id)}</span>
            <b>{value}</b>
            <span data-testid="host-staleness" data-value=staleness>{age}</span>
        </li>
    }
}
