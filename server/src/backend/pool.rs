//! The backends of a server, as far as they are processes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sluice_shared::lab::LabEvent;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::process::{Context, Ending, Process, ProcessError, Role};
use super::processes::Processes;
use crate::config::{BackendProgram, QuicTuning};
use crate::tls::KeyedChain;
use crate::wt;

/// How long it takes to start a process again, at first; twice as long after each that has not lasted.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// A process that has lasted for so long has lasted.
const LASTING: Duration = Duration::from_secs(30);

/// All backends, each with its first process.
pub(crate) struct Backends {
    all: Vec<(Role, Process)>,
    identity: watch::Sender<Arc<KeyedChain>>,
    processes: Arc<Processes>,
}

/// How all backends get another certificate.
pub(crate) struct Presenter(watch::Sender<Arc<KeyedChain>>);

impl Backends {
    /// Starts a process for each backend that a balancer may have, with an endpoint for each of `tunings`.
    ///
    /// # Errors
    /// One of them cannot be started.
    pub(crate) async fn start(
        program: &BackendProgram,
        tunings: &[QuicTuning],
        group: &wt::Group,
        identity: KeyedChain,
    ) -> Result<Self, ProcessError> {
        let identity = watch::Sender::new(Arc::new(identity));
        let processes = Arc::new(Processes::new(LabEvent::MAX_BACKENDS));
        let start = async |number| {
            let mut role = Role {
                program: program.clone(),
                number,
                tunings: tunings.to_vec(),
                reset_key: group.key().to_vec(),
                identity: identity.subscribe(),
            };
            let process = Process::start(&mut role, &vec![0; tunings.len()]).await?;
            tracing::info!(backend = number, process = process.id(), "a backend is a process");
            processes.set(number, process.id());
            Ok::<_, ProcessError>((role, process))
        };
        // All at once: each takes a while to be there.
        let all = futures_util::future::try_join_all((0..LabEvent::MAX_BACKENDS).map(start)).await?;
        Ok(Self { all, identity, processes })
    }

    /// Which of them there are.
    pub(crate) const fn processes(&self) -> &Arc<Processes> {
        &self.processes
    }

    /// Where the endpoints of one tuning are, by the backends' numbers.
    pub(crate) fn addresses(&self, tuning: usize) -> Option<Vec<SocketAddr>> {
        self.all.iter().map(|(_, process)| process.addresses().get(tuning).copied()).collect()
    }

    /// Serves all until `stop` says true, on `tasks`; a process that ends is started again.
    pub(crate) fn serve(
        self,
        context: &Context,
        stop: &watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) -> Presenter {
        for (role, process) in self.all {
            tasks.spawn(supervise(role, process, context.clone(), stop.clone()));
        }
        Presenter(self.identity)
    }
}

impl Presenter {
    /// Presents another certificate to new connections.
    pub(crate) fn present(&self, identity: KeyedChain) {
        self.0.send_replace(Arc::new(identity));
    }
}

/// Serves one backend: by its process, and by another one at the same ports when that has ended.
async fn supervise(mut role: Role, mut process: Process, context: Context, mut stop: watch::Receiver<bool>) {
    let ports: Vec<u16> = process.addresses().iter().map(SocketAddr::port).collect();
    let mut backoff = Backoff::new();
    loop {
        context.note(role.number, process.id());
        let since = Instant::now();
        match process.serve(&mut role, &context, &mut stop).await {
            Ending::Stopped => return,
            Ending::Exited(how) => {
                tracing::warn!(backend = role.number, how, "a backend's process has ended");
            }
        }
        let mut lasted = since.elapsed();
        process = loop {
            tokio::select! {
                () = sleep(backoff.after(lasted)) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            lasted = Duration::ZERO;
            match Process::start(&mut role, &ports).await {
                Ok(process) => break process,
                Err(error) => {
                    tracing::warn!(backend = role.number, %error, "a backend's process cannot be started");
                }
            }
        };
        tracing::info!(backend = role.number, process = process.id(), "a backend's process is back");
    }
}

/// How long it takes until a process is started again.
struct Backoff {
    next: Duration,
}

impl Backoff {
    const fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    /// The pause after a process that has lasted for `lasted`, which is zero if it could not be started.
    fn after(&mut self, lasted: Duration) -> Duration {
        let pause = if lasted >= LASTING { FIRST_PAUSE } else { self.next };
        self.next = (2 * pause).min(LONGEST_PAUSE);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_does_not_last_is_started_again_ever_later_and_one_that_has_lasted_soon() {
        let mut backoff = Backoff::new();
        let mut pauses = |lasted_secs: u64, times: usize| -> Vec<u128> {
            let pause = |_| backoff.after(Duration::from_secs(lasted_secs)).as_millis();
            (0..times).map(pause).collect()
        };
        assert_eq!(pauses(29, 6), [500, 1_000, 2_000, 4_000, 8_000, 8_000]);
        assert_eq!(pauses(30, 2), [500, 500]);
        assert_eq!(pauses(0, 2), [1_000, 2_000]);
    }
}
