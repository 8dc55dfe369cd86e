//! Situations of the lab, loaded lazily: a button for each set-up that shows one thing.

use leptos::prelude::*;
use sluice_bridge::{PageSettings, View, ViewAction, ViewInput};

use crate::features::lazy_host::{Actions, Input};
use crate::features::network::model::NetworkSetup;
use crate::features::policies::state::Race;
use crate::features::situations::model::Scenario;
use crate::features::situations::state::ModesBefore;
use crate::url::setup::PageSetup;
use sluice_bridge::NetworkSettings;

/// Renders a button for each situation, and one for each failure beside its fix.
#[component]
pub fn SituationsView() -> impl IntoView {
    let actions = expect_context::<Actions>();
    let race = move |_| {
        Race::shared().request();
        actions.send(&ViewAction::Open(View::Policies));
    };
    view! {
        <h2>"Situations"</h2>
        <div class="situation-grid"><Situations situations=&Scenario::ALL/></div>
        <h2>"Failure beside fix: the first lane fails, the second shows what should be done"</h2>
        <div class="situation-grid">
            <Situations situations=&Scenario::PAIRS/>
            <button type="button" class="situation" data-testid="scenario-race" on:click=race>
                <b>"Policy race"</b>
                <span>"Every delivery policy, one after the other, with the same slow consumer."</span>
            </button>
        </div>
    }
}

/// Renders a button for each of some situations; the one in force is pressed.
#[component]
fn Situations(
    /// The situations.
    situations: &'static [Scenario],
) -> impl IntoView {
    let Input(input) = expect_context();
    let actions = expect_context::<Actions>();
    let setup = Memo::new(move |_| input.with(setup_of));
    let is_in_force = move |scenario: &Scenario| {
        setup.with(|setup| setup.as_ref().is_some_and(|setup| scenario.matches(setup)))
    };
    situations
        .iter()
        .map(|scenario| {
            view! {
                <button
                    type="button"
                    class="situation"
                    data-testid=["scenario-", scenario.id()].concat()
                    aria-pressed=move || is_in_force(scenario).to_string()
                    on:click=move |_| {
                        if let Some(setup) = input.with_untracked(setup_of) {
                            start(*scenario, setup, actions);
                        }
                    }
                >
                    <b>{scenario.title()}</b>
                    <span>{scenario.summary()}</span>
                </button>
            }
        })
        .collect_view()
}

/// Returns the page's set-up; `None` if its network has a preset that this module does not know.
fn setup_of(input: &ViewInput) -> Option<PageSetup> {
    let NetworkSettings { preset, seed, .. } = &input.network;
    Some(PageSetup {
        lanes: input.lane_setups.clone(),
        feeds: input.feeds,
        network: NetworkSetup { preset: preset.parse().ok()?, change: input.network.change(), seed: *seed },
        heartbeat: input.heartbeat,
    })
}

/// Starts a situation. One that compares a failure with its fix gives two lanes the same mode until another situation
/// starts.
fn start(scenario: Scenario, mut setup: PageSetup, actions: Actions) {
    ModesBefore::shared().prepare(&mut setup, scenario.is_pair());
    let PageSetup { lanes, feeds, network, heartbeat } = scenario.applied_to(&setup);
    let network = NetworkSettings::new(network.preset.name(), &network.change, network.seed);
    let settings = Box::new(PageSettings { lanes, feeds, network, heartbeat });
    actions.send(&ViewAction::Apply { settings, reopens: scenario.is_pair() });
    if let Some(event) = scenario.event() {
        actions.send(&ViewAction::Happen(event.into()));
    }
    if let Some(view) = scenario.view() {
        actions.send(&ViewAction::Open(view));
    }
}
