//! A native client: a [`ClientSession`] driven over a real connection, with a consumer of a chosen pace.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use sluice_shared::feed::FeedSpec;
use sluice_shared::flow::WindowMode;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::{ClientConfig, ClientError, ClientSession, Delivered, Intake};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::clock::Clock;
use crate::connection::{Closed, ConnectError, Connection, Input, Output, encoded};
use crate::deadline::PATIENCE;
use crate::tally::Tally;
use crate::target::Target;

/// What a client asks for, and how it behaves.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The session's settings.
    pub config: ClientConfig,
    /// How fast it consumes.
    pub pace: Pace,
    /// The page that it pretends to come from.
    pub origin: Option<String>,
}

/// How fast a consumer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as messages come.
    AtOnce,
    /// This long for each message.
    Delay(Duration),
    /// It reads and consumes nothing.
    Never,
}

impl Lane {
    /// A lossless lane of `mode` on `feeds`, consumed at once, its window its own business.
    pub fn new(mode: Mode, feeds: impl Into<Vec<FeedSpec>>) -> Self {
        let config = ClientConfig {
            mode,
            feeds: feeds.into(),
            policy: Policy::Lossless,
            window: WindowMode::Auto,
            sample_every: Duration::from_millis(100),
            heartbeat: Duration::from_millis(250),
        };
        Self { config, pace: Pace::AtOnce, origin: None }
    }

    /// With another pace.
    #[must_use]
    pub const fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// With another policy.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.config.policy = policy;
        self
    }

    /// With a fixed window of `messages` messages and `bytes` bytes.
    #[must_use]
    pub const fn window(mut self, messages: u64, bytes: u64) -> Self {
        self.config.window = WindowMode::Fixed(Amount::new(messages, bytes));
        self
    }

    /// As a page of `origin`.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = Some(origin.into());
        self
    }
}

/// A client that runs in a task of its own until it is dropped.
#[derive(Debug)]
pub struct Client {
    mode: Mode,
    tally: Arc<Mutex<Tally>>,
    changed: watch::Receiver<u64>,
    commands: mpsc::Sender<Command>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Command {
    Pace(Pace),
    Policy(Policy),
    Window(WindowMode),
    Feeds(Vec<FeedSpec>),
    Cut,
    Abandon,
    Close,
}

impl Client {
    /// Connects; the session is then driven until the client is dropped, closed, or the server closes.
    ///
    /// # Errors
    /// The server refuses the connection or does not answer.
    pub async fn connect(target: &Target, lane: Lane) -> Result<Self, ConnectError> {
        let connection = Connection::open(target, lane.config.mode, lane.origin.as_deref()).await?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let (notify, changed) = watch::channel(0);
        let (commands, orders) = mpsc::channel(8);
        let clock = Clock::start();
        let mode = lane.config.mode;
        let driver = Driver {
            session: ClientSession::new(lane.config.clone(), clock.now()),
            clock,
            target: target.clone(),
            lane,
            tally: Arc::clone(&tally),
            notify,
            intakes: BTreeMap::new(),
            in_hand: None,
            unsent: None,
            zombies: JoinSet::new(),
        };
        let task = tokio::spawn(driver.run(connection, orders));
        Ok(Self { mode, tally, changed, commands, task })
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
        let give_up = Instant::now() + PATIENCE;
        let mut changed = self.changed.clone();
        loop {
            changed.mark_unchanged();
            if condition(&self.tally()) {
                return;
            }
            let news = timeout_at(give_up, changed.changed()).await;
            if news.is_err() || (matches!(news, Ok(Err(_))) && !condition(&self.tally())) {
                let (mode, seen) = (self.mode, self.tally().summary());
                panic!("{mode}: waited {PATIENCE:?} at most, in vain, until {what}; seen: {seen}");
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

    /// Cuts the connection off without a word, and resumes the session over another.
    pub async fn cut(&self) {
        self.order(Command::Cut).await;
    }

    /// Leaves the connection open but says nothing more on it, and resumes the session over another.
    pub async fn abandon(&self) {
        self.order(Command::Abandon).await;
    }

    /// Closes the connection in good order.
    pub async fn close(self) {
        self.order(Command::Close).await;
        self.until_closed().await;
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

struct Driver {
    session: ClientSession,
    clock: Clock,
    target: Target,
    lane: Lane,
    tally: Arc<Mutex<Tally>>,
    notify: watch::Sender<u64>,
    intakes: BTreeMap<u64, Intake>,
    /// What the consumer works on, and when it is done.
    in_hand: Option<(Delivered, Time)>,
    /// What the connection had no room for.
    unsent: Option<Bytes>,
    zombies: JoinSet<()>,
}

/// What ended one connection.
enum Ending {
    Cut,
    Abandoned,
    Over,
}

impl Driver {
    async fn run(mut self, mut connection: Connection, mut orders: mpsc::Receiver<Command>) {
        loop {
            match self.drive(&mut connection, &mut orders).await {
                Ending::Over => return,
                Ending::Cut => drop(connection),
                Ending::Abandoned => self.leave_behind(connection),
            }
            self.session.handle_disconnected();
            self.intakes.clear();
            self.unsent = None;
            match self.reconnect().await {
                Ok(next) => connection = next,
                Err(error) => {
                    self.tally.lock().errors.push(format!("no way back: {error}"));
                    self.publish();
                    return;
                }
            }
        }
    }

    /// A server that has just lost one connection may take a moment to accept another.
    async fn reconnect(&self) -> Result<Connection, ConnectError> {
        let give_up = Instant::now() + PATIENCE / 2;
        loop {
            let origin = self.lane.origin.as_deref();
            match Connection::open(&self.target, self.lane.config.mode, origin).await {
                Err(_) if Instant::now() < give_up => tokio::time::sleep(Duration::from_millis(20)).await,
                result => return result,
            }
        }
    }

    /// Keeps a connection open that nobody drives, and notes how the server ends it.
    fn leave_behind(&mut self, mut connection: Connection) {
        let (tally, notify) = (Arc::clone(&self.tally), self.notify.clone());
        self.zombies.spawn(async move {
            loop {
                if let Input::Closed(closed) = connection.next().await {
                    tally.lock().closed.push(closed);
                    notify.send_modify(|revision| *revision += 1);
                    return;
                }
            }
        });
    }

    async fn drive(&mut self, connection: &mut Connection, orders: &mut mpsc::Receiver<Command>) -> Ending {
        connection.set_reading(self.lane.pace != Pace::Never);
        self.session.handle_connected(self.clock.now());
        loop {
            self.work();
            self.transmit(connection);
            self.publish();
            let due = [self.session.poll_timeout().map(|(at, _)| at), self.in_hand.as_ref().map(|hand| hand.1)];
            let due = due.into_iter().flatten().min();
            let output = connection.output().clone();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => if let Some(ending) = self.obey(order, connection) { return ending },
                    None => return Ending::Over,
                },
                input = connection.next() => if self.take_in(input).is_err() { return Ending::Over },
                () = sleep_until(due.map_or_else(Instant::now, |due| self.clock.instant(due))), if due.is_some() => {}
                permit = output.reserve(), if self.unsent.is_some() => {
                    if let (Ok(permit), Some(bytes)) = (permit, self.unsent.take()) {
                        permit.send(Output::Bytes(bytes));
                    }
                }
            }
            let now = self.clock.now();
            if self.session.poll_timeout().is_some_and(|(at, _)| at <= now) {
                self.session.handle_timeout(now);
            }
        }
    }

    fn obey(&mut self, command: Command, connection: &Connection) -> Option<Ending> {
        match command {
            Command::Pace(pace) => {
                self.lane.pace = pace;
                connection.set_reading(pace != Pace::Never);
            }
            Command::Policy(policy) => self.session.set_policy(policy),
            Command::Window(window) => self.session.set_window(window),
            Command::Feeds(feeds) => self.session.set_feeds(feeds),
            Command::Cut => return Some(Ending::Cut),
            Command::Abandon => return Some(Ending::Abandoned),
            Command::Close => {
                // Without room the writer is stuck, and dropping the connection ends it as well.
                if connection.output().try_send(Output::Close).is_err() {
                    return Some(Ending::Over);
                }
            }
        }
        None
    }

    /// Hands an input to the session; `Err` when the connection is over.
    fn take_in(&mut self, input: Input) -> Result<(), ()> {
        let now = self.clock.now();
        let result = match input {
            Input::Frame(frame) => self.session.handle_frame(frame, now),
            Input::Chunk { stream, bytes } => {
                let intake = self.intakes.entry(stream).or_default();
                self.session.handle_stream_bytes(intake, &bytes, now)
            }
            Input::End { stream } => {
                self.intakes.remove(&stream);
                Ok(())
            }
            Input::Datagram(datagram) => self.session.handle_datagram(datagram, now),
            Input::Closed(closed) => {
                self.finish(|tally| tally.closed.push(closed));
                return Err(());
            }
        };
        let broken = |error: ClientError| self.finish(|tally| tally.errors.push(error.to_string()));
        result.map_err(broken)
    }

    fn finish(&mut self, note: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.lock();
        while let Some(event) = self.session.poll_event() {
            tally.note(event);
        }
        note(&mut tally);
        drop(tally);
        self.publish();
    }

    /// Tells the tally what happened, and consumes what the pace allows.
    fn work(&mut self) {
        let mut tally = self.tally.lock();
        while let Some(event) = self.session.poll_event() {
            tally.note(event);
        }
        tally.inbox_most = tally.inbox_most.max_each(self.session.inbox_hop(self.clock.now()).held);
        loop {
            let now = self.clock.now();
            match self.in_hand.take_if(|(_, done)| *done <= now) {
                Some((message, _)) => {
                    let age = now.since(self.session.local(message.header.produced_at));
                    tally.note_consumed(&message, age);
                    self.session.handle_consumed(message.bytes, now);
                }
                None if self.in_hand.is_some() => return,
                None => {}
            }
            let delay = match self.lane.pace {
                Pace::AtOnce => Duration::ZERO,
                Pace::Delay(delay) => delay,
                Pace::Never => return,
            };
            let Some(message) = self.session.poll_message() else { return };
            self.in_hand = Some((message, now + delay));
        }
    }

    fn transmit(&mut self, connection: &Connection) {
        while self.unsent.is_none()
            && let Some(item) = self.session.poll_transmit()
        {
            let bytes = encoded(&item);
            if let Err(mpsc::error::TrySendError::Full(Output::Bytes(bytes))) =
                connection.output().try_send(Output::Bytes(bytes))
            {
                self.unsent = Some(bytes);
            }
        }
    }

    fn publish(&self) {
        self.notify.send_modify(|revision| *revision += 1);
    }
}
