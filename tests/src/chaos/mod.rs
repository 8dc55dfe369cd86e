//! Chaos: random things happen to native clients of every mode at once, and nothing may be lost without a word.
//!
//! A [`Plan`] follows from its seed alone. Its steps come in phases; after each the network is made clean, and what
//! must hold at every moment is checked: each message consumed once or in a gap with a reason, and credit never
//! overspent. At the end the server has to be empty.

mod draw;
mod house;
mod invariants;
mod plan;
mod run;

pub use draw::Draw;
pub use plan::{CLIENTS, Deed, LABS, Phase, Plan, Step};
pub use run::{Failure, Outcome, run};

/// Plans that have failed once, by seed and number of phases: replayed by the end-to-end tests.
pub const REGRESSIONS: &[(u64, usize)] = &[];
