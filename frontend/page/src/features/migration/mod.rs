//! Migration panel: clients that change networks, outages, copied packets, and a balancer with several
//! backends.
//!
//! | module | concept |
//! |---|---|
//! | `model` | plain data: facts, effects on lanes, series, survival, settings and their link |
//! | `drawing` | pure geometry of the two drawings |
//! | `state` | signals of the panel, fed by the lab's reports and the page's snapshots |
//! | `actions` | what the buttons do, one long action at a time |
//! | `view` | components |

mod actions;
mod drawing;
mod model;
mod state;
pub mod view;
