//! Selection among a few options, all of them visible.

use leptos::prelude::*;

/// Renders a group of buttons of which one is pressed.
#[component]
pub fn Segmented(
    /// Label of the group.
    label: &'static str,
    /// Options.
    options: Vec<&'static str>,
    /// Index of the selected option.
    #[prop(into)]
    chosen: Signal<usize>,
    /// Called with the index of the pressed button.
    #[prop(into)]
    on_choose: Callback<usize>,
) -> impl IntoView {
    let buttons = options
        .into_iter()
        .enumerate()
        .map(|(at, option)| {
            view! {
                <button
                    type="button"
                    data-testid=format!("choose-{}", option.to_ascii_lowercase())
                    aria-pressed=move || (chosen.get() == at).to_string()
                    on:click=move |_| on_choose.run(at)
                >
                    {option}
                </button>
            }
        })
        .collect_view();
    view! { <div class="segmented" role="group" aria-label=label>{buttons}</div> }
}
