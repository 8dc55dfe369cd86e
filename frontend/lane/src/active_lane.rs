//! A lane that was asked to connect: its session, its consumer, and what it knows of the server.

use core::time::Duration;

use sluice_shared::certificate::Certificate;
use sluice_shared::session::{ClientConfig, ClientSession, Delivered};
use sluice_shared::time::Time;
use sluice_shared::wire::{Continuity, ServerSample, TransportFacts, Welcome};

use super::consumer::{ConsumerContext, ConsumerSimulator};
use super::flood_client::FloodClient;
use super::model::{ConsumptionTimes, LaneStats};
use super::platform::Clock;
use sluice_bridge::{FloodReport, Setup};

/// What lives from one [`sluice_bridge::Command::Open`] to the next.
#[derive(Debug)]
pub(super) struct ActiveLane {
    /// True if the server runs a fault mode, without credit and without resume.
    pub(super) is_exhibit: bool,
    pub(super) session: ClientSession,
    pub(super) consumer: ConsumerSimulator,
    /// The server's side, as last reported on this connection.
    sample: Option<(ServerSample, Time)>,
    /// What carries the lane, according to the last Welcome.
    pub(super) facts: Option<TransportFacts>,
    /// Duplicates before the last reset.
    pub(super) duplicates_before: u64,
    /// Duplicates before the current epoch.
    pub(super) duplicates_before_epoch: u64,
    /// Heartbeats that came back from the server's clock as it is.
    pub(super) heartbeats: u32,
    /// What it floods the server with.
    pub(super) flood_client: FloodClient,
    /// The newest certificate that the page has not been reported.
    pub(super) certificate: Option<Certificate>,
    /// When the next one is begun without being asked for.
    certify_at: Time,
}

impl ActiveLane {
    /// How often the server reports its side, as often as it may.
    const SAMPLE_EVERY: Duration = Duration::from_millis(100);
    /// State of the server's queues that is older than this is not known: fifteen reports are missing.
    const SAMPLE_EXPIRES: Duration = Duration::from_millis(1_500);
    /// How often a certificate is begun.
    const CERTIFY_EVERY: Duration = Duration::from_secs(10);
    /// The first heartbeat waits behind everything that a page does at its start: one that took longer than this, and
    /// is alone, tells too little of the offset between the clocks.
    const PROMPT: Duration = Duration::from_millis(2);

    pub(super) fn new(setup: Setup, now: Time) -> Self {
        let config = ClientConfig {
            mode: setup.mode,
            feeds: setup.feeds,
            policy: setup.policy,
            window: setup.window.into(),
            sample_every: Self::SAMPLE_EVERY,
            heartbeat: setup.upkeep.heartbeat,
        };
        let mut session = ClientSession::new(config, now);
        session.set_fragments(setup.fragment_bytes);
        Self {
            session,
            consumer: ConsumerSimulator::new(setup.consumer),
            is_exhibit: setup.policy.is_exhibit(),
            sample: None,
            facts: None,
            duplicates_before: 0,
            duplicates_before_epoch: 0,
            heartbeats: 0,
            flood_client: FloodClient::default(),
            certificate: None,
            certify_at: now,
        }
    }

    /// Proves that nothing was lost, every so often.
    pub(super) fn certify_if_due(&mut self, now: Time) {
        if self.certify_at <= now && self.session.certify() {
            self.certify_at = now + Self::CERTIFY_EVERY;
        }
    }

    /// The server has described the connection; one that has restarted counts time from another origin.
    pub(super) fn handle_welcome(&mut self, welcome: Welcome) {
        if welcome.continuity == Continuity::EpochChanged {
            self.heartbeats = 0;
        }
        self.facts = Some(welcome.facts);
    }

    /// The connection is gone, and what was known of its other side with it.
    pub(super) fn handle_disconnected(&mut self) {
        self.session.handle_disconnected();
        self.sample = None;
        self.flood_client.handle_disconnected();
    }

    /// Returns the state of its flood for the page.
    pub(super) fn flooding(&mut self, now: Time) -> FloodReport {
        let server = self.sample.map(|(sample, _)| sample.inbound).unwrap_or_default();
        self.flood_client.report(server, now)
    }

    /// Stores the server's report of its side, received at `now`.
    pub(super) fn handle_sample(&mut self, sample: ServerSample, now: Time) {
        self.sample = Some((sample, now));
    }

    /// Returns the server's last report on this connection, however old: what it counts stays counted.
    pub(super) fn last_sample(&self) -> Option<&ServerSample> {
        self.sample.as_ref().map(|(sample, _)| sample)
    }

    /// Returns the server's last report if it still describes the server's queues.
    pub(super) fn current_sample(&self, now: Time) -> Option<&ServerSample> {
        let (sample, received_at) = self.sample.as_ref()?;
        (now.since(*received_at) <= Self::SAMPLE_EXPIRES).then_some(sample)
    }

    /// Lets the consumer complete what is due.
    pub(super) fn run_consumer(&mut self, stats: &mut LaneStats, clock: &impl Clock, now: Time) {
        let (consumer, mut around) = self.around(stats, clock, now);
        consumer.run(&mut around);
    }

    /// Lets a computing consumer work for one turn.
    pub(super) fn compute(&mut self, stats: &mut LaneStats, clock: &impl Clock, now: Time) {
        let (consumer, mut around) = self.around(stats, clock, now);
        consumer.compute(&mut around);
    }

    /// The server's clock minus this one, microseconds, once it is known to within half of a small round trip.
    pub(super) fn clock_offset_micros(&self) -> Option<i64> {
        let clock = self.session.clock();
        let is_known = self.heartbeats > 1 || clock.min_rtt().is_some_and(|rtt| rtt <= Self::PROMPT);
        clock.offset_micros().filter(|_| is_known)
    }

    fn around<'a, C: Clock>(
        &'a mut self,
        stats: &'a mut LaneStats,
        clock: &'a C,
        now: Time,
    ) -> (&'a mut ConsumerSimulator, LaneContext<'a, C>) {
        // One look for all messages of the turn: the estimate is a search through recent heartbeats.
        let offset_micros = self.clock_offset_micros();
        (&mut self.consumer, LaneContext { session: &mut self.session, stats, clock, offset_micros, now })
    }
}

struct LaneContext<'a, C> {
    session: &'a mut ClientSession,
    stats: &'a mut LaneStats,
    clock: &'a C,
    offset_micros: Option<i64>,
    now: Time,
}

impl<C: Clock> ConsumerContext for LaneContext<'_, C> {
    fn next_message(&mut self) -> Option<Delivered> {
        self.session.poll_message()
    }

    fn handle_consumed(&mut self, message: Delivered, passage: ConsumptionTimes) {
        self.session.handle_consumed(&message, self.now);
        self.stats.record(&message, passage, self.offset_micros);
    }

    fn now(&mut self) -> Time {
        self.now = self.clock.now();
        self.now
    }
}
