//! State of a lane that has been opened: its session, its consumer, and what is known of the server.
//! Owned by the driver's `Lane`, which forwards session events to it.

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

/// Lane state that lasts from one [`sluice_bridge::Command::Open`] to the next.
#[derive(Debug)]
pub(super) struct ActiveLane {
    /// True if the server runs a fault mode, without credit and without resume.
    pub(super) is_exhibit: bool,
    pub(super) session: ClientSession,
    pub(super) consumer: ConsumerSimulator,
    /// Server's last report on this connection, with its time of arrival.
    sample: Option<(ServerSample, Time)>,
    /// Transport facts from the last Welcome.
    pub(super) facts: Option<TransportFacts>,
    /// Duplicates before the last reset.
    pub(super) duplicates_before: u64,
    /// Duplicates before the current epoch.
    pub(super) duplicates_before_epoch: u64,
    /// Heartbeats answered since the origin of the server's clock last changed.
    pub(super) heartbeats: u32,
    /// Flood of the server, with its heartbeats.
    pub(super) flood_client: FloodClient,
    /// Newest certificate that has not been reported to the page.
    pub(super) certificate: Option<Certificate>,
    /// Time at which the next certificate is started automatically.
    certify_at: Time,
}

impl ActiveLane {
    /// Requested interval of server reports, the shortest allowed.
    const SAMPLE_EVERY: Duration = Duration::from_millis(100);
    /// Age from which a report no longer describes the server's queues: fifteen reports are missing.
    const SAMPLE_EXPIRES: Duration = Duration::from_millis(1_500);
    /// Interval between automatic certificates.
    const CERTIFY_EVERY: Duration = Duration::from_secs(10);
    /// Longest round trip at which the first heartbeat alone gives a usable clock offset. It waits behind the
    /// page's start-up work, so a slower one is too inaccurate.
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

    /// Starts a certificate that nothing was lost, if one is due.
    pub(super) fn certify_if_due(&mut self, now: Time) {
        if self.certify_at <= now && self.session.certify() {
            self.certify_at = now + Self::CERTIFY_EVERY;
        }
    }

    /// Stores the facts of a Welcome. Resets the heartbeat count after a server restart, which changes the
    /// clock's origin.
    pub(super) fn handle_welcome(&mut self, welcome: Welcome) {
        if welcome.continuity == Continuity::EpochChanged {
            self.heartbeats = 0;
        }
        self.facts = Some(welcome.facts);
    }

    /// Handles the loss of the connection: informs session and flood, and discards the server's last report.
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

    /// Returns the server's last report on this connection regardless of its age, for its counters.
    pub(super) fn last_sample(&self) -> Option<&ServerSample> {
        self.sample.as_ref().map(|(sample, _)| sample)
    }

    /// Returns the server's last report if it still describes the server's queues.
    pub(super) fn current_sample(&self, now: Time) -> Option<&ServerSample> {
        let (sample, received_at) = self.sample.as_ref()?;
        (now.since(*received_at) <= Self::SAMPLE_EXPIRES).then_some(sample)
    }

    /// Completes the messages that the consumer has finished by now.
    pub(super) fn run_consumer(&mut self, stats: &mut LaneStats, clock: &impl Clock, now: Time) {
        let (consumer, mut around) = self.around(stats, clock, now);
        consumer.run(&mut around);
    }

    /// Runs a computing consumer for one time slice.
    pub(super) fn compute(&mut self, stats: &mut LaneStats, clock: &impl Clock, now: Time) {
        let (consumer, mut around) = self.around(stats, clock, now);
        consumer.compute(&mut around);
    }

    /// Returns the server's clock minus the local one, microseconds; `None` until two heartbeats, or one fast
    /// enough, have come back.
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
        // The estimate searches recent heartbeats, so it is computed once for all messages of the turn.
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
