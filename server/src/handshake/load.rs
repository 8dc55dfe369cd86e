//! What a connection does once it is open.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use http::Method;
use http_body_util::BodyExt as _;
use sluice_shared::time::{Time, micros};
use sluice_wire::Net;

use super::bench::{Bench, PORT};
use super::count::RoundTripCount;
use super::error::LabError;
use super::tls_stream::Progress;
use super::{http2, http3};

/// After how long objects are not waited for any more.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between the requests of a client whose address changes.
const EVERY: Duration = Duration::from_millis(20);
/// How long such a client is served before that.
const CALM: Duration = Duration::from_millis(500);

/// Objects that are asked for at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) objects: usize,
    pub(super) bytes: usize,
}

/// When objects were complete.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// For each, since they were asked for, ascending.
    complete: Vec<Duration>,
    /// Round trips until the last was complete.
    pub(super) round_trips: u32,
}

impl Loaded {
    /// When half of them were complete, µs.
    pub(super) fn half_micros(&self) -> u64 {
        let half = self.complete.len().saturating_sub(1) / 2;
        self.complete.get(half).copied().map_or(0, micros)
    }

    /// When all were complete, µs.
    pub(super) fn last_micros(&self) -> u64 {
        self.complete.last().copied().map_or(0, micros)
    }
}

/// Loads over HTTP/2, on a connection that has had one answer.
pub(super) async fn load_tcp(bench: &Bench, load: Load) -> Result<Loaded, LabError> {
    bench.serve_http2(PORT)?;
    bench.begin();
    let tls = Arc::new(bench.client_tls("h2", false)?);
    let mut client = http2::connect(&bench.handle, &bench.net, PORT, &tls, &Progress::default()).await?;
    client.send(Method::GET, "/hello").await?.into_body().collect().await?;
    timed(bench, load, |path| {
        let mut client = client.clone();
        async move {
            client.send(Method::GET, &path).await?.into_body().collect().await?;
            Ok(())
        }
    })
    .await
}

/// Loads over HTTP/3, on a connection that has had one answer.
pub(super) async fn load_quic(bench: &Bench, load: Load) -> Result<Loaded, LabError> {
    bench.serve_http3(PORT)?;
    bench.begin();
    let endpoint = http3::endpoint(&bench.handle, bench.net.bind_client(), None)?;
    let config = bench.client_quic(&bench.client_tls("h3", false)?, None)?;
    let server = Net::server_addr(PORT);
    let mut client =
        http3::Client::connect(&bench.handle, &endpoint, config, server, &Progress::default()).await?;
    client.send(Method::GET, "/hello").await?.body().await?;
    timed(bench, load, |path| {
        let mut client = client.clone();
        async move { client.send(Method::GET, &path).await?.body().await.map(drop) }
    })
    .await
}

async fn timed<F: Future<Output = Result<(), LabError>>>(
    bench: &Bench,
    load: Load,
    get: impl Fn(String) -> F,
) -> Result<Loaded, LabError> {
    let stage = &bench.handle;
    let (began, first) = (stage.now(), bench.net.sights().len());
    let all = (0..load.objects).map(|_| {
        let object = get(format!("/bytes/{}", load.bytes));
        async { object.await.map(|()| stage.now()) }
    });
    let mut complete: Vec<Time> = stage.timeout(PATIENCE, try_join_all(all)).await??;
    complete.sort_unstable();
    let last = complete.last().copied().unwrap_or(began);
    let round_trips = RoundTripCount::of(&bench.net.sights().split_off(first)).until(last);
    Ok(Loaded { complete: complete.into_iter().map(|at| at.since(began)).collect(), round_trips })
}

/// From the change of the client's address to the next answer over HTTP/2: the client is told that its interface has
/// gone, and connects again with the ticket that it has.
pub(super) async fn address_change_tcp(bench: &Bench) -> Result<Duration, LabError> {
    bench.serve_http2(PORT)?;
    bench.begin();
    let stage = &bench.handle;
    let tls = Arc::new(bench.client_tls("h2", false)?);
    let connect = || async {
        let progress = Progress::default();
        http2::connect(stage, &bench.net, PORT, &tls, &progress).await
    };
    let mut client = connect().await?;
    while stage.now() < Time::ZERO + CALM {
        client.send(Method::GET, "/hello").await?.into_body().collect().await?;
        stage.sleep(EVERY).await;
    }
    let changed_at = stage.now();
    bench.net.end_tcp();
    loop {
        stage.sleep(EVERY).await;
        if client.send(Method::GET, "/hello").await.is_ok() {
            return Ok(stage.now().since(changed_at));
        }
        if stage.now().since(changed_at) > PATIENCE {
            return Err("no answer any more".into());
        }
        client = connect().await?;
    }
}

/// From the change of the client's address to the next answer over HTTP/3, on the same connection.
pub(super) async fn address_change_quic(bench: &Bench) -> Result<Duration, LabError> {
    bench.serve_http3(PORT)?;
    bench.begin();
    let stage = &bench.handle;
    let socket = bench.net.bind_client();
    let endpoint = http3::endpoint(stage, Arc::clone(&socket), None)?;
    let config = bench.client_quic(&bench.client_tls("h3", false)?, None)?;
    let server = Net::server_addr(PORT);
    let mut client = http3::Client::connect(stage, &endpoint, config, server, &Progress::default()).await?;
    while stage.now() < Time::ZERO + CALM {
        client.send(Method::GET, "/hello").await?.body().await?;
        stage.sleep(EVERY).await;
    }
    let changed_at = stage.now();
    socket.rebind();
    stage.sleep(EVERY).await;
    stage.timeout(PATIENCE, client.send(Method::GET, "/hello")).await??;
    Ok(stage.now().since(changed_at))
}
