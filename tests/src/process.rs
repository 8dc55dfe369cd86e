//! The server as a process of its own.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsStr;
use std::future::ready;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::deadline::{PATIENCE, eventually, must};

/// A port that the system chooses.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Log lines kept.
const MOST_LINES: usize = 5_000;
/// What comes before the address when the server is ready.
const READY: &str = "Sluice is at http://";

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Page, API and WebSocket.
    pub http: SocketAddr,
    log: Log,
}

/// What a process has written to stderr.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    /// All lines that are kept, oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().iter().cloned().collect()
    }

    /// Lines at the level ERROR, and panics.
    pub fn errors(&self) -> Vec<String> {
        let is_error = |line: &&String| line.contains("ERROR") || line.contains("panicked at");
        self.0.lock().iter().filter(is_error).cloned().collect()
    }

    fn follow(&self, output: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut kept = log.0.lock();
                if kept.len() == MOST_LINES {
                    kept.pop_front();
                }
                kept.push_back(line);
            }
        });
    }
}

impl ServerProcess {
    /// Starts `sluice serve` on free ports.
    ///
    /// # Panics
    /// There is no server binary, or it does not get ready.
    pub async fn start<S: AsRef<OsStr>>(args: &[S]) -> Self {
        Self::start_all([ANY_PORT; 2], &[], args).await
    }

    /// Starts `sluice serve` at the addresses `http` and `quic`, where another server was.
    ///
    /// # Panics
    /// There is no server binary, it does not get ready, or somebody else keeps one of the ports.
    pub async fn start_at(http: SocketAddr, quic: SocketAddr) -> Self {
        // The system may have given one of them to another test's client meanwhile, and a server that cannot have
        // its UDP port starts all the same, with WebSocket alone.
        let are_free = || TcpListener::bind(http).is_ok() && UdpSocket::bind(quic).is_ok();
        eventually("the ports are free", || ready(are_free().then_some(()))).await;
        Self::start_all::<&str>([http, quic], &[], &[]).await
    }

    /// Starts `sluice serve` on free ports with more in its environment.
    ///
    /// # Panics
    /// There is no server binary, or it does not get ready.
    pub async fn start_with<S: AsRef<OsStr>>(environment: &[(&str, &str)], args: &[S]) -> Self {
        Self::start_all([ANY_PORT; 2], environment, args).await
    }

    async fn start_all<S: AsRef<OsStr>>(
        addresses: [SocketAddr; 2],
        environment: &[(&str, &str)],
        args: &[S],
    ) -> Self {
        let [http, quic] = addresses.map(|address| address.to_string());
        let mut command = Command::new(server_binary());
        command.args(["serve", "--http", &http, "--quic", &quic]).args(args);
        command.env("NO_COLOR", "1").envs(environment.iter().copied()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = must("starting the server", command.spawn());
        let log = Log::default();
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr);
        }
        let ready = timeout(PATIENCE, ready_at(&mut child, &log)).await;
        match ready {
            Ok(Some(http)) => Self { stdin: child.stdin.take(), child, http, log },
            Ok(None) | Err(_) => panic!("the server did not get ready; its log: {:#?}", log.lines()),
        }
    }

    /// The process id.
    ///
    /// # Panics
    /// The process has ended.
    pub fn id(&self) -> u32 {
        match self.child.id() {
            Some(id) => id,
            None => panic!("the server has ended; its log: {:#?}", self.log.lines()),
        }
    }

    /// What it has written to stderr.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Writes to its standard input.
    ///
    /// # Panics
    /// It has closed its standard input.
    pub async fn write_stdin(&mut self, text: &str) {
        let Some(stdin) = &mut self.stdin else { panic!("standard input is closed") };
        must("writing to the server", stdin.write_all(text.as_bytes()).await);
        must("writing to the server", stdin.flush().await);
    }

    /// Sends the signal that Ctrl-C sends.
    ///
    /// # Panics
    /// It cannot be sent.
    pub fn interrupt(&self) {
        let sent = Blocking::new("kill").args(["-INT", &self.id().to_string()]).status();
        assert!(must("running kill", sent).success(), "SIGINT could not be sent");
    }

    /// Waits until the process has ended, for `patience` at most.
    ///
    /// # Panics
    /// It goes on.
    pub async fn until_ended(&mut self, patience: Duration) -> ExitStatus {
        match timeout(patience, self.child.wait()).await {
            Ok(status) => must("waiting for the server", status),
            Err(_) => panic!("the server goes on after {patience:?}; its log: {:#?}", self.log.lines()),
        }
    }

    /// Ends the process at once, without a chance to say goodbye.
    ///
    /// # Panics
    /// It cannot be ended.
    pub async fn kill(&mut self) {
        must("killing the server", self.child.kill().await);
    }
}

async fn ready_at(child: &mut Child, log: &Log) -> Option<SocketAddr> {
    let mut lines = BufReader::new(child.stdout.take()?).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.split_once(READY).map(|(_, rest)| rest.trim_end_matches('/')) {
            let address = address.parse().ok();
            log.follow(lines.into_inner());
            return address;
        }
    }
    None
}

/// The server's binary: `SLUICE_BIN`, else the newer of what lies in the target folder.
///
/// # Panics
/// There is none.
pub fn server_binary() -> PathBuf {
    if let Some(named) = env::var_os("SLUICE_BIN") {
        return PathBuf::from(named);
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("sluice"));
    let changed = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
    match built.into_iter().filter(|path| path.is_file()).max_by_key(changed) {
        Some(path) => path,
        None => panic!("there is no server binary: run `cargo xtask test`, or name one in SLUICE_BIN"),
    }
}
