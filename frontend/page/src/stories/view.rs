//! Set-ups that tell a story with one click.

use leptos::prelude::*;

use crate::app::state::App;
use crate::stories::model::Scenario;

/// A button for each story; the one that is told is pressed.
#[component]
pub fn Stories(
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
                    class="chip"
                    data-testid=format!("scenario-{}", scenario.id())
                    title=scenario.story()
                    aria-pressed=move || setup.with(|setup| scenario.is_told_by(setup)).to_string()
                    on:click=move |_| app.tell(*scenario)
                >
                    {scenario.title()}
                </button>
            }
        })
        .collect_view()
}
