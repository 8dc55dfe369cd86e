//! Lets a plan happen.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures_util::FutureExt as _;
use sluice_shared::flow::WindowMode;
use sluice_shared::lab::{LabEvent, LinkRequest, Switch};
use sluice_shared::mode::Mode;
use sluice_shared::units::Amount;
use sluice_shared::wire::GapReason;
use tokio::time::{Instant, sleep_until};

use super::house::{House, lab_of, mode_of};
use super::invariants::Account;
use super::plan::{CLIENTS, Deed, FEEDS, Phase, Plan};
use crate::client::{Client, Lane, Pace};
use crate::deadline::must;

/// Most bytes of a message, for windows that are counted in messages.
const MESSAGE_BYTES: u64 = 8 * 1024;
/// How long a client may take to close in good order.
const CLOSING: Duration = Duration::from_secs(20);

/// Something did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The plan's seed.
    pub seed: u64,
    /// What was being done.
    pub step: String,
    /// What was expected, and what was seen instead.
    pub expected: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, {}: {}", self.seed, self.step, self.expected)
    }
}

/// What a plan that held has come to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Connections over all clients.
    pub connections: usize,
    /// Messages consumed.
    pub consumed: u64,
    /// Messages in reported gaps, by reason.
    pub gaps: Vec<(GapReason, u64)>,
    /// Certificates that were issued, the void ones included.
    pub certificates: usize,
    /// Times that a server has ended.
    pub restarts: usize,
    /// What the server used at the end.
    pub at_end: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (consumed, connections) = (self.consumed, self.connections);
        write!(f, "{consumed} messages consumed over {connections} connections, 0 twice, 0 lost")?;
        for (reason, count) in &self.gaps {
            write!(f, ", {count} in gaps ({})", reason.name())?;
        }
        let (certificates, restarts) = (self.certificates, self.restarts);
        write!(f, "; {certificates} certificates, {restarts} restarts; the server is {}", self.at_end)
    }
}

/// Lets `plan` happen, telling `progress` of each step, and checks what must hold.
///
/// # Errors
/// Something did not hold.
pub async fn run(plan: &Plan, mut progress: impl FnMut(&str)) -> Result<Outcome, Failure> {
    let mut at = String::from("opening");
    let held = AssertUnwindSafe(Chaos::play(plan, |step| {
        progress(step);
        step.clone_into(&mut at);
    }));
    held.catch_unwind().await.map_err(|panic| Failure { seed: plan.seed, step: at, expected: said(&*panic) })
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without words".into())
}

struct Chaos {
    house: House,
    clients: Vec<(Client, Account)>,
    /// The number of the phase that is on, the first being 1.
    phase: usize,
    /// Clients that are stuck, with the phase in which they got so.
    stuck: BTreeMap<usize, usize>,
    outcome: Outcome,
}

impl Chaos {
    async fn play(plan: &Plan, mut progress: impl FnMut(&str)) -> Outcome {
        let mut chaos = Self::open().await;
        for (index, phase) in plan.phases.iter().enumerate() {
            let number = index + 1;
            chaos.phase = number;
            let start = Instant::now();
            for step in phase {
                progress(&format!("phase {number}, {step}"));
                sleep_until(start + step.at).await;
                chaos = chaos.perform(&step.deed).await;
            }
            progress(&format!("phase {number}, checks"));
            chaos.check(&plan.phases).await;
        }
        progress("the end");
        chaos.end().await
    }

    async fn open() -> Self {
        let house = House::open().await;
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let mode = mode_of(number);
            let lane = Lane::new(mode, &FEEDS[..2]).coming_back();
            let client = must("connecting", Client::connect(&house.target(number), lane).await);
            client.until_settled(1).await;
            clients.push((client, Account::new(mode)));
        }
        Self { house, clients, phase: 0, stuck: BTreeMap::new(), outcome: Outcome::default() }
    }

    async fn perform(mut self, deed: &Deed) -> Self {
        match *deed {
            Deed::Cut(client) => self.clients[client].0.cut().await,
            Deed::Abandon(client) => self.clients[client].0.abandon().await,
            // One that is stuck stays so.
            Deed::Pace(client, _) if self.stuck.contains_key(&client) => {}
            Deed::Pace(client, pace) => self.clients[client].0.set_pace(pace).await,
            Deed::Stick(client) => {
                self.stuck.entry(client).or_insert(self.phase);
                self.clients[client].0.set_pace(Pace::Never).await;
            }
            Deed::Certify(client) => self.clients[client].0.begin_certificate().await,
            Deed::Policy(client, policy) => self.clients[client].0.set_policy(policy).await,
            Deed::Window(client, messages) => {
                let window = Amount::new(messages, messages * MESSAGE_BYTES);
                self.clients[client].0.set_window(WindowMode::Fixed(window)).await;
            }
            Deed::Feeds(client, bits) => {
                let chosen = (0..FEEDS.len()).filter(|index| bits & (1 << index) != 0);
                let feeds: Vec<_> = chosen.map(|index| FEEDS[index]).collect();
                self.clients[client].0.set_feeds(feeds).await;
            }
            Deed::Switch(client, mode) => self.switch(client, mode).await,
            Deed::Tunnel(lab, seconds) => self.event(lab, LabEvent::Tunnel { seconds }).await,
            Deed::SwitchNetwork(lab) => self.event(lab, LabEvent::SwitchNetwork(Switch::default())).await,
            Deed::BlockUdp(lab, blocked) => self.event(lab, LabEvent::BlockUdp { blocked }).await,
            Deed::Preset(lab, preset) => {
                let request =
                    LinkRequest { preset: Some(preset.name().to_owned()), ..LinkRequest::default() };
                self.link(lab, &request).await;
            }
            Deed::Link(lab, change) => {
                self.link(lab, &LinkRequest { change, ..LinkRequest::default() }).await;
            }
            Deed::Restart { is_orderly } => {
                self.outcome.restarts += 1;
                self.house = self.house.restarted(is_orderly).await;
                for number in 0..CLIENTS {
                    self.switch(number, self.clients[number].0.mode()).await;
                }
            }
        }
        self
    }

    async fn switch(&mut self, client: usize, mode: Mode) {
        let target = self.house.target(client);
        self.clients[client].0.move_to(&target, mode).await;
    }

    async fn event(&self, lab: usize, event: LabEvent) {
        self.house.labs[lab].event(&must("writing an event", serde_json::to_string(&event))).await;
    }

    async fn link(&mut self, lab: usize, request: &LinkRequest) {
        let request = must("writing a request", serde_json::to_string(request));
        self.house.labs[lab].set_link(&request).await;
    }

    /// Makes everything well again, and checks what must hold. A client that got stuck in this phase stays so until the
    /// end of the next, if there is one.
    async fn check(&mut self, phases: &[Phase]) {
        self.house.make_clean().await;
        let (phase, is_last) = (self.phase, self.phase == phases.len());
        self.stuck.retain(|_, since| *since == phase && !is_last);
        let free: Vec<usize> = (0..CLIENTS).filter(|number| !self.stuck.contains_key(number)).collect();
        for number in &free {
            let client = &self.clients[*number].0;
            client.set_pace(Pace::AtOnce).await;
            client.set_window(WindowMode::Auto).await;
        }
        for number in free {
            let (client, account) = &mut self.clients[number];
            let checked = AssertUnwindSafe(account.check(client, self.house.epoch, &phases[..phase], number))
                .catch_unwind()
                .await;
            if let Err(panic) = checked {
                let (said, log) = (said(&*panic), self.house.last_log_lines());
                let told =
                    format!("client {number} in lab {}: {said}\nthe server's log: {log:#?}", lab_of(number));
                // It has been printed once.
                resume_unwind(Box::new(told));
            }
        }
        self.house.assert_no_errors();
    }

    /// Everybody leaves, half of them without a word; then the server must be empty.
    async fn end(self) -> Outcome {
        let Self { house, clients, mut outcome, .. } = self;
        let mut gaps = BTreeMap::<GapReason, u64>::new();
        for (number, (client, _)) in clients.into_iter().enumerate() {
            if number % 2 == 0 {
                client.leave(CLOSING).await;
            }
            let tally = client.tally();
            tally.assert_sound();
            outcome.connections += tally.welcomes.len();
            outcome.consumed += tally.consumed.messages;
            outcome.certificates += tally.certificates.len();
            for (reason, count) in tally.gaps() {
                *gaps.entry(reason).or_default() += count;
            }
        }
        outcome.gaps = gaps.into_iter().collect();
        outcome.at_end = house.until_empty().await;
        house.assert_no_errors();
        outcome
    }
}
