//! Certificates and TLS.

mod certificates;
mod issue;
mod real;
mod schedule;
mod settings;

pub(crate) use certificates::Certificates;
pub use real::LoadError;
pub(crate) use real::load;
pub(crate) use settings::{KeyLog, KeyedChain, for_https, for_quic};
