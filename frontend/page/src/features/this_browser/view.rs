//! Card that measures this browser's own connections over the page's lab. Used by the handshake panel and, on
//! its own, by the lazy module.

use leptos::prelude::*;

use crate::features::this_browser::model::{NativeOpenings, TimingRow};
use crate::features::this_browser::state::{MeasureStatus, ThisBrowserState};

/// A button with its progress, and a table of times beside those of native clients.
#[component]
pub fn ThisBrowserView(
    /// The page's lab whose network is measured; `None` while there is none.
    #[prop(into)]
    lab: Signal<Option<String>>,
    /// Times of native clients.
    #[prop(into)]
    native: Signal<NativeOpenings>,
) -> impl IntoView {
    let state = ThisBrowserState::shared();
    let is_running = || state.status.with(|status| *status == MeasureStatus::Running);
    let has_timings = Memo::new(|_| state.timings.with(Option::is_some));
    view! {
        <section aria-labelledby="this-browser-title">
            <h2 id="this-browser-title">"From this browser"</h2>
            <p>
                "New connections on this page's own emulated network, opened one after the other: cold, then at once again."
            </p>
            <p>
                <button
                    type="button"
                    data-testid="browser-measure"
                    aria-disabled=move || is_running().to_string()
                    on:click=move |_| state.measure(lab.get_untracked())
                >
                    "Measure in this browser"
                </button>
                " "
                <span
                    role="status"
                    data-testid="browser-status"
                    data-value=|| state.status.with(MeasureStatus::name)
                    class:refused=|| state.status.with(|status| matches!(status, MeasureStatus::Failed(_)))
                >
                    {|| state.status.with(MeasureStatus::text)}
                </span>
            </p>
            <Show when=move || has_timings.get()>
                <TimingTable native/>
            </Show>
        </section>
    }
}

/// Table of the times, with remarks for their interpretation.
#[component]
fn TimingTable(
    /// Times of native clients.
    native: Signal<NativeOpenings>,
) -> impl IntoView {
    let timings = &ThisBrowserState::shared().timings;
    let rows = move || {
        let rows = timings
            .with(|timings| timings.as_ref().map(|timings| native.with(|native| timings.rows(native))));
        rows.unwrap_or_default().into_iter().map(|row| view! { <TimingTableRow row/> }).collect_view()
    };
    let remarks = move || {
        timings.with(|timings| {
            timings.as_ref().map(|timings| native.with(|native| timings.remarks(native)).join(" "))
        })
    };
    view! {
        <div class="table-scroll" tabindex="0" role="region" aria-label="Measured connections">
            <table class="proof">
                <caption>"Median time until a connection is open"</caption>
                <thead>
                    <tr>
                        <td></td>
                        <th scope="col">"to open"</th>
                        <th scope="col">"in RTTs"</th>
                        <th scope="col">"native clients"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <p>{remarks}</p>
    }
}

/// Row for one kind of connection, and below it the reasons why some did not open.
#[component]
fn TimingTableRow(
    /// The kind.
    row: TimingRow,
) -> impl IntoView {
    let TimingRow { testid, title, opened, native, failure } = row;
    let failed_testid = [&*testid, "-failed"].concat();
    let (micros, trips_text) = match &opened {
        Some(opened) => (Some(opened.micros), opened.trips_text.clone()),
        None => (None, "–".to_owned()),
    };
    let (text, detail) =
        opened.map_or_else(|| ("–".to_owned(), None), |opened| (opened.text, Some(opened.detail)));
    let (native, native_detail) =
        native.map_or_else(|| ("–".to_owned(), None), |(text, detail)| (text, Some(detail)));
    view! {
        <tr>
            <th scope="row">{title}</th>
            <td data-testid=testid data-value=micros>{text}{detail.map(small)}</td>
            <td>{trips_text}</td>
            <td>{native}{native_detail.map(small)}</td>
        </tr>
        {failure.map(|(count, reason)| view! {
            <tr class="stop">
                <td colspan="4" data-testid=failed_testid data-value=count>
                    {[&*count.to_string(), " did not open: ", &reason].concat()}
                </td>
            </tr>
        })}
    }
}

fn small(text: String) -> impl IntoView {
    view! { <small>{text}</small> }
}
