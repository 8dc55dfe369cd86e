//! A carrier in memory, for tests.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use sluice_relay::NetworkId;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::{Batch, BatchLimits, Select};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::{take_item, write_server_control};
use sluice_shared::wire::{
    ClientItem, EchoBlock, Goodbye, Hop, Inbound, PathSample, ServerControl, ServerItem, StreamInfo,
    TransportFacts,
};

use super::carrier::{Carrier, Ended, Limits};
use super::echo::EchoQueue;
use super::outlet::{Lane, Outlet};

/// The client's end.
#[derive(Clone, Default)]
pub(super) struct Peer(Arc<Mutex<Pipe>>);

#[derive(Default)]
struct Pipe {
    to_server: VecDeque<ClientItem>,
    left: bool,
    from_server: BytesMut,
    arrived: VecDeque<ServerItem>,
    /// Bytes that the network takes before it is full; `None` is no limit.
    capacity: Option<usize>,
    goodbye: Option<Option<Goodbye>>,
    /// Most bytes that have waited in the carrier.
    most_waiting: usize,
    waker: Option<Waker>,
}

impl Peer {
    /// The server's end.
    pub(super) fn carrier(&self) -> MemoryCarrier {
        MemoryCarrier {
            pipe: Arc::clone(&self.0),
            out: BytesMut::new(),
            writing: BytesMut::new(),
            echo: EchoQueue::default(),
        }
    }

    /// Says something.
    pub(super) fn say(&self, item: ClientItem) {
        self.change(|pipe| pipe.to_server.push_back(item));
    }

    /// Leaves.
    pub(super) fn leave(&self) {
        self.change(|pipe| pipe.left = true);
    }

    /// Takes `bytes` more bytes and then nothing; `None` takes everything.
    pub(super) fn take_only(&self, bytes: Option<usize>) {
        self.change(|pipe| pipe.capacity = bytes);
    }

    /// What the server has not read.
    pub(super) fn unread(&self) -> usize {
        self.0.lock().to_server.len()
    }

    /// Most bytes that have waited for the network.
    pub(super) fn most_waiting(&self) -> usize {
        self.0.lock().most_waiting
    }

    /// What has arrived and was not taken.
    pub(super) fn arrived(&self) -> Vec<ServerItem> {
        let mut pipe = self.0.lock();
        pipe.decode();
        pipe.arrived.drain(..).collect()
    }

    /// Takes the next item that has arrived.
    pub(super) fn next_arrived(&self) -> Option<ServerItem> {
        let mut pipe = self.0.lock();
        pipe.decode();
        pipe.arrived.pop_front()
    }

    /// Waits for the server's goodbye; `None` when it had none.
    pub(super) async fn goodbye(&self) -> Option<Goodbye> {
        eventually("the server closes", || self.0.lock().goodbye.clone()).await
    }

    fn change(&self, change: impl FnOnce(&mut Pipe)) {
        let mut pipe = self.0.lock();
        change(&mut pipe);
        if let Some(waker) = pipe.waker.take() {
            waker.wake();
        }
    }
}

impl Pipe {
    /// Reads the whole items; a frame may end inside one.
    fn decode(&mut self) {
        while let Some((item, _)) = take_item(&mut self.from_server).expect("well-formed items") {
            self.arrived.push_back(item);
        }
    }
}

/// Waits, in paused time, until `probe` returns something.
pub(super) async fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..60_000 {
        if let Some(found) = probe() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("not within a minute: {what}");
}

/// Control and data share the way, as on a WebSocket.
pub(super) struct MemoryCarrier {
    pipe: Arc<Mutex<Pipe>>,
    out: BytesMut,
    /// The frame that is being written.
    writing: BytesMut,
    echo: EchoQueue,
}

impl Outlet for MemoryCarrier {
    fn control(&mut self) -> Option<&mut BytesMut> {
        (self.out.len() < Limits::CONTROL_BYTES).then_some(&mut self.out)
    }

    fn lanes(&self) -> usize {
        1
    }

    fn lane(&mut self, _index: usize) -> Option<Lane<'_>> {
        if !self.writing.is_empty() || self.out.len() >= Limits::WRITE_BYTES {
            return None;
        }
        let limits = BatchLimits {
            messages: Limits::WRITE_MESSAGES,
            bytes: Limits::WRITE_BYTES - self.out.len(),
            oversize_is_gap: false,
        };
        Some(Lane { select: Select::Any, limits, out: &mut self.out })
    }

    fn seal(&mut self, _index: usize, _batch: Batch) {}
}

impl Carrier for MemoryCarrier {
    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn lab(&self) -> Option<NetworkId> {
        None
    }

    fn facts(&self) -> TransportFacts {
        TransportFacts { congestion_control: None, initial_window: None, segment: None, encrypted: false }
    }

    fn open_lanes(&mut self, _mode: Mode, _streams: &[StreamInfo]) {}

    fn replace_streams(&mut self, _streams: &[StreamInfo]) {}

    fn echo(&mut self, block: EchoBlock) -> Result<(), Ended> {
        self.echo.push(block);
        Ok(())
    }

    fn inbound(&self, now: Time) -> Inbound {
        self.echo.inbound(now)
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<ClientItem, Ended>> {
        if !self.echo.may_read() {
            return Poll::Pending;
        }
        let mut pipe = self.pipe.lock();
        match pipe.to_server.pop_front() {
            Some(item) => Poll::Ready(Ok(item)),
            None if pipe.left => Poll::Ready(Err(Ended::Left("it left".to_owned()))),
            None => {
                pipe.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        let mut pipe = self.pipe.lock();
        pipe.most_waiting = pipe.most_waiting.max(self.out.len());
        loop {
            let length = self.writing.len();
            let taken = pipe.capacity.map_or(length, |capacity| capacity.min(length));
            pipe.from_server.extend_from_slice(&self.writing[..taken]);
            pipe.capacity = pipe.capacity.map(|capacity| capacity - taken);
            self.writing.advance(taken);
            if !self.writing.is_empty() {
                pipe.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if let Some(block) = self.echo.next(cx) {
                write_server_control(&mut self.out, &ServerControl::Echo(block));
            }
            if self.out.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.writing = self.out.split();
        }
    }

    fn sample(&mut self, _now: Time) -> (Hop, PathSample) {
        (Hop::default(), PathSample::default())
    }

    async fn close(mut self, goodbye: Option<Goodbye>) {
        let mut pipe = self.pipe.lock();
        if let Some(goodbye) = &goodbye {
            write_server_control(&mut self.out, &ServerControl::Goodbye(goodbye.clone()));
        }
        pipe.goodbye = Some(goodbye);
    }
}
