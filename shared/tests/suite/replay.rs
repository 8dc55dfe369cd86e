//! The kept corpus of the fuzz targets, replayed without a fuzzer.

#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;

use crate::harness::credit::credit_ops;
use crate::harness::frames::frames;
use crate::harness::hostile::hostile_peers;
use crate::harness::pair::session_ops;

fn replay(target: &str, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is kept beside the targets") {
        let path = entry.expect("a readable folder").path();
        let data = fs::read(&path).expect("a readable file");
        eprintln!("{}", path.display());
        run(&data);
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn the_corpus_of_frames_passes() {
    replay("frames", frames);
}

#[test]
fn the_corpus_of_session_operations_passes() {
    replay("session_ops", session_ops);
}

#[test]
fn the_corpus_of_peers_without_manners_passes() {
    replay("hostile_peers", hostile_peers);
}

#[test]
fn the_corpus_of_credit_operations_passes() {
    replay("credit_ops", credit_ops);
}
