//! Buttons for the ready-made scenarios.

use leptos::prelude::*;

use crate::app::state::App;
use crate::features::situations::model::Scenario;

/// Buttons for all scenarios, including the comparisons of a failure with its fix.
#[component]
pub fn SituationCards() -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <section class="card stories">
            <h2>"Situations"</h2>
            <div class="story-grid"><Situations situations=&Scenario::ALL/></div>
            <h2>"Failure beside fix: the first lane fails, the second shows what should be done"</h2>
            <div class="story-grid">
                <Situations situations=&Scenario::PAIRS/>
                <button type="button" class="story" data-testid="scenario-race" on:click=move |_| app.tell_race()>
                    <b>"Policy race"</b>
                    <span>"Every delivery policy, one after the other, with the same slow consumer."</span>
                </button>
            </div>
        </section>
    }
}

/// One button per scenario; the active one is pressed.
#[component]
fn Situations(
    /// The scenarios.
    situations: &'static [Scenario],
) -> impl IntoView {
    let app = expect_context::<App>();
    let setup = Memo::new(move |_| app.setup());
    situations
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
