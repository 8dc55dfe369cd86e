//! Story view, loaded lazily: the current step with its question and control, and the instrument beside it.

pub mod instrument;
pub mod question;
pub mod results;
pub mod state;
pub mod step_card;

use leptos::prelude::*;

use crate::stories::script::StoryStage;
use crate::stories::view::instrument::{FramesStage, HandshakesStage};
use crate::stories::view::results::Results;
use crate::stories::view::state::StoryState;
use crate::stories::view::step_card::StepCard;

/// Renders the story that the page's URL names.
#[component]
pub fn StoryView() -> impl IntoView {
    let state = StoryState::start();
    // Another story is another set of components; another step is not.
    let story = Memo::new(move |_| state.place.get().map(|place| place.story));
    move || {
        let Some((text, script)) = story.get().and_then(StoryState::story) else {
            return view! { <p class="hint">"There is no such story."</p> }.into_any();
        };
        let stage = match script.stage {
            StoryStage::Lanes => view! { <Results state text script/> }.into_any(),
            StoryStage::Handshakes => view! { <HandshakesStage state script/> }.into_any(),
            StoryStage::Frames => view! { <FramesStage state/> }.into_any(),
        };
        view! { <StepCard state text script/> {stage} }.into_any()
    }
}
