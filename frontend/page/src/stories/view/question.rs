//! A step's question: options to choose from, and the answer.

use leptos::prelude::*;

use crate::stories::place::Place;
use crate::stories::text::QuestionText;
use crate::stories::view::state::StoryState;

/// Renders a question with its options.
#[component]
pub fn Question(
    /// The view's state.
    state: StoryState,
    /// The place of the question.
    place: Place,
    /// The question.
    text: QuestionText,
    /// True once the answer is known, so that right and wrong are marked.
    #[prop(into)]
    is_answered: Signal<bool>,
) -> impl IntoView {
    let name = ["story-option-", &place.step.to_string()].concat();
    let options = text
        .options
        .iter()
        .enumerate()
        .map(|(at, option)| {
            let is_chosen = Memo::new(move |_| state.choice(place) == Some(at));
            let is_right = move || is_answered.get() && at == text.right;
            let is_wrong = move || is_answered.get() && is_chosen.get() && at != text.right;
            view! {
                <label class="story-option" class:right=is_right class:wrong=is_wrong>
                    <input
                        type="radio"
                        name=name.clone()
                        data-testid=["option-", &at.to_string()].concat()
                        prop:checked=is_chosen
                        on:change=move |_| state.choose(place, at)
                    />
                    <span>{*option}</span>
                    <span class="story-mark">{move || {
                        if is_right() { "right" } else if is_wrong() { "your choice" } else { "" }
                    }}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="story-question" data-testid="question">
            <legend>{text.ask}</legend>
            {options}
        </fieldset>
    }
}
