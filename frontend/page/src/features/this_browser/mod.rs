//! Measurements of this browser's own connections over the page's emulated network.
//!
//! | module | concept |
//! |---|---|
//! | `model` | times of each kind of connection, and what they mean: plain Rust, tested natively |
//! | `measure` | opens the connections |
//! | `state` | signals that outlive the view |
//! | `view` | components |

pub mod measure;
pub mod model;
pub mod state;
pub mod view;
