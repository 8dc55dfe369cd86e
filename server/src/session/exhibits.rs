//! Which failure exhibits run, and where they run.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use sluice_relay::NetworkId;
use sluice_shared::policy::Policy;
use sluice_shared::wire::CloseCode;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::carrier::Ended;
use crate::hub::{Signal, Stop};
use crate::metrics::Metrics;

/// The exhibits of a server: one at a time in each lab, and one for all connections that come through none. Those that
/// spin leave a core to everybody else, if the machine has one to spare.
#[derive(Debug)]
pub(super) struct Exhibits {
    most_spinning: usize,
    running: Mutex<Vec<Running>>,
    metrics: Arc<Metrics>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Running {
    lab: Option<NetworkId>,
    policy: Policy,
}

/// The right to be its lab's exhibit, until dropped.
#[derive(Debug)]
pub(super) struct Stage {
    exhibits: Arc<Exhibits>,
    running: Running,
}

impl Exhibits {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self { most_spinning: (cores - 1).max(1), running: Mutex::default(), metrics }
    }

    /// Lets an exhibit begin; `None` for a policy that is none.
    ///
    /// # Errors
    /// Another runs in the same lab, or too many keep a core busy.
    pub(super) fn enter(
        self: &Arc<Self>,
        lab: Option<NetworkId>,
        policy: Policy,
    ) -> Result<Option<Stage>, Ended> {
        if !policy.is_exhibit() {
            return Ok(None);
        }
        let mut all = self.running.lock();
        if let Some(other) = all.iter().find(|other| other.lab == lab) {
            let place = if lab.is_some() { "in this lab" } else { "outside of labs" };
            let name = other.policy.name();
            let reason =
                format!("an exhibit runs {place} already: '{name}'; end it, or wait until it is over");
            return Err(Ended::Refused(CloseCode::Overloaded, reason));
        }
        let spinning = all.iter().filter(|other| other.policy == Policy::BusySpin).count();
        if policy == Policy::BusySpin && spinning >= self.most_spinning {
            let reason =
                format!("{spinning} exhibits keep a core busy already, which is all that can be spared");
            return Err(Ended::Refused(CloseCode::Overloaded, reason));
        }
        let running = Running { lab, policy };
        all.push(running);
        self.metrics.exhibits.inc();
        Ok(Some(Stage { exhibits: Arc::clone(self), running }))
    }
}

impl Stage {
    /// Ends the exhibit; `how` is the cap's name, or who ended it.
    pub(super) fn leave(self, how: &'static str) {
        self.exhibits.metrics.exhibit_ended(self.running.policy.name(), how);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let mut all = self.exhibits.running.lock();
        if let Some(index) = all.iter().position(|other| *other == self.running) {
            all.swap_remove(index);
            self.exhibits.metrics.exhibits.dec();
        }
    }
}

/// Why a future has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoThread {
    #[error("no thread for it can be started: {0}")]
    Spawn(#[from] io::Error),
    #[error("its thread has failed")]
    Failed,
}

/// Runs `future` on a thread of its own, so that it keeps none of the runtime's from others however busy it is.
///
/// `signal` is asked to stop it when nobody waits for it any more.
///
/// # Errors
/// There is no thread for it, or it has panicked.
pub(super) async fn on_own_thread<T: Send + 'static>(
    signal: Arc<Signal>,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, NoThread> {
    let (send, receive) = oneshot::channel();
    let runtime = Handle::current();
    thread::Builder::new().name("busy-spin".to_owned()).spawn(move || {
        // Nobody takes the result of what was stopped because nobody waits.
        drop(send.send(runtime.block_on(future)));
    })?;
    let _stop_when_dropped = StopWhenDropped(signal);
    receive.await.map_err(|_| NoThread::Failed)
}

struct StopWhenDropped(Arc<Signal>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop(Stop::GoingAway);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_exhibit_runs_at_a_time_in_each_lab() {
        let exhibits = Arc::new(Exhibits::new(Arc::new(Metrics::new())));
        let first = exhibits.enter(None, Policy::Unbounded).expect("the stage is free").expect("an exhibit");
        assert!(matches!(
            exhibits.enter(None, Policy::BusySpin),
            Err(Ended::Refused(CloseCode::Overloaded, reason)) if reason.contains("'unbounded'")
        ));
        assert!(exhibits.enter(None, Policy::Lossless).expect("no exhibit").is_none());
        first.leave("memory");
        let text = exhibits.metrics.text().expect("text form");
        assert!(text.contains("sluice_exhibits 0"), "{text}");
        let ended = r#"sluice_exhibits_ended_total{policy="unbounded",end="memory"} 1"#;
        assert!(text.contains(ended), "{text}");
        assert!(exhibits.enter(None, Policy::BusySpin).expect("the stage is free").is_some());
    }

    #[test]
    fn no_more_exhibits_spin_than_there_are_cores_to_spare() {
        let relay = sluice_relay::Relay::start(crate::clock::Clock::start().for_relay()).expect("threads");
        let mut exhibits = Exhibits::new(Arc::new(Metrics::new()));
        exhibits.most_spinning = 2;
        let exhibits = Arc::new(exhibits);
        let labs =
            [1, 2, 3].map(|seed| relay.network(sluice_shared::link::NetworkProfile::none(), seed).id());
        let enter = |lab: usize, policy| exhibits.enter(Some(labs[lab]), policy);
        let _two = [0, 1].map(|lab| enter(lab, Policy::BusySpin).expect("a core to spare"));
        assert!(matches!(enter(2, Policy::BusySpin), Err(Ended::Refused(CloseCode::Overloaded, _))));
        assert!(enter(2, Policy::Unbounded).expect("it keeps no core busy").is_some());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_asked_to_stop() {
        let signal = Arc::new(Signal::default());
        let (seen, never) = (Arc::clone(&signal), std::future::pending::<()>());
        let run = on_own_thread(Arc::clone(&signal), async move {
            tokio::select! {
                () = std::future::poll_fn(|cx| seen.poll_woken(false, cx)) => {}
                () = never => {}
            }
        });
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), run).await.is_err());
        assert_eq!(signal.stopped(), Some(Stop::GoingAway));
    }
}
