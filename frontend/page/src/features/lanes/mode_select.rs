//! Name of a lane, which is also the control that changes its mode.

use leptos::prelude::*;
use sluice_shared::mode::Mode;

use crate::engine::lane::Lane;
use crate::labels;

/// Lane's mode as a heading that opens a list.
#[component]
pub fn ModeSelect(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let choose = move |event| {
        if let Ok(mode) = event_target_value(&event).parse() {
            lane.mode.set(mode);
        }
    };
    view! {
        <select
            class="mode"
            data-testid="mode"
            aria-label="How this lane carries its messages"
            data-tip=move || labels::explanation(lane.mode.get())
            on:change=choose
        >
            {Mode::ALL
                .map(|mode| {
                    let selected = move || lane.mode.get() == mode;
                    view! { <option value=mode.name() selected=selected>{labels::title(mode)}</option> }
                })
                .collect_view()}
        </select>
    }
}
