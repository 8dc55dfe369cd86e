//! Sample reports of a change of networks and of outages, used by the tests of the model and the drawings.

use sluice_shared::lab::{
    Congestion, IdChange, IdFrames, LabReport, NewAddress, NextConnection, PathChange, PathEnds, PathFrame,
    PathFrameCounts, PathFrameKind, PathState, QuicPathChange, Resumed, SwitchReport, TcpFate, TcpPathChange,
    TunnelPath, TunnelReport,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

use crate::features::migration::model::effect::{ChangeEffect, ChangeEffects};
use crate::features::migration::model::lane::PageLane;
use crate::features::migration::model::moment::{Moment, MomentKind};
use sluice_bridge::DeliveryGap;

/// Time of the change of networks, ms.
const AT: u64 = 60_000;

/// Returns the time `millis` after the change; negative values are before it.
pub(crate) fn at(millis: i64) -> Time {
    Time::from_millis(AT).shifted_by_micros(millis * 1_000)
}

fn ends(sent: i64, arrived: i64) -> PathEnds {
    PathEnds { sent_at: Some(at(sent)), arrived_at: Some(at(arrived)) }
}

/// Returns a change to another host with a WebTransport session and a WebSocket, over 50 ms each way.
pub(crate) fn switch() -> SwitchReport {
    SwitchReport {
        number: 3,
        at: at(0),
        address: NewAddress::Host,
        tcp: TcpFate::Told,
        problem: None,
        paths: vec![quic(), tcp()],
    }
}

/// Returns a session that survives the change.
pub(crate) fn quic() -> PathChange {
    let frame = |kind, direction, sent, arrived, is_to_old_address| PathFrame {
        kind,
        direction,
        is_to_old_address,
        sent_at: at(sent),
        arrived_at: arrived,
        data: "0123456789abcdef".to_owned(),
    };
    PathChange {
        flow: 1,
        lane: Some(0),
        transport: Transport::WebTransport,
        old_address: "127.0.0.1:40000".to_owned(),
        new_address: Some("127.0.0.2:41000".to_owned()),
        old_up: ends(-60, -10),
        old_down: ends(-52, -2),
        quic: Some(QuicPathChange {
            new_up: ends(40, 90),
            new_down: ends(90, 140),
            gap_micros: Some(142_300),
            lost_packets: 27,
            lost_until: Some(at(89)),
            frames: vec![
                frame(PathFrameKind::Challenge, Direction::Down, 90, None, true),
                frame(PathFrameKind::Challenge, Direction::Down, 90, Some(at(140)), false),
                frame(PathFrameKind::Response, Direction::Up, 140, Some(at(190)), false),
            ],
            more_frames: 0,
            counted: Some(PathFrameCounts {
                challenges_sent: 2,
                responses_received: 1,
                ..PathFrameCounts::default()
            }),
            client_sends_to: IdChange {
                before: Some("0011223344556677".to_owned()),
                after: Some("0011223344556677".to_owned()),
            },
            server_sends_to: IdChange { before: Some(String::new()), after: Some(String::new()) },
            ids_by_client: IdFrames::default(),
            ids_by_server: IdFrames { announced: 2, retired: 1 },
            before: Some(PathState { cwnd_bytes: 120_000, rtt_micros: 101_000 }),
            after: Some(PathState { cwnd_bytes: 14_720, rtt_micros: 333_000 }),
        }),
        tcp: None,
    }
}

/// Returns a WebSocket that has reconnected.
pub(crate) fn tcp() -> PathChange {
    PathChange {
        flow: 0,
        lane: Some(1),
        transport: Transport::WebSocket,
        old_address: "127.0.0.1:40001".to_owned(),
        new_address: Some("127.0.0.1:41001".to_owned()),
        old_up: ends(-55, -5),
        old_down: ends(-54, -4),
        quic: None,
        tcp: Some(TcpPathChange {
            cut_at: at(0),
            next: Some(NextConnection {
                flow: 2,
                syn_at: Some(at(180)),
                established_at: Some(at(280)),
                first_byte_at: Some(at(440)),
            }),
        }),
    }
}

/// Returns the moments of the WebSocket lane's recovery.
pub(crate) fn moments() -> Vec<Moment> {
    let moments = [
        (-9_000, MomentKind::Attempt),
        (-8_990, MomentKind::Open),
        (-8_980, MomentKind::Welcome),
        (2, MomentKind::Lost),
        (2, MomentKind::Backoff),
        (180, MomentKind::Attempt),
        (340, MomentKind::Open),
        (440, MomentKind::Welcome),
        (450, MomentKind::Fresh),
    ];
    moments.into_iter().map(|(millis, kind)| Moment { at: at(millis), kind }).collect()
}

/// Returns the effects of `switch` on the lanes of both connections, in the order of its paths.
pub(crate) fn effects(switch: &SwitchReport) -> Vec<ChangeEffect> {
    let mut effects = ChangeEffects::default();
    let report = LabReport { at: at(500), switches: vec![switch.clone()], ..LabReport::default() };
    effects.take(&report, &lanes());
    switch.paths.iter().map(|path| effects.of(switch, path)).collect()
}

/// Returns the lanes of both connections.
pub(crate) fn lanes() -> Vec<PageLane> {
    let gap = |from, until, waited| DeliveryGap {
        from: at(from),
        until: at(until),
        waited,
        ..DeliveryGap::default()
    };
    let lane = |lane, name: &str, transport, reconnects, delivery_gaps, moments| PageLane {
        lane,
        name: name.to_owned(),
        transport,
        state: "open",
        reconnects,
        gaps: 0,
        lost: 0,
        moments,
        delivery_gaps,
        delivery_gaps_since: Some(at(-10_000)),
    };
    let before = moments().into_iter().take(3).collect();
    vec![
        lane(0, "WebTransport", Transport::WebTransport, 0, vec![gap(-2, 141, 57)], before),
        lane(
            1,
            "WebSocket",
            Transport::WebSocket,
            1,
            vec![gap(-900, -850, 20), gap(-4, 441, 178), gap(445, 490, 18)],
            moments(),
        ),
    ]
}

/// Returns two outages: 4 s with three lanes, and 8 s with two of them and an address change at the end.
pub(crate) fn tunnelled() -> LabReport {
    let path = |flow, lane, transport, congestion, resumed: Option<(u64, i64)>| TunnelPath {
        flow,
        lane: Some(lane),
        transport,
        congestion,
        last_data_at: Some(at(-1)),
        resumed: resumed.map(|(flow, millis)| Resumed { flow, at: at(millis) }),
    };
    let (quic, tcp) = (Transport::WebTransport, Transport::WebSocket);
    LabReport {
        at: at(60_000),
        tunnels: vec![
            TunnelReport {
                number: 0,
                from: at(0),
                until: at(4_000),
                switched: false,
                paths: vec![
                    path(1, 0, quic, Congestion::Cubic, Some((1, 4_300))),
                    path(2, 1, tcp, Congestion::Cubic, Some((2, 6_000))),
                    path(3, 2, quic, Congestion::Bbr, Some((3, 4_120))),
                ],
            },
            TunnelReport {
                number: 1,
                from: at(20_000),
                until: at(28_000),
                switched: true,
                paths: vec![
                    // The lane had already left this connection.
                    path(0, 0, quic, Congestion::Cubic, None),
                    path(1, 0, quic, Congestion::Cubic, Some((5, 29_200))),
                    path(3, 2, quic, Congestion::Bbr, None),
                ],
            },
        ],
        ..LabReport::default()
    }
}
