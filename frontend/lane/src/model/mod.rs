//! What a lane has measured, as plain Rust of bounded size: no browser, tested natively.

mod ages;
mod columns;
mod dots;
mod epoch;
mod gaps;
mod lifeline;
mod notes;
mod rates;
mod ring;
mod silences;
mod stalls;
mod tally;

pub(super) use tally::{Passage, Tally};
