//! A change of networks as tests need it.

use sluice_shared::lab::{
    IdChange, IdFrames, NewAddress, NextConnection, PathChange, PathEnds, PathFrame, PathFrameKind,
    PathState, QuicPathChange, SwitchReport, TcpFate, TcpPathChange,
};
use sluice_shared::link::Direction;
use sluice_shared::mode::Transport;
use sluice_shared::time::Time;

/// When the clients change networks, ms.
const AT: u64 = 60_000;

/// `millis` after the change, or before it.
pub(super) fn at(millis: i64) -> Time {
    Time::from_millis(AT).shifted_by_micros(millis * 1_000)
}

fn ends(sent: i64, arrived: i64) -> PathEnds {
    PathEnds { sent_at: Some(at(sent)), arrived_at: Some(at(arrived)) }
}

/// Another host for a WebTransport session and a WebSocket, over 50 ms each way.
pub(super) fn switch() -> SwitchReport {
    SwitchReport {
        number: 3,
        at: at(0),
        address: NewAddress::Host,
        tcp: TcpFate::Told,
        problem: None,
        paths: vec![quic(), tcp()],
    }
}

/// A session that goes on.
pub(super) fn quic() -> PathChange {
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

/// A WebSocket that has come back.
pub(super) fn tcp() -> PathChange {
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
