//! Controls of the heartbeats that lanes send to the server.

use crate::short_list::sort_by_key;
use core::time::Duration;

use leptos::prelude::*;
use sluice_shared::session::Heartbeat;
use sluice_shared::time::micros;

use crate::app::state::App;
use crate::controls::choice::Choice;
use sluice_text::format;

/// Available intervals and timeouts, milliseconds.
const INTERVALS: [u64; 6] = [100, 250, 500, 1_000, 5_000, 30_000];
const TIMEOUTS: [u64; 6] = [500, 1_500, 3_000, 10_000, 30_000, 60_000];

/// Interval and timeout of all lanes' heartbeats.
#[component]
pub fn HeartbeatControl() -> impl IntoView {
    let heartbeat = expect_context::<App>().heartbeat;
    let now = heartbeat.get_untracked();
    view! {
        <div class="field heartbeat">
            <Choice
                label="Heartbeat every"
                testid="heartbeat-interval"
                title="How often a lane asks the server for a sign of life; every 250 ms while an answer is overdue"
                options=offered(&INTERVALS, now.interval)
                chosen=Signal::derive(move || value(heartbeat.get().interval))
                on_choose=move |text: String| {
                    if let Some(interval) = span(&text) {
                        heartbeat.update(|heartbeat| heartbeat.interval = interval);
                    }
                }
            />
            <Choice
                label="dead after"
                testid="heartbeat-timeout"
                title="How long nothing may be heard after a heartbeat: a dead server is noticed within both times together"
                options=offered(&TIMEOUTS, now.timeout)
                chosen=Signal::derive(move || value(heartbeat.get().timeout))
                on_choose=move |text: String| {
                    if let Some(timeout) = span(&text) {
                        heartbeat.update(|heartbeat| *heartbeat = Heartbeat { timeout, ..*heartbeat }.within_range());
                    }
                }
            />
        </div>
    }
}

fn value(span: Duration) -> String {
    span.as_millis().to_string()
}

fn span(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_millis)
}

/// Returns the available options; a link may add another one.
fn offered(millis: &[u64], linked: Duration) -> Vec<(String, String)> {
    let mut spans: Vec<Duration> = millis.iter().copied().map(Duration::from_millis).collect();
    if !spans.contains(&linked) {
        spans.push(linked);
        sort_by_key(&mut spans, |span| *span);
    }
    spans.into_iter().map(|span| (value(span), format::span(micros(span)))).collect()
}
