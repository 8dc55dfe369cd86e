//! Labelled slider.

use leptos::prelude::*;

use sluice_text::decimal::fixed;
use sluice_text::decimal::short;

/// Renders a native range input with its name on the left and its value as text on the right.
#[component]
pub fn Slider(
    /// Name of the slider.
    label: &'static str,
    /// Test id.
    testid: &'static str,
    /// Minimum, maximum and step of the input's own scale.
    scale: (f64, f64, f64),
    /// Value on that scale.
    #[prop(into)]
    value: Signal<f64>,
    /// The value as text.
    #[prop(into)]
    text: Signal<String>,
    /// Called with the new value.
    #[prop(into)]
    on_input: Callback<f64>,
) -> impl IntoView {
    let (min, max, step) = scale;
    let filled = move || format!("--filled: {}%", fixed((value.get() - min) / (max - min) * 100.0, 1));
    view! {
        <label class="slider">
            <span class="slider-name">{label}</span>
            <output>{text}</output>
            <input
                type="range"
                data-testid=testid
                min=short(min)
                max=short(max)
                step=short(step)
                style=filled
                aria-label=label
                aria-valuetext=text
                prop:value=move || value.get()
                on:input=move |event| {
                    on_input.run(event_target::<web_sys::HtmlInputElement>(&event).value_as_number());
                }
            />
        </label>
    }
}
