//! Chaos: random things happen to native clients of every mode at once, and nothing may be lost without a word.
//!
//! A [`Plan`] follows from its seed alone. Its steps come in phases; after each the network is made clean, and what
//! must hold at every moment is checked: each message consumed once or in a gap with a reason, credit never overspent,
//! and a continuity certificate that agrees with the account kept here. At the end the server has to be empty.

mod draw;
mod house;
mod invariants;
mod plan;
mod run;

pub use draw::Draw;
pub use plan::{CLIENTS, Deed, LABS, Phase, Plan, Step};
pub use run::{Failure, Outcome, run};

/// The plans that the end-to-end tests replay, by seed and number of phases: first one that has something of everything
/// and no blackout of more than a few seconds, then each that has failed once.
pub const KEPT: &[(u64, usize)] = &[(1_839, 2)];
