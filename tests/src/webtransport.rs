//! A native WebTransport connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use wtransport::endpoint::ConnectOptions;
use wtransport::error::{ConnectingError, ConnectionError};
use wtransport::{ClientConfig, Connection as Session, Endpoint, RecvStream, SendStream, VarInt};

use sluice_shared::wire::{CloseCode, WEBTRANSPORT_PATH};

use crate::connection::{Closed, ConnectError, Input, Output, Wires};
use crate::flood::Drain;
use crate::target::Target;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// The number of the control stream.
const CONTROL: u64 = 0;

pub(crate) async fn open(
    target: &Target,
    origin: Option<&str>,
    mut wires: Wires,
) -> Result<(JoinSet<()>, Option<Vec<u8>>), ConnectError> {
    let failed = |error: &dyn ToString| ConnectError::Failed(error.to_string());
    let quic = target.quic.ok_or_else(|| failed(&"the server has no WebTransport port"))?;
    let config = ClientConfig::builder()
        .with_bind_address(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
        .with_server_certificate_hashes(target.certificate_hashes.iter().cloned())
        .build();
    let endpoint = Endpoint::client(config).map_err(|error| failed(&error))?;
    let mut options = ConnectOptions::builder(format!("https://{quic}{WEBTRANSPORT_PATH}{}", target.query()));
    if let Some(origin) = origin {
        options = options.add_header("origin", origin);
    }
    let session = match endpoint.connect(options.build()).await {
        Ok(session) => session,
        Err(error @ ConnectingError::SessionRejected) => {
            return Err(ConnectError::Refused { status: 0, body: error.to_string() });
        }
        Err(error) => return Err(failed(&error)),
    };
    let certificate =
        session.peer_identity().and_then(|chain| Some(chain.as_slice().first()?.der().to_vec()));
    let control = session.open_bi().await.map_err(|error| failed(&error))?;
    let (sender, receiver) = control.await.map_err(|error| failed(&error))?;
    wires.tasks.spawn(write(session.clone(), sender, wires.output));
    let (session_too, input, reading) = (session.clone(), wires.input.clone(), wires.reading.clone());
    wires.tasks.spawn(async move {
        // A flood ends with its connection, which tells why.
        let _over = flood(session_too, wires.flood, input, reading).await;
    });
    wires.tasks.spawn(read(session, endpoint, receiver, wires.input, wires.reading));
    Ok((wires.tasks, certificate))
}

async fn write(session: Session, mut control: SendStream, mut output: mpsc::Receiver<Output>) {
    // A server need not take any stream: those that it doesn't take must not hold up the rest.
    let mut streams = JoinSet::new();
    while let Some(output) = output.recv().await {
        let sent = match output {
            Output::Bytes(bytes) => control.write_all(&bytes).await.is_ok(),
            Output::Stream(bytes) => {
                streams.spawn(write_stream(session.clone(), bytes));
                true
            }
            Output::TwoWay(bytes) => {
                streams.spawn(hold_two_way(session.clone(), bytes));
                true
            }
            // One that does not fit is not sent: such is a datagram's life.
            Output::Datagram(bytes) => {
                session.send_datagram(bytes).is_ok() || session.max_datagram_size().is_some()
            }
            Output::Text(_) => true,
            Output::Close => {
                session.close(VarInt::from_u32(CloseCode::Normal.webtransport()), b"done");
                true
            }
        };
        if !sent {
            return;
        }
    }
}

/// Floods on a stream of its own from the first block on, and passes on what comes back.
async fn flood(
    session: Session,
    mut blocks: Drain,
    input: mpsc::Sender<Input>,
    reading: watch::Receiver<bool>,
) -> Option<()> {
    let first = blocks.next().await?;
    let (mut sender, receiver) = session.open_bi().await.ok()?.await.ok()?;
    let mut readers = JoinSet::new();
    readers.spawn(read_echo(receiver, input, reading));
    let mut next = Some(first);
    while let Some(block) = next {
        sender.write_all(&block.payload).await.ok()?;
        blocks.handle_taken(block.payload.len());
        next = blocks.next().await;
    }
    None
}

async fn read_echo(
    mut stream: RecvStream,
    input: mpsc::Sender<Input>,
    mut reading: watch::Receiver<bool>,
) -> Option<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        reading.wait_for(|reading| *reading).await.ok()?;
        let length = stream.read(&mut chunk).await.ok()??;
        input.send(Input::Echo(Bytes::copy_from_slice(&chunk[..length]))).await.ok()?;
    }
}

async fn hold_two_way(session: Session, bytes: Bytes) -> Option<()> {
    let (mut sender, mut receiver) = session.open_bi().await.ok()?.await.ok()?;
    sender.write_all(&bytes).await.ok()?;
    while receiver.read(&mut [0; 256]).await.ok()?.is_some() {}
    Some(())
}

async fn write_stream(session: Session, bytes: Bytes) -> Option<()> {
    let mut stream = session.open_uni().await.ok()?.await.ok()?;
    stream.write_all(&bytes).await.ok()?;
    stream.quic_stream_mut().finish().ok()
}

async fn read(
    session: Session,
    // Dropping the endpoint would close the connection.
    _endpoint: Endpoint<wtransport::endpoint::endpoint_side::Client>,
    control: RecvStream,
    input: mpsc::Sender<Input>,
    mut reading: watch::Receiver<bool>,
) {
    let mut streams = JoinSet::new();
    streams.spawn(read_stream(control, CONTROL, input.clone(), reading.clone()));
    let mut last = CONTROL;
    let closed = loop {
        if reading.wait_for(|reading| *reading).await.is_err() {
            return;
        }
        tokio::select! {
            stream = session.accept_uni() => match stream {
                Ok(stream) => {
                    last += 1;
                    streams.spawn(read_stream(stream, last, input.clone(), reading.clone()));
                }
                Err(error) => break error,
            },
            datagram = session.receive_datagram() => match datagram {
                Ok(datagram) => {
                    if input.send(Input::Datagram(datagram.payload())).await.is_err() {
                        return;
                    }
                }
                Err(error) => break error,
            },
            Some(_) = streams.join_next() => {}
        }
    };
    // What the streams still hold was sent before the end.
    while streams.join_next().await.is_some() {}
    // A receiver that has gone needs no news.
    let _gone = input.send(Input::Closed(closed_by(&closed))).await;
}

fn closed_by(error: &ConnectionError) -> Closed {
    let (code, reason) = match error {
        ConnectionError::ApplicationClosed(close) => {
            let reason = String::from_utf8_lossy(close.reason()).into_owned();
            (u32::try_from(close.code().into_inner()).ok(), reason)
        }
        ConnectionError::ConnectionClosed(_)
        | ConnectionError::LocallyClosed
        | ConnectionError::LocalH3Error(_)
        | ConnectionError::TimedOut
        | ConnectionError::QuicProto(_)
        | ConnectionError::CidsExhausted => (None, error.to_string()),
    };
    Closed { code, reason }
}

async fn read_stream(
    mut stream: RecvStream,
    number: u64,
    input: mpsc::Sender<Input>,
    mut reading: watch::Receiver<bool>,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        if reading.wait_for(|reading| *reading).await.is_err() {
            return;
        }
        let (news, over) = match stream.read(&mut chunk).await {
            Ok(Some(length)) => {
                let bytes = Bytes::copy_from_slice(&chunk[..length]);
                (Input::Chunk { stream: number, bytes }, false)
            }
            Ok(None) | Err(_) => (Input::End { stream: number }, true),
        };
        if input.send(news).await.is_err() || over {
            return;
        }
    }
}
