//! Controls of the feeds to which the lanes subscribe.

use leptos::prelude::*;
use sluice_shared::feed::TicksSpec;

use crate::app::server::Server;
use crate::app::state::App;
use crate::controls::slider::Slider;
use crate::url::setup::FeedKinds;
use crate::url::setup::FeedSetup;
use crate::url::setup::LogSlider;
use sluice_text::format;

const RATE: LogSlider = LogSlider { min: 1, max: FeedSetup::MAX_RATE };
const SIZE: LogSlider = LogSlider { min: TicksSpec::MIN_SIZE, max: TicksSpec::MAX_SIZE };

/// Rate, size and topics of the ticks, and the choice of feeds.
#[component]
pub fn FeedCard() -> impl IntoView {
    let app = expect_context::<App>();
    let ticks = Memo::new(move |_| app.feeds.get().ticks);
    let change = move |set: &dyn Fn(&mut TicksSpec)| app.feeds.update(|feeds| set(&mut feeds.ticks));
    let steps = (0.0, f64::from(LogSlider::STEPS), 1.0);
    view! {
        <section class="card">
            <h2>"Feed"</h2>
            <Slider
                label="Rate"
                testid="feed-rate"
                scale=steps
                value=Signal::derive(move || f64::from(RATE.step_from_value(ticks.get().rate)))
                text=Signal::derive(move || format!("{} msg/s", format::count(u64::from(ticks.get().rate))))
                on_input=move |step| change(&|ticks| ticks.rate = RATE.value_from_step(step as u32))
            />
            <Slider
                label="Size"
                testid="feed-size"
                scale=steps
                value=Signal::derive(move || f64::from(SIZE.step_from_value(ticks.get().size)))
                text=Signal::derive(move || format!("{} B", format::count(u64::from(ticks.get().size))))
                on_input=move |step| change(&|ticks| ticks.size = SIZE.value_from_step(step as u32))
            />
            <Slider
                label="Topics"
                testid="feed-topics"
                scale=(1.0, f64::from(FeedSetup::MAX_TOPICS), 1.0)
                value=Signal::derive(move || f64::from(ticks.get().streams))
                text=Signal::derive(move || ticks.get().streams.to_string())
                on_input=move |topics| change(&|ticks| ticks.streams = topics as u16)
            />
            <FeedChoice/>
        </section>
    }
}

/// Feeds offered by the server.
#[component]
fn FeedChoice() -> impl IntoView {
    let app = expect_context::<App>();
    let offered = Memo::new(move |_| {
        app.server.with(|server| match server {
            Server::Ready(info) => info.offered,
            Server::Asking | Server::Unreachable { .. } => FeedKinds::NONE,
        })
    });
    let boxes = move || {
        offered
            .get()
            .iter()
            .map(|kind| {
                let choose = move |event| {
                    let wanted = event_target_checked(&event);
                    let offered = offered.get_untracked();
                    app.feeds.update(|feeds| {
                        feeds.kinds = feeds.kinds.set(kind, wanted);
                        *feeds = feeds.fitted(offered);
                    });
                    // The last checked box must stay checked; the browser does not enforce that.
                    let is_followed = app.feeds.with_untracked(|feeds| feeds.kinds.has(kind));
                    event_target::<web_sys::HtmlInputElement>(&event).set_checked(is_followed);
                };
                view! {
                    <label class="check" data-tip=kind.explanation()>
                        <input
                            type="checkbox"
                            data-testid=format!("feed-{}", kind.name())
                            prop:checked=move || app.feeds.get().kinds.has(kind)
                            on:change=choose
                        />
                        <span>{kind.name()}</span>
                        <small>{kind.explanation()}</small>
                    </label>
                }
            })
            .collect_view()
    };
    view! { <div class="checks">{boxes}</div> }
}
