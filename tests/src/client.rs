//! A native client: a session over a real connection, with a consumer of a chosen pace.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use sluice_shared::certificate::Certificate;
use sluice_shared::feed::FeedSpec;
use sluice_shared::flood::FloodStyle;
use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::connection::{Closed, ConnectError, Connection};
use crate::deadline::PATIENCE;
use crate::driver::{Command, Driver};
pub use crate::lane::{Lane, Pace};
use crate::tally::Tally;
use crate::target::Target;

/// A client that runs in a task of its own until it is dropped.
#[derive(Debug)]
pub struct Client {
    /// The mode that it was last told to use.
    mode: Mutex<Mode>,
    tally: Arc<Mutex<Tally>>,
    changed: watch::Receiver<u64>,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

impl Client {
    /// Connects; the session is then driven until the client is dropped, closed, or the server closes.
    ///
    /// # Errors
    /// The server refuses the connection or does not answer.
    pub async fn connect(target: &Target, lane: Lane) -> Result<Self, ConnectError> {
        let connection = Connection::open(target, lane.config.mode, lane.origin.as_deref()).await?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mode = lane.config.mode;
        let (driver, changed) = Driver::new(target.clone(), lane, Arc::clone(&tally));
        let (commands, orders) = mpsc::channel(8);
        let task = tokio::spawn(driver.run(connection, orders));
        Ok(Self { mode: Mutex::new(mode), tally, changed, commands, task })
    }

    /// How it carries messages, or will once it has moved.
    pub fn mode(&self) -> Mode {
        *self.mode.lock()
    }

    /// What it has seen so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock()
    }

    /// Waits until `condition` holds.
    ///
    /// # Panics
    /// It did not hold within [`PATIENCE`]; the panic says `what` was waited for and what was seen instead.
    pub async fn until(&self, what: &str, condition: impl Fn(&Tally) -> bool) {
        self.until_within(PATIENCE, what, condition).await;
    }

    /// Waits until `condition` holds, for `patience` at most.
    ///
    /// # Panics
    /// It did not hold within `patience`; the panic says `what` was waited for and what was seen instead.
    pub async fn until_within(&self, patience: Duration, what: &str, condition: impl Fn(&Tally) -> bool) {
        let give_up = Instant::now() + patience;
        let mut changed = self.changed.clone();
        loop {
            changed.mark_unchanged();
            if condition(&self.tally()) {
                return;
            }
            let news = timeout_at(give_up, changed.changed()).await;
            if news.is_err() || (matches!(news, Ok(Err(_))) && !condition(&self.tally())) {
                let (mode, seen) = (self.mode(), self.tally().summary());
                panic!("{mode}: waited {patience:?} at most, in vain, until {what}; seen: {seen}");
            }
        }
    }

    /// Waits until the server has said Welcome.
    ///
    /// # Panics
    /// It has not within [`PATIENCE`].
    pub async fn until_welcome(&self) {
        self.until("the server says Welcome", |tally| !tally.welcomes.is_empty()).await;
    }

    /// Waits until `messages` messages more than now are consumed or in gaps, without a hole before them.
    ///
    /// # Panics
    /// They are not within [`PATIENCE`].
    pub async fn until_settled(&self, messages: u64) {
        let goal = self.tally().settled_messages() + messages;
        self.until(&format!("{goal} messages are settled"), |tally| tally.settled_messages() >= goal).await;
    }

    /// Waits until the connection is over, and returns how it ended.
    ///
    /// # Panics
    /// It goes on for longer than [`PATIENCE`].
    pub async fn until_closed(&self) -> Closed {
        self.until("the connection ends", |tally| !tally.closed.is_empty()).await;
        self.tally().closed[0].clone()
    }

    /// Another pace from here on.
    pub async fn set_pace(&self, pace: Pace) {
        self.order(Command::Pace(pace)).await;
    }

    /// Another policy from here on.
    pub async fn set_policy(&self, policy: Policy) {
        self.order(Command::Policy(policy)).await;
    }

    /// Another window from here on.
    pub async fn set_window(&self, window: WindowMode) {
        self.order(Command::Window(window)).await;
    }

    /// Other feeds from here on.
    pub async fn set_feeds(&self, feeds: impl Into<Vec<FeedSpec>>) {
        self.order(Command::Feeds(feeds.into())).await;
    }

    /// Begins a certificate, unless one is on the way.
    pub async fn begin_certificate(&self) {
        self.order(Command::Certify).await;
    }

    /// Proves that nothing was lost, and waits for `patience` at most for what comes of it.
    ///
    /// # Panics
    /// Nothing comes of it.
    pub async fn certify(&self, patience: Duration) -> Certificate {
        let before = self.tally().certificates.len();
        self.begin_certificate().await;
        self.until_within(patience, "a certificate is issued", |tally| tally.certificates.len() > before)
            .await;
        self.tally().certificates[before].clone()
    }

    /// Floods the server with `bytes` bytes.
    pub async fn flood(&self, style: FloodStyle, bytes: u64) {
        self.order(Command::Flood(style, bytes)).await;
    }

    /// Cuts the connection off without a word, and resumes the session over another.
    pub async fn cut(&self) {
        self.order(Command::Cut).await;
    }

    /// Leaves the connection open but says nothing more on it, and resumes the session over another.
    pub async fn abandon(&self) {
        self.order(Command::Abandon).await;
    }

    /// Cuts the connection off without a word, and resumes the session at `target` over the transport of `mode`.
    pub async fn move_to(&self, target: &Target, mode: Mode) {
        *self.mode.lock() = mode;
        self.order(Command::Move(Box::new(target.clone()), mode)).await;
    }

    /// Closes the connection in good order.
    pub async fn close(self) {
        self.order(Command::Close).await;
        self.until_closed().await;
    }

    /// Closes the connection in good order, and does not come back; waits for that for `patience` at most.
    ///
    /// # Panics
    /// The connection goes on.
    pub async fn leave(&self, patience: Duration) {
        self.order(Command::Close).await;
        self.until_within(patience, "it has left", |tally| tally.has_left).await;
    }

    async fn order(&self, command: Command) {
        // A driver that has ended has told why in the tally.
        let _gone = self.commands.send(command).await;
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}
