//! Group of a few exclusive options, each with its definition.

use leptos::prelude::*;

/// Option: test id, text and definition, which is shown while the option is selected.
#[derive(Clone, Debug)]
pub(super) struct ChoiceOption {
    pub(super) testid: String,
    pub(super) text: String,
    pub(super) meaning: &'static str,
}

impl ChoiceOption {
    pub(super) fn new(testid: String, text: impl Into<String>, meaning: &'static str) -> Self {
        Self { testid, text: text.into(), meaning }
    }
}

/// Buttons of which at most one is pressed, with the definition of the pressed one.
#[component]
pub(super) fn ChoiceGroup(
    /// Name of the quantity.
    label: &'static str,
    /// The options.
    options: Vec<ChoiceOption>,
    /// Index of the selected option; `None` while unknown.
    #[prop(into)]
    chosen: Signal<Option<usize>>,
    /// Called with the index of the option that is pressed.
    #[prop(into)]
    on_choose: Callback<usize>,
) -> impl IntoView {
    let meanings: Vec<&'static str> = options.iter().map(|option| option.meaning).collect();
    let meaning = move || {
        let meaning = chosen.get().and_then(|at| meanings.get(at).copied()).unwrap_or_default();
        (!meaning.is_empty()).then(|| view! { <span class="note">{meaning}</span> })
    };
    let buttons = options
        .into_iter()
        .enumerate()
        .map(|(at, option)| {
            view! {
                <button
                    type="button"
                    data-testid=option.testid
                    aria-pressed=move || (chosen.get() == Some(at)).to_string()
                    on:click=move |_| on_choose.run(at)
                >
                    {option.text}
                </button>
            }
        })
        .collect_view();
    view! {
        <span class="choice">
            {label}
            " "
            <span class="segmented" role="group" aria-label=label>{buttons}</span>
            {meaning}
        </span>
    }
}
