//! The hub: feeds in, bounded logs, subscribers out.
//!
//! A feed that somebody asks for becomes an instance with one log per stream. Messages are encoded once, as they enter
//! a log; a subscriber is a set of cursors, and is woken when its feeds have published.

mod catalogue;
mod instance;
mod signal;
mod subscription;

pub(crate) use catalogue::{FeedRefused, Hub, HubConfig};
pub(crate) use instance::FeedInstance;
pub(crate) use signal::{Signal, Stop};
pub(crate) use subscription::{Hold, Subscription};
