//! A captured first flight, sent again from elsewhere.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;
use sluice_shared::handshake::{HandshakeRequest, Replay, ReplayGuard, Stack};
use sluice_shared::link::Direction;
use sluice_wire::{Content, Net, Sight, SightFate};
use tokio::io::AsyncWriteExt as _;

use super::bench::{Bench, PORT, Settings};
use super::error::LabError;
use super::run::Identities;
use super::tls_stream::{Early, Progress};
use super::{http2, http3};

/// How long the original connection is over when its first flight comes again: a server that still knows a connection
/// takes its packets for late copies.
const LATER: Duration = Duration::from_secs(5);
/// How long a replay may take to have its effect, beside a round trip.
const EFFECT_TIME: Duration = Duration::from_millis(200);

/// Every stack with every guard: `replays` copies of one first flight each.
pub(super) fn all(
    request: &HandshakeRequest,
    replays: u32,
    identities: &Identities,
) -> Result<Vec<Replay>, LabError> {
    let mut all = Vec::new();
    for stack in [Stack::Tcp, Stack::Quic] {
        for guard in ReplayGuard::ALL {
            all.push(measure(request, stack, guard, replays, identities)?);
        }
    }
    Ok(all)
}

/// `replays` POSTs in early data, each followed by a copy of the flight that it came in.
///
/// The network is without loss and the clock virtual whatever was asked: what is looked at is what a server does.
pub(super) fn measure(
    request: &HandshakeRequest,
    stack: Stack,
    guard: ReplayGuard,
    replays: u32,
    identities: &Identities,
) -> Result<Replay, LabError> {
    let usual = HandshakeRequest::default();
    let calm = HandshakeRequest { rtt_ms: request.rtt_ms, seed: request.seed, ..usual };
    let settings = Settings { guard, ..Settings::new(&calm, request.seed.unwrap_or(0))? };
    let mut sum = Replay { stack, guard, replays, effects: 0, accepted: 0, too_early: 0 };
    for _ in 0..replays {
        let bench = Bench::new(settings.clone(), &identities.small);
        let accepted = bench.stage.run(one(&bench, stack))??;
        sum.effects += bench.app.effects();
        sum.accepted += u32::from(accepted);
        sum.too_early += bench.app.too_early();
    }
    Ok(sum)
}

/// One POST and one copy; says whether the server took the copy's early data.
async fn one(bench: &Bench, stack: Stack) -> Result<bool, LabError> {
    let flight = match stack {
        Stack::Tcp => original_tcp(bench).await?,
        Stack::Quic => original_quic(bench).await?,
    };
    if flight.is_empty() {
        return Err("the original's first flight was not seen".into());
    }
    let round_trip = bench.settings.profile.up.propagation.delay * 2;
    bench.handle.sleep(LATER + 10 * round_trip).await;
    let early_before = bench.app.early();
    match stack {
        Stack::Tcp => {
            let mut stream = bench.net.connect(PORT).await?;
            for payload in &flight {
                stream.write_all(payload).await?;
            }
            bench.handle.sleep(round_trip + EFFECT_TIME).await;
        }
        Stack::Quic => {
            let socket = bench.net.bind_client();
            for datagram in &flight {
                socket.send_to(datagram, Net::server_addr(PORT))?;
            }
            bench.handle.sleep(round_trip + EFFECT_TIME).await;
        }
    }
    Ok(bench.app.early() > early_before)
}

/// Fetches a ticket, sends a POST in early data, and once more if it is told to; returns the payloads of the packets that
/// the client sent before it had heard anything but the SYN-ACK.
async fn original_tcp(bench: &Bench) -> Result<Vec<Bytes>, LabError> {
    let tls = Arc::new(bench.client_tls("h2", true)?);
    bench.serve_http2(PORT)?;
    let progress = Progress::default();
    let mut earlier = http2::connect(&bench.handle, &bench.net, PORT, &tls, &progress).await?;
    earlier.send(Method::GET, "/hello").await?.into_body().collect().await?;
    drop(earlier);
    bench.begin();
    let first = bench.net.sights().len();
    let progress = Progress::default();
    let mut client = http2::connect(&bench.handle, &bench.net, PORT, &tls, &progress).await?;
    let answer = client.send(Method::POST, "/count").await?;
    if answer.status() == http::StatusCode::TOO_EARLY {
        client.send(Method::POST, "/count").await?;
    }
    if progress.early() != Early::Accepted {
        return Err("the server did not take the original's early data".into());
    }
    Ok(first_flight(bench.net.sights().split_off(first)))
}

/// As [`original_tcp`], over QUIC.
async fn original_quic(bench: &Bench) -> Result<Vec<Bytes>, LabError> {
    let tls = bench.client_tls("h3", true)?;
    bench.serve_http3(PORT)?;
    let (stage, server) = (&bench.handle, Net::server_addr(PORT));
    let earlier = http3::endpoint(stage, bench.net.bind_client(), None)?;
    let config = bench.client_quic(&tls, None)?;
    let mut client =
        http3::Client::connect(stage, &earlier, config.clone(), server, &Progress::default()).await?;
    client.send(Method::GET, "/hello").await?.body().await?;
    client.close();
    earlier.wait_idle().await;
    bench.begin();
    let first = bench.net.sights().len();
    let endpoint = http3::endpoint(stage, bench.net.bind_client(), None)?;
    let mut client = http3::Client::connect(stage, &endpoint, config, server, &Progress::default()).await?;
    let answer = client.send(Method::POST, "/count").await?;
    if answer.status == http::StatusCode::TOO_EARLY {
        client.finished().await;
        client.send(Method::POST, "/count").await?;
    }
    client.close();
    endpoint.wait_idle().await;
    Ok(first_flight(bench.net.sights().split_off(first)))
}

/// What the client sent with a payload before any payload of the server had reached it.
fn first_flight(sights: Vec<Sight>) -> Vec<Bytes> {
    let payload = |sight: &Sight| match &sight.content {
        Content::Tcp(segment) => segment.payload.clone(),
        Content::Udp(datagram) => datagram.clone(),
    };
    let client = sights.first().map(|sight| sight.from);
    let heard_at = sights.iter().find_map(|sight| match sight.fate {
        Some(SightFate::Arrived(at))
            if sight.direction == Direction::Down
                && Some(sight.to) == client
                && !payload(sight).is_empty() =>
        {
            Some(at)
        }
        _ => None,
    });
    sights
        .iter()
        .filter(|sight| sight.direction == Direction::Up && Some(sight.from) == client)
        .take_while(|sight| heard_at.is_none_or(|heard_at| sight.sent_at < heard_at))
        .map(payload)
        .filter(|payload| !payload.is_empty())
        .collect()
}
