//! Both ends of a session on a simulated network, in virtual time.

use core::time::Duration;

use sluice_shared::flow::WindowMode;
use sluice_shared::ids::Key;
use sluice_shared::policy::Policy;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;

use super::account::Order;
use super::choices::Choices;
use super::client::ClientEnd;
use super::logs::Logs;
use super::network::{Event, Links};
use super::server::{ServerEnd, server_time};
use super::setting::{STREAMS_PER_FEED, Setting, feed};

/// How long a run may take to come to rest after its last message.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// A run: the server, the client, the links between them, and what it is set to.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) server: ServerEnd,
    pub(crate) client: ClientEnd,
    pub(crate) now: Time,
    pub(crate) setting: Setting,
    links: Links,
    choices: Choices,
    produced: u64,
    is_connected: bool,
    /// The largest window since the session opened: what may wait in the inbox.
    largest_window: Amount,
    cuts: u64,
    /// Whether the newest message of each key must be consumed.
    keeps_newest: bool,
}

impl Pair {
    /// Both ends, connecting at time zero.
    pub(crate) fn new(setting: Setting, choices: Choices) -> Self {
        let streams = Setting::ALL_FEEDS * u64::from(STREAMS_PER_FEED);
        let mut pair = Self {
            server: ServerEnd::new(Logs::new(streams, setting.log_bound)),
            client: ClientEnd::new(&setting),
            now: Time::ZERO,
            links: Links::new(setting.network.clone(), setting.mode),
            choices,
            produced: 0,
            is_connected: false,
            largest_window: Amount::ZERO,
            cuts: 0,
            keeps_newest: false,
            setting,
        };
        pair.client.account.order = pair.promised_order();
        pair.keeps_newest = pair.setting.mode.is_reliable()
            && pair.setting.policy == Policy::Latest
            && pair.setting.disturbance.keeps_what_waits();
        pair.links.schedule(Time::ZERO, Event::Connect);
        pair.links.schedule(Time::ZERO, Event::Produce);
        let disturbance = pair.setting.disturbance.clone();
        pair.schedule_disturbance(disturbance.cut_every, Event::Cut);
        pair.schedule_disturbance(disturbance.policy_every, Event::ChangePolicy);
        pair.schedule_disturbance(disturbance.feeds_every, Event::ChangeFeeds);
        pair.schedule_disturbance(disturbance.window_every, Event::ChangeWindow);
        pair
    }

    /// What order the mode and the policy promise together. A resumed session may fill holes of a dropping policy
    /// whose report was lost with the connection, and another policy may send what an earlier one had put back.
    fn promised_order(&self) -> Order {
        let Setting { mode, policy, disturbance, .. } = &self.setting;
        let keeps_streams = match mode.ordering() {
            "ordered" | "ordered per topic" => true,
            "unordered" | "unordered, unreliable" => false,
            other => panic!("an ordering that the harness does not know: {other}"),
        };
        let is_undisturbed = disturbance.cut_every == 0;
        match policy {
            _ if !keeps_streams || disturbance.policy_every > 0 => Order::None,
            Policy::Latest => Order::OfKeys,
            // A jump that was cut short before its announcement came is made good from where it began.
            Policy::Lossless if disturbance.feeds_every > 0 && !is_undisturbed => Order::None,
            // Nothing of an exhibit's session is ever sent again.
            Policy::Lossless | Policy::Unbounded | Policy::SilentDrop { .. } | Policy::BusySpin => {
                Order::OfStreams
            }
            Policy::DropOldest { .. } | Policy::DropNewest { .. } if is_undisturbed => Order::OfStreams,
            Policy::DropOldest { .. } | Policy::DropNewest { .. } => Order::None,
        }
    }

    /// Produces everything, lets all disturbances happen, and comes to rest; checks the account.
    pub(crate) fn run(&mut self) {
        while self.produced < self.setting.messages {
            self.run_for(Duration::from_millis(100));
        }
        self.setting.disturbance = Default::default();
        self.rest();
    }

    /// Runs until everything is accounted for, and checks that it is.
    pub(crate) fn rest(&mut self) {
        let deadline = self.now + PATIENCE;
        while !self.is_at_rest() && self.now < deadline {
            self.run_for(Duration::from_millis(100));
        }
        self.client.account.check(&self.server.logs);
        assert!(self.is_at_rest(), "credit does not come back: {:?}", self.client.session.credit());
        if self.keeps_newest {
            self.client.account.check_newest(&self.server.logs);
        }
        self.certify();
    }

    /// Checks that a certificate over everything says what the account says.
    fn certify(&mut self) {
        let issued = self.client.certificates.len();
        // One that is on the way may have its cut further back.
        for number in 1..=2 {
            let deadline = self.now + PATIENCE;
            while self.client.certificates.len() < issued + number {
                assert!(self.client.session.certify(), "a session that was welcomed can be certified");
                assert!(self.now < deadline, "{:?} wait to be certified", self.client.session.uncertified());
                self.run_for(Duration::from_millis(100));
            }
        }
        self.client.account.check_certificate(&self.client.certificates[issued + 1]);
    }

    /// Nothing waits, nothing is on the way, and all credit has come back, to the byte.
    fn is_at_rest(&self) -> bool {
        let credit = self.client.session.credit();
        let Some(session) = &self.server.session else { return false };
        self.is_connected
            && self.client.is_welcomed
            && !self.client.is_busy()
            && session.sent() == credit.received()
            && credit.received() == credit.consumed()
            && self.server.waiting() == 0
            && self.client.account.is_complete(&self.server.logs)
    }

    /// Runs for a while.
    pub(crate) fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.next_at().filter(|&at| at <= end) {
            assert!(at >= self.now, "a deadline in the past: {at:?} at {:?}", self.now);
            self.now = at;
            self.step();
        }
        self.now = end;
    }

    fn next_at(&self) -> Option<Time> {
        let client = self.client.session.poll_timeout().map(|(at, _)| at.max(self.now));
        let server = self.server.next_timeout().map(|at| at.max(self.now));
        [self.links.next_at(), client, server].into_iter().flatten().min()
    }

    fn step(&mut self) {
        let now = self.now;
        if let Some(event) = self.links.pop(now) {
            self.handle(event);
        } else if self.client.session.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.client.session.handle_timeout(now);
        } else {
            self.server.handle_timeout(now);
        }
        let Self { server, client, links, choices, setting, .. } = self;
        client.drain(setting, links, choices, now);
        server.send(setting, links, choices, now);
        self.check();
    }

    fn handle(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Produce => self.produce(),
            Event::ToClient { connection, path, bytes } => {
                if connection == self.links.connection && self.is_connected {
                    self.client.handle_bytes(path, bytes, &mut self.choices, now);
                }
            }
            Event::ToServer { connection, bytes } => {
                if connection == self.links.connection && self.is_connected {
                    self.server.handle_bytes(&bytes, now);
                }
            }
            Event::Drained { connection, lane, bytes } => {
                if connection == self.links.connection {
                    self.links.handle_drained(lane, bytes);
                }
            }
            Event::Consumed => self.client.handle_consumed(now),
            Event::Cut => self.cut(),
            Event::Connect => self.connect(),
            Event::ChangePolicy => self.change_policy(),
            Event::ChangeFeeds => self.change_feeds(),
            Event::ChangeWindow => self.change_window(),
        }
    }

    fn produce(&mut self) {
        if self.produced >= self.setting.messages {
            return;
        }
        let streams = Setting::ALL_FEEDS * u64::from(STREAMS_PER_FEED);
        // Some streams are busier than others.
        let stream = self.choices.below(streams).min(self.choices.below(streams));
        let stream = sluice_shared::ids::StreamId(u32::try_from(stream).expect("a small number"));
        let key = Key(u32::try_from(self.choices.below(self.setting.keys)).expect("a small number"));
        let (least, most) = self.setting.sizes;
        let size = self.choices.between(least, most);
        self.server.logs.produce(stream, key, size, server_time(self.now));
        self.produced += 1;
        self.server.handle_published(self.now);
        let every = self.setting.produce_every;
        let wait = self.choices.between(every / 2, every + every / 2).max(1);
        self.links.schedule(self.now + Duration::from_micros(wait), Event::Produce);
    }

    /// Produces `count` more messages from here on, one every `every` microseconds in the mean.
    pub(crate) fn produce_more(&mut self, count: u64, every: u64) {
        self.setting.messages = self.produced + count;
        self.setting.produce_every = every;
        self.links.schedule(self.now, Event::Produce);
    }

    fn cut(&mut self) {
        if self.setting.disturbance.cut_every == 0 {
            return;
        }
        self.disconnect();
        let away = match self.choices.below(16) {
            0 => 45_000_000,
            1 => 3_000_000,
            _ => self.choices.one_of(&[0, 10_000, 250_000]),
        };
        self.links.schedule(self.now + Duration::from_micros(away), Event::Connect);
    }

    /// The connection is gone, with everything on it.
    pub(crate) fn disconnect(&mut self) {
        self.is_connected = false;
        self.cuts += 1;
        self.client.session.handle_disconnected();
        self.server.handle_cut();
    }

    /// Another connection opens.
    pub(crate) fn connect(&mut self) {
        let disturbance = self.setting.disturbance.clone();
        if self.choices.chance(disturbance.restarts) {
            self.server.forget(true);
        } else if self.choices.chance(disturbance.forgets) {
            self.server.forget(false);
        }
        self.is_connected = true;
        self.links.reconnect();
        self.client.handle_connected(self.now);
        self.note_window();
        if self.cuts > 0 {
            self.schedule_disturbance(disturbance.cut_every, Event::Cut);
        }
    }

    /// The server forgets its sessions; with a restart, the positions of its streams as well.
    pub(crate) fn forget(&mut self, is_restart: bool) {
        self.server.forget(is_restart);
    }

    fn change_policy(&mut self) {
        let policy = Setting::random_policy(&mut self.choices);
        self.client.session.set_policy(policy);
        self.schedule_disturbance(self.setting.disturbance.policy_every, Event::ChangePolicy);
    }

    fn change_feeds(&mut self) {
        let first = self.choices.below(Setting::ALL_FEEDS);
        let feeds = (first..Setting::ALL_FEEDS).map(feed).take(2).collect();
        self.client.session.set_feeds(feeds);
        self.schedule_disturbance(self.setting.disturbance.feeds_every, Event::ChangeFeeds);
    }

    fn change_window(&mut self) {
        let window = match self.choices.below(4) {
            0 => WindowMode::Auto,
            _ => {
                WindowMode::Fixed(Amount::new(self.choices.between(1, 300), self.choices.between(1, 1 << 20)))
            }
        };
        self.client.session.set_window(window);
        self.schedule_disturbance(self.setting.disturbance.window_every, Event::ChangeWindow);
    }

    fn schedule_disturbance(&mut self, every: u64, event: Event) {
        if every > 0 {
            let wait = self.choices.between(every / 2, every + every / 2);
            self.links.schedule(self.now + Duration::from_micros(wait), event);
        }
    }

    fn note_window(&mut self) {
        let window = self.client.session.credit().window();
        self.largest_window = self.largest_window.max_each(window);
    }

    fn check(&mut self) {
        self.note_window();
        let credit = self.client.session.credit();
        let inbox = self.client.session.inbox_hop(self.now).held;
        assert!(inbox.fits_within(self.largest_window), "the inbox passes the window: {inbox:?}");
        if let Some(session) = &self.server.session {
            assert!(
                session.limit().fits_within(credit.limit()),
                "the server has more credit than was granted"
            );
            assert!(credit.received().fits_within(session.sent()), "more has arrived than was sent");
        }
    }
}

/// Runs the setting that `seed` makes, and names the seed when it fails.
pub(crate) fn run_seed(seed: u64, setting: impl FnOnce(&mut Choices) -> Setting) -> Pair {
    let _name = NameOnPanic(seed);
    let mut choices = Choices::seeded(seed);
    let setting = setting(&mut choices);
    let mut pair = Pair::new(setting, choices);
    pair.run();
    pair
}

struct NameOnPanic(u64);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the failing seed is {}", self.0);
        }
    }
}

/// Interprets a fuzzer's bytes as a session: its setting, its network, and all that disturbs it.
pub(crate) fn session_ops(data: &[u8]) {
    let mut choices = Choices::scripted(data);
    let mode = choices.one_of(&sluice_shared::mode::Mode::ALL);
    let policy = Setting::random_policy(&mut choices);
    let mut setting = Setting::random(mode, policy, &mut choices);
    setting.messages = setting.messages.min(150);
    setting.disturbance.cut_every = choices.one_of(&[0, 20_000, 200_000]);
    setting.disturbance.restarts = choices.one_of(&[0, 100]);
    setting.disturbance.forgets = choices.one_of(&[0, 100]);
    setting.disturbance.policy_every = choices.one_of(&[0, 50_000]);
    setting.disturbance.feeds_every = choices.one_of(&[0, 50_000]);
    setting.disturbance.window_every = choices.one_of(&[0, 50_000]);
    Pair::new(setting, choices).run();
}
