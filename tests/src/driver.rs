//! How a native client runs: connection in, session, consumer, connection out.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use sluice_shared::feed::FeedSpec;
use sluice_shared::flood::{Flood, FloodStyle};
use sluice_shared::flow::WindowMode;
use sluice_shared::histogram::Histogram;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::{ClientError, ClientEvent, ClientSession, Delivered, Intake};
use sluice_shared::time::Time;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::clock::Clock;
use crate::connection::{ConnectError, Connection, Input, Output, encoded};
use crate::deadline::PATIENCE;
use crate::flood::Spout;
use crate::lane::{Lane, Pace};
use crate::tally::Tally;
use crate::target::Target;
use crate::timeline::{Moment, Timeline};

/// What a running client may be told.
#[derive(Debug)]
pub(crate) enum Command {
    Pace(Pace),
    Policy(Policy),
    Window(WindowMode),
    Feeds(Vec<FeedSpec>),
    Certify,
    Flood(FloodStyle, u64),
    Move(Box<Target>, Mode),
    Cut,
    Abandon,
    Close,
}

/// The session of a client, the connection that carries it, and the consumer behind it.
pub(crate) struct Driver {
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
    /// What waited of a flood at the last look, bytes.
    flood_waiting: usize,
    /// When this connection began, on this clock: what arrived before is of an earlier one.
    connected_at: Time,
    /// Whether the server has been silent for too long.
    is_silent: bool,
    /// Whether the end has been asked for.
    is_leaving: bool,
}

/// One try to connect.
type Attempt = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>;

/// How long one try may take: a handshake over the slowest network takes half of it.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long to wait before the next one: a server that has just lost a connection may take a moment to accept another.
const RETRY: Duration = Duration::from_millis(50);

/// How often a flood is looked at.
const FLOOD_LOOK: Duration = Duration::from_millis(10);

/// What ended one connection.
enum Ending {
    Cut,
    Abandoned,
    Over,
}

impl Driver {
    /// A session that has not connected yet, and what tells that `tally` has changed.
    pub(crate) fn new(target: Target, lane: Lane, tally: Arc<Mutex<Tally>>) -> (Self, watch::Receiver<u64>) {
        let (notify, changed) = watch::channel(0);
        let clock = Clock::start();
        let connected_at = clock.now();
        tally.lock().timeline = lane.is_timed.then(|| Timeline::new(clock));
        let session = ClientSession::new(lane.config.clone(), connected_at);
        let new = Self {
            session,
            clock,
            target,
            lane,
            tally,
            notify,
            intakes: BTreeMap::new(),
            in_hand: None,
            unsent: None,
            zombies: JoinSet::new(),
            flood_waiting: 0,
            connected_at,
            is_silent: false,
            is_leaving: false,
        };
        (new, changed)
    }

    pub(crate) async fn run(mut self, connection: Connection, orders: mpsc::Receiver<Command>) {
        self.go_on(connection, orders).await;
        self.finish(|tally| tally.has_left = true);
    }

    /// Drives one connection after the other until it is over.
    async fn go_on(&mut self, mut connection: Connection, mut orders: mpsc::Receiver<Command>) {
        loop {
            match self.drive(&mut connection, &mut orders).await {
                Ending::Over => return,
                Ending::Cut => drop(connection),
                Ending::Abandoned => self.leave_behind(connection),
            }
            self.session.handle_disconnected();
            self.tally.lock().see(self.clock.now(), Moment::Lost);
            self.intakes.clear();
            self.unsent = None;
            self.session.set_mode(self.lane.config.mode);
            match self.reconnect(&mut orders).await {
                Some(next) => connection = next,
                None => return,
            }
        }
    }

    /// Connects again, obeying and consuming meanwhile; `None` when that is over.
    async fn reconnect(&mut self, orders: &mut mpsc::Receiver<Command>) -> Option<Connection> {
        let give_up = Instant::now() + PATIENCE / 2;
        let mut attempt = self.attempt(Duration::ZERO);
        loop {
            self.work();
            self.publish();
            let due = self.in_hand.as_ref().map(|hand| self.clock.instant(hand.1));
            tokio::select! {
                order = orders.recv() => match order? {
                    Command::Move(target, mode) => {
                        self.follow_route(*target, mode);
                        self.session.set_mode(mode);
                        attempt = self.attempt(Duration::ZERO);
                    }
                    Command::Close => return None,
                    Command::Cut | Command::Abandon => {}
                    order @ (Command::Pace(_)
                    | Command::Policy(_)
                    | Command::Window(_)
                    | Command::Feeds(_)
                    | Command::Flood(..)
                    | Command::Certify) => self.adjust(order),
                },
                opened = &mut attempt => match opened {
                    Ok(connection) => return Some(connection),
                    Err(error) if !self.lane.comes_back && Instant::now() >= give_up => {
                        self.finish(|tally| tally.errors.push(format!("no way back: {error}")));
                        return None;
                    }
                    Err(_) => attempt = self.attempt(RETRY),
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    fn attempt(&self, wait: Duration) -> Attempt {
        let (target, mode, origin) = (self.target.clone(), self.lane.config.mode, self.lane.origin.clone());
        Box::pin(async move {
            sleep(wait).await;
            let opened = timeout(ATTEMPT, Connection::open(&target, mode, origin.as_deref())).await;
            opened.unwrap_or_else(|_| Err(ConnectError::Failed(format!("no answer within {ATTEMPT:?}"))))
        })
    }

    fn follow_route(&mut self, target: Target, mode: Mode) {
        self.target = target;
        self.lane.config.mode = mode;
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
        self.connected_at = self.clock.now();
        self.tally.lock().see(self.connected_at, Moment::Connected);
        self.session.handle_connected(self.connected_at);
        loop {
            self.work();
            if std::mem::take(&mut self.is_silent) {
                return Ending::Cut;
            }
            self.transmit(connection);
            let flood_due = self.flood_on(connection.spout());
            self.publish();
            let due = [
                self.session.poll_timeout().map(|(at, _)| at),
                self.in_hand.as_ref().map(|hand| hand.1),
                flood_due,
            ];
            let due = due.into_iter().flatten().min();
            let output = connection.output().clone();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => if let Some(ending) = self.obey(order, connection) { return ending },
                    None => return Ending::Over,
                },
                input = connection.next(), if self.reads_on() => if let Err(ending) = self.take_in(input) { return ending },
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

    /// Whether the consumer has time for what comes next.
    fn reads_on(&self) -> bool {
        let waiting = self.session.inbox_hop(self.clock.now()).held.messages;
        waiting == 0 || !matches!(self.lane.pace, Pace::Reads(_))
    }

    fn obey(&mut self, command: Command, connection: &Connection) -> Option<Ending> {
        match command {
            Command::Cut => return Some(Ending::Cut),
            Command::Abandon => return Some(Ending::Abandoned),
            Command::Move(target, mode) => {
                self.follow_route(*target, mode);
                return Some(Ending::Cut);
            }
            Command::Close => {
                self.is_leaving = true;
                // Without room the writer is stuck, and dropping the connection ends it as well.
                if connection.output().try_send(Output::Close).is_err() {
                    return Some(Ending::Over);
                }
            }
            order @ (Command::Pace(_)
            | Command::Policy(_)
            | Command::Window(_)
            | Command::Feeds(_)
            | Command::Flood(..)
            | Command::Certify) => {
                self.adjust(order);
                connection.set_reading(self.lane.pace != Pace::Never);
            }
        }
        None
    }

    /// Does what needs no connection.
    fn adjust(&mut self, command: Command) {
        match command {
            Command::Pace(pace) => self.lane.pace = pace,
            Command::Policy(policy) => self.session.set_policy(policy),
            Command::Window(window) => self.session.set_window(window),
            Command::Feeds(feeds) => self.session.set_feeds(feeds),
            Command::Certify => {
                self.session.certify();
            }
            Command::Flood(style, bytes) => {
                let mut tally = self.tally.lock();
                (tally.flood, tally.rtt_since_flood) = (Some(Flood::new(style, bytes)), Histogram::default());
            }
            Command::Move(..) | Command::Cut | Command::Abandon | Command::Close => {}
        }
    }

    /// Hands an input to the session; `Err` with how the connection ended.
    fn take_in(&mut self, input: Input) -> Result<(), Ending> {
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
            Input::Echo(bytes) => {
                self.session.handle_progress(now);
                self.tally.lock().note_echo(&bytes, now);
                Ok(())
            }
            Input::Closed(closed) => {
                self.finish(|tally| tally.closed.push(closed));
                return Err(if self.lane.comes_back && !self.is_leaving {
                    Ending::Cut
                } else {
                    Ending::Over
                });
            }
        };
        result.map_err(|error: ClientError| {
            self.finish(|tally| tally.errors.push(error.to_string()));
            Ending::Over
        })
    }

    fn finish(&mut self, note: impl FnOnce(&mut Tally)) {
        self.tell();
        note(&mut self.tally.lock());
        self.publish();
    }

    /// Tells the tally what happened.
    fn tell(&mut self) {
        let mut tally = self.tally.lock();
        while let Some(event) = self.session.poll_event() {
            if event == ClientEvent::Silent && self.lane.comes_back {
                self.is_silent = true;
                tally.silences += 1;
            } else {
                tally.note(event, self.connected_at, self.clock.now());
            }
        }
    }

    /// Tells the tally what happened, and consumes what the pace allows.
    fn work(&mut self) {
        self.tell();
        let mut tally = self.tally.lock();
        tally.inbox_most = tally.inbox_most.max_each(self.session.inbox_hop(self.clock.now()).held);
        loop {
            let now = self.clock.now();
            match self.in_hand.take_if(|(_, done)| *done <= now) {
                Some((message, _)) => {
                    let age = now.since(self.session.local(message.header.produced_at));
                    tally.note_consumed(&message, age);
                    self.session.handle_consumed(&message, now);
                }
                None if self.in_hand.is_some() => return,
                None => {}
            }
            let delay = match self.lane.pace {
                Pace::AtOnce => Duration::ZERO,
                Pace::Delay(delay) | Pace::Reads(delay) => delay,
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

    /// Hands over what a flood has, and says when to look again while there is something to look at.
    fn flood_on(&mut self, spout: &Spout) -> Option<Time> {
        let now = self.clock.now();
        let mut tally = self.tally.lock();
        let flood = tally.flood.as_mut().filter(|flood| !flood.is_over())?;
        while let Some(block) = flood.next_block(spout.has_room(), now) {
            spout.pour(block);
        }
        let waiting_bytes = spout.waiting_bytes();
        if waiting_bytes < std::mem::replace(&mut self.flood_waiting, waiting_bytes) {
            self.session.handle_progress(now);
        }
        Some(now + FLOOD_LOOK)
    }

    fn publish(&self) {
        self.notify.send_modify(|revision| *revision += 1);
    }
}
