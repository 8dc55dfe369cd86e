//! The whole page.

use leptos::prelude::*;

use super::footer::Footer;
use super::header::Header;
use super::host_panel::HostPanel;
use super::lane_row::LaneRow;
use super::notices::Notices;
use super::panels::Panels;
use super::rail::Rail;
use super::verdict_bar::VerdictBar;
use crate::state::App;

/// Header, controls on the left, lanes and what follows from them on the right.
#[component]
pub fn Page() -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <Header/>
        <div class="page">
            <Rail/>
            <main>
                <Notices/>
                <VerdictBar/>
                <For each=move || app.lanes.get() key=|lane| lane.id children=|lane| view! { <LaneRow lane/> }/>
                <div class="below">
                    <Panels/>
                    <HostPanel/>
                </div>
            </main>
        </div>
        <Footer/>
    }
}
