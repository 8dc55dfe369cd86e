//! Round trips, counted from the packets.

use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use sluice_wire::{Sight, SightFate};

/// How many round trips each end had waited for, packet by packet.
///
/// A packet of the client that could have been sent without any packet of the server has none behind it; one that
/// follows an answer to such a packet has one; and so on. So what is counted is who waited for whom, which no timer, no
/// lost copy and no slow computer changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RoundTripCount {
    /// For each packet, in the order in which they were sent.
    packets: Vec<u32>,
    /// When the client's count rose to how much.
    client: Vec<(Time, u32)>,
}

impl RoundTripCount {
    /// Counts for the packets of one connection.
    pub(super) fn of(sights: &[Sight]) -> Self {
        // At equal times what arrives comes before what leaves: it may be the cause.
        let mut events: Vec<(Time, bool, usize)> = Vec::with_capacity(sights.len() * 2);
        for (index, sight) in sights.iter().enumerate() {
            events.push((sight.sent_at, true, index));
            if let Some(SightFate::Arrived(at)) = sight.fate {
                events.push((at, false, index));
            }
        }
        events.sort_unstable();
        let mut packets = vec![0; sights.len()];
        let (mut at_client, mut at_server, mut client) = (0, 0, Vec::new());
        for (at, is_sent, index) in events {
            let (Some(sight), Some(count)) = (sights.get(index), packets.get_mut(index)) else { continue };
            match (sight.direction, is_sent) {
                (Direction::Up, true) => *count = at_client,
                (Direction::Up, false) => at_server = at_server.max(*count),
                (Direction::Down, true) => *count = at_server,
                (Direction::Down, false) if *count >= at_client => {
                    at_client = *count + 1;
                    client.push((at, at_client));
                }
                (Direction::Down, false) => {}
            }
        }
        Self { packets, client }
    }

    /// What the client had waited for at `at`.
    pub(super) fn until(&self, at: Time) -> u32 {
        let known = self.client.partition_point(|(risen_at, _)| *risen_at <= at);
        known.checked_sub(1).and_then(|last| self.client.get(last)).map_or(0, |(_, count)| *count)
    }

    /// What the sender of packet `index` had waited for.
    pub(super) fn packet(&self, index: usize) -> u32 {
        self.packets.get(index).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sluice_wire::{Content, Net};

    use super::*;

    fn sight(number: u64, direction: Direction, sent: u64, arrived: Option<u64>) -> Sight {
        Sight {
            number,
            direction,
            from: Net::server_addr(1),
            to: Net::server_addr(2),
            sent_at: Time::from_millis(sent),
            bytes: 40,
            ecn: 0,
            content: Content::Udp(Bytes::new()),
            copies: Vec::new(),
            fate: arrived.map(|at| SightFate::Arrived(Time::from_millis(at))),
        }
    }

    #[test]
    fn who_waits_for_whom_is_counted() {
        use Direction::{Down, Up};
        let sights = [
            sight(0, Up, 0, Some(50)),
            sight(1, Down, 50, Some(100)),
            sight(2, Up, 100, Some(150)),
            sight(3, Up, 100, Some(150)),
            sight(4, Down, 150, Some(200)),
        ];
        let count = RoundTripCount::of(&sights);
        assert_eq!(count.packets, [0, 0, 1, 1, 1]);
        assert_eq!([0, 99, 100, 199, 200].map(|ms| count.until(Time::from_millis(ms))), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn a_lost_packet_that_is_sent_again_takes_time_and_no_round_trip() {
        use Direction::{Down, Up};
        let sights =
            [sight(0, Up, 0, None), sight(1, Up, 1_000, Some(1_050)), sight(2, Down, 1_050, Some(1_100))];
        assert_eq!(RoundTripCount::of(&sights).until(Time::from_millis(1_100)), 1);
    }
}
