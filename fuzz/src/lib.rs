//! What the fuzz targets run. The interpreters are those of the shared crate's test suite, where the kept corpus is
//! replayed without a fuzzer.

// The suite uses more of its harness than the targets do.
#[path = "../../shared/tests/suite/harness/mod.rs"]
#[expect(dead_code, reason = "the suite's tests look closer than the targets do")]
mod harness;

/// Arbitrary bytes as frames and as byte streams.
pub fn frames(data: &[u8]) {
    harness::frames::frames(data);
}

/// A whole session: its setting, its network, and all that disturbs it.
pub fn session_ops(data: &[u8]) {
    harness::pair::session_ops(data);
}

/// One end of a session against a peer that keeps no rules; the first byte says which.
pub fn hostile_peers(data: &[u8]) {
    harness::hostile::hostile_peers(data);
}

/// Both halves of credit against a reference model.
pub fn credit_ops(data: &[u8]) {
    harness::credit::credit_ops(data);
}
