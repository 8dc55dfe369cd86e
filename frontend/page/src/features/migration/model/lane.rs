//! The page's lanes as the migration panel needs them, taken from each snapshot. All times are on the
//! server's clock, so that they compare with the lab's reports.

use sluice_bridge::{DeliveryGap, LaneInput};
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use crate::features::migration::model::moment::{Moment, MomentKind, moments};

/// Lane of the page, reduced to what concerns changes of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageLane {
    /// Number by which the lab's connections refer to it.
    pub(crate) lane: u16,
    /// Name on the page.
    pub(crate) name: String,
    /// Transport of its mode; a lane that has fallen back uses the other one.
    pub(crate) transport: Transport,
    /// State of its connection.
    pub(crate) state: &'static str,
    /// Number of connections after the first.
    pub(crate) reconnects: u64,
    /// Messages in reported gaps.
    pub(crate) gaps: u64,
    /// Messages lost without a reported gap.
    pub(crate) lost: u64,
    /// Newest moments of its connections, oldest first; empty while the server's clock is unknown.
    pub(crate) moments: Vec<Moment>,
    /// Newest delivery gaps, oldest first; empty while the server's clock is unknown.
    pub(crate) delivery_gaps: Vec<DeliveryGap>,
    /// Time since which the delivery gaps are complete.
    pub(crate) delivery_gaps_since: Option<Time>,
}

impl PageLane {
    /// Extracts a lane from a snapshot; `None` for a lane that connections cannot refer to.
    pub(crate) fn new(input: &LaneInput) -> Option<Self> {
        let summary = &input.summary;
        let offset = summary.clock_offset_micros;
        let at_server = |at: Time| offset.map(|offset| at.shifted_by_micros(offset));
        let delivery_gap = |gap: &DeliveryGap| {
            Some(DeliveryGap { from: at_server(gap.from)?, until: at_server(gap.until)?, ..*gap })
        };
        Some(Self {
            lane: u16::try_from(input.id).ok()?,
            name: input.name.clone(),
            transport: input.setup.mode.transport(),
            state: input.connection.name(),
            reconnects: summary.reconnects,
            gaps: summary.gaps.iter().sum(),
            lost: summary.lost,
            moments: offset.map_or_else(Vec::new, |offset| moments(&input.timeline, offset)),
            delivery_gaps: summary.delivery_gaps.iter().filter_map(delivery_gap).collect(),
            delivery_gaps_since: summary.delivery_gaps_since.and_then(at_server),
        })
    }

    /// Returns the time at which an established connection was last lost, on the server's clock.
    pub(crate) fn last_loss(&self) -> Option<Time> {
        // The moment at which it was established may have been dropped.
        let mut is_established = true;
        let mut last = None;
        for moment in &self.moments {
            match moment.kind {
                MomentKind::Welcome => is_established = true,
                MomentKind::Lost if is_established => (is_established, last) = (false, Some(moment.at)),
                MomentKind::Lost
                | MomentKind::Backoff
                | MomentKind::Attempt
                | MomentKind::Open
                | MomentKind::Fresh => {}
            }
        }
        last
    }

    /// True if data may flow.
    pub(crate) fn is_open(&self) -> bool {
        self.state == "open"
    }
}

/// Returns the name of a lane, or its number if it has left the page.
pub(crate) fn name_of(lanes: &[PageLane], lane: u16) -> String {
    let known = lanes.iter().find(|known| known.lane == lane);
    known.map_or_else(|| "lane ".to_owned() + &lane.to_string(), |known| known.name.clone())
}

#[cfg(test)]
mod tests {
    use sluice_bridge::{Connection, ConnectionEvent, ConnectionEventKind, LaneSetup, Summary};
    use sluice_shared::mode::Mode;

    use super::*;

    fn input(clock_offset_micros: Option<i64>) -> LaneInput {
        LaneInput {
            id: 2,
            name: "Topics".to_owned(),
            colour: "--wt-0".to_owned(),
            setup: LaneSetup::new(Mode::StreamPerTopic),
            mode_in_use: Mode::WebSocket,
            connection: Connection::Idle,
            reported_at: None,
            summary: Summary {
                clock_offset_micros,
                gaps: core::array::from_fn(|at| at as u64),
                delivery_gaps: vec![DeliveryGap {
                    from: Time::from_millis(7),
                    until: Time::from_millis(150),
                    waited: 57,
                    left_out: 3,
                    lost: 1,
                }],
                delivery_gaps_since: Some(Time::from_millis(3)),
                ..Summary::default()
            },
            long_gaps: Vec::new(),
            timeline: vec![ConnectionEvent { at: Time::from_millis(5), kind: ConnectionEventKind::Lost }],
            trace: Vec::new(),
            certificate: None,
            uncertified: None,
            inbound: Vec::new(),
            flow: None,
        }
    }

    #[test]
    fn times_are_those_of_the_servers_clock() {
        let lane = PageLane::new(&input(Some(2_000))).expect("its number is small");
        assert_eq!(lane.delivery_gaps_since, Some(Time::from_millis(5)));
        assert_eq!(lane.delivery_gaps[0].until, Time::from_millis(152));
        assert_eq!((lane.delivery_gaps[0].waited, lane.moments[0].at), (57, Time::from_millis(7)));
        assert_eq!((lane.transport, lane.is_open()), (Transport::WebTransport, false));
    }

    #[test]
    fn without_the_servers_clock_no_time_is_known() {
        let lane = PageLane::new(&input(None)).expect("its number is small");
        assert_eq!((lane.moments.len(), lane.delivery_gaps.len(), lane.delivery_gaps_since), (0, 0, None));
        assert_eq!(PageLane::new(&LaneInput { id: 70_000, ..input(None) }), None);
    }

    #[test]
    fn a_failed_attempt_is_no_loss() {
        let mut lane = PageLane::new(&input(Some(0))).expect("its number is small");
        let moment = |millis, kind| Moment { at: Time::from_millis(millis), kind };
        lane.moments = vec![
            moment(1, MomentKind::Welcome),
            moment(10, MomentKind::Lost),
            moment(11, MomentKind::Attempt),
            moment(20, MomentKind::Lost),
        ];
        assert_eq!(lane.last_loss(), Some(Time::from_millis(10)));
        lane.moments = vec![moment(1, MomentKind::Welcome)];
        assert_eq!(lane.last_loss(), None);
    }

    #[test]
    fn a_lane_that_has_left_has_its_number() {
        let lane = PageLane::new(&input(None)).expect("its number is small");
        assert_eq!(name_of(core::slice::from_ref(&lane), 2), "Topics");
        assert_eq!(name_of(&[lane], 9), "lane 9");
    }
}
