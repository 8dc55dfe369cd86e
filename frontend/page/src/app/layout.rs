//! The whole page.

use leptos::prelude::*;

use crate::app::footer::Footer;
use crate::app::header::Header;
use crate::app::notices::Notices;
use crate::app::panels::Panels;
use crate::app::rail::Rail;
use crate::app::state::App;
use crate::app::verdict_bar::VerdictBar;
use crate::features::host::view::HostPanel;
use crate::features::lanes::lane_row::LaneRow;

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
