//! Control of the policy for messages without credit.

use leptos::prelude::*;
use sluice_shared::policy::Policy;

const NAMES: [(&str, &str); 4] = [
    ("lossless", "lossless"),
    ("latest", "latest per key"),
    ("drop-oldest", "drop oldest"),
    ("drop-newest", "drop newest"),
];
const EXHIBITS: [(&str, &str); 3] =
    [("unbounded", "unbounded queue"), ("silent-drop", "silent drop"), ("busy-spin", "busy spin")];

/// Choice of a policy, and the limit of its queue if it has one.
#[component]
pub fn PolicyControl(
    /// Current value; `None` when lanes differ.
    #[prop(into)]
    value: Signal<Option<Policy>>,
    /// Called with the new value.
    #[prop(into)]
    on_change: Callback<Policy>,
    /// Test id; that of the limit ends in `-limit`.
    testid: &'static str,
) -> impl IntoView {
    let limit = move || value.get().and_then(Policy::limit);
    let has_limit = Memo::new(move |_| limit().is_some());
    let choose = move |event| {
        if let Ok(policy) = event_target_value(&event).parse() {
            on_change.run(policy);
        }
    };
    let set_limit = move |event| {
        let Ok(limit) = event_target_value(&event).parse::<u32>() else { return };
        let limit = limit.clamp(1, Policy::MAX_LIMIT);
        if let Some(policy) = value.get_untracked().filter(|policy| policy.limit().is_some()) {
            on_change.run(policy.with_limit(limit));
        }
    };
    let option = move |(name, title): (&'static str, &'static str)| {
        let selected = move || value.get().is_some_and(|policy| policy.name() == name);
        view! { <option value=name selected=selected>{title}</option> }
    };
    view! {
        <div class="field">
            <label>
                <span>"Policy"</span>
                <select
                    data-testid=testid
                    aria-label="Delivery policy"
                    data-tip="What the server does with messages there is no credit for"
                    prop:value=move || value.get().map_or("", Policy::name)
                    on:change=choose
                >
                    <Show when=move || value.get().is_none()>
                        <option value="" disabled selected>"differs"</option>
                    </Show>
                    {NAMES.map(option).collect_view()}
                    <optgroup label="failure exhibits">{EXHIBITS.map(option).collect_view()}</optgroup>
                </select>
            </label>
            <Show when=move || has_limit.get()>
                <input
                    type="number"
                    class="limit"
                    data-testid=format!("{testid}-limit")
                    aria-label="Messages the queue keeps"
                    data-tip="Messages the queue keeps"
                    min="1"
                    max=Policy::MAX_LIMIT
                    prop:value=move || limit().map(|limit| limit.to_string())
                    on:change=set_limit
                />
            </Show>
        </div>
    }
}
