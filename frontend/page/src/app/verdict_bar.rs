//! The verdict: the epoch that all figures belong to, and what the lanes show in words.

use leptos::prelude::*;

use crate::app::state::App;
use crate::verdict::Piece;

/// One or two sentences, after the span that they speak of.
#[component]
pub fn VerdictBar() -> impl IntoView {
    let app = expect_context::<App>();
    let pieces = move || {
        app.verdict
            .get()
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.into_any(),
                Piece::Number(number) => view! { <b>{number}</b> }.into_any(),
                Piece::Lane(at) => lane_name(app, at).into_any(),
            })
            .collect_view()
    };
    let epoch = Memo::new(move |_| app.epoch.get().note());
    view! {
        <div class="verdict-bar">
            <p class="verdict">
                <span class="epoch" data-testid="epoch" data-value=move || app.epoch.get().number>{epoch}</span>
                <span data-testid="verdict" role="status">{pieces}</span>
            </p>
        </div>
    }
}

fn lane_name(app: App, at: usize) -> impl IntoView {
    let lane = app.lanes.get().get(at).copied();
    lane.map(|lane| {
        let colour = move || app.tone(lane.id).map(|tone| format!("color: var({})", tone.token()));
        view! { <b style=colour>{move || app.short_name(lane.id)}</b> }
    })
}
