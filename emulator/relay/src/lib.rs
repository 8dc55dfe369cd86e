//! The network emulator in real time.
#![warn(missing_docs, clippy::cast_possible_truncation)]
