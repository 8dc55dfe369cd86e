//! Being asked to end.

use std::io;
use std::sync::Arc;

use tokio::sync::Notify;

/// Completes at the first SIGINT or SIGTERM; the second ends the process at once.
pub(crate) fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let first = Arc::new(Notify::new());
    let seen = Arc::clone(&first);
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping; once more to stop at once");
        seen.notify_one();
        signals.next().await;
        std::process::exit(1);
    });
    Ok(async move { first.notified().await })
}

/// Ignores SIGINT and SIGTERM: a terminal or a service manager sends them to all processes of a server, which decides
/// by itself when its backends end.
pub(crate) fn ignore_interrupts() -> io::Result<()> {
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        loop {
            signals.next().await;
        }
    });
    Ok(())
}

/// The signals that ask the process to end.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "interrupts cannot be seen");
        }
    }
}
