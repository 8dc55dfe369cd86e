//! The controls beside the timeline: network, consumers, feed, and more lanes.

use leptos::prelude::*;

use crate::app::state::App;
use crate::engine::lane::Lane;
use crate::features::connection::heartbeat_control::HeartbeatControl;
use crate::features::feed::FeedCard;
use crate::features::lanes::add_lane::AddLane;
use crate::features::lanes::consumer_control::{ConsumerControl, ConsumerIds};
use crate::features::lanes::policy_control::PolicyControl;
use crate::features::lanes::window_control::WindowControl;
use crate::features::network::view::NetworkPanel;

/// Renders the controls that concern all lanes.
#[component]
pub fn Sidebar() -> impl IntoView {
    view! {
        <aside class="sidebar" aria-label="Controls">
            <NetworkPanel/>
            <AllLanes/>
            <FeedCard/>
            <AddLane/>
        </aside>
    }
}

/// Renders the settings of all lanes at once, and indicates where lanes differ.
#[component]
fn AllLanes() -> impl IntoView {
    let app = expect_context::<App>();
    let consumer = common(app, |lane| lane.consumer.get());
    let policy = common(app, |lane| lane.policy.get());
    let window = common(app, |lane| lane.window.get());
    let each = move |set: &dyn Fn(&Lane)| app.lanes.get_untracked().iter().for_each(set);
    view! {
        <section class="card">
            <h2>"Consumer, for all lanes"</h2>
            <ConsumerControl
                label="Takes"
                ids=ConsumerIds { delay: "all-consumer-delay", work: "all-consumer-work" }
                value=consumer
                on_change=move |consumer| each(&|lane| lane.consumer.set(consumer))
            />
            <details>
                <summary>"Delivery policy, window, heartbeat"</summary>
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
            </details>
        </section>
    }
}

/// Returns the value that all lanes have in common; `None` if they differ or there are none.
fn common<T: Copy + PartialEq + Send + Sync + 'static>(app: App, read: fn(&Lane) -> T) -> Signal<Option<T>> {
    Signal::derive(move || {
        let values: Vec<T> = app.lanes.get().iter().map(read).collect();
        let first = *values.first()?;
        values.iter().all(|value| *value == first).then_some(first)
    })
}
