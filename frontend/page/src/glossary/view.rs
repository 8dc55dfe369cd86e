//! Terms in texts, and the list of all terms.

use leptos::prelude::*;

use crate::glossary::terms::{Part, TERMS, parts};

/// Renders a text in which each term explains itself on hover, focus and tap.
#[component]
pub fn Explained(
    /// The text.
    text: &'static str,
) -> impl IntoView {
    parts(text)
        .into_iter()
        .map(|part| match part {
            Part::Text(words) => words.into_any(),
            Part::Term(form, term) => {
                let tip = [term.text, " (", term.rfc, ")"].concat();
                view! { <dfn class="term" tabindex="0" data-tip=tip>{form}</dfn> }.into_any()
            }
        })
        .collect_view()
}

/// Renders all terms with their definitions.
#[component]
pub fn GlossaryView() -> impl IntoView {
    let terms = TERMS
        .iter()
        .map(|term| {
            view! {
                <div>
                    <dt>{term.term}</dt>
                    <dd>{term.text} " " <a href=term.url target="_blank" rel="noreferrer">{term.rfc}</a></dd>
                </div>
            }
        })
        .collect_view();
    view! { <dl class="glossary" data-testid="glossary">{terms}</dl> }
}
