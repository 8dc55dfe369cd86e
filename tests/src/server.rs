//! The server inside this process, on free ports.

use sluice_server::{Config, FeedKind, ListenAddress};
use sluice_shared::api::Info;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::deadline::{in_time, must};
use crate::logs::Logs;
use crate::target::{Target, info};

/// A running server; it ends with the test.
#[derive(Debug)]
pub struct Server {
    /// Where it is.
    pub target: Target,
    logs: Logs,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server with all feeds but standard input.
    ///
    /// # Panics
    /// It cannot start.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a server with other settings.
    ///
    /// # Panics
    /// It cannot start.
    pub async fn with(set: impl FnOnce(&mut Config)) -> Self {
        let logs = Logs::capture();
        let mut config = Config {
            http: ListenAddress::loopback(0),
            quic: ListenAddress::loopback(0),
            feeds: vec![FeedKind::Ticks, FeedKind::Host, FeedKind::Publish],
            host_rate_hz: 50,
            ..Config::default()
        };
        set(&mut config);
        let server = must("starting the server", sluice_server::Server::bind(config).await);
        let http = server.http_address();
        let (shutdown, stop) = oneshot::channel();
        let run = server.run(async move {
            // Whoever drops the handle wants the end as well.
            let _dropped = stop.await;
        });
        let task = tokio::spawn(run);
        let target = must("asking the server where it is", Target::of(http).await);
        Self { target, logs, shutdown, task }
    }

    /// What `/api/info` says.
    ///
    /// # Panics
    /// It says nothing.
    pub async fn info(&self) -> Info {
        must("asking the server", info(self.target.http).await)
    }

    /// Stops the server in good order, and fails the test if anything was logged as an error.
    ///
    /// # Panics
    /// It does not stop, or an error was logged.
    pub async fn stop(self) {
        // A server that has stopped by itself has logged why.
        let _stopped = self.shutdown.send(());
        must("stopping the server", in_time("the server stops", self.task).await);
        self.logs.assert_no_errors();
    }
}
