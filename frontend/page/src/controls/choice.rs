//! A choice from a short list.

use leptos::prelude::*;

/// A labelled list of which one is chosen.
#[component]
pub fn Choice(
    /// What is chosen.
    label: &'static str,
    /// Its test id.
    testid: &'static str,
    /// What it does, for those who point at it.
    title: &'static str,
    /// Values and what they are called.
    options: Vec<(String, String)>,
    /// The value that is chosen.
    #[prop(into)]
    chosen: Signal<String>,
    /// Told which value is chosen.
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
                title=title
                prop:value=chosen
                on:change=move |event| on_choose.run(event_target_value(&event))
            >
                {options}
            </select>
        </label>
    }
}
