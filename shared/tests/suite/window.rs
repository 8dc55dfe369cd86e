//! How much a window carries, and where the automatic one comes to rest.

use core::time::Duration;

use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;

use crate::harness::choices::Choices;
use crate::harness::pair::Pair;
use crate::harness::setting::Setting;

/// 10,000 messages a second over a round trip of 100 ms: 1,000 messages on the way.
fn fast(mode: Mode, window: WindowMode) -> Setting {
    let mut setting = Setting::calm(mode, Policy::Lossless);
    setting.window = window;
    setting.messages = u64::MAX;
    setting.feeds = Setting::ALL_FEEDS;
    setting.produce_every = 100;
    setting.sizes = (24, 24);
    setting.network.down_delay = 50_000;
    setting.network.up_delay = 50_000;
    setting.network.control_delay = 50_000;
    setting.network.jitter = 0;
    setting.network.capacity = 1 << 30;
    setting
}

/// Messages consumed between two times, of those produced in as long.
fn share_consumed(setting: Setting, from: Time, end: Time) -> f64 {
    let every = setting.produce_every;
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run_for(end.since(Time::ZERO));
    let consumed = pair.client.ages.iter().filter(|&&(at, _)| at >= from && at < end).count();
    let produced = end.since(from).as_micros() as f64 / every as f64;
    consumed as f64 / produced
}

#[test]
fn a_window_of_twice_the_bandwidth_delay_product_carries_it_all() {
    let window = WindowMode::Fixed(Amount::new(2_000, 8 << 20));
    for mode in [Mode::WebSocket, Mode::StreamPerTopic] {
        let share = share_consumed(fast(mode, window), Time::from_millis(500), Time::from_millis(1_500));
        assert!(share >= 0.95, "{mode}: {share}");
    }
}

#[test]
fn a_window_of_half_the_bandwidth_delay_product_is_the_limit() {
    let window = WindowMode::Fixed(Amount::new(500, 8 << 20));
    let share =
        share_consumed(fast(Mode::WebSocket, window), Time::from_millis(500), Time::from_millis(1_500));
    assert!((0.4..=0.55).contains(&share), "{share}");
}

#[test]
fn the_automatic_window_opens_for_a_fast_feed() {
    let setting = fast(Mode::WebSocket, WindowMode::Auto);
    let share = share_consumed(setting, Time::from_millis(2_000), Time::from_millis(3_000));
    assert!(share >= 0.95, "{share}");
}

#[test]
fn the_automatic_window_stays_small_for_a_slow_consumer() {
    let mut setting = Setting::calm(Mode::WebSocket, Policy::Lossless);
    setting.window = WindowMode::Auto;
    setting.messages = u64::MAX;
    setting.produce_every = 1_000;
    setting.network.down_delay = 10_000;
    setting.network.up_delay = 10_000;
    setting.consumer.each = 5_000;
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run_for(Duration::from_secs(3));
    let mut most = 0;
    let mut consumed = 0;
    for _ in 0..100 {
        let before = pair.client.ages.len();
        pair.run_for(Duration::from_millis(20));
        consumed += pair.client.ages.len() - before;
        most = most.max(pair.client.session.inbox_hop(pair.now).held.messages);
    }
    // Three round trips of 20 ms at 5 ms a message, and the smallest window.
    assert!(most <= 3 * 20 / 5 + 16, "{most} messages in the inbox");
    assert!(consumed >= 380, "the consumer is kept busy: {consumed} of 400");
}
