//! What a client has seen, to the single message.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sluice_shared::certificate::{Certificate, Verdict};
use sluice_shared::digest::IdDigest;
use sluice_shared::feed::FeedSpec;
use sluice_shared::flood::Flood;
use sluice_shared::histogram::Histogram;
use sluice_shared::ids::{Key, Seq, StreamId};
use sluice_shared::ranges::Ranges;
use sluice_shared::session::{ClientEvent, Delivered};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::{
    Continuity, GapReason, Goodbye, SeqRange, ServerSample, Span, StreamInfo, Welcome,
};

use crate::connection::Closed;
use crate::timeline::{Moment, Timeline};

/// Samples, and messages with their payloads, that are kept.
const MOST_KEPT: usize = 4_096;

/// The account of one client over all its connections.
#[derive(Debug, Default)]
pub struct Tally {
    /// The server's answers, one for each connection.
    pub welcomes: Vec<Welcome>,
    /// Each stream's account, in this life of the server.
    pub streams: BTreeMap<StreamId, StreamTally>,
    /// The streams that are followed now.
    pub followed: BTreeSet<StreamId>,
    /// The accounts of earlier lives of the server, oldest first, with when each ended, on the client's clock.
    pub past: Vec<(Time, BTreeMap<StreamId, StreamTally>)>,
    /// What was consumed in total.
    pub consumed: Amount,
    /// Messages consumed though they had been consumed, or given up, before. Always 0.
    pub twice: u64,
    /// Messages that nothing accounts for, as the session found out. Always 0.
    pub lost: u64,
    /// Age when consumed.
    pub age: Histogram,
    /// When the newest message that was consumed had been produced, on the server's clock.
    pub produced_last: Option<Time>,
    /// The server's side; the newest of them.
    pub samples: Vec<ServerSample>,
    /// The certificates, oldest first.
    pub certificates: Vec<Certificate>,
    /// Heartbeats that came back.
    pub heartbeats: u64,
    /// The last flood.
    pub flood: Option<Flood>,
    /// How long heartbeats took that came back since it began.
    pub rtt_since_flood: Histogram,
    /// What the server said before it closed.
    pub goodbyes: Vec<Goodbye>,
    /// How connections ended, those that were cut on purpose left out.
    pub closed: Vec<Closed>,
    /// How many times nothing was heard for too long, and a client that comes back connected again.
    pub silences: u64,
    /// Whether the client has ended and does not come back.
    pub has_left: bool,
    /// What the server must not have done.
    pub errors: Vec<String>,
    /// The largest inbox there was.
    pub inbox_most: Amount,
    /// The first messages, with their payloads.
    pub messages: BTreeMap<(StreamId, Seq), (Key, Bytes)>,
    /// When it saw what, if the lane was asked for that.
    pub timeline: Option<Timeline>,
}

/// The account of one stream.
#[derive(Clone, Debug)]
pub struct StreamTally {
    /// Its feed.
    pub feed: FeedSpec,
    /// The position that the subscription began at.
    pub first: Seq,
    /// What was consumed.
    pub consumed: Ranges,
    /// What was reported not to come, by reason.
    pub gaps: BTreeMap<GapReason, Ranges>,
    /// Both together.
    pub settled: Ranges,
    /// What was settled or passed over while the client had unsubscribed: nobody waits for it.
    pub accounted: Ranges,
}

impl StreamTally {
    /// Messages from the first on without a hole: consumed, in a gap, or not subscribed.
    pub fn settled_messages(&self) -> u64 {
        self.accounted.end_of_run_at(self.first).0 - self.first.0
    }

    /// Positions before the last known one that are neither consumed nor in a gap.
    pub fn unaccounted(&self) -> Vec<SeqRange> {
        let end = self.settled.end().unwrap_or(self.first);
        self.accounted.missing(self.first, end).collect()
    }
}

impl Tally {
    /// Notes an event, at `now`, of the connection that began at `connected_at`.
    pub(crate) fn note(&mut self, event: ClientEvent, connected_at: Time, now: Time) {
        match event {
            ClientEvent::Welcome(welcome) => {
                if welcome.continuity == Continuity::EpochChanged {
                    self.past.push((connected_at, std::mem::take(&mut self.streams)));
                    self.followed.clear();
                }
                self.follow(&welcome.streams);
                self.welcomes.push(welcome);
                self.see(now, Moment::Welcome);
            }
            ClientEvent::Subscribed(streams) => self.follow(&streams),
            ClientEvent::Gap { report, .. } => {
                let Some(stream) = self.streams.get_mut(&report.stream) else { return };
                for range in &report.ranges {
                    stream.settled.insert(range.first, range.end());
                    stream.accounted.insert(range.first, range.end());
                    stream.gaps.entry(report.reason).or_default().insert(range.first, range.end());
                }
            }
            ClientEvent::Lost { messages } => self.lost += messages,
            ClientEvent::Sample(sample) => {
                if self.samples.len() == MOST_KEPT {
                    self.samples.remove(0);
                }
                self.samples.push(sample);
            }
            ClientEvent::Heartbeat { rtt } => {
                self.heartbeats += 1;
                self.rtt_since_flood.record(rtt);
            }
            ClientEvent::Ping | ClientEvent::Missed => {}
            ClientEvent::Echo(block) => self.note_echo(&block.payload, now),
            ClientEvent::StartedOver { missed } => {
                self.errors.push(format!("{missed} messages were missed, and nobody asked to start over"));
            }
            ClientEvent::Silent => self.errors.push("the server fell silent".into()),
            ClientEvent::Goodbye(goodbye) => self.goodbyes.push(goodbye),
            ClientEvent::Certificate(certificate) => self.certificates.push(*certificate),
        }
    }

    /// Puts something into the timeline, if there is one.
    pub(crate) fn see(&mut self, at: Time, moment: Moment) {
        if let Some(timeline) = &mut self.timeline {
            timeline.push(at, moment);
        }
    }

    /// Takes in what has come back of a flood.
    pub(crate) fn note_echo(&mut self, bytes: &[u8], now: Time) {
        if !self.flood.as_mut().is_some_and(|flood| flood.handle_echo(bytes, now)) {
            self.errors.push(format!("{} bytes came back that were not sent", bytes.len()));
        }
    }

    fn follow(&mut self, streams: &[StreamInfo]) {
        for info in streams {
            let stream = self.streams.entry(info.id).or_insert_with(|| StreamTally {
                feed: info.feed,
                first: info.next,
                consumed: Ranges::default(),
                gaps: BTreeMap::new(),
                settled: Ranges::default(),
                accounted: Ranges::default(),
            });
            if !self.followed.contains(&info.id) {
                stream.accounted.insert(stream.first, info.next);
            }
        }
        self.followed = streams.iter().map(|info| info.id).collect();
    }

    pub(crate) fn note_consumed(&mut self, message: &Delivered, age: std::time::Duration) {
        let (stream, seq) = (message.header.stream, message.header.seq);
        self.consumed += Amount::one(message.bytes);
        self.age.record(age);
        self.produced_last = self.produced_last.max(Some(message.header.produced_at));
        self.see(message.received_at, Moment::Arrival { produced_at: message.header.produced_at });
        // Ids and positions begin anew with each life of the server, and what arrived before may be consumed after.
        let is_first_life = self.past.is_empty();
        let life =
            self.past.iter_mut().find(|(end, _)| message.received_at < *end).map(|(_, streams)| streams);
        let Some(account) = life.unwrap_or(&mut self.streams).get_mut(&stream) else {
            self.errors.push(format!("a message of {stream:?}, which was never announced"));
            return;
        };
        account.consumed.insert_one(seq);
        account.accounted.insert_one(seq);
        if !account.settled.insert_one(seq) {
            self.twice += 1;
        }
        if is_first_life && self.messages.len() < MOST_KEPT {
            self.messages.insert((stream, seq), (message.header.key, message.payload.clone()));
        }
    }

    /// All accounts, those of earlier lives of the server included.
    fn accounts(&self) -> impl Iterator<Item = (&StreamId, &StreamTally)> {
        self.past.iter().flat_map(|(_, streams)| streams).chain(&self.streams)
    }

    /// Messages without a hole, consumed or in a gap, over all streams.
    pub fn settled_messages(&self) -> u64 {
        self.streams.values().map(StreamTally::settled_messages).sum()
    }

    /// Messages in gaps, by reason.
    pub fn gaps(&self) -> BTreeMap<GapReason, u64> {
        let mut total = BTreeMap::new();
        for (_, stream) in self.accounts() {
            for (reason, ranges) in &stream.gaps {
                let count: u64 = ranges.clone().take_first(usize::MAX).iter().map(|range| range.count).sum();
                *total.entry(*reason).or_default() += count;
            }
        }
        total
    }

    /// Whether every position up to the last known one of what is followed is consumed or lies in a gap.
    pub fn has_no_holes(&self) -> bool {
        let followed = self.followed.iter().filter_map(|id| self.streams.get(id));
        followed.into_iter().all(|stream| stream.unaccounted().is_empty())
    }

    /// Checks what holds at every moment: nothing twice, nothing lost, no error of the server's.
    ///
    /// # Panics
    /// Something is wrong; the panic says what.
    pub fn assert_sound(&self) {
        assert_eq!(self.errors, Vec::<String>::new(), "the server broke the protocol");
        assert_eq!(self.twice, 0, "messages were consumed twice");
        assert_eq!(self.lost, 0, "messages were lost without a word");
        for (id, stream) in self.accounts() {
            for (reason, ranges) in &stream.gaps {
                for range in ranges.clone().take_first(usize::MAX) {
                    let overlap =
                        stream.consumed.missing(range.first, range.end()).map(|free| free.count).sum::<u64>();
                    assert_eq!(
                        overlap, range.count,
                        "{id:?} {range:?} was consumed and lies in a gap ({reason:?})"
                    );
                }
            }
        }
    }

    /// Checks that everything was consumed, with no gap at all.
    ///
    /// # Panics
    /// Something is missing; the panic says what.
    pub fn assert_complete(&self) {
        self.assert_sound();
        assert_eq!(self.gaps(), BTreeMap::new(), "messages lie in gaps");
        for (id, stream) in &self.streams {
            assert_eq!(stream.unaccounted(), [], "{id:?} has holes");
        }
    }

    /// Checks that a certificate says of each stream what this account says, which was kept apart.
    ///
    /// # Panics
    /// It says something else, or that messages are lost.
    pub fn assert_certified(&self, certificate: &Certificate) {
        assert!(
            matches!(certificate.verdict, Verdict::Continuous | Verdict::WithGaps),
            "{}; seen: {}",
            certificate.to_json(),
            self.summary()
        );
        assert_eq!(certificate.digest_server(), certificate.digest_client(), "{}", certificate.to_json());
        for stream in &certificate.streams {
            let Span { stream: id, first, cut } = stream.span;
            let account = &self.streams[&id];
            let consumed = digest_of(&account.consumed, first, cut);
            assert_eq!(stream.consumed, consumed, "{}", certificate.to_json());
            for (reason, counted) in GapReason::ALL.iter().zip(stream.gap_reasons) {
                let gaps = account.gaps.get(reason).map(|ranges| digest_of(ranges, first, cut).count());
                assert!(gaps.unwrap_or(0) >= counted, "{reason:?} in {}", certificate.to_json());
            }
        }
    }

    /// In a few lines, for a test that gives up.
    pub fn summary(&self) -> String {
        let holes: Vec<_> = self
            .streams
            .iter()
            .map(|(id, stream)| (id.0, stream.unaccounted().into_iter().take(3).collect::<Vec<_>>()))
            .filter(|(_, holes)| !holes.is_empty())
            .collect();
        format!(
            "{} connections, {} lives of the server, {} streams, {} silences, consumed {:?}, settled {}, gaps {:?}, holes {holes:?}, twice {}, lost {}, \
             inbox at most {:?}, {} samples, the last {:?}, goodbyes {:?}, closed {:?}, errors {:?}",
            self.welcomes.len(),
            self.past.len() + 1,
            self.streams.len(),
            self.silences,
            self.consumed,
            self.settled_messages(),
            self.gaps(),
            self.twice,
            self.lost,
            self.inbox_most,
            self.samples.len(),
            self.samples.last(),
            self.goodbyes,
            self.closed,
            self.errors,
        )
    }
}

/// The digest of those of `ranges` that lie from `first` on and before `cut`.
fn digest_of(ranges: &Ranges, first: Seq, cut: Seq) -> IdDigest {
    let all = IdDigest::of_run(first, cut);
    ranges.missing(first, cut).fold(all, |rest, range| rest - IdDigest::of_run(range.first, range.end()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluice_shared::ids::{Epoch, SessionId};
    use sluice_shared::wire::{MessageHeader, PROTOCOL_VERSION, TransportFacts};

    use super::*;

    const STREAM: StreamId = StreamId(1);

    fn info(next: u64) -> StreamInfo {
        StreamInfo { id: STREAM, feed: FeedSpec::Host, name: "host".into(), next: Seq(next) }
    }

    fn welcome(continuity: Continuity) -> ClientEvent {
        let facts = TransportFacts {
            congestion_control: None,
            initial_window: None,
            segment: None,
            encrypted: false,
        };
        ClientEvent::Welcome(Welcome {
            version: PROTOCOL_VERSION,
            session: SessionId([0; 16]),
            epoch: Epoch(1),
            server_now: Time::ZERO,
            continuity,
            streams: vec![info(0)],
            policy: sluice_shared::policy::Policy::Lossless,
            facts,
        })
    }

    fn consume(tally: &mut Tally, seq: u64, received_at: Time) {
        let (header_key, sent_at) = (Key(0), Time::ZERO);
        let header = MessageHeader { stream: STREAM, seq: Seq(seq), key: header_key, produced_at: sent_at };
        let message =
            Delivered { header, payload: Bytes::new(), bytes: 1, sent_at, received_at, epoch: Epoch(1) };
        tally.note_consumed(&message, Duration::ZERO);
    }

    #[test]
    fn what_arrived_before_a_restart_is_of_the_earlier_life_whenever_it_is_consumed() {
        let (before, after) = (Time::from_millis(1), Time::from_millis(3));
        let mut tally = Tally::default();
        tally.note(welcome(Continuity::New), Time::ZERO, Time::ZERO);
        tally.note(welcome(Continuity::EpochChanged), Time::from_millis(2), Time::from_millis(2));
        for (seq, received_at) in [(0, before), (0, after), (1, after), (1, before)] {
            consume(&mut tally, seq, received_at);
        }
        tally.assert_complete();
        consume(&mut tally, 1, after);
        assert_eq!(tally.twice, 1);
    }

    #[test]
    fn what_passes_while_a_stream_is_not_followed_is_no_hole_and_what_is_missing_after_is() {
        let mut tally = Tally::default();
        tally.note(welcome(Continuity::New), Time::ZERO, Time::ZERO);
        consume(&mut tally, 0, Time::ZERO);
        tally.note(ClientEvent::Subscribed(Vec::new()), Time::ZERO, Time::ZERO);
        tally.note(ClientEvent::Subscribed(vec![info(7)]), Time::ZERO, Time::ZERO);
        consume(&mut tally, 7, Time::ZERO);
        assert!(tally.has_no_holes(), "{}", tally.summary());
        consume(&mut tally, 9, Time::ZERO);
        assert!(!tally.has_no_holes());
    }
}
