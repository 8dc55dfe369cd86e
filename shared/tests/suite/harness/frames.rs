//! Arbitrary bytes as frames and as byte streams.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use sluice_shared::wire::codec::{
    Decode, DecodeError, FrameItems, StreamItems, encode_message, write_batch, write_client_item,
    write_server_control,
};
use sluice_shared::wire::{ClientItem, ServerItem};

/// Bytes that a length prefix takes at most.
const PREFIX: usize = 3;

/// Interprets a fuzzer's bytes: the first sets the size of chunks, the rest is what a peer sends.
///
/// # Panics
/// A frame and a stream disagree, more is held than one item and a chunk, or an item does not survive its bytes.
pub(crate) fn frames(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let chunk = match first {
        0 => 1_024,
        size => usize::from(size),
    };
    for item in read_both_ways::<ServerItem>(rest, chunk) {
        check_server_item(item);
    }
    for item in read_both_ways::<ClientItem>(rest, chunk) {
        check_client_item(item);
    }
}

/// Reads `data` as one frame and as a stream in chunks of `chunk` bytes, and returns the items, which are the same.
pub(crate) fn read_both_ways<T: Decode + Debug + PartialEq>(data: &[u8], chunk: usize) -> Vec<T> {
    let mut of_frame = Vec::new();
    let mut error = None;
    for item in FrameItems::<T>::new(Bytes::copy_from_slice(data)) {
        match item {
            Ok(item) => of_frame.push(item),
            Err(found) => error = Some(found),
        }
    }
    let (of_stream, stopped) = read_stream::<T>(data, chunk);
    assert_eq!(of_frame, of_stream);
    match error {
        // A stream that ends inside an item only waits.
        Some(DecodeError::Truncated) | None => assert_eq!(stopped, None),
        Some(_) => assert_eq!(stopped, error),
    }
    of_frame.into_iter().map(|(item, _)| item).collect()
}

/// Items with their encoded lengths, and the error that ended the stream.
type Read<T> = (Vec<(T, u64)>, Option<DecodeError>);

fn read_stream<T: Decode>(data: &[u8], chunk: usize) -> Read<T> {
    let mut items = StreamItems::<T>::default();
    let mut taken = Vec::new();
    for bytes in data.chunks(chunk.max(1)) {
        items.push(bytes);
        assert!(items.held() < T::LIMIT + PREFIX + bytes.len(), "more is held than an item and a chunk");
        loop {
            match items.take() {
                Ok(Some(item)) => taken.push(item),
                Ok(None) => break,
                Err(error) => return (taken, Some(error)),
            }
        }
        assert!(items.held() < T::LIMIT + PREFIX, "a whole item is held");
    }
    (taken, None)
}

fn check_server_item(item: ServerItem) {
    let mut out = BytesMut::new();
    match &item {
        ServerItem::Batch(header) => write_batch(&mut out, header),
        ServerItem::Message { header, payload } => match encode_message(header, payload) {
            Ok(encoded) => out.extend_from_slice(&encoded),
            // An item may hold a little more payload than a message is allowed.
            Err(_) => return,
        },
        ServerItem::Control(control) => {
            // A float that is no number equals nothing, not even itself.
            if *control != control.clone() {
                return;
            }
            write_server_control(&mut out, control);
        }
    }
    let again: Vec<_> =
        FrameItems::<ServerItem>::new(out.freeze()).map(|item| item.map(|(item, _)| item)).collect();
    assert_eq!(again, [Ok(item)]);
}

fn check_client_item(item: ClientItem) {
    let mut out = BytesMut::new();
    write_client_item(&mut out, &item);
    let again: Vec<_> =
        FrameItems::<ClientItem>::new(out.freeze()).map(|item| item.map(|(item, _)| item)).collect();
    assert_eq!(again, [Ok(item)]);
}
