//! Clients that change networks, and the balancer in front of several backends: the second panel of this module.
//!
//! | file | concept |
//! |---|---|
//! | `panel.rs` | what is seen: watches the lab, fills the parts |
//! | `actions.rs` | what a click does |
//! | `skeleton.rs` | the panel before anything is known |
//! | `read.rs` | the lab's report from JSON |
//! | `drawing.rs` `scale.rs` | a change of networks on one time axis, as SVG |
//! | `life.rs` `lane_line.rs` `lane_facts.rs` | what the lanes say of it: their silence, and their way back part by part |
//! | `facts.rs` | the same change in numbers |
//! | `chain.rs` | connections that took each other's place |
//! | `backends.rs` | the balancer's backends and clients |
//! | `spoof.rs` | somebody who copies packets |
//! | `series.rs` | many changes one after the other, summed up |
//! | `tunnels.rs` | a tunnel, and a series of them |
//! | `survival.rs` `survival_chart.rs` | which connections came out of them |
//! | `lanes.rs` | what the page's own lanes say of themselves |

mod actions;
mod backends;
mod chain;
mod drawing;
mod facts;
mod lane_facts;
mod lane_line;
mod lanes;
mod life;
mod panel;
mod read;
#[cfg(test)]
mod samples;
mod scale;
mod series;
mod skeleton;
mod spoof;
mod survival;
mod survival_chart;
pub mod trail;
mod tunnels;

pub(crate) use panel::root;
