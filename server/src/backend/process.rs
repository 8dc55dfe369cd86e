//! A backend's process, and the sessions that it carries.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_relay::SecretStore;
use sluice_shared::wire::CloseCode;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::child::ALIVE_EVERY;
use super::connection::Connection;
use super::frame::{FrameError, Frames, encode};
use super::message::{Identity, News, Order, Setup, ToBackend, ToServer};
use super::outbox::Outbox;
use super::processes::Processes;
use super::remote::Remote;
use crate::config::{BackendProgram, QuicTuning};
use crate::http::OriginRule;
use crate::labs::Labs;
use crate::session::Sessions;
use crate::tls::KeyedChain;
use crate::wt::{self, Admitted, Asked, Verdict};

/// How long a process may take to bind its endpoints.
const START_TIME: Duration = Duration::from_secs(10);
/// How long it may take to end when it is asked to.
const STOP_TIME: Duration = Duration::from_secs(1);

/// How often in a row it may say nothing for [`ALIVE_EVERY`]: it hangs then. So a server that was stopped itself for
/// however long counts that once.
const MOST_SILENCES: u32 = 10;

/// Why there is no process of a backend.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program cannot be run.
    #[error("{program} cannot be run: {source}")]
    Spawn {
        /// The executable.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The process does not do what a backend does.
    #[error("its process does not answer: {0}")]
    Mute(String),
    /// The process cannot bind its endpoints.
    #[error("{0}")]
    Failed(String),
}

/// What every process of a backend is told, the first and those after it.
pub(super) struct Role {
    pub(super) program: BackendProgram,
    pub(super) number: u8,
    pub(super) tunings: Vec<QuicTuning>,
    pub(super) reset_key: Vec<u8>,
    pub(super) identity: watch::Receiver<Arc<KeyedChain>>,
}

/// What the sessions of a backend need of the server.
#[derive(Clone)]
pub(crate) struct Context {
    /// Where sessions are.
    pub(crate) sessions: Arc<Sessions>,
    /// Which pages may connect.
    pub(crate) origins: OriginRule,
    /// The labs that lead here.
    pub(crate) labs: Arc<Labs>,
    /// What the emulator opens packets with.
    pub(crate) secrets: SecretStore,
    /// Where it is written down which backends there are.
    pub(crate) processes: Arc<Processes>,
}

/// A process whose endpoints are bound.
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    frames: Frames,
    addresses: Vec<SocketAddr>,
}

/// Why a process has ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server stops, and so did it.
    Stopped,
    /// By itself, or because somebody has killed it.
    Exited(String),
}

impl Process {
    /// Starts a process that binds `ports`, one for each tuning, 0 for any.
    ///
    /// # Errors
    /// The program cannot be run, or not do what it should.
    pub(super) async fn start(role: &mut Role, ports: &[u16]) -> Result<Self, ProcessError> {
        let mut command = Command::new(&role.program.executable);
        command.args(&role.program.arguments).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|source| ProcessError::Spawn {
            program: role.program.executable.display().to_string(),
            source,
        })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ProcessError::Mute("it has no pipes".to_owned()));
        };
        let setup = Setup {
            server: role.number,
            endpoints: role.tunings.iter().copied().zip(ports.iter().copied()).collect(),
            reset_key: role.reset_key.clone(),
            identity: Identity::of(&role.identity.borrow_and_update()),
        };
        let mut process = Self { child, input, output, frames: Frames::default(), addresses: Vec::new() };
        match timeout(START_TIME, process.set_up(setup)).await {
            Ok(Ok(())) => Ok(process),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ProcessError::Mute(format!("nothing within {} s", START_TIME.as_secs()))),
        }
    }

    async fn set_up(&mut self, setup: Setup) -> Result<(), ProcessError> {
        let mute = |error: FrameError| ProcessError::Mute(error.to_string());
        let frame = encode(&ToBackend::Setup(setup), b"").map_err(mute)?;
        self.input.write_all(&frame).await.map_err(|error| mute(error.into()))?;
        match self.frames.next(&mut self.output).await.map_err(mute)? {
            Some((ToServer::Ready(addresses), _)) => {
                self.addresses = addresses;
                Ok(())
            }
            Some((ToServer::Failed(why), _)) => Err(ProcessError::Failed(why)),
            Some((other, _)) => Err(ProcessError::Mute(format!("it begins with {other:?}"))),
            None => Err(ProcessError::Mute("it has ended".to_owned())),
        }
    }

    /// Where its endpoints are, by the tunings' order.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The number that the system has given it.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Serves its sessions until it ends, or `stop` says true and it has been asked to.
    pub(super) async fn serve(
        self,
        role: &mut Role,
        context: &Context,
        stop: &mut watch::Receiver<bool>,
    ) -> Ending {
        let Self { mut child, mut input, mut output, mut frames, .. } = self;
        let outbox = Arc::new(Outbox::default());
        let link = Link {
            context: context.clone(),
            tunings: role.tunings.clone(),
            outbox: Arc::clone(&outbox),
            remotes: Mutex::default(),
        };
        let why = tokio::select! {
            error = outbox.write(&mut input, || link.wake_all()) => {
                Some(format!("its standard input is closed ({error})"))
            }
            why = link.read(&mut frames, &mut output) => why,
            () = link.present(&mut role.identity) => None,
            () = context.processes.killed(role.number) => {
                if let Err(error) = child.start_kill() {
                    tracing::warn!(%error, "a backend's process cannot be killed");
                }
                None
            }
            () = link.stop(stop) => {
                end(&mut child).await;
                link.end_all();
                return Ending::Stopped;
            }
        };
        // Before anything is waited for: nobody is to be led here any more.
        context.note(role.number, None);
        link.end_all();
        drop(input);
        let status = end(&mut child).await;
        Ending::Exited(why.map_or_else(|| status.clone(), |why| format!("{status}, {why}")))
    }
}

impl Context {
    /// Writes down which process `backend` is, and has every lab know.
    pub(super) fn note(&self, backend: u8, process: Option<u32>) {
        self.processes.set(backend, process);
        self.labs.follow_process(backend);
    }
}

/// Waits until the process has ended, and has it killed if that takes too long; says how it ended.
async fn end(child: &mut Child) -> String {
    let said = |ended: io::Result<ExitStatus>| match ended {
        Ok(status) => status.to_string(),
        Err(error) => format!("nobody knows how ({error})"),
    };
    if let Ok(ended) = timeout(STOP_TIME, child.wait()).await {
        return said(ended);
    }
    if let Err(error) = child.start_kill() {
        tracing::warn!(%error, "a backend's process cannot be killed");
    }
    said(child.wait().await)
}

/// What connects the server with one process.
struct Link {
    context: Context,
    tunings: Vec<QuicTuning>,
    outbox: Arc<Outbox>,
    /// The connections that the process has, by their numbers there.
    remotes: Mutex<BTreeMap<u64, Arc<Remote>>>,
}

impl Link {
    /// Takes what the process says, until it says no more; why that is, unless it is the end.
    async fn read(&self, frames: &mut Frames, output: &mut ChildStdout) -> Option<String> {
        let mut silences = 0;
        loop {
            // What has come of a frame is kept when nobody waits for the rest.
            let Ok(heard) = timeout(ALIVE_EVERY, frames.next(output)).await else {
                silences += 1;
                if silences == MOST_SILENCES {
                    return Some(format!("it had said nothing for {} s", (ALIVE_EVERY * silences).as_secs()));
                }
                continue;
            };
            silences = 0;
            match heard {
                Ok(Some((ToServer::Session(number, news), bytes))) => self.hear(number, news, &bytes),
                Ok(Some((ToServer::Secret { label, client_random }, secret))) => {
                    self.context.secrets.log(&label, &client_random, &secret);
                }
                Ok(Some((ToServer::Alive, _))) => {}
                Ok(Some((other @ (ToServer::Ready(_) | ToServer::Failed(_)), _))) => {
                    return Some(format!("it has said {other:?} twice"));
                }
                Ok(None) => return None,
                Err(error) => return Some(error.to_string()),
            }
        }
    }

    fn hear(&self, number: u64, news: News, bytes: &Bytes) {
        let metrics = self.context.sessions.metrics();
        match news {
            News::Arrived => {
                let remote = Arc::new(Remote::new(number, Arc::clone(&self.outbox)));
                if self.remotes.lock().insert(number, remote).is_none() {
                    metrics.quic_connections.inc();
                }
            }
            News::Asked { endpoint, asked } => self.ask(number, endpoint, &asked),
            News::Gone { why } => {
                let remote = self.remotes.lock().remove(&number);
                if let Some(remote) = remote {
                    metrics.quic_connections.dec();
                    remote.end(&why);
                }
            }
            news @ (News::Opened { .. }
            | News::Accepted { .. }
            | News::Stray { .. }
            | News::OpenedUni { .. }
            | News::Read { .. }
            | News::ReadEnd { .. }
            | News::ReadFailed { .. }
            | News::Taken { .. }
            | News::WriteFailed { .. }
            | News::Settled { .. }
            | News::TakenDatagram { .. }
            | News::Sample { .. }) => {
                let remote = self.remotes.lock().get(&number).cloned();
                if let Some(remote) = remote
                    && let Err(error) = remote.take(news, bytes)
                {
                    tracing::error!(%error, "a backend breaks the rules between processes");
                    remote.close(CloseCode::Internal.webtransport(), "the server failed");
                    remote.end("its backend breaks the rules");
                }
            }
        }
    }

    /// Answers a client that asks for a session, and runs the session if it is let in.
    fn ask(&self, number: u64, endpoint: usize, asked: &Asked) {
        let Some(remote) = self.remotes.lock().get(&number).cloned() else { return };
        let Context { sessions, origins, labs, .. } = &self.context;
        let admitted = wt::admit(asked, sessions, origins, Some(labs));
        let verdict = admitted.as_ref().map_or_else(|verdict| *verdict, Admitted::verdict);
        remote.order(Order::Answer(verdict), b"");
        let Ok(admitted) = admitted else { return };
        let tuning = self.tunings.get(endpoint).copied().unwrap_or_default();
        tokio::spawn(run(remote, admitted, Arc::clone(sessions), tuning));
    }

    /// Has the process present each other certificate that there will be.
    async fn present(&self, identity: &mut watch::Receiver<Arc<KeyedChain>>) {
        while identity.changed().await.is_ok() {
            let present = ToBackend::Present(Identity::of(&identity.borrow_and_update()));
            self.outbox.push(Outbox::LINK, &present, b"");
        }
        std::future::pending().await
    }

    /// Completes when the server has stopped, and the process knows: after everything that its sessions had to say.
    async fn stop(&self, stop: &mut watch::Receiver<bool>) {
        drop(stop.wait_for(|stop| *stop).await);
        self.outbox.drained().await;
        self.outbox.push(Outbox::LINK, &ToBackend::Stop, b"");
        self.outbox.drained().await;
    }

    /// There is room for bytes of streams again.
    fn wake_all(&self) {
        for remote in self.remotes.lock().values() {
            remote.wake();
        }
    }

    /// All connections are over.
    fn end_all(&self) {
        for remote in std::mem::take(&mut *self.remotes.lock()).into_values() {
            self.context.sessions.metrics().quic_connections.dec();
            remote.end("the process of its backend has ended");
        }
    }
}

/// Runs a session, or watches over an echo, whose client was let in.
async fn run(remote: Arc<Remote>, admitted: Admitted, sessions: Arc<Sessions>, tuning: QuicTuning) {
    let connection = Connection::new(Arc::clone(&remote));
    if admitted.verdict() != Verdict::Echo {
        if remote.opened().await.is_err() {
            return;
        }
        return wt::serve(wt::Connection::Apart(connection), admitted, &sessions, tuning).await;
    }
    let mut stopping = sessions.stopping();
    let stops = async { drop(stopping.wait_for(|stopping| *stopping).await) };
    tokio::select! {
        () = connection.closed() => {}
        () = stops => {
            connection.close(CloseCode::GoingAway.webtransport(), "the server stops");
            connection.closed().await;
        }
    }
}
