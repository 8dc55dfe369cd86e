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
    /// Its raw value, if it is known.
    value: Signal<Option<u64>>,
    /// The number in words.
    text: Signal<String>,
    /// Whether it tells of loss.
    bad: Signal<bool>,
    /// The raw value of the text where that is another one, such as a rate, and what its test id ends in.
    #[prop(optional)]
    shown: Option<(&'static str, Signal<Option<u64>>)>,
    /// Whether it is of the second rank.
    #[prop(optional)]
    lesser: bool,
) -> impl IntoView {
    let shown_testid = shown.map(|(suffix, _)| format!("{testid}-{suffix}"));
    let shown = shown.map(|(_, value)| value);
    view! {
        <div class:lesser=lesser title=title>
            <dd data-testid=testid data-value=value class:bad=bad>
                <span data-testid=shown_testid data-value=shown>{text}</span>
            </dd>
            <dt>{label}</dt>
        </div>
    }
}
