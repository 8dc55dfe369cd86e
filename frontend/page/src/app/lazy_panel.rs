//! The labs, whose code comes when it is asked for.

use leptos::task::spawn_local;
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

use crate::app::state::App;
use crate::features::network::state::LabState;
use crate::url::view::View;
use sluice_browser::dom::subject;
use sluice_browser::lazy;

const LOADING: &str = "<p class=hint data-testid=labs-loading>Loading…</p>";
const FAILED: &str = "<p class=hint data-testid=labs-failed>This panel could not be loaded: the server did not answer, or has \
                      another version than this page.</p><button type=button data-testid=labs-retry>Try again</button>";

/// A place for one of the labs' panels, which names the page's own lab to it.
#[component]
pub fn LabsPanel(
    /// Which one.
    view: View,
) -> impl IntoView {
    let app = expect_context::<App>();
    let host = NodeRef::<html::Div>::new();
    let load = move || {
        let Some(host) = host.get_untracked() else { return };
        spawn_local(async move {
            host.set_inner_html(LOADING);
            if lazy::open_labs(&host).await.is_err() {
                host.set_inner_html(FAILED);
            }
        });
    };
    Effect::new(move |_| {
        if host.get().is_some() {
            load();
        }
    });
    let lab = move || {
        app.network.lab.with(|lab| match lab {
            LabState::Ready(lab) => lab.id.clone(),
            LabState::Asking | LabState::Missing(_) => String::new(),
        })
    };
    let press = move |event: ev::MouseEvent| {
        if subject(event.unchecked_ref(), "data-testid").is_some_and(|(what, _)| what == "labs-retry") {
            load();
        }
    };
    view! { <div class="labs" node_ref=host data-panel=view.name() data-lab=lab on:click=press></div> }
}
