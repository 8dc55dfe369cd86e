//! Control of a consumer's delay, and of how the delay is spent.

use leptos::prelude::*;

use crate::controls::slider::Slider;
use crate::url::setup::CONSUMER_AT_ONCE;
use crate::url::share::work_name;
use sluice_bridge::Consumer;
use sluice_bridge::Work;
use sluice_text::format;

/// Test ids of a consumer's controls.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerIds {
    /// Test id of the delay, in ms.
    pub delay: &'static str,
    /// Test id of `sleep` or `busy`.
    pub work: &'static str,
}

/// Control of a delay from 0 to 50 ms, either slept or computed.
#[component]
pub fn ConsumerControl(
    /// Current value; `None` when lanes differ.
    #[prop(into)]
    value: Signal<Option<Consumer>>,
    /// Called with the new value.
    #[prop(into)]
    on_change: Callback<Consumer>,
    /// Label of the delay.
    label: &'static str,
    /// Test ids.
    ids: ConsumerIds,
) -> impl IntoView {
    let current = move || value.get().unwrap_or(CONSUMER_AT_ONCE);
    let text = Signal::derive(move || match value.get() {
        None => "differs".to_owned(),
        Some(Consumer { delay_micros: 0, .. }) => "none".to_owned(),
        Some(consumer) => format::delay(consumer.delay_micros),
    });
    let set_delay = move |millis: f64| {
        let delay_micros = (millis * 1e3).clamp(0.0, f64::from(Consumer::MAX_DELAY_MICROS)) as u32;
        on_change.run(Consumer { delay_micros, ..value.get_untracked().unwrap_or(CONSUMER_AT_ONCE) });
    };
    let set_work = move |event| {
        let work = if event_target_value(&event) == work_name(Work::Busy) { Work::Busy } else { Work::Sleep };
        on_change.run(Consumer { work, ..value.get_untracked().unwrap_or(CONSUMER_AT_ONCE) });
    };
    view! {
        <div class="consumer-control">
            <Slider
                label=label
                testid=ids.delay
                scale=(0.0, f64::from(Consumer::MAX_DELAY_MICROS) / 1e3, 0.5)
                value=Signal::derive(move || f64::from(current().delay_micros) / 1e3)
                text=text
                on_input=set_delay
            />
            <div class="field">
                <label>
                    <span>"Time is spent"</span>
                    <select
                        data-testid=ids.work
                        aria-label="Time is spent"
                        data-tip="sleep: the worker's thread stays free to receive. busy: the thread computes and does nothing else."
                        prop:value=move || work_name(current().work)
                        on:change=set_work
                    >
                        <option value="sleep">"sleep"</option>
                        <option value="busy">"busy"</option>
                    </select>
                </label>
            </div>
        </div>
    }
}
