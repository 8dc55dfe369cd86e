//! Components of the handshake lab.

pub mod ladder_card;
pub mod probe_table;
pub mod proof_cards;
pub mod settings_form;

use leptos::prelude::*;
use sluice_browser::window;

use crate::features::handshakes::state::{HandshakesState, RunStatus};
use crate::features::handshakes::view::ladder_card::LadderCard;
use crate::features::handshakes::view::probe_table::ProbeTable;
use crate::features::handshakes::view::proof_cards::{FactsCard, HostileCard, ReplaysCard};
use crate::features::handshakes::view::settings_form::SettingsForm;
use crate::features::this_browser::view::ThisBrowserView;

/// Media query for windows without room for two ladders side by side.
const NARROW: &str = "(max-width: 700px)";

/// Panel: settings, outcome of the newest run, and measurements of this browser.
#[component]
pub fn HandshakesView(
    /// The page's lab, over whose network this browser's connections are measured; `None` while there is
    /// none.
    #[prop(into)]
    lab: Signal<Option<String>>,
) -> impl IntoView {
    let state = HandshakesState::shared();
    let on_resize = move || state.set_narrow(window::media_matches(NARROW));
    on_resize();
    StoredValue::new_local(window::on_media_change(NARROW, on_resize));
    state.open();
    let has_report = Memo::new(|_| state.report.with(Option::is_some));
    let native = Signal::derive(|| state.native_openings());
    view! {
        <div class="lab handshakes">
            <h2>"Round trips before the first byte"</h2>
            <p class="hint">
                "Real stacks (rustls, HTTP/2 by hyper, quinn, h3) talk through an emulated network inside the server. Its clock is virtual, so that computing takes no time, unless you choose the real one. Browsers may not open a WebTransport session in 0-RTT, because its CONNECT is not safe to replay (draft-ietf-webtrans-http3), so the early rows come from native clients."
            </p>
            <SettingsForm/>
            <StatusLine/>
            <Show when=move || has_report.get()>
                <ProbeTable/>
                <LadderCard/>
            </Show>
            <div class="columns">
                <ReplaysCard/>
                <HostileCard/>
                <ThisBrowserView lab native/>
            </div>
            <FactsCard/>
        </div>
    }
}

/// Progress of the newest run, announced to screen readers when it changes.
#[component]
fn StatusLine() -> impl IntoView {
    let state = HandshakesState::shared();
    view! {
        <p
            class="status"
            role="status"
            data-testid="handshake-status"
            data-value=|| state.status.with(RunStatus::name)
            class:refused=|| state.status.with(|status| matches!(status, RunStatus::Failed { .. }))
        >
            {|| state.status.with(RunStatus::text)}
        </p>
    }
}
