//! Datagrams that no peer sends, at a QUIC port where a connection is served.

use std::time::Duration;

use http::{Method, StatusCode};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use sluice_shared::handshake::{HandshakeRequest, Hostile};
use sluice_shared::link::Direction;
use sluice_wire::{Net, UdpSocket};

use super::bench::{Bench, PORT, Settings};
use super::error::LabError;
use super::http3;
use super::run::Identities;
use super::tls_stream::Progress;

/// Datagrams of each kind.
const EACH: u32 = 50;
/// The least that a client's first datagram takes (RFC 9000 §14.1), bytes.
const INITIAL_BYTES: usize = 1_200;
/// A version that does not exist, of those that are kept for trying out version negotiation (RFC 9000 §15).
const UNKNOWN_VERSION: u32 = 0x1a2a_3a4a;
/// Between the honest client's requests.
const EVERY: Duration = Duration::from_millis(20);
/// The honest client's requests.
const REQUESTS: u32 = 50;

/// Sends all kinds, while an honest client asks for one thing after the other; over the network of the request without
/// its loss, in virtual time.
pub(super) fn measure(
    request: &HandshakeRequest,
    seed: u64,
    identities: &Identities,
) -> Result<Hostile, LabError> {
    let usual = HandshakeRequest::default();
    let calm = HandshakeRequest { rtt_ms: request.rtt_ms.min(200.0), seed: Some(seed), ..usual };
    let bench = Bench::new(Settings::new(&calm, seed)?, &identities.small);
    bench.stage.run(async {
        bench.serve_http3(PORT)?;
        bench.begin();
        let mut hostile = Hostile::default();
        let (answers, attacked) =
            futures_util::future::join(honest(&bench), attack(&bench, seed, &mut hostile)).await;
        attacked?;
        hostile.honest_requests = REQUESTS;
        hostile.honest_answers = answers?;
        forge_retries(&bench, &mut hostile).await?;
        Ok::<_, LabError>(hostile)
    })?
}

/// Asks again and again; tells how many answers came.
async fn honest(bench: &Bench) -> Result<u32, LabError> {
    let tls = bench.client_tls("h3", false)?;
    let endpoint = http3::endpoint(&bench.handle, bench.net.bind_client(), None)?;
    let config = bench.client_quic(&tls, None)?;
    let server = Net::server_addr(PORT);
    let mut client =
        http3::Client::connect(&bench.handle, &endpoint, config, server, &Progress::default()).await?;
    let mut answers = 0;
    for _ in 0..REQUESTS {
        answers += u32::from(client.send(Method::GET, "/hello").await?.status == StatusCode::OK);
        bench.handle.sleep(EVERY).await;
    }
    client.close();
    Ok(answers)
}

/// Makes one datagram.
type Make = fn(&mut ChaCha8Rng) -> Vec<u8>;

async fn attack(bench: &Bench, seed: u64, hostile: &mut Hostile) -> Result<(), LabError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let kinds: [(Make, &mut u32); 4] = [
        (garbage, &mut hostile.garbage),
        (truncated, &mut hostile.truncated),
        (unknown_version, &mut hostile.unknown_versions),
        (forged_token, &mut hostile.forged_tokens),
    ];
    for (make, sent) in kinds {
        for _ in 0..EACH {
            let socket = bench.net.bind_client();
            socket.send_to(&make(&mut random), Net::server_addr(PORT))?;
            *sent += 1;
            match answer(bench, &socket).await {
                Some(datagram) if is_version_negotiation(&datagram) => hostile.version_negotiations += 1,
                Some(_) => {}
                None => hostile.dropped += 1,
            }
        }
    }
    Ok(())
}

/// What comes back within a round trip and a little.
async fn answer(bench: &Bench, socket: &UdpSocket) -> Option<bytes::Bytes> {
    let round_trip = bench.settings.profile.up.propagation.delay * 2;
    let (datagram, _) =
        bench.handle.timeout(round_trip + Duration::from_millis(1), socket.recv_from()).await.ok()?;
    Some(datagram)
}

/// A Version Negotiation packet has version 0 (RFC 9000 §17.2.1).
fn is_version_negotiation(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0x80 != 0) && datagram.get(1..5) == Some(&[0; 4])
}

/// Sends Retry packets to clients in their handshakes, as somebody on the way could, with tags that are not those of
/// their connection IDs (RFC 9001 §5.8); each client has to finish its handshake as if nothing had come.
async fn forge_retries(bench: &Bench, hostile: &mut Hostile) -> Result<(), LabError> {
    let tls = bench.client_tls("h3", false)?;
    for n in 0..EACH {
        let socket = bench.net.bind_client();
        let client = socket.local_addr();
        let endpoint = http3::endpoint(&bench.handle, socket, None)?;
        let config = bench.client_quic(&tls, None)?;
        let mut retry = vec![0xf0, 0, 0, 0, 1, 0, 8];
        retry.extend(u64::from(n).to_be_bytes());
        retry.extend(b"a token that nobody gave");
        retry.extend([0x5a; 16]);
        bench.net.inject(Direction::Down, Net::server_addr(PORT), client, retry.into());
        hostile.forged_retries += 1;
        let connecting = endpoint.connect_with(config, Net::server_addr(PORT), super::tls::SERVER_NAME)?;
        hostile.honest_requests += 1;
        if let Ok(connection) = connecting.await {
            hostile.honest_answers += 1;
            connection.close(0u32.into(), b"");
        }
    }
    Ok(())
}

fn garbage(random: &mut ChaCha8Rng) -> Vec<u8> {
    let length = below(random, 1_400) + 1;
    bytes(random, length)
}

/// An Initial that is too short for one, or ends within its header.
fn truncated(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut initial = header(1, random, &[]);
    let length = below(random, 1_100);
    initial.extend(bytes(random, length));
    let kept = below(random, 1_000) % initial.len() + 1;
    initial.truncate(kept);
    initial
}

fn unknown_version(random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut initial = header(UNKNOWN_VERSION, random, &[]);
    initial.resize(INITIAL_BYTES, 0);
    initial
}

/// An Initial with a token that the server never gave, and a payload that its keys do not open.
fn forged_token(random: &mut ChaCha8Rng) -> Vec<u8> {
    let token = bytes(random, 60);
    let mut initial = header(1, random, &token);
    let rest = INITIAL_BYTES - initial.len();
    initial.extend(bytes(random, rest));
    initial
}

/// An Initial's header up to its length field, which says 1,000 bytes.
fn header(version: u32, random: &mut ChaCha8Rng, token: &[u8]) -> Vec<u8> {
    let mut header = vec![0xc3];
    header.extend(version.to_be_bytes());
    header.push(8);
    header.extend(bytes(random, 8));
    header.push(0);
    // One byte of a variable-length integer holds up to 63.
    header.push(u8::try_from(token.len().min(63)).unwrap_or(0));
    header.extend(token);
    header.extend([0x43, 0xe8]);
    header
}

fn bytes(random: &mut ChaCha8Rng, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    random.fill_bytes(&mut bytes);
    bytes
}

/// A number below `end`, which is small.
fn below(random: &mut ChaCha8Rng, end: u32) -> usize {
    usize::try_from(random.next_u32() % end).unwrap_or(0)
}
