//! The server under test and its labs.

use std::time::Duration;

use hyper::Method;
use sluice_shared::lab::Congestion;
use sluice_shared::mode::Mode;
use tokio::time::{Instant, sleep};

use super::plan::{LABS, MODES};
use crate::deadline::must;
use crate::host::{open_descriptors, resident_bytes};
use crate::lab::Lab;
use crate::metrics::Metrics;
use crate::process::ServerProcess;
use crate::target::{Target, info};

/// How long a server may take to end in good order.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long a server may take to notice that everybody has left: QUIC gives a silent peer 12 s.
const EMPTYING: Duration = Duration::from_secs(45);
/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// What the logs of the feeds may take, bytes: 32 MiB each, with what an entry costs beside its payload.
const LOGS_BYTES: u64 = 3 * 48 * 1024 * 1024;
/// What an allocator keeps of what connections have given back, bytes.
const SLACK_BYTES: u64 = 64 * 1024 * 1024;
/// Descriptors more than at the start: a question that is just being answered.
const SLACK_DESCRIPTORS: usize = 4;

/// A server in a process of its own, and its labs.
pub(super) struct House {
    process: ServerProcess,
    target: Target,
    pub(super) labs: Vec<Lab>,
    /// The life of the hub.
    pub(super) epoch: u64,
    at_start: Use,
}

/// What a process uses.
#[derive(Clone, Copy, Debug)]
struct Use {
    bytes: u64,
    descriptors: usize,
}

impl Use {
    fn of(process: &ServerProcess) -> Self {
        Self {
            bytes: must("reading memory", resident_bytes(process.id())),
            descriptors: must("counting descriptors", open_descriptors(process.id())),
        }
    }
}

impl House {
    /// A server on free ports, with its labs.
    pub(super) async fn open() -> Self {
        Self::with(ServerProcess::start::<&str>(&[]).await).await
    }

    async fn with(process: ServerProcess) -> Self {
        let target = must("asking the server where it is", Target::of(process.http).await);
        let at_start = Use::of(&process);
        let epoch = must("asking for the epoch", info(process.http).await).epoch;
        let mut labs = Vec::new();
        for _ in 0..LABS {
            labs.push(Lab::open(&target, r#"{"preset":"none"}"#).await);
        }
        Self { process, target, labs, epoch, at_start }
    }

    /// Another server at the same ports.
    pub(super) async fn restarted(mut self, is_orderly: bool) -> Self {
        if is_orderly {
            self.process.interrupt();
            let status = self.process.until_ended(FAREWELL).await;
            assert!(status.success(), "the server ended with {status}");
        } else {
            self.process.kill().await;
        }
        self.assert_no_errors();
        let Some(quic) = self.target.quic else { panic!("the server has no WebTransport") };
        Self::with(ServerProcess::start_at(self.target.http, quic).await).await
    }

    /// Where the client numbered `client` connects.
    pub(super) fn target(&self, client: usize) -> Target {
        let lane = u16::try_from(client % MODES.len()).unwrap_or(0);
        // Both controllers, whatever the mode.
        let congestion = Congestion::ALL[client % Congestion::ALL.len()];
        self.labs[lab_of(client)].target(lane, congestion)
    }

    /// Makes every network clean.
    pub(super) async fn make_clean(&mut self) {
        for lab in &mut self.labs {
            lab.set_link(r#"{"preset":"none"}"#).await;
            lab.event(r#"{"event":"block-udp","blocked":false}"#).await;
        }
    }

    /// Fails if the server has logged an error, or a panic.
    pub(super) fn assert_no_errors(&self) {
        let errors = self.process.log().errors();
        assert!(errors.is_empty(), "the server has logged errors: {errors:#?}");
    }

    /// Closes the labs, waits until nothing is left at the server, and says what it uses now.
    pub(super) async fn until_empty(&self) -> String {
        for lab in &self.labs {
            let answer = lab.call(Method::DELETE, "", "").await;
            assert_eq!(answer.status, 204, "closing a lab: {}", answer.text());
        }
        let give_up = Instant::now() + EMPTYING;
        loop {
            let metrics = Metrics::of(self.process.http).await;
            let left = |gauge: &str| metrics.sum(gauge, &[]);
            // The question itself comes over a connection.
            let tcp = left("sluice_tcp_connections") - 1.0;
            let (quic, sessions) = (left("sluice_quic_connections"), left("sluice_sessions"));
            let labs = left("sluice_labs");
            let now = Use::of(&self.process);
            let most_bytes = self.at_start.bytes + LOGS_BYTES + SLACK_BYTES;
            let most_descriptors = self.at_start.descriptors + SLACK_DESCRIPTORS;
            let is_empty = [tcp, quic, sessions, labs].iter().all(|gauge| *gauge < 0.5);
            if is_empty && now.bytes <= most_bytes && now.descriptors <= most_descriptors {
                let (mib, before) = (now.bytes >> 20, self.at_start.bytes >> 20);
                return format!(
                    "empty: {mib} MiB (at the start {before}), {} descriptors (at the start {})",
                    now.descriptors, self.at_start.descriptors
                );
            }
            assert!(
                Instant::now() < give_up,
                "the server is not empty {EMPTYING:?} after everybody left: {sessions} sessions, {tcp} TCP and \
                 {quic} QUIC connections, {labs} labs; {now:?}, at the start {:?}",
                self.at_start
            );
            sleep(ASK_EVERY).await;
        }
    }

    /// The last lines of the server's log.
    pub(super) fn last_log_lines(&self) -> Vec<String> {
        let lines = self.process.log().lines();
        lines[lines.len().saturating_sub(20)..].to_vec()
    }
}

/// The lab of the client numbered `client`.
pub(super) const fn lab_of(client: usize) -> usize {
    client / MODES.len()
}

/// The mode that the client numbered `client` begins with.
pub(super) const fn mode_of(client: usize) -> Mode {
    MODES[client % MODES.len()]
}
