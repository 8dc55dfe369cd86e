//! What a UDP flow writes down of the path of its packets, and of another one when its client changes networks.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use sluice_shared::lab::{IdChange, PathChange, PathEnds, PathFrameCounts, PathState, QuicPathChange};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::{Time, micros};

use super::frames::{self, Carried};
use crate::attribution::Passage;
use crate::network::{DataWatch, FlowId, SeenChange, SeenCrossing};
use crate::quic::{Glimpse, Id};

/// The path of a flow, by what has passed.
#[derive(Debug, Default)]
pub(super) struct PathWatch {
    /// How many paths there were before this one.
    path: u32,
    last_up: PathEnds,
    last_down: PathEnds,
    up_id: Option<Id>,
    down_id: Option<Id>,
    /// Whether data reaches the client, by whichever path.
    data: DataWatch,
    /// The last change, which this path began with.
    change: Option<SeenChange>,
    /// What the server had counted when it began.
    counted_before: Option<PathFrameCounts>,
}

/// What is remembered of a packet while it is under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sight {
    path: u32,
    has_data: bool,
    /// Which frames of the path's change it carries.
    frames: Option<Carried>,
}

impl Sight {
    /// The path that its sender had, counted from 0.
    pub(super) const fn path(self) -> u32 {
        self.path
    }
}

impl PathWatch {
    /// Which path it is, counted from 0.
    pub(super) const fn path(&self) -> u32 {
        self.path
    }

    /// Writes down in `crossing` how the flow comes out of a tunnel.
    pub(super) fn follow_tunnel(&mut self, crossing: SeenCrossing) {
        self.data.follow(crossing);
    }

    /// Packets go by another path from now on; tells where is written down what comes of it.
    pub(super) fn begin(
        &mut self,
        flow: FlowId,
        (old, new): (SocketAddr, SocketAddr),
        before: Option<PathState>,
        counted: Option<PathFrameCounts>,
    ) -> SeenChange {
        let id = |id: Option<Id>| IdChange { before: id.map(Id::to_hex), after: None };
        let quic = QuicPathChange {
            before,
            counted: counted.map(|_| PathFrameCounts::default()),
            client_sends_to: id(self.up_id),
            server_sends_to: id(self.down_id),
            ..QuicPathChange::default()
        };
        let change = PathChange {
            flow: flow.0,
            lane: None,
            transport: Transport::WebTransport,
            old_address: old.to_string(),
            new_address: Some(new.to_string()),
            old_up: self.last_up,
            old_down: self.last_down,
            quic: Some(quic),
            tcp: None,
        };
        let change = Arc::new(Mutex::new(change));
        self.path += 1;
        self.change = Some(Arc::clone(&change));
        self.counted_before = counted;
        change
    }

    /// Whoever is asked from now on counts anew: it is another connection.
    pub(super) const fn forget_count(&mut self) {
        self.counted_before = None;
    }

    /// Whether it is of use to know what the server has counted.
    pub(super) const fn counts(&self) -> bool {
        self.change.is_some() && self.counted_before.is_some()
    }

    /// The server has counted so many frames that validate paths since the connection began.
    pub(super) fn recount(&self, counted: PathFrameCounts) {
        if let (Some(change), Some(before)) = (&self.change, self.counted_before)
            && let Some(quic) = &mut change.lock().quic
        {
            quic.counted = Some(counted.since(before));
        }
    }

    /// Writes down no more of the last change, once its gap is over.
    pub(super) fn settle(&mut self) {
        let is_over =
            |change: &SeenChange| change.lock().quic.as_ref().is_some_and(|quic| quic.gap_micros.is_some());
        self.change.take_if(|change| is_over(change));
    }

    /// A packet enters the network at `now`; `ask` tells what the server knows of the path, at its first packet by it or
    /// as soon after as it can be told.
    pub(super) fn on_sent(
        &mut self,
        direction: Direction,
        glimpse: &Glimpse,
        now: Time,
        ask: impl FnOnce() -> Option<PathState>,
    ) -> Sight {
        let id = match direction {
            Direction::Up => {
                self.data.on_answer(now);
                &mut self.up_id
            }
            Direction::Down => &mut self.down_id,
        };
        *id = glimpse.destination.or(*id);
        let frames = self.change.as_ref().and_then(|change| {
            let mut change = change.lock();
            let quic = change.quic.as_mut()?;
            if direction == Direction::Down {
                quic.new_down.sent_at.get_or_insert(now);
                quic.after = quic.after.or_else(ask);
            }
            if direction == Direction::Down && quic.server_sends_to.after.is_none() {
                quic.server_sends_to.after = glimpse.destination.map(Id::to_hex);
            }
            note(quic, direction, glimpse, false, now)
        });
        Sight { path: self.path, has_data: glimpse.has_data, frames }
    }

    /// The server has sent something to an address that its client does not have any more.
    pub(super) fn on_stray(&mut self, glimpse: &Glimpse, now: Time) {
        let Some(change) = &self.change else { return };
        if let Some(quic) = &mut change.lock().quic {
            quic.lost_packets += 1;
            quic.lost_until = Some(now);
            note(quic, Direction::Down, glimpse, true, now);
        }
    }

    /// A packet has passed the network to an address that its client had left meanwhile.
    pub(super) fn on_missed(&mut self, passage: Passage) {
        let Some(change) = &self.change else { return };
        if let Some(quic) = &mut change.lock().quic {
            quic.lost_packets += 1;
            quic.lost_until = quic.lost_until.max(Some(passage.queued_at));
        }
    }

    /// A packet has passed the network. What the client has sent before it changed networks comes by the path that it
    /// had then; what was sent to it before does not reach it any more.
    pub(super) fn on_delivered(&mut self, direction: Direction, sight: Sight, passage: Passage) {
        let ends = PathEnds { sent_at: Some(passage.queued_at), arrived_at: Some(passage.delivered_at) };
        match direction {
            Direction::Up => self.last_up = ends,
            Direction::Down => self.last_down = ends,
        }
        if direction == Direction::Down && sight.has_data {
            self.data.on_offered(passage.queued_at, passage.delivered_at);
        }
        let Some(change) = &self.change else { return };
        let mut change = change.lock();
        let change = &mut *change;
        let Some(quic) = &mut change.quic else { return };
        let is_by_new = sight.path == self.path;
        if let (Some(carried), true) = (sight.frames, is_by_new) {
            frames::note_arrival(&mut quic.frames, carried, passage.delivered_at);
        }
        match direction {
            Direction::Up if !is_by_new => change.old_up = ends,
            Direction::Up if quic.new_up.arrived_at.is_none() => {
                quic.new_up = ends;
                quic.client_sends_to.after = self.up_id.map(Id::to_hex);
            }
            Direction::Up => {}
            Direction::Down => {
                quic.new_down.arrived_at.get_or_insert(passage.delivered_at);
                if sight.has_data
                    && quic.gap_micros.is_none()
                    && let Some(last) = change.old_down.arrived_at
                {
                    quic.gap_micros = Some(micros(passage.delivered_at.since(last)));
                }
            }
        }
    }
}

/// Writes down what a packet says of the path, and tells which frames it has.
fn note(
    quic: &mut QuicPathChange,
    direction: Direction,
    glimpse: &Glimpse,
    is_to_old_address: bool,
    sent_at: Time,
) -> Option<Carried> {
    let ids = match direction {
        Direction::Up => &mut quic.ids_by_client,
        Direction::Down => &mut quic.ids_by_server,
    };
    ids.announced += glimpse.announced;
    ids.retired += glimpse.retired;
    frames::note(&mut quic.frames, &mut quic.more_frames, direction, glimpse, is_to_old_address, sent_at)
}

/// The readers of sockets that the server's answers came to, by when they were left: they count what is lost.
#[derive(Debug, Default)]
pub(super) struct OldReaders(Vec<(Time, tokio::task::AbortHandle)>);

impl OldReaders {
    /// At a time: each has a socket.
    const MOST: usize = 4;

    /// A socket was left at `now`.
    pub(super) fn push(&mut self, now: Time, reader: tokio::task::AbortHandle) {
        if self.0.len() == Self::MOST {
            self.0.remove(0).1.abort();
        }
        self.0.push((now, reader));
    }

    /// Lets go of the sockets that were left before `before`.
    pub(super) fn release(&mut self, before: Time) {
        self.0.retain(|(left_at, reader)| {
            let is_old = *left_at < before;
            if is_old {
                reader.abort();
            }
            !is_old
        });
    }

    /// Lets go of all.
    pub(super) fn release_all(&mut self) {
        mem::take(&mut self.0).into_iter().for_each(|(_, reader)| reader.abort());
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::{PathFrameKind, SwitchReport};

    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    fn passage(sent: u64, arrived: u64) -> Passage {
        Passage { queued_at: at(sent), left_bottleneck_at: at(sent), delivered_at: at(arrived) }
    }

    fn glimpse(has_data: bool, frames: &[PathFrameKind]) -> Glimpse {
        let path_frames = frames.iter().map(|kind| (*kind, [7; 8])).collect();
        Glimpse { destination: Id::new(&[1]), has_data, path_frames, ..Glimpse::default() }
    }

    fn addresses() -> (SocketAddr, SocketAddr) {
        (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 2], 2)))
    }

    #[test]
    fn a_change_tells_the_last_of_the_old_path_and_the_first_of_the_new() {
        let mut watch = PathWatch::default();
        let state = PathState { cwnd_bytes: 12_000, rtt_micros: 20_000 };
        let plain = watch.on_sent(Direction::Down, &glimpse(true, &[]), at(1), || None);
        watch.on_delivered(Direction::Down, plain, passage(1, 11));
        let under_way = watch.on_sent(Direction::Down, &glimpse(true, &[]), at(9), || None);
        let change = watch.begin(FlowId(3), addresses(), Some(state), None);
        watch.on_stray(&glimpse(true, &[PathFrameKind::Challenge]), at(12));
        assert_ne!(under_way.path(), watch.path());
        watch.on_missed(passage(9, 19));
        let late = watch.on_sent(Direction::Up, &glimpse(false, &[]), at(20), || None);
        watch.on_delivered(Direction::Up, Sight { path: 0, ..late }, passage(8, 18));
        let up = watch.on_sent(Direction::Up, &glimpse(false, &[]), at(20), || None);
        watch.on_delivered(Direction::Up, up, passage(20, 30));
        let challenge = glimpse(false, &[PathFrameKind::Challenge]);
        let challenge = watch.on_sent(Direction::Down, &challenge, at(30), || Some(state));
        let data = watch.on_sent(Direction::Down, &glimpse(true, &[]), at(31), || None);
        watch.on_delivered(Direction::Down, challenge, passage(30, 40));
        watch.on_delivered(Direction::Down, data, passage(31, 41));
        let change = change.lock().clone();
        let quic = change.quic.expect("a QUIC connection");
        assert_eq!(change.old_down, PathEnds { sent_at: Some(at(1)), arrived_at: Some(at(11)) });
        assert_eq!(change.old_up, PathEnds { sent_at: Some(at(8)), arrived_at: Some(at(18)) });
        assert_eq!(quic.new_up, PathEnds { sent_at: Some(at(20)), arrived_at: Some(at(30)) });
        assert_eq!(quic.new_down, PathEnds { sent_at: Some(at(30)), arrived_at: Some(at(40)) });
        assert_eq!((quic.gap_micros, quic.lost_packets), (Some(30_000), 2));
        assert_eq!((quic.before, quic.after), (Some(state), Some(state)));
        let frames: Vec<_> = quic
            .frames
            .iter()
            .map(|frame| (frame.is_to_old_address, frame.sent_at, frame.arrived_at))
            .collect();
        assert_eq!(frames, [(true, at(12), None), (false, at(30), Some(at(40)))]);
    }

    #[test]
    fn a_change_whose_gap_is_over_has_no_part_in_what_comes_after_it_is_settled() {
        let challenge = glimpse(true, &[PathFrameKind::Challenge]);
        for (has_data, frames_after) in [(true, 1), (false, 2)] {
            let mut watch = PathWatch::default();
            let before = watch.on_sent(Direction::Down, &glimpse(true, &[]), at(1), || None);
            watch.on_delivered(Direction::Down, before, passage(1, 11));
            let change = watch.begin(FlowId(3), addresses(), None, None);
            let first = Glimpse { has_data, ..challenge.clone() };
            let first = watch.on_sent(Direction::Down, &first, at(12), || None);
            watch.on_delivered(Direction::Down, first, passage(12, 22));
            watch.settle();
            watch.on_sent(Direction::Down, &challenge, at(30), || None);
            let quic = change.lock().quic.clone().expect("a QUIC connection");
            assert_eq!((quic.frames.len(), quic.gap_micros.is_some()), (frames_after, has_data));
        }
    }

    #[test]
    fn what_the_server_counts_belongs_to_the_change_that_it_was_counted_after() {
        let sent = |challenges_sent| PathFrameCounts { challenges_sent, ..PathFrameCounts::default() };
        let told = |change: &SeenChange| change.lock().quic.as_ref().expect("a QUIC connection").counted;
        let mut watch = PathWatch::default();
        assert!(!watch.counts(), "nothing has changed");
        let first = watch.begin(FlowId(3), addresses(), None, Some(sent(2)));
        assert!(watch.counts());
        watch.recount(sent(4));
        let second = watch.begin(FlowId(3), addresses(), None, Some(sent(5)));
        watch.recount(sent(6));
        assert_eq!((told(&first), told(&second)), (Some(sent(2)), Some(sent(1))));
        let unknown = watch.begin(FlowId(3), addresses(), None, None);
        watch.recount(sent(9));
        assert_eq!((watch.counts(), told(&unknown)), (false, None));
    }

    #[test]
    fn there_is_an_end_to_the_frames_of_a_change() {
        let mut watch = PathWatch::default();
        let change = watch.begin(FlowId(3), addresses(), None, None);
        for n in 0..20 {
            watch.on_sent(Direction::Up, &glimpse(false, &[PathFrameKind::Response]), at(n), || None);
        }
        let quic = change.lock().quic.clone().expect("a QUIC connection");
        assert_eq!((quic.frames.len(), quic.more_frames), (SwitchReport::MAX_FRAMES, 4));
    }
}
