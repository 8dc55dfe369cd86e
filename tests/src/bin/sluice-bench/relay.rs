//! What the relay carries, what that costs, and how late it is.
//!
//! The relay's two threads share one core; whatever sends and receives has another.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use sluice_relay::{Clock, Network, Relay};
use sluice_shared::lab::Congestion;
use sluice_shared::link::{Bitrate, BottleneckLimits, LinkProfile, NetworkProfile, QueueLimit};
use sluice_shared::time::Time;
use sluice_tests::deadline::{in_time, must};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::measure::{Plan, Row, grouped, median, plain_row};

const LOCALHOST: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
/// A datagram of QUIC.
const SIZE: usize = 1_200;
/// What the network adds to a datagram.
const HEADERS: usize = 28;
/// Datagrams under way in the flood.
const WINDOW: u64 = 128;
/// A gentle load, packets a second.
const GENTLE: u64 = 10_000;
/// The one-way delay of the network in which lateness is measured.
const DELAY: Duration = Duration::from_millis(20);
/// How long a flood that lost its whole window waits before it goes on.
const STALL: Duration = Duration::from_millis(20);

/// All of it.
pub(crate) async fn carries(plan: Plan) -> Vec<Row> {
    let mut rows = Vec::new();
    for (run, what) in [(16, "in runs of 16 (GSO)"), (1, "one by one")] {
        let mut passed = Vec::new();
        for _ in 0..plan.runs {
            passed.push(flood(run, plan.span).await);
        }
        let what = format!("relay on one core: UDP of {SIZE} B, sent {what}, as fast as it goes");
        rows.push(plain_row(&what, &passed, |rate| {
            let mbit = rate * ((SIZE + HEADERS) * 8) as f64 / 1e6;
            format!("{} packets/s, {} Mbit/s", grouped(rate), grouped(mbit))
        }));
    }
    let (mut loads, mut relayed, mut direct) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        let (load, lateness) =
            must("a thread of the bench", thread_of(move || gentle(plan.span, true)).await);
        loads.push(load);
        relayed.push(lateness);
        let (_, lateness) = must("a thread of the bench", thread_of(move || gentle(plan.span, false)).await);
        direct.push(lateness);
    }
    let at = format!("relay, {} packets/s of UDP", grouped(GENTLE as f64));
    rows.push(plain_row(&format!("{at}, {DELAY:?} each way: share of a core"), &loads, percent));
    let quantile = |values: &[Lateness], pick: fn(&Lateness) -> f64| -> f64 {
        median(&values.iter().map(pick).collect::<Vec<f64>>())
    };
    for (name, pick) in [("p50", (|late| late.p50) as fn(&Lateness) -> f64), ("p99", |late| late.p99)] {
        let (relayed, direct) = (quantile(&relayed, pick), quantile(&direct, pick));
        rows.push(Row {
            what: format!("{at}: later than the delay, {name}"),
            value: micros(relayed),
            compared_with: format!("no relay between, no delay: {}", micros(direct)),
            ratio: format!("{} added", micros(relayed - direct)),
            runs: plan.runs,
        });
    }
    let (mut loads, mut packets) = (Vec::new(), Vec::new());
    for _ in 0..plan.runs {
        let (load, per_second) = stream(plan.span).await;
        loads.push(load);
        packets.push(per_second);
    }
    let what = format!(
        "relay, a TCP stream of 120 Mbit/s ({} packets/s with acknowledgments): share of a core",
        grouped(median(&packets))
    );
    rows.push(plain_row(&what, &loads, percent));
    rows
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn micros(micros: f64) -> String {
    format!("{:.3} ms", micros / 1e3)
}

/// A relay on a core of its own, and a network of it.
fn network(profile: NetworkProfile) -> (Relay, Network) {
    let relay = must("starting the relay", Relay::start(Clock::new(Instant::now(), Time::ZERO)));
    put_apart();
    let network = relay.network(profile, 1);
    (relay, network)
}

/// Puts this process onto the last core, and the threads of the relay onto the first.
fn put_apart() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores < 2 {
        return;
    }
    taskset(&["-a", "-p", "-c", "1", &std::process::id().to_string()]);
    for task in must("this process's threads", fs::read_dir("/proc/self/task")).flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if matches!(name.trim(), "sluice-link" | "sluice-relay") {
            taskset(&["-p", "-c", "0", &task.file_name().to_string_lossy()]);
        }
    }
}

fn taskset(arguments: &[&str]) {
    match Command::new("taskset").args(arguments).stdout(Stdio::null()).status() {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("taskset: {status}: threads share the cores"),
        Err(error) => eprintln!("taskset: {error}: threads share the cores"),
    }
}

/// A front for `server`, and its address.
fn front(network: &Network, server: SocketAddr) -> SocketAddr {
    let front = must("binding a socket", std::net::UdpSocket::bind(LOCALHOST));
    let address = must("its address", front.local_addr());
    must("relaying it", network.relay_udp(front, server, Congestion::Cubic));
    address
}

/// Datagrams a second that pass while a window of them is under way, sent in runs of `run`.
async fn flood(run: usize, span: Duration) -> f64 {
    let (_relay, network) = network(NetworkProfile::none());
    let server = must("binding a socket", UdpSocket::bind(LOCALHOST).await);
    let client = must("binding a socket", UdpSocket::bind(LOCALHOST).await);
    let destination = front(&network, must("its address", server.local_addr()));
    let receiving = must("a socket", UdpSocketState::new(UdpSockRef::from(&server)));
    let sending = must("a socket", UdpSocketState::new(UdpSockRef::from(&client)));
    let contents = vec![0; SIZE * run];
    let transmit = Transmit {
        destination,
        ecn: None,
        contents: &contents,
        segment_size: (run > 1).then_some(SIZE),
        src_ip: None,
    };
    let mut storage = vec![0; BATCH_SIZE << 16];
    let (mut sent, mut received) = (0_u64, 0_u64);
    let (mut started, mut at_start) = (Instant::now(), None);
    loop {
        while sent < received + WINDOW && sending.try_send(UdpSockRef::from(&client), &transmit).is_ok() {
            sent += run as u64;
        }
        match receive(&server, &receiving, &mut storage) {
            0 if timeout(STALL, server.readable()).await.is_err() => sent = received,
            count => received += count,
        }
        match at_start {
            // The first packets find caches and sockets cold.
            None if started.elapsed() > Duration::from_millis(300) => {
                (started, at_start) = (Instant::now(), Some(received));
            }
            Some(at_start) if started.elapsed() > span => {
                return (received - at_start) as f64 / started.elapsed().as_secs_f64();
            }
            _ => {}
        }
    }
}

/// How many datagrams are there.
fn receive(socket: &UdpSocket, state: &UdpSocketState, storage: &mut [u8]) -> u64 {
    let mut slices: Vec<_> = storage.chunks_mut(1 << 16).map(std::io::IoSliceMut::new).collect();
    let mut metas = [RecvMeta::default(); BATCH_SIZE];
    let batch =
        socket.try_io(Interest::READABLE, || state.recv(UdpSockRef::from(socket), &mut slices, &mut metas));
    let metas = metas.iter().take(batch.unwrap_or(0));
    metas.map(|meta| meta.len.div_ceil(meta.stride.max(1)) as u64).sum()
}

/// How much later than the network's delay packets came, µs.
#[derive(Clone, Copy, Debug)]
struct Lateness {
    p50: f64,
    p99: f64,
}

async fn thread_of<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, tokio::task::JoinError> {
    tokio::task::spawn_blocking(work).await
}

/// The relay's load, and how late packets are, at a gentle pace; or how late they are without a relay between.
fn gentle(span: Duration, is_relayed: bool) -> (f64, Lateness) {
    let profile = NetworkProfile::symmetric(LinkProfile::delayed(DELAY));
    let (relay, network) = network(profile);
    let server = must("binding a socket", std::net::UdpSocket::bind(LOCALHOST));
    let client = must("binding a socket", std::net::UdpSocket::bind(LOCALHOST));
    let address = must("its address", server.local_addr());
    let (destination, delay) =
        if is_relayed { (front(&network, address), DELAY) } else { (address, Duration::ZERO) };
    must("a socket", server.set_read_timeout(Some(Duration::from_millis(500))));
    let origin = Instant::now();
    let sender = thread::spawn(move || {
        let mut content = [0; SIZE];
        let (mut sent, end) = (0, span + Duration::from_millis(1_200));
        while origin.elapsed() < end {
            let due = u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX) * GENTLE / 1_000_000;
            while sent < due {
                let now = u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
                content[..8].copy_from_slice(&now.to_le_bytes());
                must("sending", client.send_to(&content, destination));
                sent += 1;
            }
            thread::sleep(Duration::from_micros(20));
        }
    });
    let mut lateness = Vec::new();
    let mut buffer = [0; SIZE];
    while server.recv(&mut buffer).is_ok() {
        let now = origin.elapsed();
        let (stamp, _) = buffer.split_at(8);
        let sent = Duration::from_nanos(u64::from_le_bytes(stamp.try_into().unwrap_or_default()));
        // The load is that of the last second.
        if sent > Duration::from_secs(1) {
            lateness.push((now.as_secs_f64() - sent.as_secs_f64() - delay.as_secs_f64()) * 1e6);
        }
        if sent > span + Duration::from_secs(1) {
            break;
        }
    }
    let load = f64::from(relay.load());
    must("the sender ends", sender.join());
    lateness.sort_by(f64::total_cmp);
    let at = |share: f64| lateness.get((lateness.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    (load, Lateness { p50: at(0.5), p99: at(0.99) })
}

/// The relay's load while a stream fills 120 Mbit/s, and packets a second.
async fn stream(span: Duration) -> (f64, f64) {
    let mut link = LinkProfile::delayed(DELAY);
    let (rate, queue) = (Bitrate::from_mbit_per_sec(120), QueueLimit::Time(Duration::from_millis(50)));
    link.bottleneck = Some(BottleneckLimits { rate, queue });
    let (relay, network) = network(NetworkProfile::symmetric(link));
    let listener = must("binding a socket", std::net::TcpListener::bind(LOCALHOST));
    let address = must("its address", listener.local_addr());
    let mut ramp = must("listening", network.listen_tcp(listener, Congestion::Cubic));
    let mut client = must("connecting", TcpStream::connect(address).await);
    let Some(mut server) = in_time("the server gets the connection", ramp.accept()).await else {
        panic!("the network closed");
    };
    let sender = tokio::spawn(async move {
        let chunk = vec![0; 256 << 10];
        while server.write_all(&chunk).await.is_ok() {}
    });
    let reader = tokio::spawn(async move {
        let mut buffer = vec![0; 256 << 10];
        while client.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    let packets = || {
        let flows = network.report().flows;
        flows.iter().map(|flow| flow.up.offered_packets + flow.down.offered_packets).sum::<u64>()
    };
    // Slow start is over by then, and the load is that of the last second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (before, started) = (packets(), Instant::now());
    tokio::time::sleep(span.max(Duration::from_secs(1))).await;
    let per_second = (packets() - before) as f64 / started.elapsed().as_secs_f64();
    let load = f64::from(relay.load());
    drop((ramp, network));
    must("the sender ends", in_time("the sender ends", sender).await);
    must("the reader ends", in_time("the reader ends", reader).await);
    (load, per_second)
}
