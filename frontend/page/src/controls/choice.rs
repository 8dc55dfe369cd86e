//! Selection from a short list.

use leptos::prelude::*;

/// Renders a labelled list of options of which one is selected.
#[component]
pub fn Choice(
    /// Label of the list.
    label: &'static str,
    /// Test id.
    testid: &'static str,
    /// Tooltip that explains the effect.
    title: &'static str,
    /// Values and their names.
    options: Vec<(String, String)>,
    /// Selected value.
    #[prop(into)]
    chosen: Signal<String>,
    /// Called with the newly selected value.
    #[prop(into)]
    on_choose: Callback<String>,
) -> impl IntoView {
    let options = options
        .into_iter()
        .map(|(value, name)| {
            let own = value.clone();
            view! { <option value=value selected=move || chosen.get() == own>{name}</option> }
        })
        .collect_view();
    view! {
        <label class="choice">
            <span>{label}</span>
            <select
                data-testid=testid
                data-tip=title
                prop:value=chosen
                on:change=move |event| on_choose.run(event_target_value(&event))
            >
                {options}
            </select>
        </label>
    }
}
