//! Controls of a lane, each below the stage it acts on.

use leptos::prelude::*;

use crate::engine::lane::Lane;
use crate::engine::lane::LaneView;
use crate::features::lanes::consumer_control::ConsumerControl;
use crate::features::lanes::consumer_control::ConsumerIds;
use crate::features::lanes::policy_control::PolicyControl;
use crate::features::lanes::window_control::WindowControl;
use crate::features::network::lateness;
use sluice_text::format;

/// Policy below its queue, window below the gate, path below the transport, and consumer below its stage.
#[component]
pub fn LaneControls(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    view! {
        <div class="lane-controls">
            <div class="at-policy">
                <PolicyControl
                    testid="policy"
                    value=Signal::derive(move || Some(lane.policy.get()))
                    on_change=move |policy| lane.policy.set(policy)
                />
            </div>
            <div class="at-credit">
                <WindowControl
                    testid="window"
                    value=Signal::derive(move || Some(lane.window.get()))
                    on_change=move |window| lane.window.set(window)
                />
            </div>
            <PathLine lane/>
            <div class="at-consumer">
                <ConsumerControl
                    label="Takes"
                    ids=ConsumerIds { delay: "consumer-delay", work: "consumer-work" }
                    value=Signal::derive(move || Some(lane.consumer.get()))
                    on_change=move |consumer| lane.consumer.set(consumer)
                />
            </div>
        </div>
    }
}

/// Known properties of the path: round-trip time, congestion window, loss.
#[component]
fn PathLine(
    /// The lane.
    lane: Lane,
) -> impl IntoView {
    let text = lane.read(path_text);
    view! { <p class="at-path" data-testid="path-facts" tabindex="0" data-tip=move || text.get() + ". The path as the server's stack and this lane's heartbeat see it">{text}</p> }
}

fn path_text(view: &LaneView) -> String {
    if let Some(tcp) = view.network.as_ref().and_then(|network| network.flow.tcp.as_ref()) {
        return lateness::tcp_facts(tcp);
    }
    let path = &view.summary.path;
    let lost = path.lost_packets.filter(|packets| *packets > 0);
    let parts = [
        path.rtt_micros.or(view.summary.rtt_micros).map(|micros| format!("RTT {}", format::span(micros))),
        path.congestion_window.map(|bytes| format!("cwnd {}", format::bytes(bytes))),
        lost.map(|packets| format!("{} lost or resent", format::count(packets))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}
