//! Policy, feeds and window that change while messages are on the way.

use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::choices::Choices;
use crate::harness::pair::run_seed;
use crate::harness::setting::Setting;
use crate::seeds;

fn random(choices: &mut Choices) -> Setting {
    let mode = choices.one_of(&Mode::ALL);
    let policy = Setting::random_policy(choices);
    Setting::random(mode, policy, choices)
}

#[test]
fn a_policy_may_change_at_any_time() {
    for seed in 0..seeds(100) {
        run_seed(seed, |choices| {
            let mut setting = random(choices);
            setting.disturbance.policy_every = 40_000;
            setting
        });
    }
}

#[test]
fn feeds_may_change_at_any_time() {
    for seed in 0..seeds(100) {
        run_seed(seed, |choices| {
            let mut setting = random(choices);
            setting.disturbance.feeds_every = 60_000;
            setting
        });
    }
}

#[test]
fn a_window_may_change_at_any_time() {
    for seed in 0..seeds(100) {
        run_seed(seed, |choices| {
            let mut setting = random(choices);
            setting.disturbance.window_every = 40_000;
            setting
        });
    }
}

#[test]
fn everything_may_change_at_once() {
    for seed in 0..seeds(100) {
        run_seed(seed, |choices| {
            let mut setting = random(choices);
            setting.disturbance.policy_every = 90_000;
            setting.disturbance.feeds_every = 110_000;
            setting.disturbance.window_every = 70_000;
            setting.disturbance.cut_every = 200_000;
            setting.disturbance.forgets = 100;
            setting.disturbance.restarts = 100;
            setting
        });
    }
}

/// Under `latest` a message may wait for minutes behind others while later ones of its stream have come.
#[test]
fn a_stall_under_latest_makes_no_message_unexplained() {
    for mode in [Mode::WebSocket, Mode::StreamPerTopic, Mode::StreamPerMessage] {
        for seed in 0..seeds(2) {
            let mut setting = Setting::calm(mode, Policy::Latest);
            setting.window = WindowMode::Fixed(Amount::new(4, 100_000));
            setting.keys = 12;
            setting.consumer.stalls = 50;
            setting.consumer.stall = 80_000_000;
            setting.messages = 100;
            setting.produce_every = 1_000_000;
            run_seed(seed, |_| setting);
        }
    }
}
