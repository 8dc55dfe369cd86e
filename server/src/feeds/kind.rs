//! The kinds of feeds, and how each is started.

use std::sync::Arc;

use sluice_shared::feed::FeedSpec;

use super::{host, stdin, ticks};
use crate::clock::Clock;
use crate::hub::FeedInstance;

/// A feed without its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum FeedKind {
    /// Deterministic messages made to measure, by a seed
    Ticks,
    /// This machine's CPU, memory, network and disk
    Host,
    /// One JSON value for each line of standard input
    Stdin,
    /// JSON values posted to /api/feeds/publish
    Publish,
}

impl FeedKind {
    /// The kind of `spec`.
    pub const fn of(spec: &FeedSpec) -> Self {
        match spec {
            FeedSpec::Ticks(_) => Self::Ticks,
            FeedSpec::Host => Self::Host,
            FeedSpec::Stdin => Self::Stdin,
            FeedSpec::Publish => Self::Publish,
        }
    }

    /// The name used in options, in `/api/info` and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticks => "ticks",
            Self::Host => "host",
            Self::Stdin => "stdin",
            Self::Publish => "publish",
        }
    }
}

/// What the streams of a feed are called.
pub(crate) fn stream_names(spec: &FeedSpec) -> Vec<String> {
    match spec {
        FeedSpec::Ticks(ticks) => (1..=ticks.streams).map(|number| format!("topic-{number}")).collect(),
        FeedSpec::Host | FeedSpec::Stdin | FeedSpec::Publish => vec![spec.name().to_owned()],
    }
}

/// Starts what publishes to `instance`.
pub(crate) fn start(instance: &Arc<FeedInstance>, clock: Clock, host_rate_hz: u32) {
    match instance.spec() {
        FeedSpec::Ticks(spec) => {
            let task = tokio::spawn(ticks::run(Arc::clone(instance), spec, clock));
            instance.set_producer(task.abort_handle());
        }
        FeedSpec::Host => {
            let task = tokio::spawn(host::run(Arc::clone(instance), host_rate_hz, clock));
            instance.set_producer(task.abort_handle());
        }
        FeedSpec::Stdin => stdin::start(Arc::clone(instance), clock),
        // Whoever posts publishes.
        FeedSpec::Publish => {}
    }
}
