//! A client with one stream, and what a test that plays the server says to it.

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use sluice_shared::feed::FeedSpec;
use sluice_shared::flow::WindowMode;
use sluice_shared::ids::{Epoch, Key, Seq, SessionId, StreamId};
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::session::{ClientConfig, ClientSession, Heartbeat};
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::codec::{encode_message, write_server_control};
use sluice_shared::wire::{
    Continuity, MessageHeader, PROTOCOL_VERSION, ServerControl, StreamInfo, TransportFacts, Welcome,
};

/// The stream.
pub(crate) const STREAM: StreamId = StreamId(3);
/// The session that the server names.
pub(crate) const SESSION: SessionId = SessionId([7; 16]);

/// A client that has not connected.
pub(crate) fn client() -> ClientSession {
    let config = ClientConfig {
        mode: Mode::WebSocket,
        feeds: vec![FeedSpec::Host],
        policy: Policy::Lossless,
        window: WindowMode::Fixed(Amount::new(64, 100_000)),
        sample_every: Duration::ZERO,
        heartbeat: Heartbeat::default(),
    };
    ClientSession::new(config, Time::ZERO)
}

/// The server's answer to its Hello: the stream goes on at `next`.
pub(crate) fn welcome(session: SessionId, epoch: Epoch, continuity: Continuity, next: u64) -> Welcome {
    let info = StreamInfo { id: STREAM, feed: FeedSpec::Host, name: "host".into(), next: Seq(next) };
    Welcome {
        version: PROTOCOL_VERSION,
        session,
        epoch,
        server_now: Time::ZERO,
        continuity,
        streams: vec![info],
        policy: Policy::Lossless,
        facts: TransportFacts::default(),
    }
}

/// Says a control item.
pub(crate) fn say(session: &mut ClientSession, control: &ServerControl) {
    let mut frame = BytesMut::new();
    write_server_control(&mut frame, control);
    session.handle_frame(frame.freeze(), Time::ZERO).expect("it is allowed");
}

/// Sends messages of the stream.
pub(crate) fn send(session: &mut ClientSession, seqs: impl IntoIterator<Item = u64>) {
    for seq in seqs {
        let header = MessageHeader { stream: STREAM, seq: Seq(seq), key: Key(0), produced_at: Time::ZERO };
        let item: Bytes = encode_message(&header, b"reading").expect("it is small");
        session.handle_frame(item, Time::ZERO).expect("there is credit");
    }
}
