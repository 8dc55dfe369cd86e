//! The threads of the relay.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use sluice_shared::link::NetworkProfile;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::engine::Engine;
use crate::load::SAMPLE_EVERY;
use crate::network::Network;
use crate::pace::Pace;
use crate::platform::wake_on_time;

/// Emulates networks in real time, with two threads: one keeps the links' times, the other reads the sockets.
///
/// Clones share the threads; they end when the last clone and the last [`Network`] are dropped.
#[derive(Clone)]
pub struct Relay {
    threads: Arc<Threads>,
}

/// The relay's threads; dropping it ends them.
pub(crate) struct Threads {
    engine: Arc<Engine>,
    stop: watch::Sender<()>,
    running: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Starts the threads; all times will be those of `clock`.
    ///
    /// # Errors
    /// The system gives no thread, or nothing to wait for sockets with.
    pub fn start(clock: Clock) -> io::Result<Self> {
        let pace = Arc::new(Pace::new(clock));
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park({
                let pace = Arc::clone(&pace);
                move || pace.on_turn_end()
            })
            .on_thread_unpark({
                let pace = Arc::clone(&pace);
                move || pace.on_turn_begin()
            })
            .build()?;
        let engine = Arc::new(Engine::new(clock, pace, runtime.handle().clone()));
        let (stop, stopped) = watch::channel(());
        // Should the second thread not start, dropping this ends the first.
        let mut threads = Threads { engine: Arc::clone(&engine), stop, running: Vec::new() };
        threads.start("sluice-link", |engine| engine.agenda.run())?;
        threads.start("sluice-relay", move |engine| run(&runtime, engine, stopped))?;
        Ok(Self { threads: Arc::new(threads) })
    }

    /// The share of one core that both threads took over the last second. Always zero where the system is not Linux.
    pub fn load(&self) -> f32 {
        self.threads.engine.load.load()
    }

    /// A network whose weather begins now, without a connection yet.
    pub fn network(&self, profile: NetworkProfile, seed: u64) -> Network {
        Network::new(&self.threads.engine, &self.threads, profile, seed)
    }
}

impl Threads {
    fn start(&mut self, name: &str, run: impl FnOnce(&Engine) + Send + 'static) -> io::Result<()> {
        let engine = Arc::clone(&self.engine);
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            if let Err(error) = engine.load.include_this_thread() {
                tracing::warn!(%error, "the relay's load cannot be told");
            }
            if let Err(error) = wake_on_time() {
                tracing::debug!(%error, "packets may be late by 50 µs");
            }
            run(&engine);
        })?;
        self.running.push(thread);
        Ok(())
    }
}

/// Runs the tasks that read sockets until `stopped`.
fn run(runtime: &Runtime, engine: &Engine, mut stopped: watch::Receiver<()>) {
    runtime.block_on(async {
        let mut samples = tokio::time::interval(SAMPLE_EVERY);
        loop {
            tokio::select! {
                _ = samples.tick() => engine.load.sample(),
                _ = stopped.changed() => return,
            }
        }
    });
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.send_replace(());
        self.engine.agenda.stop();
        let this = thread::current().id();
        for thread in self.running.drain(..).filter(|thread| thread.thread().id() != this) {
            if thread.join().is_err() {
                tracing::error!("a thread of the relay panicked");
            }
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("load", &self.load()).finish_non_exhaustive()
    }
}
