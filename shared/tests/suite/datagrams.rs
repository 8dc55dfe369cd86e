//! Datagrams: what is lost is named, and its credit comes back.

use core::time::Duration;

use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::wire::GapReason;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::choices::Choices;
use crate::harness::pair::Pair;
use crate::harness::setting::Setting;
use crate::seeds;

fn setting() -> Setting {
    Setting::calm(Mode::Datagrams, Policy::Lossless)
}

#[test]
fn lost_datagrams_are_named_and_their_credit_comes_back_to_the_byte() {
    for seed in 0..seeds(20) {
        let mut setting = setting();
        setting.network.loss = 300;
        setting.network.duplicate = 100;
        let mut pair = Pair::new(setting, Choices::seeded(seed));
        pair.run();
        let account = &pair.client.account;
        assert!(account.gaps[&GapReason::Network] > 0 && account.gaps.len() == 1, "{:?}", account.gaps);
        let credit = pair.client.session.credit();
        let sent = pair.server.session.as_ref().expect("connected").sent();
        assert_eq!((credit.received(), credit.consumed()), (sent, sent));
        // What has been granted since is at most half a window short of all there is.
        let left = credit.limit() - sent;
        assert!(
            left.messages * 2 >= credit.window().messages && left.fits_within(credit.window()),
            "{left:?}"
        );
    }
}

#[test]
fn a_tail_that_is_lost_is_missed_without_another_datagram() {
    let mut setting = setting();
    setting.network.loss = 1_000;
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run();
    assert_eq!(pair.client.account.consumed, 0);
    assert_eq!(pair.client.account.gaps.keys().collect::<Vec<_>>(), [&GapReason::Network]);
}

#[test]
fn a_message_that_fits_into_no_datagram_is_reported() {
    let mut setting = setting();
    setting.sizes = (24, 2_000);
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run();
    let account = &pair.client.account;
    assert!(account.gaps[&GapReason::TooLarge] > 0 && account.gaps.len() == 1, "{:?}", account.gaps);
    assert!(account.consumed > 0);
}

#[test]
fn a_straggler_within_patience_is_no_loss() {
    let mut setting = setting();
    setting.network.jitter = 200_000;
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run();
    assert!(pair.client.account.gaps.is_empty());
}

#[test]
fn a_straggler_after_its_gap_is_not_consumed() {
    let mut setting = setting();
    setting.network.jitter = 900_000;
    let mut pair = Pair::new(setting, Choices::seeded(1));
    pair.run();
    pair.run_for(Duration::from_secs(2));
    let account = &pair.client.account;
    assert!(pair.client.session.duplicates() > 0, "stragglers came");
    assert!(account.gaps[&GapReason::Network] >= pair.client.session.duplicates());
}
