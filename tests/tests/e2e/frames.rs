//! The frame inspector: what it tells is what was on the wire.

use std::net::SocketAddr;

use hyper::Method;
use sluice_shared::api::Problem;
use sluice_shared::lab::{Congestion, FrameEvent, FrameTotals, Opcode};
use sluice_shared::link::Direction;
use sluice_shared::mode::Mode;
use sluice_shared::units::Amount;
use sluice_shared::wire::{ClientItem, CloseCode, Hello};
use sluice_tests::client::{Client, Lane};
use sluice_tests::connection::encoded;
use sluice_tests::deadline::{in_time, must};
use sluice_tests::lab::{Lab, flow_of};
use sluice_tests::raw::{Raw, hello};
use sluice_tests::server::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::feed;

/// A Hello over WebSocket that grants as much as anybody wants.
fn generous(rate: u32, seed: u64) -> Hello {
    Hello { limit: Amount::new(1 << 40, 1 << 40), ..hello(Mode::WebSocket, feed(rate, seed)) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All frames that `totals` count.
fn frames_of(totals: &FrameTotals) -> u64 {
    totals.frames.iter().sum()
}

/// A connection upgraded with the key of RFC 6455 §1.3, for whatever bytes a test wants.
async fn upgraded(server: SocketAddr, lane: u16) -> TcpStream {
    let mut stream = must("connecting", TcpStream::connect(server).await);
    let request = format!(
        "GET /ws?lane={lane} HTTP/1.1\r\nhost: {server}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    must("asking", stream.write_all(request.as_bytes()).await);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(must("reading", in_time("the upgrade", stream.read_u8()).await));
    }
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn the_upgrade_is_told_with_its_accept_key_checked() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let _wire = upgraded(lab.target(7, Congestion::Cubic).http, 7).await;
    let upgrade = lab.frames(7).await.next().await.and_then(|event| event.upgrade).expect("the first event");
    assert!(upgrade.request.starts_with("GET /ws?lane=7 HTTP/1.1\r\n"), "{upgrade:?}");
    assert!(upgrade.response.starts_with("HTTP/1.1 101 "), "{upgrade:?}");
    // The example of RFC 6455 §1.3.
    assert_eq!(upgrade.key, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(upgrade.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(upgrade.matches && upgrade.accept == upgrade.expected, "{upgrade:?}");

    let target = lab.target(8, Congestion::Cubic);
    let client = Client::connect(&target, Lane::new(Mode::WebSocket, feed(200, 80))).await.expect("accepted");
    client.until_settled(10).await;
    let upgrade = lab.frames(8).await.next().await.and_then(|event| event.upgrade).expect("the first event");
    assert_ne!(upgrade.key, "dGhlIHNhbXBsZSBub25jZQ==", "a nonce");
    assert!(upgrade.matches && !upgrade.accept.is_empty(), "{upgrade:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ping_pong_and_close_are_told_with_what_they_say() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, r#"{"change":{"delay_ms":5}}"#).await;
    let mut wire = upgraded(lab.target(0, Congestion::Cubic).http, 0).await;
    let mut frames = lab.frames(0).await;
    let masked = |first: u8, payload: &[u8]| {
        let key = [1, 2, 3, 4];
        let mut bytes = vec![first, 0x80 | u8::try_from(payload.len()).expect("short")];
        bytes.extend(key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
        bytes
    };
    must("sending", wire.write_all(&masked(0x89, b"here?")).await);
    must("sending", wire.write_all(&masked(0x88, &[&1001u16.to_be_bytes()[..], b"bye"].concat())).await);
    let (mut seen, mut ended) = (Vec::new(), false);
    in_time("both have closed", async {
        while seen.len() < 4 || !ended {
            let Some(event) = frames.next().await else { panic!("it ended with {seen:?}") };
            ended |= event.has_ended;
            seen.extend(event.frames);
        }
    })
    .await;
    let told: Vec<_> =
        seen.iter().map(|frame| (frame.direction, Opcode::from_number(frame.opcode))).collect();
    assert!(told.starts_with(&[(Direction::Up, Opcode::Ping)]), "{told:?}");
    let find = |direction, opcode| {
        seen.iter()
            .find(|frame| frame.direction == direction && Opcode::from_number(frame.opcode) == opcode)
            .expect("told")
    };
    let ping = find(Direction::Up, Opcode::Ping);
    assert_eq!((ping.mask.as_deref(), ping.plain.clone()), (Some("01020304"), Some(hex(b"here?"))));
    assert_ne!(ping.wire, hex(b"here?"), "it is masked");
    let pong = find(Direction::Down, Opcode::Pong);
    assert_eq!((pong.mask.clone(), pong.wire.clone()), (None, hex(b"here?")));
    assert_eq!(pong.answers.map(|answer| answer.number), Some(ping.number));
    let close = find(Direction::Up, Opcode::Close).close.clone().expect("it says why");
    assert_eq!((close.code, close.reason.as_str()), (Some(1001), "bye"));
    assert!(close.meaning.contains("going away"), "{close:?}");
    let answer = find(Direction::Down, Opcode::Close).close.clone().expect("it says why");
    assert_eq!(answer.code, Some(1001));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fragments_that_were_asked_for_are_joined_with_a_ping_between_them() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let (mut raw, _) = Raw::welcomed(&lab.target(0, Congestion::Cubic), generous(500, 81)).await;
    let mut frames = lab.frames(0).await;
    raw.say(&ClientItem::SetFragments { bytes: 64 }).await;
    let read = async {
        loop {
            raw.next_message().await;
        }
    };
    let look = async {
        let ping = frames
            .until("a ping stands between fragments", |frame| {
                frame.is_between
                    && frame.direction == Direction::Down
                    && Opcode::from_number(frame.opcode) == Opcode::Ping
            })
            .await;
        assert_eq!(ping.faults, Vec::<String>::new());
        let last = frames
            .until("a message is joined", |frame| {
                frame.joined.as_ref().is_some_and(|joined| !joined.plain.is_empty())
            })
            .await;
        assert!(last.fin && last.length <= 64 && last.faults.is_empty(), "{last:?}");
        let joined = last.joined.expect("it was waited for");
        assert_eq!(u64::from(joined.fragments), joined.bytes.div_ceil(64), "{joined:?}");
        let pong = frames
            .until("the client answers", |frame| {
                frame.direction == Direction::Up && Opcode::from_number(frame.opcode) == Opcode::Pong
            })
            .await;
        assert!(pong.mask.is_some() && pong.answers.is_some(), "{pong:?}");
    };
    // Messages arrive as ever: a receiver joins their fragments.
    tokio::select! {
        () = look => {}
        () = read => {}
    }
    raw.say(&ClientItem::SetFragments { bytes: 0 }).await;
    frames
        .until("messages are whole again", |frame| {
            frame.fin && frame.length > 64 && Opcode::from_number(frame.opcode) == Opcode::Binary
        })
        .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_send_fragments_is_told_so() {
    let server = Server::start().await;
    for (mode, bytes) in [(Mode::OneStream, 64), (Mode::WebSocket, 15), (Mode::WebSocket, 16_385)] {
        let (mut raw, _) = Raw::welcomed(&server.target, hello(mode, feed(200, 82))).await;
        raw.say(&ClientItem::SetFragments { bytes }).await;
        let ending = raw.until_closed().await;
        assert_eq!(
            ending.closed.code,
            Some(CloseCode::Protocol.webtransport()),
            "{mode}, {bytes}: {ending:?}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_later_finds_whole_frames_and_clients_mask_them() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let client =
        Client::connect(&lab.target(3, Congestion::Bbr), Lane::new(Mode::WebSocket, feed(500, 83))).await;
    let client = client.expect("accepted");
    client.until_settled(200).await;
    let mut frames = lab.frames(3).await;
    let first = frames.next().await.expect("an event");
    assert!(first.upgrade.expect("it comes first").matches);
    assert!(frames_of(&first.down) > 0 && first.down.messages > 0, "{:?}", first.down);
    let (mut up, mut down) = (0, 0);
    in_time("frames of both", async {
        while up < 5 || down < 20 {
            let event = frames.next().await.expect("the connection goes on");
            assert_eq!((event.up.faulty_frames, event.down.faulty_frames, event.lost), (0, 0, None));
            for frame in event.frames {
                assert_eq!(frame.mask.is_some(), frame.direction == Direction::Up, "{frame:?}");
                match frame.direction {
                    Direction::Up => up += 1,
                    Direction::Down => down += 1,
                }
            }
        }
    })
    .await;
    // What a client says can be read once the mask is off.
    let (raw, _) = Raw::welcomed(&lab.target(4, Congestion::Bbr), hello(Mode::WebSocket, feed(1, 84))).await;
    let mut frames = lab.frames(4).await;
    let item = ClientItem::Lost { first: 5, count: 6 };
    raw.say(&item).await;
    let plain = hex(&encoded(&item));
    let frame = frames.until("the item", |frame| frame.plain.as_deref() == Some(plain.as_str())).await;
    assert_ne!(frame.wire, plain);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_to_tell_is_counted_and_totals_stay_true() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let (mut raw, _) = Raw::welcomed(&lab.target(0, Congestion::Cubic), generous(3_000, 85)).await;
    raw.say(&ClientItem::SetFragments { bytes: 16 }).await;
    let mut frames = lab.frames(0).await;
    let read = async {
        loop {
            raw.next_message().await;
        }
    };
    let look = async {
        let first = frames.next().await.expect("an event");
        let before = frames_of(&first.up) + frames_of(&first.down);
        let (mut told, mut skipped) = (0, 0);
        in_time("frames are skipped", async {
            loop {
                let FrameEvent { frames, skipped: more, up, down, .. } =
                    frames.next().await.expect("the connection goes on");
                assert!(frames.len() <= 48, "{} in one event", frames.len());
                assert!(frames.is_sorted_by_key(|frame| frame.number));
                told += frames.len() as u64;
                skipped += more;
                assert_eq!(before + told + skipped, frames_of(&up) + frames_of(&down));
                if skipped > 1_000 {
                    return;
                }
            }
        })
        .await;
    };
    tokio::select! {
        () = look => {}
        () = read => {}
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_follows_its_lane_and_gives_way_to_the_next() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let first = upgraded(lab.target(2, Congestion::Cubic).http, 2).await;
    let mut frames = lab.frames(2).await;
    let connection = frames.next().await.expect("an event").connection;
    drop(first);
    let _second = upgraded(lab.target(2, Congestion::Cubic).http, 2).await;
    in_time("the next connection is told", async {
        loop {
            let event = frames.next().await.expect("the lane may connect again");
            if event.connection != connection && event.upgrade.is_some() {
                return;
            }
        }
    })
    .await;
    let mut other = lab.frames(2).await;
    assert!(other.next().await.expect("an event").upgrade.is_some());
    in_time("the earlier one ends", async { while frames.next().await.is_some() {} }).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_makes_no_sense_is_told_why() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let target = lab.target(1, Congestion::Cubic);
    let client = Client::connect(&target, Lane::new(Mode::OneStream, feed(200, 86))).await.expect("accepted");
    client.until_settled(10).await;
    for (path, status, said) in [
        ("/frames", 400, "lane is missing"),
        ("/frames?lane=x", 400, "no number"),
        ("/frames?lane=1", 404, "no WebSocket"),
        ("/frames?lane=9", 404, "no WebSocket"),
    ] {
        let answer = lab.call(Method::GET, path, "").await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem: Problem = must("reading the problem", answer.json());
        assert!(problem.detail.contains(said), "{path}: {problem:?}");
    }
    let answer =
        sluice_tests::lab::call(server.target.http, Method::GET, "/api/labs/none/frames?lane=0", "").await;
    assert_eq!(answer.status, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_quic_packets_are_made_of_adds_up() {
    let server = Server::start().await;
    let lab = Lab::open(&server.target, "{}").await;
    let mut reports = lab.watch().await;
    for (lane, mode) in (0..).zip([Mode::OneStream, Mode::StreamPerMessage, Mode::Datagrams]) {
        let target = lab.target(lane, Congestion::Cubic);
        let client = Client::connect(&target, Lane::new(mode, feed(500, 87))).await.expect("accepted");
        client.until_settled(300).await;
        let what = "its packets are counted";
        let report = reports
            .until(what, |report| {
                let quic = flow_of(report, lane).and_then(|flow| flow.quic);
                quic.is_some_and(|quic| quic.payload_bytes >= 300 * 64)
            })
            .await;
        let flow = flow_of(&report, lane).expect("it was waited for");
        let quic = flow.quic.expect("it was waited for");
        // IPv4 and UDP headers, and what was sent before there were keys, are all that is missing.
        let told = quic.payload_bytes + quic.frame_header_bytes + quic.other_frame_bytes + quic.packet_bytes;
        let carried = told + 28 * quic.packets;
        assert!(carried <= flow.down.delivered_bytes + 64 * 1_500, "{mode}: {flow:?}");
        assert!(carried * 10 >= flow.down.delivered_bytes * 5, "{mode}: {flow:?}");
        // A short header, and a seal of 16 bytes, in every packet.
        assert!((17 * quic.packets..=64 * quic.packets).contains(&quic.packet_bytes), "{mode}: {quic:?}");
        assert!(quic.frame_header_bytes >= quic.data_frames, "{mode}: {quic:?}");
    }
    server.stop().await;
}
