//! One run of one probe.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use sluice_capture::Secrets;
use sluice_shared::handshake::{Case, ClockKind, Probe, Stack};
use sluice_shared::time::Time;
use sluice_wire::{Content, Sight};

use super::bench::{Bench, PORT, SHORT_LIFETIME};
use super::error::LabError;
use super::http3::{self, endpoint};
use super::tls_stream::{Early, Progress};
use super::{http2, websocket};

/// After how long a run is given up.
const fn deadline(clock: ClockKind) -> Duration {
    match clock {
        ClockKind::Virtual => Duration::from_secs(30),
        ClockKind::Real => Duration::from_secs(10),
    }
}

/// Requests of a first flight that is larger than the cap of 4,096 bytes, and smaller than two of them: over QUIC the cap
/// is the window for all data, which opens by as much in the next round trip.
const MANY: usize = 7;
/// How long each of their paths is.
const LONG_PATH: usize = 1_000;
/// Longer than any run: nothing passes from the blackout on.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// What one run came to.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) probe: Probe,
    /// When the client's first packet left.
    pub(super) began: Time,
    pub(super) secure_at: Option<Time>,
    pub(super) first_byte_at: Option<Time>,
    /// Why there was no answer, and when it was given up.
    pub(super) stop: Option<(String, Time)>,
    pub(super) early: Early,
    pub(super) requests: u32,
    pub(super) answered_early: u32,
    pub(super) too_early: u32,
    pub(super) effects: u32,
    /// The packets of this connection, in the order in which they were sent.
    pub(super) sights: Vec<Sight>,
    pub(super) secrets: Secrets,
    pub(super) qlog: Option<Vec<u8>>,
}

/// What the client saw, if it got so far.
#[derive(Debug, Default)]
struct Answered {
    first_byte_at: Time,
    requests: u32,
}

/// Runs `probe` on a bench that is its own.
pub(super) async fn attempt(
    bench: &Bench,
    probe: Probe,
    blackout: Option<Duration>,
) -> Result<Attempt, LabError> {
    let progress = Progress::default();
    let stage = &bench.handle;
    let ready = Ready::new(bench, probe).await?;
    bench.begin();
    let began = stage.now();
    let first = bench.net.sights().len();
    let (early, too_early, effects) = (bench.app.early(), bench.app.too_early(), bench.app.effects());
    if let Some(after) = blackout {
        let (net, sleep) = (bench.net.clone(), stage.sleep(after));
        stage.spawn(async move {
            sleep.await;
            net.start_outage(FOR_EVER);
        });
    }
    let result = stage.timeout(deadline(bench.settings.clock), ready.probe(bench, probe, &progress)).await;
    let ended = stage.now();
    // Whatever ends the connection is seen too; where time costs nothing, to its last packet.
    let farewell = match bench.settings.clock {
        ClockKind::Virtual => 3 * round_trip_micros(bench),
        ClockKind::Real => round_trip_micros(bench),
    };
    stage.sleep(Duration::from_micros(farewell + 10_000)).await;
    let sights = connection(bench.net.sights().split_off(first));
    let (answered, failure) = match result {
        Ok(Ok(answered)) => (Some(answered), None),
        Ok(Err(error)) => (None, Some(error.to_string())),
        Err(_) => (None, None),
    };
    let is_quic = probe.stack() == Stack::Quic;
    let stop = answered.is_none().then(|| (where_it_stopped(probe, &sights, &progress, failure), ended));
    Ok(Attempt {
        probe,
        began: sights.first().map_or(began, |sight| sight.sent_at),
        secure_at: progress.secure_at(),
        first_byte_at: answered.as_ref().map(|answered| answered.first_byte_at),
        stop,
        early: progress.early(),
        requests: answered.map_or(1, |answered| answered.requests),
        answered_early: bench.app.early() - early - (bench.app.too_early() - too_early),
        too_early: bench.app.too_early() - too_early,
        effects: bench.app.effects() - effects,
        sights,
        secrets: bench.secrets.clone(),
        qlog: is_quic.then(|| bench.qlog.take()),
    })
}

fn round_trip_micros(bench: &Bench) -> u64 {
    let profile = &bench.settings.profile;
    let ways = [&profile.up, &profile.down];
    ways.iter().map(|way| sluice_shared::time::micros(way.propagation.delay)).sum()
}

/// The packets of the connection that the first packet belongs to.
fn connection(sights: Vec<Sight>) -> Vec<Sight> {
    let Some(client) = sights.first().map(|sight| sight.from) else { return Vec::new() };
    sights.into_iter().filter(|sight| sight.from == client || sight.to == client).collect()
}

/// In words: the last thing that was waited for.
fn where_it_stopped(probe: Probe, sights: &[Sight], progress: &Progress, failure: Option<String>) -> String {
    let is_down = |sight: &&Sight| sight.direction == sluice_shared::link::Direction::Down;
    let has_arrived = |sight: &&Sight| matches!(sight.fate, Some(sluice_wire::SightFate::Arrived(_)));
    let mut heard = sights.iter().filter(is_down).filter(has_arrived);
    let has_tcp_payload =
        |sight: &Sight| matches!(&sight.content, Content::Tcp(segment) if !segment.payload.is_empty());
    let at = match probe.stack() {
        _ if progress.is_secure() && probe == Probe::Wss => "no answer to the upgrade",
        _ if progress.is_secure() => "no answer to the request",
        Stack::Tcp if heard.clone().next().is_none() => "no answer to the SYN",
        Stack::Tcp if !heard.any(has_tcp_payload) => "no answer to the ClientHello",
        Stack::Tcp => "in the TLS handshake",
        Stack::Quic if heard.next().is_none() => "no answer to the first Initial",
        Stack::Quic => "in the QUIC handshake",
    };
    failure.map_or_else(|| at.to_owned(), |failure| format!("{at} ({failure})"))
}

/// Servers and a client that may have a ticket.
enum Ready {
    Tcp(Arc<rustls::ClientConfig>),
    Quic(quinn::ClientConfig, quinn::Endpoint),
}

/// Whether a probe uses a ticket of an earlier connection, and whether it sends early data with it.
const fn ticket_use(case: Case) -> (bool, bool) {
    match case {
        Case::Cold | Case::Session | Case::LargeCertificate => (false, false),
        Case::Resumed => (true, false),
        Case::Early | Case::EarlyPost | Case::BeyondCap | Case::ExpiredTicket | Case::ForeignTicket => {
            (true, true)
        }
    }
}

impl Ready {
    /// Starts the servers and fetches a ticket, where the probe needs one.
    async fn new(bench: &Bench, probe: Probe) -> Result<Self, LabError> {
        let (needs_ticket, is_early) = ticket_use(probe.case());
        // A ticket of a server that shares nothing with the one that is probed is fetched at another port.
        let ticket_port = if probe.case() == Case::ForeignTicket { PORT + 1 } else { PORT };
        let ready = match probe.stack() {
            Stack::Tcp => {
                let alpn = if probe == Probe::Wss { "http/1.1" } else { "h2" };
                let tls = Arc::new(bench.client_tls(alpn, is_early)?);
                if probe == Probe::Wss {
                    bench.serve_websocket(PORT)?;
                } else {
                    bench.serve_http2(PORT)?;
                }
                if needs_ticket {
                    if ticket_port != PORT {
                        bench.serve_http2(ticket_port)?;
                    }
                    let (net, progress) = (&bench.net, Progress::default());
                    let mut client = http2::connect(&bench.handle, net, ticket_port, &tls, &progress).await?;
                    client.send(Method::GET, "/hello").await?.into_body().collect().await?;
                }
                Self::Tcp(tls)
            }
            Stack::Quic => {
                let tls = bench.client_tls("h3", is_early)?;
                let endpoint = endpoint(&bench.handle, bench.net.bind_client(), None)?;
                bench.serve_http3(PORT)?;
                if needs_ticket {
                    if ticket_port != PORT {
                        bench.serve_http3(ticket_port)?;
                    }
                    let (config, server) =
                        (bench.client_quic(&tls, None)?, sluice_wire::Net::server_addr(ticket_port));
                    let progress = Progress::default();
                    let earlier = self::endpoint(&bench.handle, bench.net.bind_client(), None)?;
                    let mut client =
                        http3::Client::connect(&bench.handle, &earlier, config, server, &progress).await?;
                    client.send(Method::GET, "/hello").await?.body().await?;
                    client.close();
                    earlier.wait_idle().await;
                }
                Self::Quic(bench.client_quic(&tls, Some(&bench.qlog))?, endpoint)
            }
        };
        if bench.settings.ticket_expires {
            bench.handle.sleep(SHORT_LIFETIME + Duration::from_millis(50)).await;
        } else if needs_ticket {
            // What is left of the earlier connection goes by.
            bench.handle.sleep(Duration::from_millis(50)).await;
        }
        Ok(ready)
    }

    async fn probe(&self, bench: &Bench, probe: Probe, progress: &Progress) -> Result<Answered, LabError> {
        match self {
            Self::Tcp(tls) => probe_tcp(bench, probe, tls, progress).await,
            Self::Quic(config, endpoint) => {
                let answered = probe_quic(bench, probe, config.clone(), endpoint, progress).await;
                endpoint.close(0u32.into(), b"");
                answered
            }
        }
    }
}

async fn probe_tcp(
    bench: &Bench,
    probe: Probe,
    tls: &Arc<rustls::ClientConfig>,
    progress: &Progress,
) -> Result<Answered, LabError> {
    let stage = &bench.handle;
    if probe == Probe::Wss {
        let mut socket = websocket::connect(stage, &bench.net, PORT, tls, progress).await?;
        let first_byte_at = stage.now();
        socket.close(None).await?;
        return Ok(Answered { first_byte_at, requests: 1 });
    }
    let mut client = http2::connect(stage, &bench.net, PORT, tls, progress).await?;
    let (method, paths) = requests(probe.case());
    let answers = paths.iter().map(|path| {
        let (mut client, method) = (client.clone(), method.clone());
        async move { client.send(method, path).await }
    });
    let mut answers = try_join_all(answers).await?;
    let mut requests = paths.len();
    if answers.iter().any(|answer| answer.status() == StatusCode::TOO_EARLY) {
        requests += 1;
        answers.push(client.send(method, "/count").await?);
    }
    let first_byte_at = stage.now();
    for answer in answers {
        answer.into_body().collect().await?;
    }
    Ok(Answered { first_byte_at, requests: u32::try_from(requests)? })
}

async fn probe_quic(
    bench: &Bench,
    probe: Probe,
    config: quinn::ClientConfig,
    endpoint: &quinn::Endpoint,
    progress: &Progress,
) -> Result<Answered, LabError> {
    let (stage, server) = (&bench.handle, sluice_wire::Net::server_addr(PORT));
    if probe == Probe::WebTransport {
        let session = http3::Client::open_session(stage, endpoint, config, server, progress).await?;
        let first_byte_at = stage.now();
        drop(session);
        return Ok(Answered { first_byte_at, requests: 1 });
    }
    let mut client = http3::Client::connect(stage, endpoint, config, server, progress).await?;
    let (method, paths) = requests(probe.case());
    let answers = paths.iter().map(|path| {
        let (mut client, method) = (client.clone(), method.clone());
        async move { client.send(method, path).await }
    });
    let mut answers = try_join_all(answers).await?;
    let mut requests = paths.len();
    if answers.iter().any(|answer| answer.status == StatusCode::TOO_EARLY) {
        // RFC 8470 §5.2: again once the handshake is over, and not before.
        client.finished().await;
        requests += 1;
        answers.push(client.send(method, "/count").await?);
    }
    let first_byte_at = stage.now();
    for answer in answers {
        answer.body().await?;
    }
    client.close();
    Ok(Answered { first_byte_at, requests: u32::try_from(requests)? })
}

/// What a probe asks for.
fn requests(case: Case) -> (Method, Vec<String>) {
    match case {
        Case::EarlyPost => (Method::POST, vec!["/count".to_owned()]),
        Case::BeyondCap => {
            let padding = "x".repeat(LONG_PATH);
            (Method::GET, (0..MANY).map(|n| format!("/hello?{n}{padding}")).collect())
        }
        Case::Cold
        | Case::Resumed
        | Case::Early
        | Case::Session
        | Case::LargeCertificate
        | Case::ExpiredTicket
        | Case::ForeignTicket => (Method::GET, vec!["/hello".to_owned()]),
    }
}
