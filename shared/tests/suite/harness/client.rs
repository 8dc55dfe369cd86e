//! The client of a simulated run: driver and consumer of one session.

use std::collections::BTreeMap;

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use sluice_shared::certificate::{Certificate, Verdict};
use sluice_shared::policy::Policy;
use sluice_shared::session::{ClientConfig, ClientEvent, ClientSession, Delivered, Heartbeat, Intake};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::write_client_item;
use sluice_shared::wire::{ClientItem, ServerSample, Waiting, Welcome};

use super::account::Account;
use super::choices::Choices;
use super::network::{Event, Links, Path};
use super::server::server_time;
use super::setting::{Setting, feed};

/// The client's end.
#[derive(Debug)]
pub(crate) struct ClientEnd {
    pub(crate) session: ClientSession,
    pub(crate) account: Account,
    intakes: BTreeMap<Path, Intake>,
    /// What the consumer has in hand.
    in_hand: Option<Delivered>,
    pub(crate) certificates: Vec<Certificate>,
    /// Whether this connection has been answered.
    pub(crate) is_welcomed: bool,
    pub(crate) welcomes: Vec<Welcome>,
    pub(crate) samples: Vec<ServerSample>,
    /// Whether the server may drop messages and not say so.
    is_told_nothing: bool,
    /// Messages that the session found missing.
    pub(crate) lost: u64,
    /// Time from production to consumption, of each message consumed, microseconds.
    pub(crate) ages: Vec<(Time, u64)>,
}

impl ClientEnd {
    pub(crate) fn new(setting: &Setting) -> Self {
        let config = ClientConfig {
            mode: setting.mode,
            feeds: (0..setting.feeds).map(feed).collect(),
            policy: setting.policy,
            window: setting.window,
            sample_every: Duration::from_millis(100),
            heartbeat: Heartbeat { interval: Duration::from_millis(250), ..Heartbeat::default() },
        };
        Self {
            session: ClientSession::new(config, Time::ZERO),
            account: Account::default(),
            intakes: BTreeMap::new(),
            in_hand: None,
            certificates: Vec::new(),
            is_welcomed: false,
            welcomes: Vec::new(),
            samples: Vec::new(),
            is_told_nothing: matches!(setting.policy, Policy::SilentDrop { .. }),
            lost: 0,
            ages: Vec::new(),
        }
    }

    pub(crate) fn handle_connected(&mut self, now: Time) {
        self.intakes.clear();
        self.is_welcomed = false;
        self.session.handle_connected(now);
    }

    /// Takes in bytes as their path brings them: frames and datagrams whole, streams in any pieces.
    pub(crate) fn handle_bytes(&mut self, path: Path, bytes: Bytes, choices: &mut Choices, now: Time) {
        let result = match path {
            Path::Frame => self.session.handle_frame(bytes, now),
            Path::Datagram => self.session.handle_datagram(bytes, now),
            Path::Control | Path::Stream(_) => {
                let intake = self.intakes.entry(path).or_default();
                let cut = usize::try_from(choices.below(bytes.len() as u64 + 1)).expect("a length");
                let (head, tail) = bytes.split_at(cut);
                let head = self.session.handle_stream_bytes(intake, head, now);
                head.and_then(|()| self.session.handle_stream_bytes(intake, tail, now))
            }
        };
        result.expect("the server keeps the protocol");
    }

    /// Drains everything that the session has to say, and consumes what the consumer can.
    pub(crate) fn drain(&mut self, setting: &Setting, links: &mut Links, choices: &mut Choices, now: Time) {
        self.drain_events();
        self.consume(setting, links, choices, now);
        let mut out = BytesMut::new();
        while let Some(item) = self.session.poll_transmit() {
            if let ClientItem::Grant { received, consumed, .. } = item {
                assert!(consumed.fits_within(received), "more is consumed than has come: {item:?}");
            }
            write_client_item(&mut out, &item);
        }
        if !out.is_empty() {
            links.send_up(out.freeze(), now);
        }
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.session.poll_event() {
            match event {
                ClientEvent::Welcome(welcome) => {
                    self.is_welcomed = true;
                    self.account.follow(welcome.epoch, &welcome.streams);
                    self.welcomes.push(welcome);
                }
                ClientEvent::Subscribed(streams) => {
                    let (_, epoch) = self.session.identity().expect("welcomed before");
                    self.account.follow(epoch, &streams);
                }
                ClientEvent::Gap { report, new } => self.account.note_gap(&report, new),
                ClientEvent::Lost { messages } => {
                    assert!(self.is_told_nothing, "{messages} messages are unaccounted for");
                    self.lost += messages;
                }
                ClientEvent::Silent => panic!("the server answers every heartbeat"),
                ClientEvent::Goodbye(goodbye) => panic!("the server closes: {goodbye:?}"),
                ClientEvent::Sample(sample) => {
                    let queue = sample.policy_queue;
                    let within = queue.bound.messages == 0 || queue.held.messages <= queue.bound.messages;
                    assert!(within, "the policy's queue passes its bound: {queue:?}");
                    self.samples.push(sample);
                    self.session.certify();
                }
                ClientEvent::StartedOver { missed } => {
                    panic!("{missed} messages missed, and nobody starts over")
                }
                ClientEvent::Certificate(certificate) => {
                    let is_sound = matches!(
                        certificate.verdict,
                        Verdict::Continuous | Verdict::WithGaps | Verdict::EpochChanged
                    );
                    assert!(is_sound || self.is_told_nothing, "{certificate:?}");
                    self.certificates.push(*certificate);
                }
                ClientEvent::Echo(block) => panic!("{block:?}, and nobody floods"),
                ClientEvent::Ping | ClientEvent::Missed | ClientEvent::Heartbeat { .. } => {}
            }
        }
    }

    fn consume(&mut self, setting: &Setting, links: &mut Links, choices: &mut Choices, now: Time) {
        while self.in_hand.is_none()
            && let Some(message) = self.session.poll_message()
        {
            self.account.consume(&message);
            let age = server_time(now).since(message.header.produced_at);
            self.ages.push((now, u64::try_from(age.as_micros()).expect("a short run")));
            let stalls = choices.chance(setting.consumer.stalls);
            let takes = setting.consumer.each + if stalls { setting.consumer.stall } else { 0 };
            if takes == 0 {
                self.session.handle_consumed(&message, now);
            } else {
                self.in_hand = Some(message);
                links.schedule(now + Duration::from_micros(takes), Event::Consumed);
            }
        }
    }

    /// The consumer is done with the message in its hand.
    pub(crate) fn handle_consumed(&mut self, now: Time) {
        let message = self.in_hand.take().expect("a message in hand");
        self.session.handle_consumed(&message, now);
    }

    /// Whether the consumer has a message in hand.
    pub(crate) const fn is_busy(&self) -> bool {
        self.in_hand.is_some()
    }

    /// How many samples said that the server waits for credit.
    pub(crate) fn samples_without_credit(&self) -> usize {
        self.samples.iter().filter(|sample| matches!(sample.waiting, Waiting::NoCredit { .. })).count()
    }
}
