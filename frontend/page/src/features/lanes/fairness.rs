//! Transport facts of a lane.

use leptos::prelude::*;

use crate::engine::lane::Lane;

/// Facts in one line; those that differ from another lane's are underlined.
#[component]
pub fn Fairness(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let facts = Memo::new(move |_| lane.view.with(|view| view.facts.clone()));
    let shown = move || {
        facts
            .get()
            .into_iter()
            .map(|fact| {
                let about = fact.about.explanation();
                let title = if fact.differs {
                    format!("{about}: not the same in all lanes")
                } else {
                    about.to_owned()
                };
                view! { <span class="fact" class:differs=fact.differs tabindex="0" data-tip=title>{fact.text}</span> }
            })
            .collect_view()
    };
    view! { <p class="fairness" data-testid="fairness">{shown}</p> }
}
