//! Cards of all stories on the first page: two large ones, and the others.

use leptos::prelude::*;

use crate::app::state::App;
use crate::stories::place::Place;
use crate::stories::text::{CARDS, StoryCard};

/// Stories whose cards are large.
const LARGE: usize = 2;

/// Renders a card for each story.
#[component]
pub fn StoryCards() -> impl IntoView {
    let cards = |cards: &'static [StoryCard]| cards.iter().map(|card| view! { <Card card/> }).collect_view();
    view! {
        <section class="story-cards" aria-label="Stories">
            <div class="story-large">{cards(&CARDS[..LARGE])}</div>
            <div class="story-small">{cards(&CARDS[LARGE..])}</div>
        </section>
    }
}

/// Renders one story's card.
#[component]
fn Card(
    /// The story.
    card: &'static StoryCard,
) -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <article class="card story-card">
            <h2>{card.title}</h2>
            <p>{card.summary}</p>
            <a
                class="button primary"
                href=["?", &Place::first(card).query()].concat()
                aria-label=["Start: ", card.title].concat()
                data-testid=["story-", card.id].concat()
                on:click=move |event| {
                    // The browser itself opens new tabs and windows.
                    if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
                        event.prevent_default();
                        app.open_story(card);
                    }
                }
            >
                "Start"
            </a>
        </article>
    }
}
