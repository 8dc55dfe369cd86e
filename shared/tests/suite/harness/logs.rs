//! The hub of a simulated run.

use std::collections::BTreeMap;

use bytes::Bytes;
use sluice_shared::ids::{Epoch, Key, Seq, StreamId};
use sluice_shared::log::{Lookup, Produced, Source, StreamLog};
use sluice_shared::session::Delivered;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::encode_message;
use sluice_shared::wire::{Hop, MessageHeader};

/// Bytes at the start of a payload by which it is told from every other.
const STAMP: usize = 20;

/// One log per stream, in one life of the hub.
#[derive(Debug)]
pub(crate) struct Logs {
    pub(crate) epoch: Epoch,
    logs: Vec<StreamLog>,
    bound: Amount,
    newest: BTreeMap<(StreamId, Key), Seq>,
}

impl Logs {
    /// Empty logs for streams 0 to `streams`.
    pub(crate) fn new(streams: u64, bound: Amount) -> Self {
        let logs = (0..streams).map(|_| StreamLog::new(bound)).collect();
        Self { epoch: Epoch(1), logs, bound, newest: BTreeMap::new() }
    }

    /// Begins another life: every stream anew.
    pub(crate) fn restart(&mut self) {
        let epoch = Epoch(self.epoch.0 + 1);
        *self = Self { epoch, ..Self::new(self.logs.len() as u64, self.bound) };
    }

    /// Appends a message of `size` bytes of payload or a few more.
    pub(crate) fn produce(&mut self, stream: StreamId, key: Key, size: u64, produced_at: Time) {
        let Some(log) = self.logs.get_mut(stream.0 as usize) else { return };
        let seq = log.next_seq();
        let header = MessageHeader { stream, seq, key, produced_at };
        let mut payload = stamp(self.epoch, stream, seq).to_vec();
        payload.resize(usize::try_from(size).expect("a small number").max(STAMP), 0xa5);
        let item = encode_message(&header, &payload).expect("a payload within limits");
        log.append(key, produced_at, item);
        self.newest.insert((stream, key), seq);
    }

    /// The position that the next message of `stream` will have.
    pub(crate) fn head(&self, stream: StreamId) -> Seq {
        self.logs.get(stream.0 as usize).map_or(Seq(0), StreamLog::next_seq)
    }

    /// The newest message of each key.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (StreamId, Key, Seq)> + '_ {
        self.newest.iter().map(|(&(stream, key), &seq)| (stream, key, seq))
    }
}

impl Source for Logs {
    fn lookup(&self, stream: StreamId, seq: Seq) -> Lookup {
        self.logs.get(stream.0 as usize).map_or(Lookup::AtHead, |log| log.lookup(seq))
    }

    fn backlog(&self, stream: StreamId, cursor: Seq, now: Time) -> Hop {
        self.logs.get(stream.0 as usize).map_or_else(Hop::default, |log| log.backlog(cursor, now))
    }

    fn produced(&self, stream: StreamId) -> Option<Produced> {
        self.logs.get(stream.0 as usize).map(StreamLog::produced)
    }
}

/// The life of the hub in which a message was made; its payload must say the same as its header.
pub(crate) fn epoch_of(message: &Delivered) -> Epoch {
    let epoch = message.payload.get(..8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    let epoch = Epoch(u64::from_le_bytes(epoch.expect("a stamp")));
    let expected = stamp(epoch, message.header.stream, message.header.seq);
    assert_eq!(message.payload.slice(..STAMP), Bytes::copy_from_slice(&expected), "{message:?}");
    epoch
}

fn stamp(epoch: Epoch, stream: StreamId, seq: Seq) -> [u8; STAMP] {
    let mut stamp = [0; STAMP];
    stamp[..8].copy_from_slice(&epoch.0.to_le_bytes());
    stamp[8..12].copy_from_slice(&stream.0.to_le_bytes());
    stamp[12..].copy_from_slice(&seq.0.to_le_bytes());
    stamp
}
