//! Peers that keep no rules: any items, in any order, against either end.

use bytes::BytesMut;
use sluice_shared::digest::IdDigest;
use sluice_shared::feed::FeedSpec;
use sluice_shared::flow::WindowMode;
use sluice_shared::ids::{Epoch, Key, Seq, SessionId, StreamId};
use sluice_shared::mode::Mode;
use sluice_shared::session::{
    BatchLimits, ClientConfig, ClientSession, Heartbeat, Intake, Request, Select, ServerSession, validate,
};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::{encode_message, write_batch, write_server_control};
use sluice_shared::wire::{
    BatchHeader, CertifyRequest, ClientItem, Continuity, EchoBlock, GapReason, GapReport, Hello, Hop,
    MessageHeader, PROTOCOL_VERSION, PathSample, Ping, Pong, ProducedReport, Resume, SeqRange, ServerControl,
    Span, StreamInfo, TransportFacts, Welcome,
};

use core::time::Duration;

use super::choices::Choices;
use super::logs::Logs;
use super::setting::{Setting, feed};

/// Streams of the simulated hub.
const STREAMS: u64 = 4;

/// Interprets a fuzzer's bytes: the first says which end has no manners, the rest is what it says.
///
/// # Panics
/// The other end panics, breaks the law or holds too much.
pub(crate) fn hostile_peers(data: &[u8]) {
    match data.split_first() {
        Some((first, rest)) if first % 2 == 0 => hostile_client(rest),
        Some((_, rest)) => hostile_server(rest),
        None => {}
    }
}

/// What a client without manners says to a server, which must keep the law.
fn hostile_client(data: &[u8]) {
    let mut choices = Choices::scripted(data);
    let mut logs = Logs::new(STREAMS, Amount::new(16, 4_096));
    let mut now = Time::from_millis(1);
    let hello = any_hello(&mut choices);
    if validate(&hello).is_err() {
        return;
    }
    let mut heard = hello.limit;
    let mut session = ServerSession::new(&hello, any_welcome(&mut choices), now);
    let mut out = BytesMut::new();
    while !choices.is_exhausted() {
        now = now + Duration::from_micros(choices.below(100_000));
        match choices.below(8) {
            0..=2 => {
                let item = any_client_item(&mut choices);
                if let ClientItem::Grant { limit, .. } = &item {
                    heard = heard.max_each(*limit);
                }
                match session.handle_item(item, now) {
                    Ok(None | Some(Request::SetFragments(_) | Request::Echo(_))) => {}
                    Ok(Some(Request::Certify(request))) => {
                        if session.handle_certify(&logs, request).is_err() {
                            return;
                        }
                    }
                    Ok(Some(Request::Subscribe(_))) => session.handle_subscribed(any_streams(&mut choices)),
                    Err(_) => return,
                }
            }
            3..=4 => {
                let stream = any_stream(&mut choices);
                logs.produce(stream, Key(0), choices.below(600), now);
                session.handle_published(&logs, now);
            }
            5 => {
                let limits = BatchLimits {
                    messages: usize::try_from(choices.below(20)).expect("small"),
                    bytes: usize::try_from(choices.below(2_000)).expect("small"),
                    oversize_is_gap: choices.chance(500),
                };
                let select =
                    if choices.chance(500) { Select::Any } else { Select::Stream(any_stream(&mut choices)) };
                out.clear();
                session.poll_batch(&logs, select, limits, now, &mut out);
            }
            6 => {
                session.handle_timeout(now);
                session.handle_sample(&logs, Hop::default(), PathSample::default(), now);
                while session.poll_control().is_some() {}
            }
            _ if choices.chance(500) => session.handle_transport_blocked(now),
            _ => session.handle_transport_ready(),
        }
        let (sent, limit) = (session.sent(), session.limit());
        assert!(sent.fits_within(limit) && limit.fits_within(heard), "{sent:?} of {limit:?} of {heard:?}");
    }
}

/// What a server without manners says to a client, which must hold no more than its window.
fn hostile_server(data: &[u8]) {
    let mut choices = Choices::scripted(data);
    let mut now = Time::from_millis(1);
    let mode = choices.one_of(&Mode::ALL);
    let window = Amount::new(choices.between(1, 64), choices.between(1, 200_000));
    let config = ClientConfig {
        mode,
        feeds: vec![feed(0)],
        policy: Setting::random_policy(&mut choices),
        window: if choices.chance(300) { WindowMode::Auto } else { WindowMode::Fixed(window) },
        sample_every: Duration::ZERO,
        heartbeat: Heartbeat { interval: Duration::from_millis(100), ..Heartbeat::default() },
    };
    let mut session = ClientSession::new(config, now);
    session.handle_connected(now);
    let mut largest_window = session.credit().window();
    let mut intake = Intake::default();
    while !choices.is_exhausted() {
        now = now + Duration::from_micros(choices.below(400_000));
        let result = match choices.below(8) {
            0..=3 => {
                let bytes = any_server_items(&mut choices).freeze();
                match choices.below(3) {
                    0 => session.handle_frame(bytes, now),
                    1 => session.handle_stream_bytes(&mut intake, &bytes, now),
                    _ => session.handle_datagram(bytes, now),
                }
            }
            4..=5 => {
                if let Some(message) = session.poll_message() {
                    session.handle_consumed(&message, now);
                }
                Ok(())
            }
            6 => {
                session.certify();
                session.handle_timeout(now);
                Ok(())
            }
            _ => {
                while session.poll_transmit().is_some() {}
                while session.poll_event().is_some() {}
                Ok(())
            }
        };
        if result.is_err() {
            intake = Intake::default();
            session.handle_disconnected();
            session.handle_connected(now);
        }
        largest_window = largest_window.max_each(session.credit().window());
        let inbox = session.inbox_hop(now).held;
        assert!(inbox.fits_within(largest_window), "{inbox:?} in {largest_window:?}");
    }
}

fn any_number(choices: &mut Choices) -> u64 {
    match choices.below(8) {
        0 => u64::MAX - choices.below(4),
        1 => choices.below(1 << 40),
        _ => choices.below(64),
    }
}

fn any_amount(choices: &mut Choices) -> Amount {
    Amount::new(any_number(choices), any_number(choices).saturating_mul(100))
}

fn any_stream(choices: &mut Choices) -> StreamId {
    StreamId(u32::try_from(choices.below(STREAMS + 1)).expect("small"))
}

fn any_feeds(choices: &mut Choices) -> Vec<FeedSpec> {
    (0..choices.below(4)).map(feed).collect()
}

fn any_hello(choices: &mut Choices) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        mode: choices.one_of(&Mode::ALL),
        feeds: any_feeds(choices),
        policy: Setting::random_policy(choices),
        limit: any_amount(choices),
        sample_every_millis: choices.one_of(&[0, 1, 100]),
        resume: choices.chance(300).then(|| Resume {
            session: SessionId([7; 16]),
            epoch: Epoch(choices.below(3)),
            next: (0..choices.below(6)).map(|_| (any_stream(choices), Seq(any_number(choices)))).collect(),
        }),
    }
}

fn any_streams(choices: &mut Choices) -> Vec<StreamInfo> {
    (0..choices.below(5))
        .map(|_| StreamInfo {
            id: any_stream(choices),
            feed: feed(0),
            name: String::new(),
            next: Seq(any_number(choices)),
        })
        .collect()
}

fn any_welcome(choices: &mut Choices) -> Welcome {
    let continuities =
        [Continuity::New, Continuity::Continued, Continuity::UnknownSession, Continuity::EpochChanged];
    Welcome {
        version: if choices.chance(20) { PROTOCOL_VERSION + 1 } else { PROTOCOL_VERSION },
        session: SessionId([1; 16]),
        epoch: Epoch(choices.below(3)),
        server_now: Time::from_micros(any_number(choices)),
        continuity: choices.one_of(&continuities),
        streams: any_streams(choices),
        policy: Setting::random_policy(choices),
        facts: TransportFacts::default(),
    }
}

fn any_client_item(choices: &mut Choices) -> ClientItem {
    match choices.below(8) {
        0 => ClientItem::Hello(any_hello(choices)),
        1..=3 => ClientItem::Grant {
            limit: any_amount(choices),
            received: if choices.chance(200) { any_amount(choices) } else { Amount::ZERO },
            consumed: Amount::ZERO,
        },
        4 => ClientItem::Lost { first: any_number(choices), count: any_number(choices) },
        5 => ClientItem::Ping(Ping {
            nonce: any_number(choices),
            sent_at: Time::from_micros(any_number(choices)),
        }),
        6 => ClientItem::SetPolicy(Setting::random_policy(choices)),
        _ if choices.chance(300) => {
            ClientItem::SetFragments { bytes: u32::try_from(choices.below(40_000)).expect("below 40,000") }
        }
        _ if choices.chance(100) => {
            let length = usize::try_from(choices.below(12_000)).expect("below 12,000");
            ClientItem::Echo(EchoBlock { number: any_number(choices), payload: vec![0; length].into() })
        }
        _ if choices.chance(300) => {
            let count = choices.below(4) * choices.below(300);
            let spans = (0..count).map(|_| any_span(choices)).collect();
            ClientItem::Certify(CertifyRequest { nonce: any_number(choices), spans })
        }
        _ => ClientItem::Subscribe(any_feeds(choices)),
    }
}

fn any_server_items(choices: &mut Choices) -> BytesMut {
    let mut out = BytesMut::new();
    for _ in 0..choices.between(1, 4) {
        match choices.below(8) {
            0..=3 => {
                let header = MessageHeader {
                    stream: any_stream(choices),
                    seq: Seq(any_number(choices)),
                    key: Key(0),
                    produced_at: Time::from_micros(any_number(choices)),
                };
                let payload = vec![0; usize::try_from(choices.below(300)).expect("small")];
                out.extend_from_slice(&encode_message(&header, &payload).expect("within limits"));
            }
            4..=5 => {
                let sent_at = Time::from_micros(any_number(choices));
                write_batch(&mut out, &BatchHeader { sent_at, sent_before: any_amount(choices) });
            }
            _ => write_server_control(&mut out, &any_control(choices)),
        }
    }
    if choices.chance(50) {
        let cut = usize::try_from(choices.below(out.len() as u64)).expect("a length");
        out.truncate(cut);
    }
    out
}

fn any_span(choices: &mut Choices) -> Span {
    let mut position = || if choices.chance(700) { Seq(choices.below(20)) } else { Seq(any_number(choices)) };
    let (first, cut) = (position(), position());
    Span { stream: any_stream(choices), first, cut }
}

fn any_control(choices: &mut Choices) -> ServerControl {
    match choices.below(5) {
        3 => {
            let digest = |span: Span| (span, Some(IdDigest::of_run(span.first, span.cut)));
            let spans = (0..choices.below(4)).map(|_| digest(any_span(choices))).collect();
            let (nonce, epoch) = (choices.below(3), Epoch(choices.below(3)));
            ServerControl::Certificate(ProducedReport { nonce, epoch, spans })
        }
        0 => ServerControl::Welcome(any_welcome(choices)),
        1 => ServerControl::Subscribed(any_streams(choices)),
        2 => ServerControl::Gap(GapReport {
            stream: any_stream(choices),
            reason: choices.one_of(&GapReason::ALL),
            ranges: (0..choices.below(4))
                .map(|_| SeqRange { first: Seq(any_number(choices)), count: any_number(choices) })
                .collect(),
        }),
        _ => ServerControl::Pong(Pong {
            nonce: any_number(choices),
            ping_sent_at: Time::from_micros(any_number(choices)),
            server_now: Time::from_micros(any_number(choices)),
            sent: any_amount(choices),
        }),
    }
}
