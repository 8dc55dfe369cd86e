//! Control of the credit window: how far the server may send ahead of the consumer.

use crate::short_list::sort_by_key;
use leptos::prelude::*;

use crate::url::setup::WindowChoice;
use sluice_text::format;

/// Choice of a window: `auto`, or a number of messages.
#[component]
pub fn WindowControl(
    /// Current value; `None` when lanes differ.
    #[prop(into)]
    value: Signal<Option<WindowChoice>>,
    /// Called with the new value.
    #[prop(into)]
    on_change: Callback<WindowChoice>,
    /// Test id.
    testid: &'static str,
) -> impl IntoView {
    // A link may name a window that is not offered: it is added to the list.
    let offered = Memo::new(move |_| {
        let mut windows = WindowChoice::OFFERED.to_vec();
        if let Some(WindowChoice::Messages(messages)) = value.get()
            && !windows.contains(&messages)
        {
            windows.push(messages);
            sort_by_key(&mut windows, |window| *window);
        }
        windows
    });
    let choose = move |event| match event_target_value(&event).as_str() {
        "auto" => on_change.run(WindowChoice::Auto),
        text => {
            if let Ok(messages) = text.parse() {
                on_change.run(WindowChoice::Messages(messages));
            }
        }
    };
    let is = move |choice| value.get() == Some(choice);
    view! {
        <div class="field">
            <label>
                <span>"Window"</span>
                <select
                    data-testid=testid
                    aria-label="Credit window"
                    data-tip="How far ahead of its consumer the server may send. auto: twice the consumption rate times the round-trip time"
                    on:change=choose
                >
                    <Show when=move || value.get().is_none()>
                        <option value="" disabled selected>"differs"</option>
                    </Show>
                    <option value="auto" selected=move || is(WindowChoice::Auto)>"auto"</option>
                    <For each=move || offered.get() key=|messages| *messages children=move |messages| view! {
                        <option value=messages.to_string() selected=move || is(WindowChoice::Messages(messages))>
                            {format::count(u64::from(messages))} " messages"
                        </option>
                    }/>
                </select>
            </label>
        </div>
    }
}
