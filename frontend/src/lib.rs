//! The page of Sluice, and the worker that runs each of its lanes: one wasm module, loaded and compiled once.
//!
//! ```text
//! worker (lane)  ──Report──▶  state::engine  ──each frame──▶  chart      canvases
//!       ▲                          │ └────────4 Hz─────────▶  signals ─▶ components
//!       └───────Command────────────┘◀──────── wanted set-up ── signals
//! ```
//! Four kinds of code: [`model`] is plain Rust; [`state`] holds the signals and the engine that joins them to the
//! workers; [`components`] are views; [`chart`] draws from the model. Messages never enter the reactive graph: a
//! worker measures them, and the page sees levels, columns and samples. Browser interfaces are called in
//! [`api`], [`browser`], [`clock`], [`dom`], [`frame_loop`], [`json`], [`lab_watch`], [`lazy`], [`worker_link`] and `chart::surface` alone.
//!
//! [`labs`] is a second module, loaded when its panel is opened first: HTML in text, without the reactive graph.

pub mod api;
pub mod bridge;
pub mod browser;
pub mod chart;
pub mod clock;
pub mod components;
pub mod dom;
pub mod frame_loop;
pub mod json;
pub mod lab_watch;
pub mod labs;
pub mod lane;
pub mod lazy;
pub mod model;
pub mod page;
pub mod state;
pub mod verdict;
pub mod worker_link;
