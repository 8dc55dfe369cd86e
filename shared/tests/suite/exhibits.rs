//! Failure exhibits: what naive servers do, within their caps.

use core::time::Duration;

use sluice_shared::exhibit::{BYTES_BESIDE_MESSAGE, Cap, MAX_CORE_TIME, MAX_DURATION, MAX_HELD_BYTES};
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::{HelloError, ProtocolError, validate};
use sluice_shared::units::Amount;
use sluice_shared::wire::{ClientItem, Continuity};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::choices::Choices;
use crate::harness::pair::Pair;
use crate::harness::server::server_time;
use crate::harness::setting::Setting;

const EXHIBITS: [Policy; 3] = [Policy::Unbounded, Policy::SilentDrop { limit: 16 }, Policy::BusySpin];

/// A transport that takes a tenth of what is produced, and a consumer that is never in the way.
fn narrow(mode: Mode, policy: Policy) -> Setting {
    let mut setting = Setting::calm(mode, policy);
    setting.messages = 2_000;
    setting.network.rate = 6_000;
    setting.network.capacity = 1_000;
    setting
}

#[test]
fn holes_are_found_by_their_numbers_alone_and_no_gap_is_reported() {
    for mode in Mode::ALL {
        let mut pair = Pair::new(narrow(mode, Policy::SilentDrop { limit: 16 }), Choices::seeded(7));
        pair.run_for(Duration::from_secs(20));
        // What follows the last hole of each stream shows it.
        pair.produce_more(400, 50_000);
        pair.run_for(Duration::from_secs(30));
        let dropped = pair.server.silently_dropped();
        let (consumed, lost) = (pair.client.account.consumed, pair.client.lost);
        assert!(dropped > 1_000 && consumed > 400, "{mode}: {dropped} dropped, {consumed} consumed");
        assert_eq!(lost, dropped, "{mode}");
        assert!(pair.client.account.gaps.is_empty(), "{mode}: {:?}", pair.client.account.gaps);
        let told =
            pair.client.samples.last().and_then(|sample| sample.exhibit).map(|used| used.silently_dropped);
        assert_eq!(told, Some(dropped), "{mode}: the server knows, and only its statistics say so");
    }
}

#[test]
fn where_order_is_kept_a_hole_is_found_as_soon_as_it_is_passed() {
    for mode in Mode::ALL.into_iter().filter(|mode| mode.keeps_streams_in_order()) {
        let mut pair = Pair::new(narrow(mode, Policy::SilentDrop { limit: 16 }), Choices::seeded(8));
        for _ in 0..600 {
            pair.run_for(Duration::from_millis(10));
            let account = &pair.client.account;
            assert_eq!(account.consumed + pair.client.lost, account.passed(), "{mode} at {:?}", pair.now);
        }
        assert!(pair.client.lost > 500, "{mode}");
    }
}

#[test]
fn a_policy_that_tells_what_it_drops_loses_nothing_on_the_same_network() {
    for mode in [Mode::WebSocket, Mode::StreamPerTopic] {
        let mut pair = Pair::new(narrow(mode, Policy::DropNewest { limit: 16 }), Choices::seeded(7));
        pair.run();
        assert_eq!(pair.client.lost, 0, "{mode}");
    }
}

#[test]
fn only_an_exhibit_has_credit_without_end() {
    let policies = [Policy::Lossless, Policy::Latest, Policy::DropOldest { limit: 9 }];
    for policy in policies.into_iter().chain(EXHIBITS) {
        let mut pair = Pair::new(Setting::calm(Mode::OneStream, policy), Choices::seeded(1));
        pair.run_for(Duration::from_secs(1));
        let first = pair.client.samples[0].limit;
        pair.run_for(Duration::from_secs(1));
        let last = pair.client.samples.last().expect("ten a second").limit;
        assert_eq!(policy.is_exhibit(), first == Amount::MAX, "{policy}: {first:?}");
        assert_eq!(policy.is_exhibit(), first == last, "{policy}: a naive client grants nothing");
        let bound = pair.client.session.inbox_hop(pair.now).bound;
        assert_eq!(policy.is_exhibit(), bound == Amount::ZERO, "{policy}: {bound:?}");
    }
}

#[test]
fn an_unbounded_queue_grows_to_its_cap_and_no_further() {
    for size in [40, 20_000] {
        let mut setting = narrow(Mode::StreamPerTopic, Policy::Unbounded);
        (setting.sizes, setting.messages, setting.produce_every) = ((size, size), u64::MAX, 300);
        setting.log_bound = Amount::new(64, 1 << 20);
        let mut pair = Pair::new(setting, Choices::seeded(3));
        let used = |pair: &Pair| {
            let session = pair.server.session.as_ref().expect("connected");
            (session.exhibit(server_time(pair.now)), session.verdict(server_time(pair.now)))
        };
        pair.run_for(Duration::from_millis(100));
        let mut before = used(&pair).0.expect("an exhibit").held_bytes;
        while used(&pair).1.is_none() {
            pair.run_for(Duration::from_millis(10));
            let held = used(&pair).0.expect("an exhibit").held_bytes;
            assert!(held > before, "the queue grows");
            before = held;
        }
        let (end, verdict) = used(&pair);
        let peak = end.expect("an exhibit").held_bytes_peak;
        let one_message = size + 40 + BYTES_BESIDE_MESSAGE;
        assert!((MAX_HELD_BYTES..MAX_HELD_BYTES + one_message).contains(&peak), "{peak} bytes");
        assert_eq!(verdict.expect("it is over").cap, Cap::Memory);
        assert!(pair.client.account.gaps.is_empty(), "what the log let go was in the queue");
    }
}

#[test]
fn an_exhibit_is_over_in_time() {
    for policy in EXHIBITS {
        let mut pair = Pair::new(Setting::calm(Mode::WebSocket, policy), Choices::seeded(1));
        pair.run_for(Duration::from_secs(1));
        let session = pair.server.session.as_mut().expect("connected");
        let over_at = session.exhibit_over_at().expect("an exhibit");
        let just_before = over_at - Duration::from_micros(1);
        assert_eq!(
            (session.verdict(just_before), session.verdict(over_at).map(|v| v.cap)),
            (None, Some(Cap::Duration))
        );
        assert!(over_at <= server_time(pair.now) + MAX_DURATION);
        session.handle_core_time(MAX_CORE_TIME);
        assert_eq!(session.verdict(just_before).map(|verdict| verdict.cap), Some(Cap::CoreTime), "{policy}");
    }
    let pair = Pair::new(Setting::calm(Mode::WebSocket, Policy::Lossless), Choices::seeded(1));
    assert!(pair.server.session.as_ref().is_none_or(|session| session.exhibit_over_at().is_none()));
}

#[test]
fn an_exhibit_is_chosen_in_the_hello_alone() {
    let mut lossless = Pair::new(Setting::calm(Mode::WebSocket, Policy::Lossless), Choices::seeded(1));
    lossless.run_for(Duration::from_secs(1));
    let (session, now) = (lossless.server.session.as_mut().expect("connected"), server_time(lossless.now));
    for to in EXHIBITS {
        let refused = session.handle_item(ClientItem::SetPolicy(to), now);
        assert_eq!(refused, Err(ProtocolError::Exhibit { from: Policy::Lossless, to }));
    }
    for from in EXHIBITS {
        let mut pair = Pair::new(Setting::calm(Mode::WebSocket, from), Choices::seeded(1));
        pair.run_for(Duration::from_secs(1));
        let session = pair.server.session.as_mut().expect("connected");
        let refused = session.handle_item(ClientItem::SetPolicy(Policy::Latest), server_time(pair.now));
        assert_eq!(refused, Err(ProtocolError::Exhibit { from, to: Policy::Latest }));
    }
}

#[test]
fn a_naive_session_is_never_resumed() {
    for policy in EXHIBITS {
        let mut pair = Pair::new(Setting::calm(Mode::OneStream, policy), Choices::seeded(1));
        pair.run_for(Duration::from_millis(300));
        pair.disconnect();
        pair.connect();
        pair.run_for(Duration::from_millis(300));
        let continuities: Vec<_> = pair.client.welcomes.iter().map(|welcome| welcome.continuity).collect();
        assert_eq!(continuities, [Continuity::New; 2], "{policy}");
    }
    let mut lossless = Pair::new(Setting::calm(Mode::OneStream, Policy::Lossless), Choices::seeded(1));
    lossless.run_for(Duration::from_millis(300));
    lossless.disconnect();
    lossless.client.session.handle_connected(lossless.now);
    let Some(ClientItem::Hello(mut hello)) = lossless.client.session.poll_transmit() else {
        panic!("a connection opens with a Hello");
    };
    assert_eq!(validate(&hello), Ok(()));
    hello.policy = Policy::BusySpin;
    assert_eq!(validate(&hello), Err(HelloError::ExhibitResume { policy: Policy::BusySpin }));
}
