//! What carries a session.

use std::task::{Context, Poll};

use sluice_relay::NetworkId;
use sluice_shared::mode::{Mode, Transport};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::DecodeError;
use sluice_shared::wire::{
    ClientItem, CloseCode, EchoBlock, Goodbye, Hop, Inbound, PathSample, StreamInfo, TransportFacts,
};

use super::outlet::Outlet;

/// One connection of one client: a WebSocket, a WebTransport session, or a test's memory.
///
/// The driver writes into the carrier's own buffers ([`Outlet`]) and never waits for them; reading never waits for
/// writing.
pub(crate) trait Carrier: Outlet + Send {
    /// The protocol below.
    fn transport(&self) -> Transport;

    /// The network of the lab that it comes through, if it comes through one.
    fn lab(&self) -> Option<NetworkId>;

    /// What the lane's fairness header says.
    fn facts(&self) -> TransportFacts;

    /// Settles how data is carried; called once, before the first lane is asked for.
    fn open_lanes(&mut self, mode: Mode, streams: &[StreamInfo]);

    /// Other streams are followed from here on.
    fn replace_streams(&mut self, streams: &[StreamInfo]);

    /// Sends messages in fragments of so many bytes from here on, or whole with 0; says whether it can.
    fn set_fragments(&mut self, _bytes: u32) -> bool {
        false
    }

    /// Returns a block of a flood behind what waits already. While too much does, nothing is read.
    ///
    /// # Errors
    /// This transport has another way for floods.
    fn echo(&mut self, block: EchoBlock) -> Result<(), Ended>;

    /// How what the client floods the server with is taken.
    fn inbound(&self, now: Time) -> Inbound;

    /// The next item of the client. After an error there is nothing more.
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<ClientItem, Ended>>;

    /// Sends what was appended. Ready when all of it has been handed over; pending does not mean that no lane is free.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>>;

    /// What waits below the session, and what the path looks like.
    fn sample(&mut self, now: Time) -> (Hop, PathSample);

    /// Says goodbye, if there is somebody to say it to, and closes; the peer has [`Limits::farewell`] to take it.
    fn close(self, goodbye: Option<Goodbye>) -> impl Future<Output = ()> + Send;
}

/// Why a connection cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client closed, or the connection is gone.
    Left(String),
    /// The client has to be sent away.
    Refused(CloseCode, String),
}

impl Ended {
    /// The client has sent what is no item.
    pub(crate) fn malformed(error: &DecodeError) -> Self {
        let code = match error {
            DecodeError::TooLarge { .. } => CloseCode::TooLarge,
            DecodeError::BadPrefix
            | DecodeError::Truncated
            | DecodeError::UnexpectedKind(_)
            | DecodeError::BadBody(_) => CloseCode::Protocol,
        };
        Self::Refused(code, error.to_string())
    }
}

/// Bounds that hold for every carrier.
pub(crate) struct Limits;

impl Limits {
    /// Bytes of one write: the largest WebSocket frame and the most that a stream's buffer is filled with, but for a
    /// single larger message.
    pub(crate) const WRITE_BYTES: usize = 16 * 1024;
    /// Messages of one write.
    pub(crate) const WRITE_MESSAGES: usize = 1_024;
    /// Control items that wait, bytes; beyond it the client is not read from, since each item it sends may ask for an
    /// answer.
    pub(crate) const CONTROL_BYTES: usize = 16 * 1024;
    /// How long a client may take to say Hello.
    pub(crate) const HELLO: std::time::Duration = std::time::Duration::from_secs(5);
    /// How long a client may take to take its Goodbye.
    pub(crate) const FAREWELL: std::time::Duration = std::time::Duration::from_secs(1);
    /// The same for the end of an exhibit, whose client is slow on purpose and has megabytes to read before.
    const SLOW_FAREWELL: std::time::Duration = std::time::Duration::from_secs(10);

    /// How long the client may take to take `goodbye`.
    pub(crate) fn farewell(goodbye: Option<&Goodbye>) -> std::time::Duration {
        match goodbye {
            Some(goodbye) if goodbye.code == CloseCode::ExhibitOver => Self::SLOW_FAREWELL,
            Some(_) | None => Self::FAREWELL,
        }
    }
}
