//! Network panel in the sidebar: presets, settings, events and the seed of the emulated network. It changes
//! the network state only; the state sends requests.

use leptos::prelude::*;
use sluice_shared::lab::{LabEvent, Switch};
use sluice_shared::link::Preset;

use crate::app::state::App;
use crate::controls::slider::Slider;
use crate::features::network::model::Knob;
use crate::features::network::model::LogScale;
use crate::features::network::state::LabState;
use crate::labels;
use sluice_browser::window;

/// Available outage lengths, seconds.
const TUNNELS: [u32; 5] = [1, 2, 4, 8, 12];

/// Presets, single settings, events and the seed.
#[component]
pub fn NetworkPanel() -> impl IntoView {
    let app = expect_context::<App>();
    let is_off = Memo::new(move |_| !app.network.lab.with(|lab| matches!(lab, LabState::Ready(_))));
    view! {
        <section class="card">
            <h2>"Network, for all lanes alike"</h2>
            <fieldset class="network" disabled=is_off>
                <Presets/>
                <Events/>
                <details>
                    <summary>"Delay, jitter, rate, queue, loss, bursts, seed"</summary>
                    {Knob::ALL.map(|knob| view! { <KnobSlider knob/> }).collect_view()}
                    <Seed/>
                </details>
            </fieldset>
        </section>
    }
}

/// Choice of a preset.
#[component]
fn Presets() -> impl IntoView {
    let app = expect_context::<App>();
    let chips = Preset::ALL
        .map(|preset| {
            let is_chosen = move || app.network.wanted.with(|wanted| wanted.preset == preset);
            view! {
                <button
                    type="button"
                    class="chip"
                    data-testid=format!("preset-{}", preset.name())
                    data-tip=preset.summary()
                    aria-pressed=move || if is_chosen() { "true" } else { "false" }
                    on:click=move |_| app.network.choose(preset)
                >
                    {labels::preset(preset)}
                </button>
            }
        })
        .collect_view();
    view! { <div class="presets" role="group" aria-label="Ready-made networks">{chips}</div> }
}

/// Slider of one setting, which applies to both directions.
#[component]
fn KnobSlider(
    /// The setting.
    knob: Knob,
) -> impl IntoView {
    let app = expect_context::<App>();
    let value = move || *knob.place(&mut app.network.knobs());
    let first = if knob == Knob::Queue { 1.0 } else { 0.0 };
    view! {
        <div data-tip=knob.explanation()>
            <Slider
                label=knob.title()
                testid=knob.id()
                scale=(first, LogScale::STEPS, 1.0)
                value=Signal::derive(move || knob.scale().step_from_value(value()))
                text=Signal::derive(move || knob.text(&app.network.knobs()))
                on_input=move |step| app.network.turn(knob, knob.scale().value_from_step(step))
            />
        </div>
    }
}

/// Buttons for an outage and for blocking UDP.
#[component]
fn Events() -> impl IntoView {
    let app = expect_context::<App>();
    let seconds = RwSignal::new(4u32);
    let is_blocked = Memo::new(move |_| app.network.outlook.get().is_udp_blocked);
    let outage = move || {
        let outage = app.network.outlook.get().outage?;
        Some(match outage.remaining_secs {
            Some(left) => format!("Tunnel: nothing gets in for another {left} s."),
            None => format!("Outage: nothing gets in, for {} s so far.", outage.elapsed_secs),
        })
    };
    view! {
        <div class="field">
            <button
                type="button"
                class="primary"
                data-testid="tunnel"
                data-tip="Nothing gets in for a while, in either direction"
                on:click=move |_| app.network.happen(app, LabEvent::Tunnel { seconds: f64::from(seconds.get_untracked()) })
            >
                "Tunnel"
            </button>
            <select
                data-testid="tunnel-seconds"
                aria-label="Length of the tunnel"
                on:change=move |event| seconds.set(event_target_value(&event).parse().unwrap_or(4))
            >
                {TUNNELS
                    .map(|secs| view! { <option value=secs selected=move || seconds.get() == secs>{secs} " s"</option> })
                    .collect_view()}
            </select>
            <button
                type="button"
                class="toggle"
                data-testid="block-udp"
                data-tip="UDP passes no longer, TCP does: what many office networks do"
                aria-pressed=move || if is_blocked.get() { "true" } else { "false" }
                on:click=move |_| app.network.happen(app, LabEvent::BlockUdp { blocked: !is_blocked.get_untracked() })
            >
                "Block UDP"
            </button>
        </div>
        <button
            type="button"
            class="wide"
            data-testid="switch-network"
            data-tip="The client gets another address, as a phone that leaves the Wi-Fi: TCP connections end, QUIC goes on"
            on:click=move |_| app.network.happen(app, LabEvent::SwitchNetwork(Switch::default()))
        >
            "Switch network"
        </button>
        <p class="outage" role="status" data-testid="outage">{outage}</p>
    }
}

/// Input for the seed of all random decisions.
#[component]
fn Seed() -> impl IntoView {
    let app = expect_context::<App>();
    let wanted = app.network.wanted;
    let set = move |seed: u64| wanted.update(|wanted| wanted.seed = seed);
    let read = move |event| {
        match event_target_value(&event).parse() {
            Ok(seed) => set(seed),
            // An invalid number leaves the seed unchanged; the notification restores the input's text.
            Err(_) => wanted.update(|_| ()),
        }
    };
    view! {
        <div class="field">
            <label data-tip="The same seed loses the same packets">
                <span>"Seed"</span>
                <input
                    type="number"
                    min="0"
                    class="seed"
                    data-testid="net-seed"
                    prop:value=move || wanted.get().seed.to_string()
                    on:change=read
                />
            </label>
            <button type="button" data-testid="new-seed" data-tip="Other chances, the same network" on:click=move |_| set(window::random_seed())>
                "New seed"
            </button>
        </div>
    }
}
