//! A session over WebTransport.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use sluice_relay::{FlowProbe, NetworkId};
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::Batch;
use sluice_shared::time::Time;
use sluice_shared::wire::codec::{StreamItems, write_server_control};
use sluice_shared::wire::{
    ClientItem, CloseCode, EchoBlock, Goodbye, Hop, Inbound, PathSample, ServerControl, StreamInfo,
    TransportFacts,
};
use tokio::io::ReadBuf;
use tokio::time::timeout;

use super::connection::{Connection, Incoming};
use super::data::{Data, Path};
use super::flood::Flood;
use super::stream::{RecvStream, SendStream};
use crate::config::QuicTuning;
use crate::session::{Carrier, Ended, Lane, Limits, Outlet};

/// What is read from the control stream at once, bytes.
const READ_BYTES: usize = 2 * 1024;
/// Control goes before data on the wire, too.
pub(crate) const CONTROL_PRIORITY: i32 = 1;

/// One WebTransport session: control on the client's bidirectional stream, data as the mode says.
pub(super) struct WtCarrier {
    connection: Connection,
    tuning: QuicTuning,
    probe: Option<FlowProbe>,
    lab: Option<NetworkId>,
    send: SendStream,
    receive: RecvStream,
    items: StreamItems<ClientItem>,
    control: BytesMut,
    /// `None` until the mode is known.
    data: Option<Data>,
    /// What the client floods the server with, once it has begun.
    flood: Option<Box<Flood>>,
    /// Completes when the client sends something else.
    stray: Stray,
}

type Stray = Pin<Box<dyn Future<Output = Result<(SendStream, RecvStream), Ended>> + Send>>;

impl WtCarrier {
    pub(super) fn new(
        connection: Connection,
        send: SendStream,
        receive: RecvStream,
        tuning: QuicTuning,
        probe: Option<FlowProbe>,
        lab: Option<NetworkId>,
    ) -> Self {
        send.set_priority(CONTROL_PRIORITY);
        Self {
            tuning,
            probe,
            lab,
            send,
            receive,
            items: StreamItems::default(),
            control: BytesMut::new(),
            flood: None,
            stray: Box::pin(stray(connection.clone())),
            connection,
            data: None,
        }
    }

    fn poll_control(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        while !self.control.is_empty() {
            let written = ready!(self.send.poll_write(cx, &self.control))?;
            self.control.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

/// A client has one stream for control, and may have another for a flood. Whatever else it sends would only pile up.
async fn stray(connection: Connection) -> Result<(SendStream, RecvStream), Ended> {
    match connection.incoming().await? {
        Incoming::Stream(send, receive) => Ok((send, receive)),
        Incoming::Stray(what) => {
            Err(Ended::Refused(CloseCode::Protocol, format!("{what} of clients are not taken here")))
        }
    }
}

impl Outlet for WtCarrier {
    fn control(&mut self) -> Option<&mut BytesMut> {
        let takes_requests = self.data.as_ref().is_none_or(Data::takes_requests);
        (takes_requests && self.control.len() < Limits::CONTROL_BYTES).then_some(&mut self.control)
    }

    fn lanes(&self) -> usize {
        self.data.as_ref().map_or(0, Data::lanes)
    }

    fn lane(&mut self, index: usize) -> Option<Lane<'_>> {
        self.data.as_mut()?.lane(index)
    }

    fn seal(&mut self, index: usize, batch: Batch) {
        if let Some(data) = &mut self.data {
            data.seal(index, batch);
        }
    }
}

impl Carrier for WtCarrier {
    fn transport(&self) -> Transport {
        Transport::WebTransport
    }

    fn lab(&self) -> Option<NetworkId> {
        self.lab
    }

    fn facts(&self) -> TransportFacts {
        let path = self.connection.path();
        TransportFacts {
            congestion_control: Some(self.tuning.congestion.name().to_owned()),
            initial_window: self.tuning.initial_window.or(path.congestion_window),
            segment: path.segment,
            encrypted: true,
        }
    }

    fn open_lanes(&mut self, mode: Mode, streams: &[StreamInfo]) {
        self.data = Some(Data::new(mode, Path::new(self.connection.clone(), self.probe.clone()), streams));
    }

    fn replace_streams(&mut self, streams: &[StreamInfo]) {
        if let Some(data) = &mut self.data {
            data.replace_streams(streams);
        }
    }

    fn echo(&mut self, _block: EchoBlock) -> Result<(), Ended> {
        let reason = "a flood over WebTransport has a bidirectional stream of its own".to_owned();
        Err(Ended::Refused(CloseCode::Protocol, reason))
    }

    fn inbound(&self, now: Time) -> Inbound {
        self.flood.as_ref().map_or_else(Inbound::default, |flood| flood.inbound(now))
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<ClientItem, Ended>> {
        while let Poll::Ready(stream) = self.stray.as_mut().poll(cx) {
            let (send, receive) = stream?;
            if !self.flood.get_or_insert_default().take(send, receive) {
                let reason = "one further bidirectional stream, for a flood, is taken at a time".to_owned();
                return Poll::Ready(Err(Ended::Refused(CloseCode::Protocol, reason)));
            }
            self.stray = Box::pin(stray(self.connection.clone()));
            // The flood is looked at when what waits is written.
            cx.waker().wake_by_ref();
        }
        loop {
            match self.items.take() {
                Ok(Some((item, _))) => return Poll::Ready(Ok(item)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(Ended::malformed(&error))),
            }
            let mut space = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut space);
            ready!(self.receive.poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Err(Ended::Left("the control stream has ended".to_owned())));
            }
            self.items.push(read.filled());
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        let control = self.poll_control(cx)?;
        let data = match &mut self.data {
            Some(data) => data.poll_flush(cx)?,
            None => Poll::Ready(()),
        };
        // Last, so that a flood takes of the room in the connection what control and data leave.
        if let Some(flood) = &mut self.flood {
            flood.poll(cx);
        }
        if control.is_ready() && data.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn sample(&mut self, now: Time) -> (Hop, PathSample) {
        let sample = self.connection.sample();
        (self.data.as_mut().map_or_else(Hop::default, |data| data.hop(now)), sample)
    }

    async fn close(mut self, goodbye: Option<Goodbye>) {
        let code = goodbye.as_ref().map_or(CloseCode::Normal, |goodbye| goodbye.code);
        let reason = goodbye.as_ref().map_or_else(String::new, |goodbye| goodbye.reason.clone());
        let patience = Limits::farewell(goodbye.as_ref());
        if let Some(goodbye) = goodbye {
            write_server_control(&mut self.control, &ServerControl::Goodbye(goodbye));
            let farewell = async {
                std::future::poll_fn(|cx| self.poll_control(cx)).await.ok()?;
                self.send.finish();
                self.send.settled().await.ok()
            };
            if timeout(patience, farewell).await.is_err() {
                tracing::debug!("a client did not take its goodbye");
            } else if code == CloseCode::ExhibitOver {
                // A browser drops what its page has not read when the connection ends: a page that has leaves by
                // itself.
                drop(timeout(Limits::FAREWELL, self.connection.closed()).await);
            }
        }
        self.connection.close(code, &reason);
    }
}
