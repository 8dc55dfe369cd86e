//! A session over WebTransport.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use sluice_relay::FlowProbe;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::session::Batch;
use sluice_shared::time::Time;
use sluice_shared::wire::codec::{StreamItems, write_server_control};
use sluice_shared::wire::{
    ClientItem, CloseCode, Goodbye, Hop, PathSample, ServerControl, StreamInfo, TransportFacts,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use wtransport::{Connection, RecvStream, SendStream, VarInt};

use super::data::{Data, Path};
use super::settings::send_window;
use super::uni::left;
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
    send: SendStream,
    receive: RecvStream,
    items: StreamItems<ClientItem>,
    control: BytesMut,
    /// `None` until the mode is known.
    data: Option<Data>,
    /// Completes when the client sends what it has no use for.
    stray: Stray,
}

type Stray = Pin<Box<dyn Future<Output = Ended> + Send>>;

impl WtCarrier {
    pub(super) fn new(
        connection: Connection,
        send: SendStream,
        receive: RecvStream,
        tuning: QuicTuning,
        probe: Option<FlowProbe>,
    ) -> Self {
        send.set_priority(CONTROL_PRIORITY);
        Self {
            tuning,
            probe,
            send,
            receive,
            items: StreamItems::default(),
            control: BytesMut::new(),
            stray: Box::pin(stray(connection.clone())),
            connection,
            data: None,
        }
    }

    fn poll_control(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        while !self.control.is_empty() {
            let written = ready!(Pin::new(&mut self.send).poll_write(cx, &self.control)).map_err(left)?;
            self.control.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

/// A client has one stream, for control. Whatever else it sends would only pile up.
async fn stray(connection: Connection) -> Ended {
    let what = tokio::select! {
        stream = connection.accept_uni() => stream.map(|_| "unidirectional streams"),
        stream = connection.accept_bi() => stream.map(|_| "further bidirectional streams"),
        datagram = connection.receive_datagram() => datagram.map(|_| "datagrams"),
    };
    match what {
        Ok(what) => Ended::Refused(CloseCode::Protocol, format!("{what} of clients are not taken here")),
        Err(error) => left(error),
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

    fn facts(&self) -> TransportFacts {
        let path = self.connection.quic_connection().stats().path;
        TransportFacts {
            congestion_control: Some(self.tuning.congestion.name().to_owned()),
            initial_window: self.tuning.initial_window.or(Some(path.cwnd)),
            segment: Some(u32::from(path.current_mtu)),
            encrypted: true,
        }
    }

    fn open_lanes(&mut self, mode: Mode, streams: &[StreamInfo]) {
        self.data = Some(Data::new(mode, Path::new(&self.connection, self.probe.clone()), streams));
    }

    fn replace_streams(&mut self, streams: &[StreamInfo]) {
        if let Some(data) = &mut self.data {
            data.replace_streams(streams);
        }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<ClientItem, Ended>> {
        if let Poll::Ready(ended) = self.stray.as_mut().poll(cx) {
            return Poll::Ready(Err(ended));
        }
        loop {
            match self.items.take() {
                Ok(Some((item, _))) => return Poll::Ready(Ok(item)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(Ended::malformed(&error))),
            }
            let mut space = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut space);
            if let Err(error) = ready!(Pin::new(&mut self.receive).poll_read(cx, &mut read)) {
                return Poll::Ready(Err(left(error)));
            }
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
        if control.is_ready() && data.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn sample(&mut self, now: Time) -> (Hop, PathSample) {
        let connection = self.connection.quic_connection();
        let path = connection.stats().path;
        connection.set_send_window(send_window(path.cwnd));
        let sample = PathSample {
            rtt_micros: Some(sluice_shared::time::micros(path.rtt)),
            congestion_window: Some(path.cwnd),
            in_flight: None,
            lost_packets: Some(path.lost_packets),
            sent_packets: Some(path.sent_packets),
            segment: Some(u32::from(path.current_mtu)),
        };
        (self.data.as_mut().map_or_else(Hop::default, |data| data.hop(now)), sample)
    }

    async fn close(mut self, goodbye: Option<Goodbye>) {
        let code = goodbye.as_ref().map_or(CloseCode::Normal, |goodbye| goodbye.code);
        let reason = goodbye.as_ref().map_or_else(String::new, |goodbye| goodbye.reason.clone());
        if let Some(goodbye) = goodbye {
            write_server_control(&mut self.control, &ServerControl::Goodbye(goodbye));
            let farewell = async {
                std::future::poll_fn(|cx| self.poll_control(cx)).await.ok()?;
                let stream = self.send.quic_stream_mut();
                stream.finish().ok()?;
                // Completes when the client has acknowledged all of the stream.
                stream.stopped().await.ok()
            };
            if timeout(Limits::FAREWELL, farewell).await.is_err() {
                tracing::debug!("a client did not take its goodbye");
            }
        }
        self.connection.close(VarInt::from_u32(code.webtransport()), reason.as_bytes());
    }
}
