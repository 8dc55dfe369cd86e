//! Random bytes as operations: peers without manners, and whole sessions.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::choices::Choices;
use crate::harness::frames::frames;
use crate::harness::hostile::hostile_peers;
use crate::harness::pair::session_ops;
use crate::seeds;

fn script(seed: u64, longest: u64) -> Vec<u8> {
    let mut choices = Choices::seeded(seed);
    (0..choices.below(longest)).map(|_| u8::try_from(choices.below(256)).expect("a byte")).collect()
}

#[test]
fn a_client_without_manners_hurts_no_server() {
    (0..seeds(3_000)).for_each(|seed| hostile_peers(&[&[0], &*script(seed, 800)].concat()));
}

#[test]
fn a_server_without_manners_hurts_no_client() {
    (0..seeds(3_000)).for_each(|seed| hostile_peers(&[&[1], &*script(seed, 800)].concat()));
}

#[test]
fn sessions_by_random_scripts_keep_every_promise() {
    (0..seeds(300)).for_each(|seed| session_ops(&script(seed, 600)));
}

#[test]
fn random_bytes_are_refused_or_read_the_same_in_any_chunks() {
    (0..seeds(3_000)).for_each(|seed| frames(&script(seed, 300)));
}
