//! A number with its name.

use leptos::prelude::*;

/// A number of a definition list: large, its name below, its raw value for tests.
#[component]
pub fn Number(
    /// Its name.
    label: &'static str,
    /// Its test id.
    testid: &'static str,
    /// What it means.
    title: Signal<String>,
    /// Its raw value.
    value: Signal<u64>,
    /// The number in words.
    text: Signal<String>,
    /// Whether it tells of loss.
    bad: Signal<bool>,
    /// Whether it is of the second rank.
    #[prop(optional)]
    lesser: bool,
) -> impl IntoView {
    view! {
        <div class:lesser=lesser title=title>
            <dd data-testid=testid data-value=value class:bad=bad>{text}</dd>
            <dt>{label}</dt>
        </div>
    }
}
