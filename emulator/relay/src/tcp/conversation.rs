//! Both ends of an emulated connection and the links between them.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use sluice_link::{Delivered, Dropped, Fate, Link, Weather};
use sluice_shared::lab::{Congestion, Lateness, LinkReport, PathEnds, TcpReport};
use sluice_shared::link::{ByteCount, Direction, NetworkProfile};
use sluice_shared::time::Time;
use sluice_tcp::{Config, Endpoint, Flags, Segment, Seq, State};

use crate::attribution::{Attribution, Passage};
use crate::network::{DataWatch, SeenCrossing, Settings, link_report, tcp_report};
use crate::tap::{Content, Mark, Ports, Tap};

/// A connection over the emulated network; it does no IO, and its times come from the caller.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    up: Link<Packet>,
    down: Link<Packet>,
    /// Where the server's stream is numbered from, once its SYN was sent.
    server_space: Option<StreamSpace>,
    /// What the client's end has given out of the server's stream.
    client_read_bytes: u64,
    server_written_bytes: u64,
    attribution: Attribution,
    /// When the first byte of the server's could be read at the client's end.
    pub(super) first_byte_at: Option<Time>,
    /// Bytes that could be read at the client's end so far.
    readable_bytes: u64,
    data: DataWatch,
    /// The last packets that arrived, up and down.
    last: (PathEnds, PathEnds),
    tap: Arc<Tap>,
    ports: Ports,
}

/// A segment on a link.
#[derive(Clone, Debug)]
struct Packet {
    segment: Segment,
    mark: Mark,
    /// The bytes of the server's stream that it carries.
    data: Range<u64>,
}

impl Conversation {
    /// A client that is about to connect, and a server that waits for it.
    pub(super) fn new(
        settings: &Settings,
        congestion: Congestion,
        seed: u64,
        tap: Arc<Tap>,
        ports: Ports,
        now: Time,
    ) -> Self {
        let config = Config::with_congestion(congestion);
        let (up, down) = settings.links(now);
        Self {
            client: Endpoint::connect(config, seed.wrapping_mul(2), now),
            server: Endpoint::listen(config, seed.wrapping_mul(2).wrapping_add(1), now),
            up,
            down,
            server_space: None,
            client_read_bytes: 0,
            server_written_bytes: 0,
            attribution: Attribution::default(),
            first_byte_at: None,
            readable_bytes: 0,
            data: DataWatch::default(),
            last: <(PathEnds, PathEnds)>::default(),
            tap,
            ports,
        }
    }

    /// The server's application writes; see [`Endpoint::write`].
    pub(super) fn write_at_server(
        &mut self,
        data: &[u8],
        now: Time,
    ) -> Result<usize, sluice_tcp::WriteError> {
        let taken = self.server.write(data, now)?;
        if taken > 0 {
            self.server_written_bytes += taken as u64;
            self.attribution.on_write(self.server_written_bytes, now);
        }
        Ok(taken)
    }

    /// The client's application reads; see [`Endpoint::read`].
    pub(super) fn read_at_client(&mut self, max_bytes: usize, now: Time) -> Option<Bytes> {
        let data = self.client.read(max_bytes, now)?;
        self.client_read_bytes += data.len() as u64;
        Some(data)
    }

    /// Brings everything to `now`: afterwards nothing moves before [`Self::poll_timeout`].
    ///
    /// Packets come before timeouts: to a driver that comes late, an acknowledgment that is here is no silence.
    pub(super) fn settle(&mut self, now: Time) {
        self.exchange(now);
        for endpoint in [&mut self.client, &mut self.server] {
            if endpoint.poll_timeout().is_some_and(|(at, _)| at <= now) {
                endpoint.handle_timeout(now);
            }
        }
        self.exchange(now);
    }

    /// When [`Self::settle`] is due.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        let ends = [self.client.poll_timeout(), self.server.poll_timeout()];
        let links = [self.up.poll_timeout(), self.down.poll_timeout()];
        ends.into_iter().chain(links).flatten().map(|(at, _)| at).min()
    }

    /// Whether the protocol is through: there is nothing left that either end would wait for.
    pub(super) fn is_over(&self) -> bool {
        let states = [self.client.state(), self.server.state()];
        let are_links_empty = self.up.poll_timeout().is_none() && self.down.poll_timeout().is_none();
        states.iter().all(|state| matches!(state, State::Closed | State::TimeWait))
            || (states.contains(&State::Closed) && are_links_empty)
    }

    pub(super) fn set_profile(&mut self, profile: &NetworkProfile, weather: Weather, now: Time) {
        self.up.set_profile(profile.up.clone(), weather, now);
        self.down.set_profile(profile.down.clone(), weather, now);
    }

    pub(super) fn start_outage(&mut self, until: Time, now: Time) {
        self.up.start_outage(until.since(now), now);
        self.down.start_outage(until.since(now), now);
    }

    /// Nothing enters the network any more, in either direction.
    pub(super) fn silence(&mut self) {
        self.up.block(true);
        self.down.block(true);
    }

    /// Writes down in `crossing` how the connection comes out of a tunnel.
    pub(super) fn follow_tunnel(&mut self, crossing: SeenCrossing) {
        self.data.follow(crossing);
    }

    /// The last packets that arrived, up and down.
    pub(super) const fn last_packets(&self) -> (PathEnds, PathEnds) {
        self.last
    }

    pub(super) fn reports(&mut self, now: Time) -> (LinkReport, LinkReport, TcpReport, Lateness) {
        self.up.handle_timeout(now);
        self.down.handle_timeout(now);
        let tcp = tcp_report(&self.server.info(), &self.client.info());
        (link_report(&self.up), link_report(&self.down), tcp, self.attribution.take_lateness())
    }

    fn exchange(&mut self, now: Time) {
        loop {
            let mut has_moved = false;
            while let Some(segment) = self.client.poll_segment() {
                self.send(Direction::Up, segment, 0..0, now);
                has_moved = true;
            }
            while let Some(segment) = self.server.poll_segment() {
                let data = self.server_data(&segment);
                self.attribution.on_sent(&data, now);
                self.send(Direction::Down, segment, data, now);
                has_moved = true;
            }
            while let Some(fate) = self.up.poll_fate(now) {
                match fate {
                    Fate::Delivered(delivered) => {
                        self.tap_delivered(Direction::Up, &delivered);
                        self.server.handle_segment(&delivered.packet.segment, now);
                        has_moved = true;
                    }
                    Fate::Dropped(dropped) => self.tap.on_dropped(dropped.packet.mark, dropped.reason),
                }
            }
            while let Some(fate) = self.down.poll_fate(now) {
                match fate {
                    Fate::Delivered(delivered) => {
                        self.tap_delivered(Direction::Down, &delivered);
                        self.deliver_to_client(&delivered, now);
                        has_moved = true;
                    }
                    Fate::Dropped(dropped) => self.on_down_dropped(&dropped),
                }
            }
            if !has_moved {
                return;
            }
        }
    }

    fn send(&mut self, direction: Direction, segment: Segment, data: Range<u64>, now: Time) {
        let size = ByteCount::new(segment.wire_len() as u64);
        let mark = self.tap.on_sent(direction, self.ports, Content::Tcp(segment.clone()), now);
        let packet = Packet { segment, mark, data };
        match direction {
            Direction::Up => self.up.handle_packet(packet, size, now),
            Direction::Down => self.down.handle_packet(packet, size, now),
        };
    }

    fn deliver_to_client(&mut self, delivered: &Delivered<Packet>, now: Time) {
        self.client.handle_segment(&delivered.packet.segment, now);
        let data = &delivered.packet.data;
        if data.is_empty() {
            return;
        }
        let passage = Passage {
            queued_at: delivered.queued_at,
            left_bottleneck_at: delivered.left_bottleneck_at,
            delivered_at: delivered.delivered_at,
        };
        let readable = self.client_read_bytes + self.client.info().unread_bytes;
        if readable > self.readable_bytes {
            self.readable_bytes = readable;
            self.first_byte_at.get_or_insert(delivered.delivered_at);
            self.data.on_data(delivered.queued_at, delivered.delivered_at);
        }
        self.attribution.on_delivered(data, passage, readable);
    }

    fn on_down_dropped(&mut self, dropped: &Dropped<Packet>) {
        self.tap.on_dropped(dropped.packet.mark, dropped.reason);
        if !dropped.packet.data.is_empty() {
            self.attribution.on_dropped(&dropped.packet.data, dropped.id);
        }
    }

    fn tap_delivered(&mut self, direction: Direction, delivered: &Delivered<Packet>) {
        let ends = PathEnds { sent_at: Some(delivered.queued_at), arrived_at: Some(delivered.delivered_at) };
        match direction {
            Direction::Up => self.last.0 = ends,
            Direction::Down => self.last.1 = ends,
        }
        let content = Content::Tcp(delivered.packet.segment.clone());
        self.tap.on_delivered(delivered.packet.mark, direction, self.ports, content, delivered.delivered_at);
    }

    /// Which bytes of the server's stream a segment of the server carries.
    fn server_data(&mut self, segment: &Segment) -> Range<u64> {
        if segment.flags.contains(Flags::SYN) {
            self.server_space = Some(StreamSpace { initial: segment.seq, sent: 0 });
        }
        match &mut self.server_space {
            Some(space) => space.range_of(segment),
            None => 0..0,
        }
    }
}

/// The numbers of a stream: 32 bits on the wire, offsets from the first byte here.
#[derive(Clone, Copy, Debug)]
struct StreamSpace {
    initial: Seq,
    /// The largest offset that was sent.
    sent: u64,
}

impl StreamSpace {
    fn range_of(&mut self, segment: &Segment) -> Range<u64> {
        if segment.payload.is_empty() {
            return 0..0;
        }
        // The nearest offset with that number: a segment is less than 2³¹ away from what was sent last.
        let sent_low = u32::try_from(self.sent & 0xFFFF_FFFF).unwrap_or(u32::MAX);
        let sent_seq = self.initial.value().wrapping_add(1).wrapping_add(sent_low);
        let distance = segment.seq.value().wrapping_sub(sent_seq).cast_signed();
        let start = self.sent.saturating_add_signed(i64::from(distance));
        let end = start + segment.payload.len() as u64;
        self.sent = self.sent.max(end);
        start..end
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sluice_shared::link::LinkProfile;

    use super::*;

    fn conversation(profile: NetworkProfile, seed: u64) -> Conversation {
        let settings = Settings::new(profile, Weather::new(seed));
        let ports = Ports { client: 1, server: 2 };
        Conversation::new(&settings, Congestion::Cubic, seed, Arc::default(), ports, Time::ZERO)
    }

    /// Runs virtual time until `is_done` or 1,000 s, calling `act` at every step.
    fn run(conversation: &mut Conversation, mut act: impl FnMut(&mut Conversation, Time) -> bool) -> Time {
        let mut now = Time::ZERO;
        while now < Time::from_millis(1_000_000) {
            conversation.settle(now);
            if act(conversation, now) {
                return now;
            }
            conversation.settle(now);
            let next = conversation.poll_timeout().expect("something is under way");
            now = now.max(next);
        }
        panic!("nothing came of it");
    }

    #[test]
    fn an_offset_survives_the_wrap_of_sequence_numbers() {
        let segment = |seq: u32| Segment {
            seq: Seq::new(seq),
            ack: Seq::new(0),
            flags: Flags::ACK,
            window: 0,
            options: sluice_tcp::Options::default(),
            payload: Bytes::from_static(&[0; 100]),
        };
        let mut space = StreamSpace { initial: Seq::new(u32::MAX - 120), sent: 0 };
        assert_eq!(space.range_of(&segment(u32::MAX - 119)), 0..100);
        assert_eq!(space.range_of(&segment(u32::MAX - 19)), 100..200);
        assert_eq!(space.range_of(&segment(80)), 200..300);
        assert_eq!(space.range_of(&segment(u32::MAX - 119)), 0..100, "sent again");
    }

    #[test]
    fn lateness_accounts_for_every_write_and_every_microsecond() {
        let mut link = LinkProfile::delayed(Duration::from_millis(50));
        link.loss = sluice_shared::link::LossModel::Random(sluice_shared::link::Share::from_percent(3));
        let mut conversation = conversation(NetworkProfile::symmetric(link), 5);
        let (mut written, mut read, mut sums) = (0_u64, 0_u64, Lateness::default());
        let (mut worst_parts, mut is_loss_named) = (0_u64, false);
        run(&mut conversation, |conversation, now| {
            if conversation.server.is_established() && written < 2_000 && now.as_micros() / 5_000 > written {
                assert_eq!(conversation.write_at_server(&[7; 200], now), Ok(200));
                written += 1;
            }
            while let Some(data) = conversation.read_at_client(usize::MAX, now) {
                read += data.len() as u64;
            }
            let (_, down, _, lateness) = conversation.reports(now);
            sums = lateness;
            if let Some(worst) = lateness.worst {
                worst_parts += worst.send_queue_micros
                    + worst.bottleneck_micros
                    + worst.propagation_micros
                    + worst.blocked_micros;
                is_loss_named |= worst.lost_packet.is_some_and(|id| id < down.offered_packets);
            }
            read == 2_000 * 200
        });
        assert_eq!(sums.writes, 2_000);
        assert!(sums.propagation_micros >= 2_000 * 50_000, "{sums:?}");
        assert!(sums.blocked_micros > 0 && is_loss_named, "{sums:?}");
        assert_eq!(sums.bottleneck_micros, 0);
        assert!(worst_parts > 0);
    }

    #[test]
    fn it_is_over_when_both_have_closed_and_not_before() {
        let link = LinkProfile::delayed(Duration::from_millis(10));
        let mut conversation = conversation(NetworkProfile::symmetric(link), 1);
        let mut step = 0;
        let end = run(&mut conversation, |conversation, now| {
            assert!(step > 1 || !conversation.is_over());
            if conversation.server.is_established() && step == 0 {
                conversation.client.close(now);
                step = 1;
            } else if step == 1 && conversation.server.is_read_finished() {
                conversation.server.close(now);
                step = 2;
            }
            conversation.is_over()
        });
        assert_eq!(step, 2);
        assert!(end < Time::from_millis(200), "TIME-WAIT was waited for: {end:?}");
    }
}
