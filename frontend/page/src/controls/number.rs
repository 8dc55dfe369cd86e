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
    /// The raw value of the text where the text tells a rate instead; its test id ends in `-rate`.
    #[prop(optional)]
    rate: Option<Signal<u64>>,
    /// Whether it is of the second rank.
    #[prop(optional)]
    lesser: bool,
) -> impl IntoView {
    let rate_testid = rate.map(|_| format!("{testid}-rate"));
    view! {
        <div class:lesser=lesser title=title>
            <dd data-testid=testid data-value=value class:bad=bad>
                <span data-testid=rate_testid data-value=rate>{text}</span>
            </dd>
            <dt>{label}</dt>
        </div>
    }
}
