//! Verdict bar: the epoch to which all figures belong, and the findings about the lanes in words.

use leptos::prelude::*;

use crate::app::server::Server;
use crate::app::state::App;
use crate::verdict::{Finding, Piece, Severity, headline};

/// Renders the most important findings in a sentence or two, and the others on demand.
#[component]
pub fn VerdictBar() -> impl IntoView {
    let app = expect_context::<App>();
    let epoch = Memo::new(move |_| app.epoch.get().note());
    let is_failure = move || {
        app.findings.with(|found| found.first().is_some_and(|first| first.severity == Severity::Failure))
    };
    // Another sentence is another element: words that give way to others do not move, and layout shift is not counted.
    let sentence = Memo::new(move |_| app.findings.with(|found| headline(found)));
    let shown = move |pieces: Vec<Piece>| {
        if pieces.is_empty() { waiting(app).into_any() } else { pieces_view(app, pieces).into_any() }
    };
    let others = Memo::new(move |_| app.findings.with(|found| found.get(1..).map(<[Finding]>::to_vec)));
    let count = move || others.with(|others| others.as_ref().map_or(0, Vec::len));
    view! {
        <div class="verdict-bar">
            <p class="verdict" class:failure=is_failure>
                <span class="epoch" data-testid="epoch" data-value=move || app.epoch.get().number>{epoch}</span>
                <span data-testid="verdict">
                    <For each=move || [sentence.get()] key=Vec::clone children=move |pieces| view! { <span>{shown(pieces)}</span> }/>
                </span>
            </p>
            <Show when=move || { count() > 1 }>
                <details class="findings">
                    <summary>{move || format!("{} findings in order of importance", count() + 1)}</summary>
                    <ol>
                        {move || {
                            app.findings.get().into_iter().map(|finding| view! { <li>{pieces_view(app, finding.sentence)}</li> }).collect_view()
                        }}
                    </ol>
                </details>
            </Show>
            <Announcer/>
        </div>
    }
}

/// Announces the first finding to screen readers when its kind or its lanes change, not when a figure in it
/// changes.
#[component]
fn Announcer() -> impl IntoView {
    let app = expect_context::<App>();
    let kind = Memo::new(move |_| {
        app.findings.with(|found| found.first().map(|first| (first.kind, first.lanes.clone())))
    });
    let spoken = move || {
        kind.track();
        let pieces = untrack(|| app.findings.with(|found| headline(found)));
        let words = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) | Piece::Number(text) => text,
            Piece::Lane(at) => untrack(|| lane_at(app, at)),
        });
        words.collect::<String>()
    };
    view! { <p class="spoken" role="status" data-testid="announcement">{spoken}</p> }
}

fn waiting(app: App) -> impl IntoView {
    move || {
        app.server.with(|server| match server {
            Server::Asking => "Waiting for the server.",
            Server::Ready(_) => "Starting the lanes.",
            Server::Unreachable { .. } => "The server does not answer, so there is nothing to compare.",
        })
    }
}

fn pieces_view(app: App, pieces: Vec<Piece>) -> impl IntoView {
    pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.into_any(),
            Piece::Number(number) => view! { <b>{number}</b> }.into_any(),
            Piece::Lane(at) => lane_name(app, at).into_any(),
        })
        .collect_view()
}

fn lane_at(app: App, at: usize) -> String {
    app.lanes.get().get(at).map(|lane| app.short_name(lane.id)).unwrap_or_default()
}

fn lane_name(app: App, at: usize) -> impl IntoView {
    let lane = app.lanes.get().get(at).copied();
    lane.map(|lane| {
        let colour = move || {
            app.series_style(lane.id).map(|series_style| format!("--tone: var({})", series_style.token()))
        };
        view! { <b class="lane-name" style=colour>{move || app.short_name(lane.id)}</b> }
    })
}
