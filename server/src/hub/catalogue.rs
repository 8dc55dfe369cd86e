//! Which feeds run.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluice_shared::feed::FeedSpec;
use sluice_shared::ids::{Epoch, StreamId};
use sluice_shared::units::Amount;

use super::instance::{FeedCounters, FeedInstance};
use super::signal::Signal;
use super::subscription::{Hold, Subscription};
use crate::clock::Clock;
use crate::feeds::{self, FeedKind};
use crate::metrics::Metrics;

/// What a hub is made with.
#[derive(Clone, Debug)]
pub(crate) struct HubConfig {
    /// The feeds on offer.
    pub(crate) offered: Vec<FeedKind>,
    /// Readings a second of the `host` feed.
    pub(crate) host_rate_hz: u32,
}

/// All feeds that run, found by what makes them.
#[derive(Debug)]
pub(crate) struct Hub {
    epoch: Epoch,
    clock: Clock,
    config: HubConfig,
    metrics: Arc<Metrics>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    instances: Vec<Arc<FeedInstance>>,
    next_stream: u32,
}

/// Why a feed cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FeedRefused {
    /// This server has no such feed.
    #[error("this server does not offer the feed '{name}', but {offered}: choose one of these")]
    NotOffered {
        /// The feed asked for.
        name: &'static str,
        /// The feeds on offer.
        offered: String,
    },
    /// Too many different feeds run.
    #[error(
        "{} different feeds run here already: use the settings of one of them, or try again later",
        Hub::MAX_INSTANCES
    )]
    TooMany,
}

impl Hub {
    /// Most feed instances at a time.
    const MAX_INSTANCES: usize = 32;
    /// How long an instance runs on after the last subscriber, or session that could be resumed, has gone.
    const LINGER: Duration = Duration::from_secs(60);
    /// What one stream's log keeps at most.
    const STREAM_BOUND: Amount = Amount::new(65_536, 16 * 1024 * 1024);
    /// What the logs of one feed keep at most together, so that all logs stay below 1 GiB.
    const FEED_BOUND: Amount = Amount::new(131_072, 32 * 1024 * 1024);

    /// A hub without running feeds.
    pub(crate) fn new(epoch: Epoch, clock: Clock, config: HubConfig, metrics: Arc<Metrics>) -> Self {
        Self { epoch, clock, config, metrics, running: Mutex::default() }
    }

    /// This life of the hub.
    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The clock by which messages are stamped.
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// The feeds on offer.
    pub(crate) fn offered(&self) -> &[FeedKind] {
        &self.config.offered
    }

    /// Follows `specs`, each brought inside its ranges and counted once, and wakes `signal` when they publish.
    ///
    /// # Errors
    /// A feed is not on offer, or would be one too many. None is followed then.
    pub(crate) fn subscribe(
        &self,
        specs: &[FeedSpec],
        signal: &Arc<Signal>,
    ) -> Result<Subscription, FeedRefused> {
        let mut holds: Vec<Hold> = Vec::with_capacity(specs.len());
        for spec in specs {
            let spec = clamped(*spec);
            if holds.iter().all(|hold| hold.instance().spec() != spec) {
                holds.push(self.hold(spec)?);
            }
        }
        Ok(Subscription::new(holds, signal))
    }

    /// Starts the feed if it does not run, and keeps it running.
    ///
    /// # Errors
    /// The feed is not on offer, or would be one too many.
    pub(crate) fn hold(&self, spec: FeedSpec) -> Result<Hold, FeedRefused> {
        if !self.config.offered.contains(&FeedKind::of(&spec)) {
            let offered: Vec<_> = self.config.offered.iter().map(|kind| kind.name()).collect();
            return Err(FeedRefused::NotOffered { name: spec.name(), offered: offered.join(", ") });
        }
        let mut running = self.running.lock();
        if let Some(instance) = running.instances.iter().find(|instance| instance.spec() == spec) {
            return Ok(Hold::new(Arc::clone(instance), self.clock));
        }
        if running.instances.len() >= Self::MAX_INSTANCES && !running.drop_longest_idle() {
            return Err(FeedRefused::TooMany);
        }
        let instance = self.start(&mut running, spec);
        self.metrics.feed_instances.set(running.instances.len() as i64);
        Ok(Hold::new(instance, self.clock))
    }

    /// What the log of each stream keeps at most in a feed of so many streams, at least one.
    pub(crate) fn log_bound(streams: u64) -> Amount {
        let streams = streams.max(1);
        let share = Amount::new(Self::FEED_BOUND.messages / streams, Self::FEED_BOUND.bytes / streams);
        Self::STREAM_BOUND.min_each(share)
    }

    fn start(&self, running: &mut Running, spec: FeedSpec) -> Arc<FeedInstance> {
        let names = feeds::stream_names(&spec);
        let count = names.len() as u64;
        let instance = Arc::new(FeedInstance::new(
            spec,
            names,
            StreamId(running.next_stream),
            Self::log_bound(count),
            FeedCounters {
                published: self.metrics.feed_messages(spec.name()),
                malformed: self.metrics.feed_rejected(spec.name(), "malformed"),
            },
            self.clock.now(),
        ));
        running.next_stream += u32::try_from(count).unwrap_or(u32::MAX);
        running.instances.push(Arc::clone(&instance));
        tracing::info!(feed = spec.name(), streams = count, "feed started");
        feeds::start(&instance, self.clock, self.config.host_rate_hz);
        instance
    }

    /// Ends the feeds that nobody has needed for a while.
    pub(crate) fn sweep(&self) {
        let now = self.clock.now();
        let mut running = self.running.lock();
        running.instances.retain(|instance| {
            let over = instance.idle_since().is_some_and(|since| now.since(since) >= Self::LINGER);
            if over {
                instance.stop();
                tracing::info!(feed = instance.spec().name(), "feed ended: nobody follows it");
            }
            !over
        });
        self.metrics.feed_instances.set(running.instances.len() as i64);
    }

    /// Ends all feeds.
    pub(crate) fn stop(&self) {
        for instance in self.running.lock().instances.drain(..) {
            instance.stop();
        }
    }
}

impl Running {
    /// Makes room at the cost of the feed that nobody has needed for longest; whether there was one.
    fn drop_longest_idle(&mut self) -> bool {
        let idle = self.instances.iter().enumerate();
        let longest = idle.filter_map(|(index, instance)| Some((instance.idle_since()?, index))).min();
        let Some((_, index)) = longest else { return false };
        self.instances.swap_remove(index).stop();
        true
    }
}

/// The spec with each setting inside its range.
fn clamped(spec: FeedSpec) -> FeedSpec {
    match spec {
        FeedSpec::Ticks(ticks) => FeedSpec::Ticks(ticks.clamped()),
        FeedSpec::Host | FeedSpec::Stdin | FeedSpec::Publish => spec,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_shared::feed::TicksSpec;

    fn hub() -> Hub {
        let config = HubConfig { offered: vec![FeedKind::Ticks, FeedKind::Publish], host_rate_hz: 10 };
        Hub::new(Epoch(1), Clock::start(), config, Arc::new(Metrics::new()))
    }

    fn ticks(seed: u64) -> FeedSpec {
        FeedSpec::Ticks(TicksSpec { seed, rate: 1, streams: 2, ..TicksSpec::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_settings_share_one_instance() {
        let hub = hub();
        let (a, b) = (hub.hold(ticks(1)).expect("offered"), hub.hold(ticks(1)).expect("offered"));
        let other = hub.hold(ticks(2)).expect("offered");
        assert!(Arc::ptr_eq(a.instance(), b.instance()));
        assert_eq!(other.instance().streams()[0].id, StreamId(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_that_is_not_offered_is_refused_by_name() {
        let refused = hub().hold(FeedSpec::Host).expect_err("not offered");
        assert!(refused.to_string().contains("'host'"), "{refused}");
        assert!(refused.to_string().contains("ticks, publish"), "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_feed_too_many_is_refused_until_one_is_idle() {
        let hub = hub();
        let mut holds: Vec<_> =
            (0..Hub::MAX_INSTANCES as u64).map(|seed| hub.hold(ticks(seed)).expect("room")).collect();
        assert_eq!(hub.hold(ticks(999)).err(), Some(FeedRefused::TooMany));
        holds.truncate(5);
        hub.hold(ticks(999)).expect("an idle feed makes room");
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_ends_a_while_after_its_last_subscriber() {
        let hub = hub();
        let signal = Arc::new(Signal::default());
        let subscription = hub.subscribe(&[ticks(1), ticks(1)], &signal).expect("offered");
        assert_eq!(subscription.infos(|_| None).len(), 2, "a feed named twice counts once");
        let first = hub.hold(ticks(1)).expect("runs").instance().streams()[0].id;
        drop(subscription);
        tokio::time::advance(Hub::LINGER / 2).await;
        hub.sweep();
        assert_eq!(hub.hold(ticks(1)).expect("runs still").instance().streams()[0].id, first);
        tokio::time::advance(Hub::LINGER * 2).await;
        hub.sweep();
        assert_ne!(hub.hold(ticks(1)).expect("starts anew").instance().streams()[0].id, first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_publication_wakes_the_subscriber() {
        let hub = hub();
        let signal = Arc::new(Signal::default());
        let subscription = hub.subscribe(&[FeedSpec::Publish], &signal).expect("offered");
        let hold = hub.hold(FeedSpec::Publish).expect("offered");
        hold.instance().append(0, sluice_shared::ids::Key(0), hub.clock().now(), b"1").expect("small");
        hold.instance().wake();
        std::future::poll_fn(|cx| signal.poll_woken(true, cx)).await;
        let id = hold.instance().streams()[0].id;
        assert_eq!(subscription.view().head(id), Some(sluice_shared::ids::Seq(1)));
    }
}
