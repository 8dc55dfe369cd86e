//! Notices about missing capabilities and what still works.

use leptos::prelude::*;
use sluice_shared::lab::LabReport;

use crate::app::server::Server;
use crate::app::state::App;
use crate::features::network::state::LabState;
use sluice_text::format;

/// Renders the current notices about the server, the browser, the network and the page's link.
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
    let missing_lab = Memo::new(move |_| {
        app.network.lab.with(|lab| match lab {
            LabState::Missing(reason) => {
                Some(format!("There is no emulated network: {reason}. All lanes go direct."))
            }
            LabState::Asking | LabState::Ready(_) => None,
        })
    });
    let load = Memo::new(move |_| {
        let load = app.network.outlook.get().relay_load;
        (load > LabReport::HIGH_LOAD).then(|| {
            format!(
                "The server's network emulator takes {} of a core, so its own delay may show. Fewer lanes or a lower rate \
                 help.",
                format::percent(f64::from(load)),
            )
        })
    });
    let has_sentences = move || about_server.with(Option::is_some) || obstacles.with(|all| !all.is_empty());
    view! {
        <Show when=has_sentences>
            <div class="notice" role="status" data-testid="notice">{sentences}</div>
        </Show>
        <Show when=move || missing_lab.with(Option::is_some)>
            <div class="notice" role="status" data-testid="lab-notice">
                <p>{missing_lab}</p>
                <button type="button" data-testid="ask-for-lab" on:click=move |_| app.network.ask_again(app)>"Ask again"</button>
            </div>
        </Show>
        <Show when=move || app.network.refusal.with(Option::is_some)>
            <div class="notice" role="status" data-testid="network-notice">
                <p>{app.network.refusal}</p>
                <button type="button" class="quiet" aria-label="Dismiss" on:click=move |_| app.network.refusal.set(None)>"×"</button>
            </div>
        </Show>
        <Show when=move || load.with(Option::is_some)>
            <div class="notice" role="status" data-testid="relay-load"><p>{load}</p></div>
        </Show>
        <Show when=move || app.link_notes.with(|notes| !notes.is_empty())>
            <div class="notice" role="status" data-testid="link-notice">
                <div>{move || app.link_notes.get().into_iter().map(|text| view! { <p>{text}</p> }).collect_view()}</div>
                <button type="button" class="quiet" aria-label="Dismiss" on:click=move |_| app.link_notes.set(Vec::new())>"×"</button>
            </div>
        </Show>
    }
}
