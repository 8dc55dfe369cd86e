//! Set-ups that show one thing each, with one click.

use leptos::prelude::*;

use crate::app::state::App;
use crate::stories::model::Scenario;

/// A button for each situation, and one for each failure beside its fix.
#[component]
pub fn StoryCards() -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <section class="card stories">
            <h2>"Situations"</h2>
            <div class="story-grid"><Stories stories=&Scenario::ALL/></div>
            <h2>"Failure beside fix: the first lane fails, the second shows what should be done"</h2>
            <div class="story-grid">
                <Stories stories=&Scenario::PAIRS/>
                <button type="button" class="story" data-testid="scenario-race" on:click=move |_| app.tell_race()>
                    <b>"Policy race"</b>
                    <span>"Every delivery policy, one after the other, with the same slow consumer."</span>
                </button>
            </div>
        </section>
    }
}

/// A button for each story; the one in force is pressed.
#[component]
fn Stories(
    /// The stories.
    stories: &'static [Scenario],
) -> impl IntoView {
    let app = expect_context::<App>();
    let setup = Memo::new(move |_| app.setup());
    stories
        .iter()
        .map(|scenario| {
            view! {
                <button
                    type="button"
                    class="story"
                    data-testid=format!("scenario-{}", scenario.id())
                    aria-pressed=move || setup.with(|setup| scenario.is_told_by(setup)).to_string()
                    on:click=move |_| app.tell(*scenario)
                >
                    <b>{scenario.title()}</b>
                    <span>{scenario.story()}</span>
                </button>
            }
        })
        .collect_view()
}
