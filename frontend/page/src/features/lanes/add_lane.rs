//! Buttons that add lanes.

use leptos::prelude::*;
use sluice_shared::mode::Mode;

use crate::app::server::Server;
use crate::app::state::App;
use crate::labels;
use crate::url::setup::LaneSetup;
use crate::url::setup::PageSetup;

/// One button per mode.
#[component]
pub fn AddLane() -> impl IntoView {
    let app = expect_context::<App>();
    let full = Memo::new(move |_| app.lanes.with(Vec::len) >= PageSetup::MAX_LANES);
    let has_quic = Memo::new(move |_| {
        app.server.with(|server| match server {
            Server::Ready(info) => info.has_quic,
            Server::Asking | Server::Unreachable { .. } => true,
        })
    });
    let buttons = Mode::ALL
        .map(|mode| {
            let obstacle = move || app.browser.obstacle(mode, has_quic.get());
            let title = move || obstacle().unwrap_or_else(|| labels::explanation(mode));
            view! {
                <button
                    type="button"
                    data-testid=format!("add-lane-{}", mode.name())
                    data-family=mode.transport().name()
                    data-tip=title
                    disabled=move || full.get() || obstacle().is_some()
                    on:click=move |_| app.add_lane(LaneSetup::new(mode))
                >
                    {labels::short(mode)}
                </button>
            }
        })
        .collect_view();
    let hint =
        move || if full.get() { "Four lanes are as many as fit." } else { "Up to four, side by side." };
    view! {
        <section class="card">
            <h2>"Add a lane"</h2>
            <div class="lane-buttons">{buttons}</div>
            <p class="hint">{hint}</p>
        </section>
    }
}
