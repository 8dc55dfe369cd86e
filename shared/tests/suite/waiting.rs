//! Slow consumers: what waits where, what it is called, and what it costs.

use core::time::Duration;

use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;
use sluice_shared::wire::{GapReason, Waiting};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::choices::Choices;
use crate::harness::pair::Pair;
use crate::harness::setting::Setting;

fn slow(mode: Mode, policy: Policy) -> Setting {
    let mut setting = Setting::calm(mode, policy);
    setting.window = WindowMode::Fixed(Amount::new(16, 100_000));
    setting.consumer.each = 20_000;
    setting.messages = 3_000;
    setting
}

/// The text of all that the server's session holds is as long as what it holds is large.
fn size_of_server(pair: &Pair) -> usize {
    format!("{:?}", pair.server.session.as_ref().expect("connected")).len()
}

#[test]
fn a_slow_lossless_consumer_costs_the_server_nothing() {
    for mode in [Mode::WebSocket, Mode::StreamPerTopic, Mode::StreamPerMessage] {
        let mut pair = Pair::new(slow(mode, Policy::Lossless), Choices::seeded(1));
        pair.run_for(Duration::from_secs(1));
        let early = size_of_server(&pair);
        let waiting = pair.server.waiting();
        pair.run_for(Duration::from_secs(4));
        assert!(pair.server.waiting() > waiting * 3, "the backlog grows");
        let late = size_of_server(&pair);
        // Longer numbers take a little more text.
        assert!(late <= early + early / 10, "{mode}: {early} bytes of text became {late}");
        pair.run();
        assert!(pair.client.account.gaps.is_empty());
    }
}

#[test]
fn a_slow_consumer_is_told_by_no_credit() {
    let mut pair = Pair::new(slow(Mode::OneStream, Policy::Lossless), Choices::seeded(1));
    pair.run_for(Duration::from_secs(5));
    let without_credit = pair.client.samples_without_credit();
    let samples = pair.client.samples.len();
    assert!(without_credit * 10 >= samples * 9, "{without_credit} of {samples} samples");
}

#[test]
fn a_slow_transport_is_told_by_its_name() {
    let mut setting = Setting::calm(Mode::OneStream, Policy::Lossless);
    setting.window = WindowMode::Fixed(Amount::new(8_192, 8 << 20));
    setting.messages = 3_000;
    setting.network.rate = 5_000;
    setting.network.capacity = 1_000;
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run_for(Duration::from_secs(5));
    let in_the_way = pair
        .client
        .samples
        .iter()
        .filter(|sample| matches!(sample.waiting, Waiting::Transport { .. }))
        .count();
    let samples = pair.client.samples.len();
    assert!(in_the_way * 10 >= samples * 9, "{in_the_way} of {samples} samples");
}

#[test]
fn an_idle_feed_is_told_by_no_data() {
    let mut setting = Setting::calm(Mode::StreamPerTopic, Policy::Latest);
    setting.messages = 1;
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run_for(Duration::from_secs(3));
    assert!(pair.client.samples.len() > 20);
    assert!(pair.client.samples.iter().all(|sample| sample.waiting == Waiting::NoData));
}

#[test]
fn a_cursor_that_is_overtaken_reports_what_the_log_let_go() {
    for mode in Mode::ALL {
        let mut setting = slow(mode, Policy::Lossless);
        setting.log_bound = Amount::new(20, 1 << 20);
        setting.messages = 1_000;
        let mut pair = Pair::new(setting, Choices::seeded(2));
        pair.run();
        let gaps = &pair.client.account.gaps;
        assert!(gaps[&GapReason::Retention] > 0 && gaps.len() == 1, "{mode}: {gaps:?}");
    }
}

#[test]
fn each_dropping_policy_drops_for_its_own_reason() {
    let policies = [
        (Policy::Latest, GapReason::Conflated),
        (Policy::DropOldest { limit: 10 }, GapReason::DroppedOldest),
        (Policy::DropNewest { limit: 10 }, GapReason::DroppedNewest),
    ];
    for (policy, reason) in policies {
        for mode in [Mode::WebSocket, Mode::StreamPerTopic, Mode::StreamPerMessage, Mode::Datagrams] {
            let mut setting = slow(mode, policy);
            setting.messages = 1_000;
            let mut pair = Pair::new(setting, Choices::seeded(2));
            pair.run();
            let gaps = &pair.client.account.gaps;
            assert!(gaps[&reason] > 0 && gaps.len() == 1, "{mode}, {policy}: {gaps:?}");
        }
    }
}

/// What `drop-oldest` delivers to a slow consumer stays fresh; what `lossless` delivers grows old.
#[test]
fn dropping_the_oldest_keeps_a_slow_consumer_fresh() {
    let oldest = |policy| {
        let mut pair = Pair::new(slow(Mode::WebSocket, policy), Choices::seeded(2));
        pair.run_for(Duration::from_secs(6));
        pair.client.ages.iter().map(|&(_, age)| age).max().expect("some were consumed")
    };
    let (lossless, dropping) = (oldest(Policy::Lossless), oldest(Policy::DropOldest { limit: 10 }));
    // Queue and window hold 26 messages, 20 ms each, and the round trip is 40 ms.
    assert!(dropping <= 26 * 20_000 + 100_000, "{dropping} µs");
    assert!(lossless > 4 * dropping, "{lossless} µs against {dropping} µs");
}
