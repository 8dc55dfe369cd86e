//! The controls on the left.

use leptos::prelude::*;

use super::add_lane::AddLane;
use super::consumer_control::{ConsumerControl, ConsumerIds};
use super::feed_card::FeedCard;
use super::heartbeat_control::HeartbeatControl;
use super::network_panel::NetworkPanel;
use super::policy_control::PolicyControl;
use super::stories::Stories;
use super::window_control::WindowControl;
use crate::model::scenario::Scenario;
use crate::state::{App, Lane};

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
