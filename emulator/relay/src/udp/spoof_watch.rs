//! What a UDP flow writes down while somebody copies its client's packets.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use sluice_shared::lab::{PathState, SpoofPath};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;

use super::frames::{self, Carried};
use crate::attribution::Passage;
use crate::network::{FlowId, SeenSpoof};
use crate::quic::Glimpse;

/// One attack on a flow, by what passes.
#[derive(Debug)]
pub(super) struct SpoofWatch {
    seen: SeenSpoof,
    /// The number of the last packet that the server sent to the attacker's address. What goes to either address is read
    /// from another socket, so the numbers tell in which order it was sent.
    last_there: Option<u64>,
    /// The number of the packet by which it was back at the client's address.
    returned_by: Option<u64>,
}

/// What is remembered of a packet while it is under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traces {
    /// Which frames of the attack it carries.
    frames: Option<Carried>,
    /// Whether it is data that the server sent to the client's address, having no business with the attacker's.
    is_data_after: bool,
}

impl SpoofWatch {
    /// Nothing was copied yet.
    pub(super) fn new(
        flow: FlowId,
        (client, attacker): (SocketAddr, SocketAddr),
        before: Option<PathState>,
    ) -> Self {
        let seen = SpoofPath {
            flow: flow.0,
            client_address: client.to_string(),
            attacker_address: attacker.to_string(),
            before,
            ..SpoofPath::default()
        };
        Self { seen: Arc::new(Mutex::new(seen)), last_there: None, returned_by: None }
    }

    /// Where is written down what comes of it.
    pub(super) const fn seen(&self) -> &SeenSpoof {
        &self.seen
    }

    /// A copy of `bytes` bytes has been sent from the attacker's address.
    pub(super) fn on_copied(&self, bytes: u64, now: Time) {
        let mut seen = self.seen.lock();
        seen.copied.add(bytes);
        seen.copied_at.get_or_insert(now);
    }

    /// The server has sent `bytes` bytes to the attacker's address.
    pub(super) fn on_reflected(&mut self, bytes: u64, glimpse: &Glimpse, now: Time) {
        let mut seen = self.seen.lock();
        let seen = &mut *seen;
        seen.reflected.add(bytes);
        seen.turned_at.get_or_insert(now);
        frames::note(&mut seen.frames, &mut seen.more_frames, Direction::Down, glimpse, true, now);
        // Once the server is back, a probe alone does not turn it there again (RFC 9000 §9.1).
        if glimpse.is_beyond_probing || self.returned_by.is_none() {
            self.last_there = self.last_there.max(glimpse.number);
        }
        if self.returned_by <= self.last_there {
            self.returned_by = None;
            (seen.returned_at, seen.after) = (None, None);
            (seen.data_packets, seen.last_data_at) = (0, None);
        }
    }

    /// A packet between the client and the server enters the network; `ask` tells what the server knows of the path,
    /// when it is back.
    pub(super) fn on_sent(
        &mut self,
        direction: Direction,
        glimpse: &Glimpse,
        now: Time,
        ask: impl FnOnce() -> Option<PathState>,
    ) -> Traces {
        let mut seen = self.seen.lock();
        let seen = &mut *seen;
        if seen.copied_at.is_none() {
            return Traces::default();
        }
        let is_back = direction == Direction::Down
            && seen.turned_at.is_some()
            && self.returned_by.is_none()
            && glimpse.is_beyond_probing
            && glimpse.number > self.last_there;
        if is_back {
            self.returned_by = glimpse.number;
            (seen.returned_at, seen.after) = (Some(now), ask());
        }
        let is_data_after = direction == Direction::Down && glimpse.has_data && is_with_client(seen);
        let frames = frames::note(&mut seen.frames, &mut seen.more_frames, direction, glimpse, false, now);
        Traces { frames, is_data_after }
    }

    /// A packet has passed the network.
    pub(super) fn on_delivered(&self, traces: Traces, passage: Passage) {
        let mut seen = self.seen.lock();
        if let Some(carried) = traces.frames {
            frames::note_arrival(&mut seen.frames, carried, passage.delivered_at);
        }
        if traces.is_data_after && is_with_client(&seen) {
            seen.data_packets += 1;
            seen.last_data_at = Some(passage.delivered_at);
        }
    }

    /// What is sent to the attacker's address is no longer watched.
    pub(super) fn end(&self, now: Time) {
        self.seen.lock().watched_until.get_or_insert(now);
    }
}

/// Whether the server sends to the client's address, as far as was seen.
const fn is_with_client(seen: &SpoofPath) -> bool {
    seen.turned_at.is_none() || seen.returned_at.is_some()
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{PathFrameKind, Volume};

    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn watch() -> SpoofWatch {
        let addresses = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 9], 2)));
        SpoofWatch::new(FlowId(3), addresses, Some(STATE))
    }

    const STATE: PathState = PathState { cwnd_bytes: 90_000, rtt_micros: 20_000 };

    fn data(number: u64) -> Glimpse {
        Glimpse { has_data: true, is_beyond_probing: true, number: Some(number), ..Glimpse::default() }
    }

    fn probe(number: u64, kind: PathFrameKind) -> Glimpse {
        Glimpse { number: Some(number), path_frames: vec![(kind, [7; 8])], ..Glimpse::default() }
    }

    fn passage(sent: u64) -> Passage {
        Passage { queued_at: at(sent), left_bottleneck_at: at(sent), delivered_at: at(sent + 10) }
    }

    fn down(watch: &mut SpoofWatch, glimpse: &Glimpse, sent: u64) {
        let traces = watch.on_sent(Direction::Down, glimpse, at(sent), || Some(STATE));
        watch.on_delivered(traces, passage(sent));
    }

    #[test]
    fn the_way_there_and_back_is_told_by_packet_numbers_and_not_by_who_is_read_first() {
        let mut watch = watch();
        down(&mut watch, &data(10), 0);
        assert_eq!(watch.seen().lock().data_packets, 0, "nothing was copied yet");
        watch.on_copied(49, at(1));
        watch.on_reflected(1_200, &probe(12, PathFrameKind::Challenge), at(3));
        // Sent before the packet to the attacker, and read after it.
        down(&mut watch, &data(11), 4);
        down(&mut watch, &probe(13, PathFrameKind::Challenge), 5);
        assert_eq!(watch.seen().lock().returned_at, None, "a probe is no return");
        let response = probe(90, PathFrameKind::Response);
        let traces = watch.on_sent(Direction::Up, &response, at(15), || None);
        watch.on_delivered(traces, passage(15));
        down(&mut watch, &data(15), 30);
        watch.on_reflected(1_326, &data(14), at(31));
        down(&mut watch, &data(16), 32);
        let seen = watch.seen().lock().clone();
        assert_eq!((seen.copied, seen.reflected), (volume(1, 49), volume(2, 2_526)));
        assert_eq!(
            (seen.copied_at, seen.turned_at, seen.returned_at),
            (Some(at(1)), Some(at(3)), Some(at(30)))
        );
        assert_eq!((seen.data_packets, seen.last_data_at, seen.after), (2, Some(at(42)), Some(STATE)));
        let frames: Vec<_> = seen
            .frames
            .iter()
            .map(|frame| (frame.direction, frame.is_to_old_address, frame.arrived_at))
            .collect();
        let expected = [
            (Direction::Down, true, None),
            (Direction::Down, false, Some(at(15))),
            (Direction::Up, false, Some(at(25))),
        ];
        assert_eq!(frames, expected);
    }

    #[test]
    fn a_server_that_turns_again_is_not_back() {
        let mut watch = watch();
        watch.on_copied(49, at(1));
        watch.on_reflected(1_200, &data(5), at(2));
        down(&mut watch, &data(6), 3);
        assert_eq!(watch.seen().lock().data_packets, 1);
        watch.on_reflected(1_200, &data(7), at(4));
        let seen = watch.seen().lock().clone();
        assert_eq!((seen.turned_at, seen.returned_at, seen.data_packets), (Some(at(2)), None, 0));
    }

    #[test]
    fn a_server_that_probes_there_once_more_is_back_all_the_same() {
        let mut watch = watch();
        watch.on_copied(49, at(1));
        watch.on_reflected(1_200, &data(5), at(2));
        down(&mut watch, &data(6), 3);
        watch.on_reflected(1_200, &probe(7, PathFrameKind::Challenge), at(4));
        let seen = watch.seen().lock().clone();
        assert_eq!((seen.returned_at, seen.data_packets), (Some(at(3)), 1));
    }

    #[test]
    fn a_server_that_does_not_turn_goes_on_with_its_client() {
        let mut watch = watch();
        watch.on_copied(49, at(1));
        down(&mut watch, &data(6), 3);
        watch.end(at(9));
        let seen = watch.seen().lock().clone();
        assert_eq!((seen.turned_at, seen.reflected, seen.data_packets), (None, Volume::default(), 1));
        assert_eq!(seen.watched_until, Some(at(9)));
    }

    fn volume(packets: u64, bytes: u64) -> Volume {
        Volume { packets, bytes }
    }
}
