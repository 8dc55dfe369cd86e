//! The last outcomes by name, and one run at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluice_shared::handshake::{ClockKind, HandshakeError, HandshakeRequest, Probe};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Outcome, RunError, Trace};

/// Most outcomes that are kept.
const MOST_OUTCOMES: usize = 8;
/// Most bytes that all outcomes hold together.
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// What a packet of a ladder takes beside its text, bytes.
const RUNG_BYTES: usize = 160;
/// Most runs of each probe that a page may ask for in virtual time.
const MOST_VIRTUAL_RUNS: u32 = 100;
/// Most runs of each probe that a page may ask for in real time.
const MOST_REAL_RUNS: u32 = 5;
/// What all runs of a page's request may take, seconds.
const MOST_SECONDS: f64 = 60.0;
/// What a run takes a processor, seconds, with room for a slow one.
const RUN_SECONDS: f64 = 0.02;
/// What replays, hostile datagrams and the table of both stacks take a processor, seconds, likewise.
const FACTS_SECONDS: f64 = 6.0;
/// Round trips of a run that a probe's count leaves out, on average: an earlier connection for the ticket, and its end.
const MORE_TRIPS: f64 = 2.5;
/// What a run sends both ways, bytes, with room for a large certificate and for more early data than the cap.
const RUN_BYTES: f64 = 16e3;
/// After how long a run in real time is given up, seconds.
const GIVEN_UP_SECONDS: f64 = 10.0;
/// How long a request waits for the one before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The handshake lab of a server: one run at a time, and what the last ones led to.
#[derive(Debug)]
pub(crate) struct Store {
    lab: Lab,
    turn: Arc<Semaphore>,
    /// The newest at the end.
    kept: Mutex<VecDeque<Arc<Outcome>>>,
}

/// What runs a request; it takes its time.
pub(crate) type Lab = fn(&HandshakeRequest) -> Result<Outcome, RunError>;

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// A setting is out of its range, or out of what a page may ask for.
    #[error(transparent)]
    OutOfRange(#[from] HandshakeError),
    /// Another run goes on.
    #[error("another run of the handshake lab goes on: try again in a few seconds")]
    Busy,
    /// The lab failed.
    #[error("{0}")]
    Failed(String),
}

impl Store {
    /// One without outcomes, which gets them from `lab`.
    pub(crate) fn new(lab: Lab) -> Self {
        Self { lab, turn: Arc::new(Semaphore::new(1)), kept: Mutex::default() }
    }

    /// Runs what a page asks for, and keeps the outcome under its name.
    ///
    /// A caller who goes away ends nothing: the run holds its turn until it is over.
    ///
    /// # Errors
    /// It is not to be had, or another run goes on for longer than some seconds.
    pub(crate) async fn run(&self, request: HandshakeRequest) -> Result<Arc<Outcome>, Refused> {
        check(&request)?;
        let turn = timeout(PATIENCE, Arc::clone(&self.turn).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Refused::Busy) };
        let lab = self.lab;
        let done = tokio::task::spawn_blocking(move || {
            let outcome = lab(&request);
            drop(turn);
            outcome
        });
        let outcome = done.await.map_err(|error| Refused::Failed(error.to_string()))?;
        let outcome = outcome.map_err(|error| match error {
            RunError::OutOfRange(error) => Refused::OutOfRange(error),
            RunError::Lab(_) => Refused::Failed(error.to_string()),
        })?;
        Ok(self.keep(outcome))
    }

    /// The outcome of that name.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Outcome>> {
        self.kept.lock().iter().find(|outcome| outcome.report.id == id).map(Arc::clone)
    }

    /// Keeps an outcome; the oldest make room.
    fn keep(&self, mut outcome: Outcome) -> Arc<Outcome> {
        let mut left = MOST_BYTES;
        // Of one that is too large itself, the first probes' packets are kept.
        outcome.traces.retain(|_, trace| {
            let size = size(trace);
            let has_room = size <= left;
            left -= if has_room { size } else { 0 };
            has_room
        });
        let outcome = Arc::new(outcome);
        let mut kept = self.kept.lock();
        kept.push_back(Arc::clone(&outcome));
        while kept.len() > MOST_OUTCOMES || kept.iter().map(|kept| held(kept)).sum::<usize>() > MOST_BYTES {
            kept.pop_front();
        }
        outcome
    }
}

fn held(outcome: &Outcome) -> usize {
    outcome.traces.values().map(size).sum()
}

/// About the bytes that a trace holds.
fn size(trace: &Trace) -> usize {
    let ladder: usize = trace
        .ladder
        .rungs
        .iter()
        .map(|rung| {
            let parts: usize =
                rung.parts.iter().map(|part| size_of_val(part) + part.name.len() + part.detail.len()).sum();
            RUNG_BYTES + rung.label.len() + parts
        })
        .sum();
    ladder + trace.pcapng.len() + trace.qlog.as_ref().map_or(0, Vec::len)
}

/// Whether a page may ask for that: in its ranges, and over within a minute or so.
fn check(request: &HandshakeRequest) -> Result<(), HandshakeError> {
    request.validate()?;
    let (most, clock) = match request.clock {
        ClockKind::Virtual => (MOST_VIRTUAL_RUNS, "virtual"),
        ClockKind::Real => (MOST_REAL_RUNS, "real"),
    };
    let probes = request.probes();
    let seconds: f64 = probes.iter().map(|probe| run_seconds(request, *probe)).sum();
    let left = MOST_SECONDS - if request.with_facts { FACTS_SECONDS } else { 0.0 };
    let fitting = most.min((left / seconds) as u32);
    if request.runs <= fitting {
        return Ok(());
    }
    let (field, value, expected) = match fitting {
        0 => (
            "probes",
            format!("{} of them", probes.len()),
            format!(
                "fewer: a run of each takes about {seconds:.0} s in {clock} time, and there are {left} s for \
                 all; or virtual time"
            ),
        ),
        _ => (
            "runs",
            request.runs.to_string(),
            format!(
                "1 to {fitting} runs of {} probes in {clock} time on this network; sluice handshake takes more",
                probes.len()
            ),
        ),
    };
    Err(HandshakeError { field, value, expected })
}

/// What one run of a probe takes, about, seconds.
fn run_seconds(request: &HandshakeRequest, probe: Probe) -> f64 {
    match request.clock {
        ClockKind::Virtual => RUN_SECONDS,
        ClockKind::Real => RUN_SECONDS + waiting_seconds(request, probe),
    }
}

/// What one run of a probe waits for its network, about, seconds.
fn waiting_seconds(request: &HandshakeRequest, probe: Probe) -> f64 {
    let seconds = |trips: f64| trips * request.rtt_ms / 1e3;
    let preparing = seconds(MORE_TRIPS);
    if request.blackout_ms.is_some() {
        return preparing + GIVEN_UP_SECONDS;
    }
    let passing = request.rate_kbit.map_or(0.0, |rate| RUN_BYTES * 8.0 / (rate * 1e3));
    let resending = GIVEN_UP_SECONDS * request.loss_percent / 100.0;
    let probing = seconds(f64::from(probe.expected().first_byte)) + passing + resending;
    preparing + probing.min(GIVEN_UP_SECONDS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sluice_shared::handshake::{HandshakeReport, Ladder, Stack};

    use super::*;

    fn outcome(id: usize, bytes: usize) -> Outcome {
        let ladder = Ladder {
            probe: Probe::Http3Cold,
            stack: Stack::Quic,
            rungs: Vec::new(),
            marks: Vec::new(),
            end_micros: 0,
        };
        let trace = |bytes| Trace { ladder: ladder.clone(), pcapng: vec![0; bytes], qlog: None };
        let traces = BTreeMap::from([(Probe::Http2Cold, trace(1)), (Probe::Http3Cold, trace(bytes))]);
        let report = HandshakeReport {
            id: id.to_string(),
            request: HandshakeRequest::default(),
            probes: Vec::new(),
            replays: Vec::new(),
            hostile: None,
            facts: Vec::new(),
        };
        Outcome { report, traces }
    }

    fn kept(store: &Store) -> usize {
        (0..100).filter(|id: &usize| store.find(&id.to_string()).is_some()).count()
    }

    #[test]
    fn the_oldest_make_room() {
        let store = Store::new(|_| Ok(outcome(0, 10)));
        (0..20).for_each(|id| drop(store.keep(outcome(id, 10))));
        assert_eq!(kept(&store), MOST_OUTCOMES);
        assert!(store.find("11").is_none() && store.find("12").is_some());
        drop(store.keep(outcome(20, MOST_BYTES / 2)));
        drop(store.keep(outcome(21, MOST_BYTES / 2)));
        assert_eq!(kept(&store), 1, "two of that size and their small ones are too much");
        let large = store.keep(outcome(22, MOST_BYTES));
        assert_eq!(large.traces.keys().collect::<Vec<_>>(), [&Probe::Http2Cold], "the rest has no room");
        assert_eq!(kept(&store), 1 + 1, "what holds next to nothing takes nothing");
    }

    fn refusal(change: impl FnOnce(&mut HandshakeRequest)) -> String {
        let mut request = HandshakeRequest::default();
        change(&mut request);
        check(&request).expect_err("too much").to_string()
    }

    #[test]
    fn a_page_may_ask_for_what_is_over_in_a_minute() {
        assert_eq!(check(&HandshakeRequest::default()), Ok(()));
        let hundred = HandshakeRequest { runs: 100, ..HandshakeRequest::default() };
        assert_eq!(check(&hundred), Ok(()));
        let real =
            HandshakeRequest { clock: ClockKind::Real, with_facts: true, ..HandshakeRequest::default() };
        assert_eq!(check(&real), Ok(()));
        let error = refusal(|request| request.runs = 101);
        assert!(
            error.starts_with("runs is 101: it must be 1 to 100 runs of 18 probes in virtual"),
            "{error}"
        );
        let error = refusal(|request| {
            request.runs = 6;
            request.probes = vec![Probe::Wss];
            request.clock = ClockKind::Real;
        });
        assert!(error.starts_with("runs is 6: it must be 1 to 5 runs of 1 probes in real"), "{error}");
        let error = refusal(|request| {
            request.clock = ClockKind::Real;
            request.rtt_ms = 2_000.0;
        });
        assert!(error.starts_with("probes is 18 of them: it must be fewer"), "{error}");
        let error = refusal(|request| {
            request.clock = ClockKind::Real;
            request.runs = 3;
            request.blackout_ms = Some(50.0);
            request.probes = vec![Probe::Http2Cold, Probe::Http3Cold];
        });
        assert!(error.contains("1 to 2 runs of 2 probes in real time"), "{error}");
        let error = refusal(|request| request.rtt_ms = -1.0);
        assert_eq!(error, "rtt_ms is -1: it must be 1 to 2000 ms");
    }

    static RUNNING: AtomicUsize = AtomicUsize::new(0);

    /// Fails if another one runs.
    fn alone(_: &HandshakeRequest) -> Result<Outcome, RunError> {
        let before = RUNNING.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        RUNNING.fetch_sub(1, Ordering::SeqCst);
        if before == 0 { Ok(outcome(0, 10)) } else { Err(RunError::Lab("two at once".to_owned())) }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn runs_wait_for_each_other_and_are_found_by_their_names() {
        let store = Arc::new(Store::new(alone));
        let runs: Vec<_> = (0..5)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.run(HandshakeRequest::default()).await })
            })
            .collect();
        for run in runs {
            let outcome = run.await.expect("no panic").expect("its turn came");
            assert!(store.find(&outcome.report.id).is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_has_to_wait_for_long_is_refused() {
        let store = Store::new(|_| Ok(outcome(0, 10)));
        let turn = store.turn.acquire().await.expect("free");
        let refused = store.run(HandshakeRequest::default()).await.expect_err("taken");
        assert!(matches!(refused, Refused::Busy), "{refused}");
        drop(turn);
        assert!(store.run(HandshakeRequest::default()).await.is_ok());
    }
}
