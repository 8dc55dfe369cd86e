//! The page of Sluice: reads the workers' reports, draws them, and controls lanes and network.
//!
//! ```text
//! worker (lane)  ──Report──▶  engine  ──each frame──▶  charts     canvases
//!       ▲                        │ └────────4 Hz─────▶  signals ─▶ views
//!       └───────Command──────────┘◀────── wanted set-up ── signals
//! ```
//! [`engine`] joins the workers to the models and publishes summaries; [`app`] is the page as a whole; each folder of
//! [`features`] holds one feature's model, view and painting; [`charts`] has what all charts share. Messages never
//! enter the reactive graph: a worker measures them, and the page sees levels, columns and samples.

pub mod app;
pub mod charts;
pub mod controls;
pub mod engine;
pub mod features;
pub mod glossary;
pub mod labels;
mod short_list;
pub mod stories;
pub mod url;
pub mod verdict;
