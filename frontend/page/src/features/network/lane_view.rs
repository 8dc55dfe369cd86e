//! Components that show the emulated network's effect on a lane, as part of the lane row. They render nothing
//! while the lane takes a direct path.

use leptos::prelude::*;

use crate::app::state::App;
use crate::charts::canvas::Canvas;
use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use crate::features::network::lateness;
use crate::features::network::lateness::Cause;
use crate::features::network::paint::WeatherPainter;
use sluice_text::decimal::fixed;
use sluice_text::format;

/// Loss and rate as numbers, the parts of late writes, and their curves, while the lane uses the emulated
/// network.
#[component]
pub fn LaneLinkStats(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let has_network = Memo::new(move |_| lane.view.with(|view| view.network.is_some()));
    view! {
        <Show when=move || has_network.get()>
            <div class="weather">
                <p class="weather-numbers">
                    <span tabindex="0" data-tip=lane.read(drops)>
                        <b data-testid="realised-loss" data-value=lane.read(loss_percent)>{lane.read(loss_text)}</b> " of packets lost"
                    </span>
                    <span tabindex="0" data-tip="Delivered to the browser by the emulated network in the last second">
                        <b data-testid="link-rate" data-value=lane.read(rate)>{lane.read(|view| rate(view).map_or_else(|| "–".to_owned(), format::bits))}</b>
                    </span>
                </p>
                <Late lane/>
            </div>
            <Curves lane/>
        </Show>
    }
}

/// Parts of the delay of recent writes: a bar, and the latest write as text.
#[component]
fn Late(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let shares = Memo::new(move |_| {
        lane.view.with(|view| {
            let late = view.network.as_ref()?.late?;
            late.shares().map(|shares| shares.map(|share| (share * 1_000.0).round() as u32))
        })
    });
    let bar = move || {
        let parts = shares.get()?.into_iter();
        let parts = parts
            .map(|permille| {
                let percent = fixed(f64::from(permille) / 10.0, 1);
                view! { <i style=format!("width: {percent}%")></i> }
            })
            .collect_view();
        Some(view! { <span class="late-bar" aria-hidden="true">{parts}</span> })
    };
    let cause = Memo::new(move |_| {
        lane.view.with(|view| view.network.as_ref().map_or_else(Cause::default, lateness::cause))
    });
    let parts = move || {
        let parts = cause.get().parts?.map(|part| view! { <span>{part}</span> }).collect_view();
        Some(view! { <span class="late-parts">{parts}</span> })
    };
    let worst = lane.read(|view| {
        view.network.as_ref().and_then(|network| network.late?.worst).map(|worst| lateness::total(&worst))
    });
    view! {
        <p class="late">
            {bar}
            <span data-testid="late-cause" data-value=worst>{move || cause.get().lead}{parts}</span>
        </p>
    }
}

/// Curves of loss, queue and rate on the time axis of the chart above.
#[component]
fn Curves(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let app = expect_context::<App>();
    let mut painter = WeatherPainter::new(app.engine(), lane.id);
    view! {
        <Canvas
            class="weather-canvas"
            label="Loss, queue and rate of the emulated network over the last 30 s; their newest values stand above"
            title="To the browser: packets lost, how long the oldest waits for the bottleneck, bits delivered; each of the last second"
            painter=move |surface, frame| painter.paint(surface, frame)
        />
    }
}

fn loss(view: &LaneView) -> Option<f64> {
    view.network.as_ref().and_then(|network| network.loss)
}

fn loss_percent(view: &LaneView) -> Option<String> {
    loss(view).map(|share| fixed(share * 100.0, 2))
}

fn loss_text(view: &LaneView) -> String {
    loss(view).map_or_else(|| "–".to_owned(), format::percent)
}

fn rate(view: &LaneView) -> Option<u64> {
    view.network.as_ref().and_then(|network| network.rate_bits)
}

fn drops(view: &LaneView) -> String {
    let Some(network) = &view.network else { return String::new() };
    let link = |name: &str, link: &sluice_shared::lab::LinkReport| {
        format!(
            "{name}: {} lost, {} dropped by the full queue, {} by outages",
            format::count(link.lost_packets),
            format::count(link.queue_drops),
            format::count(link.outage_drops),
        )
    };
    format!(
        "Packets lost to the browser in the last 10 s, or since the last change. Since this connection began, {}; {}",
        link("to the browser", &network.flow.down),
        link("to the server", &network.flow.up),
    )
}
