//! Panel of a lazily loaded view on the page.

use leptos::task::spawn_local;
use leptos::{html, prelude::*};
use sluice_bridge::View;
use sluice_browser::lazy::LazyModule;

use crate::app::state::App;
use crate::features::network::state::LabState;

/// Progress of loading a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loading {
    Pending,
    Shown,
    Failed,
}

/// Loads a view and shows it for as long as this component exists.
#[component]
pub fn LazyPanel(
    /// The view to load.
    view: View,
) -> impl IntoView {
    let app = expect_context::<App>();
    let host = NodeRef::<html::Div>::new();
    let loading = RwSignal::new(Loading::Pending);
    let load = move || {
        loading.set(Loading::Pending);
        spawn_local(async move {
            let module = LazyModule::load().await;
            // The panel may have been removed meanwhile, and its signals with it.
            let Some(Some(host)) = host.try_get_untracked() else { return };
            let opened = module.and_then(|module| app.views.open(app, view, module, &host));
            if let Err(error) = &opened {
                web_sys::console::warn_2(&"a view could not be opened:".into(), error);
            }
            let now = if opened.is_ok() { Loading::Shown } else { Loading::Failed };
            let is_gone = loading.try_set(now).is_some();
            debug_assert!(!is_gone, "nothing has waited since the host was found");
        });
    };
    Effect::new(move |_| {
        if host.get().is_some() {
            load();
        }
    });
    on_cleanup(move || app.views.close());
    let lab = move || {
        app.network.lab.with(|lab| match lab {
            LabState::Ready(lab) => Some(lab.id.clone()),
            LabState::Asking | LabState::Missing(_) => None,
        })
    };
    view! {
        <div class="lazy-view" data-testid="lab" data-value=lab>
            {move || match loading.get() {
                Loading::Pending => view! { <p class="hint" role="status">"Loading…"</p> }.into_any(),
                Loading::Shown => ().into_any(),
                Loading::Failed => view! { <Retry load/> }.into_any(),
            }}
            <div node_ref=host></div>
        </div>
    }
}

/// Renders the notice of a view that could not be loaded, with a button to retry.
#[component]
fn Retry(
    /// Loads the view again.
    load: impl Fn() + Copy + Send + 'static,
) -> impl IntoView {
    view! {
        <p class="hint" role="alert">
            "This panel could not be loaded: the server did not answer, or has another version than this page."
        </p>
        <button type="button" on:click=move |_| load()>"Try again"</button>
    }
}
