//! Items of every kind survive their bytes, in every chunking.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sluice_shared::digest::IdDigest;
use sluice_shared::exhibit::ExhibitUse;
use sluice_shared::feed::{FeedSpec, TicksSpec};
use sluice_shared::ids::{Epoch, Key, Seq, SessionId, StreamId};
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::{
    MAX_BATCH_HEADER, encode_message, write_batch, write_client_item, write_server_control,
};
use sluice_shared::wire::{
    BatchHeader, CertifyRequest, ClientItem, CloseCode, Continuity, EchoBlock, GapReason, GapReport, Goodbye,
    Hello, Hop, Inbound, MessageHeader, PathSample, Ping, Pong, ProducedReport, Resume, SeqRange,
    ServerControl, ServerItem, ServerSample, Span, StreamInfo, TransportFacts, Waiting, Welcome,
};

use crate::harness::frames::{frames, read_both_ways};

fn time() -> impl Strategy<Value = Time> {
    any::<u64>().prop_map(Time::from_micros)
}

fn amount() -> impl Strategy<Value = Amount> {
    any::<(u64, u64)>().prop_map(|(messages, bytes)| Amount::new(messages, bytes))
}

fn policy() -> impl Strategy<Value = Policy> {
    let limited = |make: fn(u32) -> Policy| any::<u32>().prop_map(make);
    prop_oneof![
        Just(Policy::Lossless),
        Just(Policy::Latest),
        limited(|limit| Policy::DropOldest { limit }),
        limited(|limit| Policy::DropNewest { limit }),
        Just(Policy::Unbounded),
        limited(|limit| Policy::SilentDrop { limit }),
        Just(Policy::BusySpin),
    ]
}

fn feed() -> impl Strategy<Value = FeedSpec> {
    let ticks = any::<(u32, u32, u16, u16, u64)>().prop_map(|(rate, size, streams, keys, seed)| {
        FeedSpec::Ticks(TicksSpec { rate, size, streams, keys, seed })
    });
    prop_oneof![ticks, Just(FeedSpec::Host), Just(FeedSpec::Stdin), Just(FeedSpec::Publish)]
}

fn stream() -> impl Strategy<Value = StreamInfo> {
    (any::<u32>(), feed(), ".{0,40}", any::<u64>()).prop_map(|(id, feed, name, next)| StreamInfo {
        id: StreamId(id),
        feed,
        name,
        next: Seq(next),
    })
}

fn hop() -> impl Strategy<Value = Hop> {
    (amount(), amount(), any::<u64>()).prop_map(|(held, bound, oldest_age_micros)| Hop {
        held,
        bound,
        oldest_age_micros,
    })
}

fn resume() -> impl Strategy<Value = Resume> {
    let places = vec(any::<(u32, u64)>().prop_map(|(id, seq)| (StreamId(id), Seq(seq))), 0..512);
    (any::<[u8; 16]>(), any::<u64>(), places).prop_map(|(id, epoch, next)| Resume {
        session: SessionId(id),
        epoch: Epoch(epoch),
        next,
    })
}

fn hello() -> impl Strategy<Value = ClientItem> {
    let feeds = vec(feed(), 0..=Hello::MAX_FEEDS);
    let fields =
        (any::<u16>(), select(&Mode::ALL[..]), feeds, policy(), amount(), any::<u16>(), option::of(resume()));
    fields.prop_map(|(version, mode, feeds, policy, limit, sample_every_millis, resume)| {
        ClientItem::Hello(Hello { version, mode, feeds, policy, limit, sample_every_millis, resume })
    })
}

fn echo_block() -> impl Strategy<Value = EchoBlock> {
    (any::<u64>(), vec(any::<u8>(), 0..600))
        .prop_map(|(number, payload)| EchoBlock { number, payload: payload.into() })
}

fn inbound() -> impl Strategy<Value = Inbound> {
    (hop(), option::of(time()), any::<(u64, u64)>()).prop_map(
        |(echo, stopped_at, (stops, stopped_micros))| Inbound { echo, stopped_at, stops, stopped_micros },
    )
}

fn span() -> impl Strategy<Value = Span> {
    any::<(u32, u64, u64)>().prop_map(|(stream, first, cut)| Span {
        stream: StreamId(stream),
        first: Seq(first),
        cut: Seq(cut),
    })
}

fn digest() -> impl Strategy<Value = IdDigest> {
    any::<(u64, u64)>().prop_map(|(first, end)| IdDigest::of_run(Seq(first), Seq(end)))
}

fn client_item() -> impl Strategy<Value = ClientItem> {
    prop_oneof![
        hello(),
        (amount(), amount(), amount()).prop_map(|(limit, received, consumed)| ClientItem::Grant {
            limit,
            received,
            consumed
        }),
        any::<(u64, u64)>().prop_map(|(first, count)| ClientItem::Lost { first, count }),
        (any::<u64>(), time()).prop_map(|(nonce, sent_at)| ClientItem::Ping(Ping { nonce, sent_at })),
        policy().prop_map(ClientItem::SetPolicy),
        vec(feed(), 0..=Hello::MAX_FEEDS).prop_map(ClientItem::Subscribe),
        any::<u32>().prop_map(|bytes| ClientItem::SetFragments { bytes }),
        echo_block().prop_map(ClientItem::Echo),
        (any::<u64>(), vec(span(), 0..=CertifyRequest::MAX_STREAMS))
            .prop_map(|(nonce, spans)| ClientItem::Certify(CertifyRequest { nonce, spans })),
    ]
}

fn welcome() -> impl Strategy<Value = ServerControl> {
    let continuity = select(vec![
        Continuity::New,
        Continuity::Continued,
        Continuity::UnknownSession,
        Continuity::EpochChanged,
    ]);
    let facts = (option::of(".{0,12}"), any::<Option<u64>>(), any::<Option<u32>>(), any::<bool>()).prop_map(
        |(congestion_control, initial_window, segment, encrypted)| TransportFacts {
            congestion_control,
            initial_window,
            segment,
            encrypted,
        },
    );
    let numbers = (any::<u16>(), any::<[u8; 16]>(), any::<u64>(), time());
    (numbers, continuity, vec(stream(), 0..40), policy(), facts).prop_map(
        |((version, id, epoch, server_now), continuity, streams, policy, facts)| {
            let (session, epoch) = (SessionId(id), Epoch(epoch));
            ServerControl::Welcome(Welcome {
                version,
                session,
                epoch,
                server_now,
                continuity,
                streams,
                policy,
                facts,
            })
        },
    )
}

fn gap() -> impl Strategy<Value = ServerControl> {
    let range = any::<(u64, u64)>().prop_map(|(first, count)| SeqRange { first: Seq(first), count });
    (any::<u32>(), select(&GapReason::ALL[..]), vec(range, 0..=GapReport::MAX_RANGES)).prop_map(
        |(stream, reason, ranges)| ServerControl::Gap(GapReport { stream: StreamId(stream), reason, ranges }),
    )
}

fn sample() -> impl Strategy<Value = ServerControl> {
    let waiting = prop_oneof![
        Just(Waiting::Nothing),
        Just(Waiting::NoData),
        time().prop_map(|since| Waiting::NoCredit { since }),
        time().prop_map(|since| Waiting::Transport { since }),
    ];
    let path = any::<([Option<u64>; 5], Option<u32>)>().prop_map(|(numbers, segment)| {
        let [rtt_micros, congestion_window, in_flight, lost_packets, sent_packets] = numbers;
        PathSample { rtt_micros, congestion_window, in_flight, lost_packets, sent_packets, segment }
    });
    let exhibit = option::of(any::<[u64; 5]>().prop_map(
        |[held_bytes, held_bytes_peak, core_micros, elapsed_micros, silently_dropped]| ExhibitUse {
            held_bytes,
            held_bytes_peak,
            core_micros,
            elapsed_micros,
            silently_dropped,
        },
    ));
    let work = (any::<u64>(), any::<u64>(), exhibit, inbound());
    (time(), [hop(), hop(), hop()], amount(), amount(), waiting, path, work).prop_map(
        |(server_now, [backlog, policy_queue, transport], sent, limit, waiting, path, work)| {
            let (core_micros, blocked_writes, exhibit, inbound) = work;
            ServerControl::Sample(ServerSample {
                server_now,
                backlog,
                policy_queue,
                transport,
                sent,
                limit,
                waiting,
                path,
                core_micros,
                blocked_writes,
                exhibit,
                inbound,
            })
        },
    )
}

fn control() -> impl Strategy<Value = ServerControl> {
    prop_oneof![
        welcome(),
        vec(stream(), 0..40).prop_map(ServerControl::Subscribed),
        gap(),
        (any::<u64>(), time(), time(), amount()).prop_map(|(nonce, ping_sent_at, server_now, sent)| {
            ServerControl::Pong(Pong { nonce, ping_sent_at, server_now, sent })
        }),
        sample(),
        (select(&CloseCode::ALL[..]), ".{0,80}")
            .prop_map(|(code, reason)| ServerControl::Goodbye(Goodbye { code, reason })),
        echo_block().prop_map(ServerControl::Echo),
        (any::<u64>(), any::<u64>(), vec((span(), option::of(digest())), 0..=CertifyRequest::MAX_STREAMS))
            .prop_map(|(nonce, epoch, spans)| {
                ServerControl::Certificate(ProducedReport { nonce, epoch: Epoch(epoch), spans })
            }),
    ]
}

fn server_item() -> impl Strategy<Value = ServerItem> {
    let header =
        (any::<u32>(), any::<u64>(), any::<u32>(), time()).prop_map(|(stream, seq, key, produced_at)| {
            MessageHeader { stream: StreamId(stream), seq: Seq(seq), key: Key(key), produced_at }
        });
    prop_oneof![
        (time(), amount())
            .prop_map(|(sent_at, sent_before)| ServerItem::Batch(BatchHeader { sent_at, sent_before })),
        (header, vec(any::<u8>(), 0..600))
            .prop_map(|(header, payload)| ServerItem::Message { header, payload: payload.into() }),
        control().prop_map(ServerItem::Control),
    ]
}

fn write(out: &mut BytesMut, item: &ServerItem) {
    match item {
        ServerItem::Batch(header) => {
            let before = out.len();
            write_batch(out, header);
            assert!(out.len() - before <= MAX_BATCH_HEADER);
        }
        ServerItem::Message { header, payload } => {
            out.extend_from_slice(&encode_message(header, payload).expect("within limits"));
        }
        ServerItem::Control(control) => write_server_control(out, control),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_server_says_survives_its_bytes(items in vec(server_item(), 1..6), chunk in 1usize..3_000) {
        let mut out = BytesMut::new();
        items.iter().for_each(|item| write(&mut out, item));
        prop_assert_eq!(read_both_ways::<ServerItem>(&out, chunk), items);
    }

    #[test]
    fn what_a_client_says_survives_its_bytes(items in vec(client_item(), 1..6), chunk in 1usize..300) {
        let mut out = BytesMut::new();
        items.iter().for_each(|item| write_client_item(&mut out, item));
        prop_assert_eq!(read_both_ways::<ClientItem>(&out, chunk), items);
    }

    #[test]
    fn arbitrary_bytes_never_panic(data in vec(any::<u8>(), 0..400)) {
        frames(&data);
    }

    #[test]
    fn damaged_items_never_panic(
        items in vec(server_item(), 1..4),
        chunk in any::<u8>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        end in any::<prop::sample::Index>(),
    ) {
        let mut out = BytesMut::from(&[chunk][..]);
        items.iter().for_each(|item| write(&mut out, item));
        for (place, byte) in damage {
            let place = place.index(out.len());
            out[place] = byte;
        }
        out.truncate(end.index(out.len()) + 1);
        frames(&Bytes::from(out));
    }
}
