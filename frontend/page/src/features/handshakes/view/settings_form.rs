//! Form of the handshake lab's settings. Every change goes to the handshake state, which decides whether it
//! starts a run. Invalid numbers are explained by the status line.

use leptos::{ev, html, prelude::*};
use sluice_shared::handshake::ClockKind;

use crate::features::handshakes::model::settings::{Field, FieldSpec, RATES};
use crate::features::handshakes::state::{HandshakesState, RunStatus};

/// Upper end of the slider, which covers the most useful range; larger numbers are typed.
const RTT_SLIDER_MAX: &str = "500";
/// Clocks with their values in the list.
const CLOCKS: [(ClockKind, &str); 2] = [(ClockKind::Virtual, "virtual"), (ClockKind::Real, "real")];

/// All settings, the button that starts a run, and their definitions.
#[component]
pub fn SettingsForm() -> impl IntoView {
    let state = HandshakesState::shared();
    // Errors are shown on the page instead of the browser's validation bubble.
    let submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        state.run();
    };
    view! {
        <form class="settings" aria-label="Settings of the handshake lab" novalidate=true on:submit=submit>
            <RttSlider/>
            {Field::NETWORK.map(|field| view! { <NumberField field/> }).collect_view()}
            <RateChoice/>
            <ClockChoice/>
            {Field::LIMITS.map(|field| view! { <NumberField field/> }).collect_view()}
            <button
                type="submit"
                class="primary"
                data-testid="handshake-run"
                aria-busy=|| state.status.with(|status| *status == RunStatus::Running).to_string()
            >
                "Run"
            </button>
        </form>
        <Meanings/>
    }
}

/// Slider of the round-trip time, beside its number field.
#[component]
fn RttSlider() -> impl IntoView {
    let state = HandshakesState::shared();
    view! {
        <label class="ranged">
            <span>"RTT"</span>
            <input
                type="range"
                data-testid="handshake-rtt-slider"
                aria-label="RTT, coarse"
                min="0"
                max=RTT_SLIDER_MAX
                step="5"
                prop:value=|| state.settings.with(|settings| settings.text(Field::Rtt).to_owned())
                on:input=|event| state.edit(Field::Rtt, at_least_one(event_target_value(&event)))
            />
        </label>
    }
}

/// Maps the slider's left end to the minimum round-trip time.
fn at_least_one(value: String) -> String {
    if value == "0" { Field::Rtt.spec().min.to_owned() } else { value }
}

/// Number field with its name and unit.
#[component]
fn NumberField(
    /// The setting.
    field: Field,
) -> impl IntoView {
    let state = HandshakesState::shared();
    let FieldSpec { name, label, unit, min, max, step, .. } = field.spec();
    let input = NodeRef::<html::Input>::new();
    // Written only if it differs: browsers would drop the decimal point of a number being typed.
    Effect::new(move |_| {
        let text = state.settings.with(|settings| settings.text(field).to_owned());
        if let Some(input) = input.get()
            && input.value() != text
        {
            input.set_value(&text);
        }
    });
    let is_invalid = move || state.status.with(|status| status.field() == Some(field));
    // The slider before it already shows the name.
    let name_class = if field == Field::Rtt { "visually-hidden" } else { "" };
    view! {
        <label>
            <span class=name_class>{label}</span>
            <input
                node_ref=input
                type="number"
                value=state.settings.with_untracked(|settings| settings.text(field).to_owned())
                class=name
                data-testid=["handshake-", name].concat()
                min=min
                max=max
                step=step
                aria-invalid=move || is_invalid().to_string()
                aria-describedby=meaning_id(name)
                on:input=move |event| state.edit(field, event_target_value(&event))
            />
            {unit}
        </label>
    }
}

/// Choice of the bottleneck's rate.
#[component]
fn RateChoice() -> impl IntoView {
    let state = HandshakesState::shared();
    let value = |rate: Option<u32>| rate.map_or_else(String::new, |rate| rate.to_string());
    let options = RATES
        .map(|rate| {
            let is_chosen = move || state.settings.with(|settings| settings.rate_kbit == rate);
            view! { <option value=value(rate) selected=is_chosen>{rate_text(rate)}</option> }
        })
        .collect_view();
    view! {
        <label>
            <span>"Rate"</span>
            <select
                data-testid="handshake-rate"
                aria-describedby=meaning_id("rate")
                prop:value=move || value(state.settings.with(|settings| settings.rate_kbit))
                on:change=|event| state.choose_rate(event_target_value(&event).parse().ok())
            >
                {options}
            </select>
        </label>
    }
}

fn rate_text(rate_kbit: Option<u32>) -> String {
    match rate_kbit {
        None => "no limit".to_owned(),
        Some(rate) if rate >= 1_000 => (rate / 1_000).to_string() + " Mbit/s",
        Some(rate) => rate.to_string() + " kbit/s",
    }
}

/// Choice of the lab's clock.
#[component]
fn ClockChoice() -> impl IntoView {
    let state = HandshakesState::shared();
    let options = CLOCKS
        .map(|(clock, name)| {
            let is_chosen = move || state.settings.with(|settings| settings.clock == clock);
            view! { <option value=name selected=is_chosen>{name}</option> }
        })
        .collect_view();
    let chosen = |name: &str| CLOCKS.into_iter().find(|(_, known)| *known == name).map(|(clock, _)| clock);
    view! {
        <label>
            <span>"Clock"</span>
            <select
                data-testid="handshake-clock"
                aria-describedby=meaning_id("clock")
                on:change=move |event| {
                    if let Some(clock) = chosen(&event_target_value(&event)) {
                        state.choose_clock(clock);
                    }
                }
            >
                {options}
            </select>
        </label>
    }
}

/// Definitions of all settings, expandable, and read by screen readers with each field.
#[component]
fn Meanings() -> impl IntoView {
    let fields = Field::ALL.map(|field| {
        let spec = field.spec();
        (spec.name, spec.label, spec.meaning)
    });
    let choices = [
        ("rate", "Rate", "The bottleneck's rate in both directions."),
        (
            "clock",
            "Clock",
            "Virtual: only the network's time passes. Real: computing takes time in every figure, and at most 5 runs.",
        ),
    ];
    let meanings = fields
        .into_iter()
        .chain(choices)
        .map(|(name, label, meaning)| {
            view! { <div><dt>{label}</dt><dd id=meaning_id(name)>{meaning}</dd></div> }
        })
        .collect_view();
    view! {
        <details class="meanings">
            <summary>"What the settings mean"</summary>
            <dl>{meanings}</dl>
        </details>
    }
}

fn meaning_id(name: &str) -> String {
    ["handshake-", name, "-meaning"].concat()
}
