//! Items as bytes: nothing changes on the way, and nothing malformed or oversized gets in.

use bytes::{Bytes, BytesMut};
use sluice_shared::ids::{Key, Seq, StreamId};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::{
    DecodeError, FrameItems, MAX_CLIENT_ITEM, MAX_ITEM, MAX_PAYLOAD, StreamItems, encode_message,
    write_batch, write_client_item,
};
use sluice_shared::wire::{BatchHeader, ClientItem, MessageHeader, Ping, ServerItem};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::harness::frames::read_both_ways;

fn ping() -> ClientItem {
    ClientItem::Ping(Ping { nonce: 1, sent_at: Time::from_millis(2) })
}

fn client_frame(item: &ClientItem) -> BytesMut {
    let mut out = BytesMut::new();
    write_client_item(&mut out, item);
    out
}

fn header() -> MessageHeader {
    MessageHeader {
        stream: StreamId(u32::MAX),
        seq: Seq(u64::MAX),
        key: Key(u32::MAX),
        produced_at: Time::ZERO,
    }
}

/// The length prefix, by hand.
fn prefix(length: usize) -> Vec<u8> {
    let mut rest = length;
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(rest & 0x7f).expect("seven bits");
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[test]
fn a_prefix_takes_one_two_or_three_bytes() {
    for (payload, expected) in [(0, 1), (122, 1), (123, 2), (16_378, 2), (16_379, 3), (MAX_PAYLOAD, 3)] {
        let header = MessageHeader { stream: StreamId(1), seq: Seq(1), key: Key(1), produced_at: Time::ZERO };
        let item = encode_message(&header, &vec![7; payload]).expect("within limits");
        // Kind and header are five bytes.
        let length = payload + 5;
        assert_eq!(item.len() - length, expected, "{payload}");
        assert_eq!(item[..expected], prefix(length));
        let read = read_both_ways::<ServerItem>(&item, 4_000);
        assert_eq!(read, [ServerItem::Message { header, payload: vec![7; payload].into() }]);
    }
}

#[test]
fn a_payload_beyond_the_limit_is_not_encoded() {
    assert!(encode_message(&header(), &vec![0; MAX_PAYLOAD]).is_ok());
    let refused = encode_message(&header(), &vec![0; MAX_PAYLOAD + 1]);
    assert_eq!(refused.expect_err("too large").length, MAX_PAYLOAD + 1);
}

#[test]
fn the_largest_message_is_an_item_of_the_allowed_size() {
    let item = encode_message(&header(), &vec![0; MAX_PAYLOAD]).expect("within limits");
    assert!(item.len() <= MAX_ITEM + 3);
    assert_eq!(read_both_ways::<ServerItem>(&item, 1_000).len(), 1);
}

#[test]
fn an_oversized_length_is_refused_before_its_body_comes() {
    let mut items = StreamItems::<ClientItem>::default();
    items.push(&prefix(MAX_CLIENT_ITEM + 1));
    let refused = DecodeError::TooLarge { length: MAX_CLIENT_ITEM + 1, limit: MAX_CLIENT_ITEM };
    assert_eq!(items.take(), Err(refused));

    let mut items = StreamItems::<ServerItem>::default();
    items.push(&prefix(MAX_ITEM));
    assert_eq!(items.take(), Ok(None));
    let mut items = StreamItems::<ServerItem>::default();
    items.push(&prefix(MAX_ITEM + 1));
    assert_eq!(items.take(), Err(DecodeError::TooLarge { length: MAX_ITEM + 1, limit: MAX_ITEM }));
}

#[test]
fn a_malformed_prefix_is_refused() {
    for bytes in [&[0][..], &[0x80, 0x80, 0x80], &[0x80, 0x80, 0x80, 0x01], &[0x80, 0x80, 0x00]] {
        let mut items = StreamItems::<ServerItem>::default();
        items.push(bytes);
        assert_eq!(items.take().err(), Some(DecodeError::BadPrefix), "{bytes:?}");
    }
    let mut items = StreamItems::<ServerItem>::default();
    items.push(&[0x80, 0x80]);
    assert_eq!(items.take(), Ok(None), "a prefix may come in pieces");
}

#[test]
fn a_body_with_bytes_behind_it_is_refused() {
    let mut frame = client_frame(&ping());
    frame[0] += 1;
    frame.extend_from_slice(&[0]);
    let read: Vec<_> = FrameItems::<ClientItem>::new(frame.freeze()).collect();
    assert_eq!(read, [Err(DecodeError::BadBody(2))]);

    let mut frame = BytesMut::new();
    write_batch(&mut frame, &BatchHeader::default());
    frame[0] += 1;
    frame.extend_from_slice(&[0]);
    let read: Vec<_> = FrameItems::<ServerItem>::new(frame.freeze()).collect();
    assert_eq!(read, [Err(DecodeError::BadBody(1))]);
}

#[test]
fn a_frame_that_ends_inside_an_item_is_refused_after_the_whole_ones() {
    let mut frame = client_frame(&ping());
    let whole = frame.len();
    write_client_item(&mut frame, &ping());
    for end in whole + 1..frame.len() {
        let read: Vec<_> = FrameItems::<ClientItem>::new(Bytes::copy_from_slice(&frame[..end])).collect();
        assert_eq!(read, [Ok((ping(), whole as u64)), Err(DecodeError::Truncated)]);
    }
}

#[test]
fn a_client_sends_nothing_but_control_items() {
    let message = encode_message(&header(), &[1]).expect("within limits");
    let read: Vec<_> = FrameItems::<ClientItem>::new(message).collect();
    assert_eq!(read, [Err(DecodeError::UnexpectedKind(0))]);
    let read: Vec<_> = FrameItems::<ServerItem>::new(Bytes::from_static(&[1, 9])).collect();
    assert_eq!(read, [Err(DecodeError::UnexpectedKind(9))]);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties;
