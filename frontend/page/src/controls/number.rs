//! Labelled number.

use leptos::prelude::*;

/// Renders an entry of a definition list: a large number with its name below, and its raw value for tests.
#[component]
pub fn Number(
    /// Name of the number.
    label: &'static str,
    /// Test id.
    testid: &'static str,
    /// Tooltip that explains its meaning.
    title: Signal<String>,
    /// Raw value, if it is known.
    value: Signal<Option<u64>>,
    /// The number as text.
    text: Signal<String>,
    /// True if it indicates loss.
    bad: Signal<bool>,
    /// Test id suffix and raw value of the text, where the text shows another value, such as a rate.
    #[prop(optional)]
    shown: Option<(&'static str, Signal<Option<u64>>)>,
    /// True if it is of secondary importance.
    #[prop(optional)]
    lesser: bool,
) -> impl IntoView {
    let shown_testid = shown.map(|(suffix, _)| format!("{testid}-{suffix}"));
    let shown = shown.map(|(_, value)| value);
    view! {
        <div class:lesser=lesser tabindex="0" data-tip=title>
            <dd data-testid=testid data-value=value class:bad=bad>
                <span data-testid=shown_testid data-value=shown>{text}</span>
            </dd>
            <dt>{label}</dt>
        </div>
    }
}
