//! Stories: short guided experiments of 4 to 7 steps, each with a prediction, a run and an answer in measured numbers.
//!
//! A story's words are data (`stories/en/*.toml`, see [`text`]); what its controls do, what is measured and what a run
//! has to show is a [`script`]. [`run`] is the experiment itself, without I/O; [`view`] is the lazily loaded view.

pub mod cards;
pub mod figures;
pub mod metric;
pub mod place;
pub mod run;
pub mod script;
pub mod scripts;
pub mod template;
pub mod text;
pub mod view;

#[cfg(test)]
mod consistency;
