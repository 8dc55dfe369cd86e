//! Connections that are cut at any moment, and sessions that go on.

use core::time::Duration;

use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::units::Amount;
use sluice_shared::wire::{Continuity, GapReason};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::choices::Choices;
use crate::harness::pair::{Pair, run_seed};
use crate::harness::setting::Setting;
use crate::seeds;

#[test]
fn a_thousand_cuts_lose_nothing_and_repeat_nothing() {
    let mut resumed = 0;
    for seed in 0..seeds(240) {
        let mode = Mode::ALL[usize::try_from(seed).expect("small") % Mode::ALL.len()];
        let pair = run_seed(seed, |choices| {
            let mut setting = Setting::random(mode, Policy::Lossless, choices);
            setting.messages = 300;
            setting.produce_every = 20_000;
            setting.disturbance.cut_every = choices.one_of(&[100_000, 400_000]);
            setting
        });
        let welcomes = &pair.client.welcomes;
        resumed += welcomes.iter().filter(|welcome| welcome.continuity == Continuity::Continued).count();
        if mode.is_reliable() {
            assert!(pair.client.account.gaps.is_empty(), "seed {seed}: {:?}", pair.client.account.gaps);
        }
    }
    assert!(resumed as u64 >= seeds(1_000), "only {resumed} resumes");
}

#[test]
fn cuts_under_a_dropping_policy_leave_exact_gaps() {
    for seed in 0..seeds(150) {
        run_seed(seed, |choices| {
            let mode = choices.one_of(&Mode::ALL);
            let policy = Setting::random_policy(choices);
            let mut setting = Setting::random(mode, policy, choices);
            setting.disturbance.cut_every = 100_000;
            setting
        });
    }
}

#[test]
fn servers_that_forget_or_restart_leave_exact_gaps_or_begin_anew() {
    let mut seen = [false; 2];
    for seed in 0..seeds(150) {
        let pair = run_seed(seed, |choices| {
            let mode = choices.one_of(&Mode::ALL);
            let policy = Setting::random_policy(choices);
            let mut setting = Setting::random(mode, policy, choices);
            setting.disturbance.cut_every = 100_000;
            setting.disturbance.restarts = 200;
            setting.disturbance.forgets = 300;
            setting
        });
        for welcome in &pair.client.welcomes {
            seen[0] |= welcome.continuity == Continuity::EpochChanged;
            seen[1] |= welcome.continuity == Continuity::UnknownSession;
        }
    }
    assert!(cfg!(target_arch = "wasm32") || seen == [true; 2], "too few seeds to see both: {seen:?}");
}

#[test]
fn an_absence_longer_than_the_log_leaves_a_retention_gap() {
    for mode in Mode::ALL {
        let mut setting = Setting::calm(mode, Policy::Lossless);
        setting.log_bound = Amount::new(10, 1 << 20);
        let mut pair = Pair::new(setting, Choices::seeded(3));
        pair.run_for(Duration::from_millis(300));
        pair.disconnect();
        pair.run_for(Duration::from_millis(400));
        pair.connect();
        pair.run();
        let gaps = &pair.client.account.gaps;
        assert!(gaps[&GapReason::Retention] > 0 && gaps.len() == 1, "{mode}: {gaps:?}");
    }
}

#[test]
fn a_forgotten_session_reports_what_it_missed_as_expired() {
    let mut pair = Pair::new(Setting::calm(Mode::OneStream, Policy::Lossless), Choices::seeded(3));
    pair.run_for(Duration::from_millis(300));
    pair.disconnect();
    pair.forget(false);
    pair.run_for(Duration::from_millis(100));
    pair.connect();
    pair.run();
    let gaps = &pair.client.account.gaps;
    assert!(gaps[&GapReason::Expired] > 0 && gaps.len() == 1, "{gaps:?}");
}

/// A message that the consumer holds while the connection changes is no credit of the new connection.
#[test]
fn a_message_in_hand_survives_a_reconnect() {
    let mut setting = Setting::calm(Mode::WebSocket, Policy::Lossless);
    setting.window = WindowMode::Fixed(Amount::new(4, 100_000));
    setting.consumer.each = 50_000;
    setting.messages = 60;
    let mut pair = Pair::new(setting, Choices::seeded(5));
    for _ in 0..10 {
        pair.run_for(Duration::from_millis(137));
        pair.disconnect();
        pair.connect();
    }
    pair.run();
    assert!(pair.client.account.gaps.is_empty());
}

/// Data of a restarted server may overtake its Welcome, and their positions begin anew.
#[test]
fn data_that_overtake_the_welcome_of_a_restarted_server_are_kept() {
    for mode in [Mode::OneStream, Mode::StreamPerTopic, Mode::StreamPerMessage] {
        let mut setting = Setting::calm(mode, Policy::Lossless);
        setting.network.control_delay = 300_000;
        let mut pair = Pair::new(setting, Choices::seeded(6));
        pair.run_for(Duration::from_millis(600));
        pair.disconnect();
        pair.forget(true);
        pair.connect();
        pair.run();
        assert!(pair.client.account.gaps.is_empty(), "{mode}: {:?}", pair.client.account.gaps);
        assert_eq!(pair.client.session.duplicates(), 0, "{mode}");
    }
}

/// Holes that a cut left are filled by the resume, however long the connection was away.
#[test]
fn a_long_absence_makes_no_message_unexplained() {
    for mode in [Mode::StreamPerMessage, Mode::Datagrams] {
        let mut setting = Setting::calm(mode, Policy::Lossless);
        setting.network.jitter = 200_000;
        let mut pair = Pair::new(setting, Choices::seeded(7));
        pair.run_for(Duration::from_millis(400));
        pair.disconnect();
        pair.run_for(Duration::from_secs(100));
        pair.connect();
        pair.run();
        assert!(pair.client.account.gaps.is_empty(), "{mode}: {:?}", pair.client.account.gaps);
    }
}
