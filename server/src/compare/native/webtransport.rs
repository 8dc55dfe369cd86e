//! A native WebTransport connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use sluice_shared::wire::WEBTRANSPORT_PATH;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wtransport::endpoint::ConnectOptions;
use wtransport::endpoint::endpoint_side::Client;
use wtransport::tls::{Sha256Digest, Sha256DigestFmt};
use wtransport::{ClientConfig, Connection as Session, Endpoint, RecvStream, SendStream, quinn};

use super::connection::{Input, Target, Wires};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// The number of the control stream.
const CONTROL: u64 = 0;

/// Connects, and starts to read and write.
///
/// # Errors
/// There is no connection, or the server refuses it.
pub(super) async fn open(
    target: &Target,
    mut wires: Wires,
) -> Result<(JoinSet<()>, Option<quinn::Connection>), String> {
    let address = target.webtransport.ok_or("the server has no WebTransport port")?;
    let hashes = target.certificate_hashes.iter().map(|hash| digest(hash));
    let config = ClientConfig::builder()
        .with_bind_address(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
        .with_server_certificate_hashes(hashes.collect::<Result<Vec<_>, _>>()?)
        .build();
    let endpoint = Endpoint::client(config).map_err(|error| error.to_string())?;
    let url = format!("https://{address}{WEBTRANSPORT_PATH}?lane={}", target.lane);
    let session =
        endpoint.connect(ConnectOptions::builder(url).build()).await.map_err(|error| error.to_string())?;
    let opening = session.open_bi().await.map_err(|error| error.to_string())?;
    let (sender, receiver) = opening.await.map_err(|error| error.to_string())?;
    let quic = session.quic_connection().clone();
    wires.tasks.spawn(write(sender, wires.output));
    wires.tasks.spawn(read(session, endpoint, receiver, wires.input));
    Ok((wires.tasks, Some(quic)))
}

/// A digest of plain hexadecimal digits, which the library reads with colons between the bytes alone.
fn digest(hash: &str) -> Result<Sha256Digest, String> {
    let bytes: Vec<&str> = (0..hash.len()).step_by(2).filter_map(|at| hash.get(at..at + 2)).collect();
    Sha256Digest::from_str_fmt(bytes.join(":"), Sha256DigestFmt::DottedHex)
        .map_err(|_| format!("'{hash}' is no SHA-256 hash"))
}

async fn write(mut control: SendStream, mut output: mpsc::Receiver<Bytes>) {
    while let Some(items) = output.recv().await {
        if control.write_all(&items).await.is_err() {
            return;
        }
    }
}

async fn read(
    session: Session,
    // Dropping the endpoint would close the connection.
    _endpoint: Endpoint<Client>,
    control: RecvStream,
    input: mpsc::Sender<Input>,
) {
    let mut streams = JoinSet::new();
    streams.spawn(read_stream(control, CONTROL, input.clone()));
    let mut last = CONTROL;
    loop {
        tokio::select! {
            stream = session.accept_uni() => {
                let Ok(stream) = stream else { return };
                last += 1;
                streams.spawn(read_stream(stream, last, input.clone()));
            }
            datagram = session.receive_datagram() => {
                let Ok(datagram) = datagram else { return };
                if input.send(Input::Datagram(datagram.payload())).await.is_err() {
                    return;
                }
            }
            Some(_) = streams.join_next() => {}
        }
    }
}

async fn read_stream(mut stream: RecvStream, number: u64, input: mpsc::Sender<Input>) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let (news, is_over) = match stream.read(&mut chunk).await {
            Ok(Some(length)) => {
                let bytes = Bytes::copy_from_slice(chunk.get(..length).unwrap_or_default());
                (Input::Chunk { stream: number, bytes }, false)
            }
            Ok(None) | Err(_) => (Input::End { stream: number }, true),
        };
        if input.send(news).await.is_err() || is_over {
            return;
        }
    }
}
