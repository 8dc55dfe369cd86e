//! The policy's queue against a plain list.

use bytes::Bytes;

use super::*;
use crate::ids::{Key, Seq, StreamId};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A message of as many bytes as its position says, so that bytes are told apart.
fn message(stream: u32, key: u32, seq: u64) -> Queued {
    let item = Bytes::from(vec![0; usize::try_from(seq % 7 + 1).expect("small")]);
    let entry = LogEntry { seq: Seq(seq), key: Key(key), produced_at: Time::from_millis(seq), item };
    Queued { stream: StreamId(stream), entry }
}

fn pushed(policy: Policy, keys: &[u32]) -> (Vec<u64>, Vec<u64>) {
    let mut queue = PolicyQueue::default();
    let mut dropped = Vec::new();
    for (seq, &key) in (0..).zip(keys) {
        dropped.extend(queue.push(policy, message(0, key, seq)).map(|gone| gone.seq.0));
    }
    let mut kept = Vec::new();
    while let Some(message) = queue.pop() {
        kept.push(message.entry.seq.0);
    }
    (kept, dropped)
}

#[test]
fn drop_oldest_keeps_the_newest() {
    assert_eq!(pushed(Policy::DropOldest { limit: 2 }, &[0; 5]), (vec![3, 4], vec![0, 1, 2]));
}

#[test]
fn drop_newest_keeps_the_first() {
    assert_eq!(pushed(Policy::DropNewest { limit: 2 }, &[0; 5]), (vec![0, 1], vec![2, 3, 4]));
}

#[test]
fn latest_keeps_the_newest_of_each_key_in_the_place_of_the_first() {
    assert_eq!(pushed(Policy::Latest, &[7, 8, 7, 9, 7]), (vec![4, 1, 3], vec![0, 2]));
}

#[test]
fn a_smaller_limit_applies_to_what_waits() {
    let mut queue = PolicyQueue::default();
    for seq in 0..6 {
        assert_eq!(queue.push(Policy::DropOldest { limit: 9 }, message(0, 0, seq)), None);
    }
    let dropped = queue.set_policy(Policy::DropOldest { limit: 4 });
    assert_eq!(dropped.iter().map(|gone| gone.seq.0).collect::<Vec<_>>(), [0, 1]);
    let dropped = queue.set_policy(Policy::DropNewest { limit: 1 });
    assert_eq!(dropped.iter().map(|gone| gone.seq.0).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(queue.len(), 1);
}

#[test]
fn latest_conflates_what_waits_and_keeps_each_key_in_order() {
    let mut queue = PolicyQueue::default();
    queue.push(Policy::Latest, message(0, 7, 0));
    queue.set_policy(Policy::DropOldest { limit: 9 });
    queue.push(Policy::DropOldest { limit: 9 }, message(0, 7, 1));
    assert_eq!(queue.len(), 2);
    let dropped = queue.set_policy(Policy::Latest);
    assert_eq!(dropped, [Dropped { stream: StreamId(0), seq: Seq(0), reason: GapReason::Conflated }]);
    queue.push(Policy::Latest, message(0, 7, 2));
    assert_eq!(queue.pop().map(|message| message.entry.seq), Some(Seq(2)));
    assert!(queue.is_empty());
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// The rules on a plain list, as the policies' descriptions have them.
    fn push(list: &mut Vec<Queued>, policy: Policy, message: Queued) -> Vec<(u64, GapReason)> {
        let same = |other: &Queued| {
            (other.stream, other.entry.key) == (message.stream, message.entry.key) && policy == Policy::Latest
        };
        if let Some(place) = list.iter().position(same) {
            let older = core::mem::replace(&mut list[place], message);
            return vec![(older.entry.seq.0, GapReason::Conflated)];
        }
        match policy {
            Policy::DropNewest { limit } | Policy::SilentDrop { limit } if list.len() >= limit as usize => {
                return vec![(message.entry.seq.0, GapReason::DroppedNewest)];
            }
            Policy::Lossless
            | Policy::Latest
            | Policy::DropOldest { .. }
            | Policy::DropNewest { .. }
            | Policy::Unbounded
            | Policy::SilentDrop { .. }
            | Policy::BusySpin => list.push(message),
        }
        if let Policy::DropOldest { limit } = policy
            && list.len() > limit as usize
        {
            return vec![(list.remove(0).entry.seq.0, GapReason::DroppedOldest)];
        }
        vec![]
    }

    fn policies() -> impl Strategy<Value = Policy> {
        prop_oneof![
            Just(Policy::Lossless),
            Just(Policy::Latest),
            (1u32..6).prop_map(|limit| Policy::DropOldest { limit }),
            (1u32..6).prop_map(|limit| Policy::DropNewest { limit }),
            Just(Policy::Unbounded),
            (1u32..6).prop_map(|limit| Policy::SilentDrop { limit }),
        ]
    }

    #[derive(Clone, Debug)]
    enum Op {
        Push(u32, u32),
        Pop,
        PopOf(u32),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            3 => (0u32..3, 0u32..3).prop_map(|(stream, key)| Op::Push(stream, key)),
            1 => Just(Op::Pop),
            1 => (0u32..3).prop_map(Op::PopOf),
        ];
        prop::collection::vec(op, 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_queue_agrees_with_a_plain_list(policy in policies(), ops in ops()) {
            let mut queue = PolicyQueue::default();
            let mut list: Vec<Queued> = Vec::new();
            for (seq, op) in (0..).zip(ops) {
                let place = |queued: &Queued| (queued.stream, queued.entry.seq);
                match op {
                    Op::Push(stream, key) => {
                        let gone = queue.push(policy, message(stream, key, seq));
                        let expected = push(&mut list, policy, message(stream, key, seq));
                        let gone: Vec<_> = gone.iter().map(|gone| (gone.seq.0, gone.reason)).collect();
                        prop_assert_eq!(gone, expected);
                    }
                    Op::Pop => {
                        let expected = if list.is_empty() { None } else { Some(list.remove(0)) };
                        prop_assert_eq!(queue.pop().as_ref().map(place), expected.as_ref().map(place));
                    }
                    Op::PopOf(stream) => {
                        let at = list.iter().position(|queued| queued.stream == StreamId(stream));
                        prop_assert_eq!(
                            queue.front_of(StreamId(stream)).map(place),
                            at.map(|index| place(&list[index]))
                        );
                        let expected = at.map(|index| list.remove(index));
                        let popped = queue.pop_of(StreamId(stream));
                        prop_assert_eq!(popped.as_ref().map(place), expected.as_ref().map(place));
                    }
                }
                let held = Amount::new(list.len() as u64, list.iter().map(|queued| queued.entry.bytes()).sum());
                prop_assert_eq!(queue.hop(policy, Time::ZERO).held, held);
                prop_assert_eq!(queue.front().map(place), list.first().map(place));
            }
        }

        #[test]
        fn another_policy_keeps_what_it_would_have_kept(
            before in policies(),
            after in policies(),
            keys in prop::collection::vec((0u32..3, 0u32..3), 0..20),
        ) {
            let mut queue = PolicyQueue::default();
            let mut waiting = Vec::new();
            for (seq, (stream, key)) in (0..).zip(keys) {
                queue.push(before, message(stream, key, seq));
                push(&mut waiting, before, message(stream, key, seq));
            }
            let all: Vec<(StreamId, Key, Seq)> =
                waiting.iter().map(|queued| (queued.stream, queued.entry.key, queued.entry.seq)).collect();
            let gone: Vec<Seq> = queue.set_policy(after).iter().map(|gone| gone.seq).collect();
            let mut kept = Vec::new();
            while let Some(message) = queue.pop() {
                kept.push((message.stream, message.entry.key, message.entry.seq));
            }
            let expected: Vec<_> = all.iter().copied().filter(|(.., seq)| !gone.contains(seq)).collect();
            prop_assert_eq!(&kept, &expected, "order is kept, and nothing goes unreported");
            let limit = match after {
                Policy::Lossless
                | Policy::DropOldest { .. }
                | Policy::DropNewest { .. }
                | Policy::Unbounded
                | Policy::SilentDrop { .. }
                | Policy::BusySpin => after.limit().map_or(all.len(), |limit| all.len().min(limit as usize)),
                Policy::Latest => {
                    let mut keys: Vec<_> = all.iter().map(|&(stream, key, _)| (stream, key)).collect();
                    keys.sort_unstable();
                    keys.dedup();
                    keys.len()
                }
            };
            prop_assert_eq!(kept.len(), limit);
        }
    }
}
