//! Changes of networks as plain data: no signals, no elements.

pub(crate) mod balancer;
pub(crate) mod chain;
pub(crate) mod effect;
pub(crate) mod fact;
pub(crate) mod facts;
pub(crate) mod lane;
mod lane_facts;
pub(crate) mod link;
pub(crate) mod moment;
pub(crate) mod plan;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod series;
pub(crate) mod settings;
pub(crate) mod spoof;
pub(crate) mod survival;
