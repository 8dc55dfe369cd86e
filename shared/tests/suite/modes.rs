//! Every mode with every policy, on networks of every kind.

use sluice_shared::ids::StreamId;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::choices::Choices;
use crate::harness::pair::{Pair, run_seed};
use crate::harness::setting::Setting;
use crate::seeds;

fn every_message_is_accounted_for(mode: Mode) {
    for seed in 0..seeds(200) {
        let pair = run_seed(seed, |choices| {
            let policy = Setting::random_policy(choices);
            Setting::random(mode, policy, choices)
        });
        if pair.setting.policy == Policy::Lossless && mode.is_reliable() {
            assert!(pair.client.account.gaps.is_empty(), "seed {seed}: {:?}", pair.client.account.gaps);
        }
    }
}

#[test]
fn every_message_is_accounted_for_over_websocket() {
    every_message_is_accounted_for(Mode::WebSocket);
}

#[test]
fn every_message_is_accounted_for_over_a_websocket_stream() {
    every_message_is_accounted_for(Mode::WebSocketStream);
}

#[test]
fn every_message_is_accounted_for_over_one_stream() {
    every_message_is_accounted_for(Mode::OneStream);
}

#[test]
fn every_message_is_accounted_for_over_a_stream_per_topic() {
    every_message_is_accounted_for(Mode::StreamPerTopic);
}

#[test]
fn every_message_is_accounted_for_over_a_stream_per_message() {
    every_message_is_accounted_for(Mode::StreamPerMessage);
}

#[test]
fn every_message_is_accounted_for_over_datagrams() {
    every_message_is_accounted_for(Mode::Datagrams);
}

#[test]
fn the_same_seed_runs_alike() {
    let run = || run_seed(42, |choices| Setting::random(Mode::Datagrams, Policy::Latest, choices));
    let (one, other) = (run(), run());
    assert_eq!(one.client.ages, other.client.ages);
    assert_eq!(one.client.account.gaps, other.client.account.gaps);
}

#[test]
fn a_delayed_topic_holds_no_other() {
    let mut setting = Setting::calm(Mode::StreamPerTopic, Policy::Lossless);
    setting.messages = 2_000;
    setting.network.jitter = 0;
    setting.network.capacity = 2_000;
    setting.network.held_topic = Some((StreamId(0), 400_000));
    let delay = setting.network.down_delay;
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run();
    let quick = pair.client.ages.iter().filter(|&&(_, age)| age == delay).count();
    let slow = pair.client.ages.len() - quick;
    let of_topic = pair.server.logs.head(StreamId(0)).0;
    assert!(slow > 0 && slow as u64 <= of_topic, "{quick} in time, {slow} late, {of_topic} of the topic");
}
