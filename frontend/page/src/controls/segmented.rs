//! A choice of a few, all of them in sight.

use leptos::prelude::*;

/// Buttons of which one is pressed.
#[component]
pub fn Segmented(
    /// What is chosen.
    label: &'static str,
    /// The choices.
    options: Vec<&'static str>,
    /// Which one is chosen.
    #[prop(into)]
    chosen: Signal<usize>,
    /// Told which one is pressed.
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
