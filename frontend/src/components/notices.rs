//! What is missing, and what still works.

use leptos::prelude::*;

use crate::state::{App, Server};

/// Sentences about the server, the browser and the link, when there is something to say.
#[component]
pub fn Notices() -> impl IntoView {
    let app = expect_context::<App>();
    let about_server = Memo::new(move |_| {
        app.server.with(|server| match server {
            Server::Ready(_) | Server::Asking => None,
            Server::Unreachable { reason } => Some(format!(
                "No lane can connect: {reason}. Is it running? The page asks again every two seconds."
            )),
        })
    });
    let obstacles = Memo::new(move |_| {
        let has_quic = app.server.with(|server| match server {
            Server::Ready(info) => info.has_quic,
            Server::Asking | Server::Unreachable { .. } => true,
        });
        app.browser.obstacles(&app.modes(), has_quic)
    });
    let sentences = move || {
        let about_browser = obstacles.get().into_iter().map(str::to_owned);
        about_server.get().into_iter().chain(about_browser).map(|text| view! { <p>{text}</p> }).collect_view()
    };
    let has_sentences = move || about_server.with(Option::is_some) || obstacles.with(|all| !all.is_empty());
    view! {
        <Show when=has_sentences>
            <div class="notice" role="status" data-testid="notice">{sentences}</div>
        </Show>
        <Show when=move || app.link_notes.with(|notes| !notes.is_empty())>
            <div class="notice" role="status" data-testid="link-notice">
                <div>{move || app.link_notes.get().into_iter().map(|text| view! { <p>{text}</p> }).collect_view()}</div>
                <button type="button" class="quiet" aria-label="Dismiss" on:click=move |_| app.link_notes.set(Vec::new())>"×"</button>
            </div>
        </Show>
    }
}
