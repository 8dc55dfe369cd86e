//! BBR version 1: the sending rate follows a model of the path instead of its losses.
//!
//! Cardwell et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14 (5), 2016, in the form that Linux 6.x has as
//! `bbr` (`tcp_bbr.c`), in its integers. The model has two numbers: the most that was delivered of late per time, and the
//! least round trip of late.
//!
//! | file | concept |
//! |---|---|
//! | `bandwidth.rs` | rates in fixed point, and what follows from one |
//! | `mode.rs` | the four modes, their gains, and the cycle of gains that looks for more |
//! | `full_pipe.rs` | whether the rate has stopped growing |
//! | `aggregation.rs` | how many packets are acknowledged at once |
//! | `policer.rs` | whether somebody drops all that is above a rate |
//! | `state.rs` | what the controller knows, and what it is told |
//! | `model.rs` | what an acknowledgment does to the model |
//! | `probe_rtt.rs` | the least round trip, and the pause that measures it again |
//! | `window.rs` | the congestion window that follows |

mod aggregation;
mod bandwidth;
mod full_pipe;
mod mode;
mod model;
mod policer;
mod probe_rtt;
mod state;
mod window;

pub(crate) use policer::Totals;
pub(crate) use state::{Bbr, PathState};
