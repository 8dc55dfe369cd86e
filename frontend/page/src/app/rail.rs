//! The controls on the left.

use leptos::prelude::*;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::connection::heartbeat_control::HeartbeatControl;
use crate::features::feed::FeedCard;
use crate::features::lanes::add_lane::AddLane;
use crate::features::lanes::consumer_control::ConsumerControl;
use crate::features::lanes::consumer_control::ConsumerIds;
use crate::features::lanes::policy_control::PolicyControl;
use crate::features::lanes::window_control::WindowControl;
use crate::features::network::view::NetworkPanel;
use crate::stories::model::Scenario;
use crate::stories::view::Stories;

/// Network, feed, all lanes at once, and more lanes.
#[component]
pub fn Rail() -> impl IntoView {
    view! {
        <aside class="rail" aria-label="Set-up">
            <NetworkPanel/>
            <Pairs/>
            <FeedCard/>
            <AllLanes/>
            <AddLane/>
        </aside>
    }
}

/// Failures, each with its fix beside it, and all policies against each other.
#[component]
fn Pairs() -> impl IntoView {
    let app = expect_context::<App>();
    view! {
        <section class="card">
            <h2>"Failure beside fix"</h2>
            <div class="presets" role="group" aria-label="Failures beside their fixes">
                <Stories stories=&Scenario::PAIRS/>
                <button type="button" class="chip" data-testid="scenario-race" on:click=move |_| app.tell_race()>
                    "Policy race"
                </button>
            </div>
        </section>
    }
}

/// Settings of all lanes at once; where lanes differ it says so.
#[component]
fn AllLanes() -> impl IntoView {
    let app = expect_context::<App>();
    let consumer = common(app, |lane| lane.consumer.get());
    let policy = common(app, |lane| lane.policy.get());
    let window = common(app, |lane| lane.window.get());
    let each = move |set: &dyn Fn(&Lane)| app.lanes.get_untracked().iter().for_each(set);
    view! {
        <section class="card">
            <h2>"All lanes"</h2>
            <ConsumerControl
                label="Consumer takes"
                ids=ConsumerIds { delay: "all-consumer-delay", work: "all-consumer-work" }
                value=consumer
                on_change=move |consumer| each(&|lane| lane.consumer.set(consumer))
            />
            <PolicyControl
                testid="all-policy"
                value=policy
                on_change=move |policy| each(&|lane| lane.policy.set(policy))
            />
            <WindowControl
                testid="all-window"
                value=window
                on_change=move |window| each(&|lane| lane.window.set(window))
            />
            <HeartbeatControl/>
        </section>
    }
}

/// What all lanes have in common, if they do.
fn common<T: Copy + PartialEq + Send + Sync + 'static>(app: App, read: fn(&Lane) -> T) -> Signal<Option<T>> {
    Signal::derive(move || {
        let values: Vec<T> = app.lanes.get().iter().map(read).collect();
        let first = *values.first()?;
        values.iter().all(|value| *value == first).then_some(first)
    })
}
