//! Components of the migration panel. `MigrationView` is mounted by the lazy module and connects the panel's
//! state to the page.
#![expect(unreachable_pub, reason = "the component macro widens `pub(super)` in what it generates")]

mod balancer;
mod change_card;
mod choice;
mod controls;
mod drawing_view;
mod fact_table;
mod lane_table;
mod series_card;
mod spoof_card;
mod survival_card;

use leptos::prelude::*;
use sluice_bridge::{LabInput, ViewAction};

use crate::features::lazy_host::{Actions, Input};
use crate::features::migration::model::lane::PageLane;
use crate::features::migration::model::settings::MigrationSettings;
use crate::features::migration::state::MigrationState;
use balancer::BalancerCard;
use change_card::ChangeCard;
use controls::{AttackControls, BalancerControls, SwitchControls, TunnelControls};
use lane_table::LaneTable;
use series_card::SeriesCard;
use spoof_card::SpoofCard;
use survival_card::SurvivalCard;

/// Panel of network changes, outages, copied packets and the balancer.
#[component]
pub fn MigrationView() -> impl IntoView {
    let state = connect();
    provide_context(state);
    view! {
        <div class="lab migration">
            <p class="hint">
                "A QUIC connection has a name of its own and survives another address (RFC 9000 §9): the server answers to the source of the client's newest packet, and verifies with PATH_CHALLENGE that the client is really there. A TCP connection is its addresses, so it ends, and a new one resumes the session. The server learns the new path from the client's next packet, so a client that sends nothing receives nothing: the heartbeat's interval bounds the gap."
            </p>
            <SwitchControls/>
            <TunnelControls/>
            <AttackControls/>
            <BalancerControls/>
            <StatusLine/>
            <ChangeCard/>
            <SurvivalCard/>
            <SpoofCard/>
            <div class="columns">
                <LaneTable/>
                <SeriesCard/>
                <BalancerCard/>
            </div>
        </div>
    }
}

/// Connects the state to the page for as long as the view exists.
fn connect() -> MigrationState {
    let Input(input) = expect_context();
    let actions = expect_context::<Actions>();
    let state = MigrationState::get();
    let query = input.with_untracked(|input| input.query.clone());
    state.settings.set(MigrationSettings::from_query(&query));
    let lab = Memo::new(move |_| {
        input.with(|input| match &input.lab {
            LabInput::Ready(lab) => (Some(lab.id.clone()), false),
            LabInput::Pending => (None, false),
            LabInput::Missing(_) => (None, true),
        })
    });
    let lanes = Memo::new(move |_| {
        input.with(|input| input.lanes.iter().filter_map(PageLane::new).collect::<Vec<_>>())
    });
    let sent = StoredValue::new(query);
    Effect::new(move |_| {
        let (lab, is_missing) = lab.get();
        state.follow(lab, is_missing);
    });
    Effect::new(move |_| state.take_lanes(lanes.get()));
    Effect::new(move |_| {
        let query = state.settings.with(MigrationSettings::to_query);
        if sent.with_value(|sent| *sent != query) {
            sent.set_value(query.clone());
            actions.send(&ViewAction::SetQuery(query));
        }
    });
    on_cleanup(move || state.leave());
    state
}

/// Outcome of the last action, and the error of an undecodable report.
#[component]
fn StatusLine() -> impl IntoView {
    let state = expect_context::<MigrationState>();
    let unreadable = move || {
        state.unreadable.get().map(|error| {
            let text = ["Reports of the network are not shown: ", &error.to_string(), "."].concat();
            view! { <p class="status" role="alert" data-value="refused">{text}</p> }
        })
    };
    view! {
        <p
            class="status"
            role="status"
            data-testid="migration-status"
            data-value=move || state.status.with(|status| status.kind.name())
        >
            {move || state.status.with(|status| status.text.clone())}
        </p>
        {unreadable}
    }
}
