//! A labelled slider.

use leptos::prelude::*;

use sluice_text::decimal::fixed;
use sluice_text::decimal::short;

/// A native range input with its name on the left and its value in words on the right.
#[component]
pub fn Slider(
    /// Its name.
    label: &'static str,
    /// Its test id.
    testid: &'static str,
    /// Least, greatest and step of the input's own scale.
    scale: (f64, f64, f64),
    /// Where it stands on that scale.
    #[prop(into)]
    value: Signal<f64>,
    /// The value in words.
    #[prop(into)]
    text: Signal<String>,
    /// Told where it is put.
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
