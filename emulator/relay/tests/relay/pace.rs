//! Delay and rate.

use std::time::{Duration, Instant};

use sluice_shared::lab::TcpWait;
use sluice_shared::link::{Bitrate, BottleneckLimits, LinkProfile, NetworkProfile, QueueLimit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::harness::{
    connect, delayed, eventually, in_time, listen, only_flow, receive, round_trip, start_relay, udp,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_takes_the_delay_of_both_ways_and_little_more() {
    let relay = start_relay();
    let network = relay.network(delayed(20), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    let mut least = Duration::MAX;
    for _ in 0..20 {
        least = least.min(round_trip(&mut client, &mut server, 100).await);
    }
    assert!(least >= Duration::from_millis(40), "{least:?}");
    assert!(least < Duration::from_millis(44), "{least:?}");
    let flow = only_flow(&network);
    let tcp = flow.tcp.expect("it is TCP");
    assert!((40_000..60_000).contains(&tcp.rtt_micros), "{tcp:?}");
    let lateness = flow.lateness.expect("the server wrote");
    assert_eq!((lateness.writes, lateness.propagation_micros), (20, 20 * 20_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datagram_takes_the_delay_and_comes_back_by_the_same_flow() {
    let relay = start_relay();
    let network = relay.network(delayed(20), 1);
    let (server, clients) = udp(&network, 1).await;
    let mut least = Duration::MAX;
    for n in 0..20_u8 {
        let started = Instant::now();
        clients[0].send(&[n]).await.expect("sent");
        let (content, relay_side) = receive(&server).await;
        assert_eq!(network.udp_flow_from(relay_side).map(|flow| flow.0), Some(0));
        server.send_to(&content, relay_side).await.expect("sent");
        let (content, _) = receive(&clients[0]).await;
        assert_eq!(content, [n]);
        least = least.min(started.elapsed());
    }
    assert!(least >= Duration::from_millis(40) && least < Duration::from_millis(44), "{least:?}");
    let flow = only_flow(&network);
    assert_eq!((flow.up.delivered_packets, flow.up.delivered_bytes), (20, 20 * 29));
    assert_eq!((flow.tcp, flow.lateness), (None, None));
}

fn limited(rate: Bitrate, delay_millis: u64) -> NetworkProfile {
    let queue = QueueLimit::Time(Duration::from_millis(100));
    let mut link = LinkProfile::delayed(Duration::from_millis(delay_millis));
    link.bottleneck = Some(BottleneckLimits { rate, queue });
    NetworkProfile::symmetric(link)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_datagrams_passes_at_the_rate() {
    const SIZE: usize = 1_172;
    let relay = start_relay();
    let rate = Bitrate::from_mbit_per_sec(20);
    let network = relay.network(limited(rate, 5), 1);
    let (server, clients) = udp(&network, 1).await;
    let client = clients.into_iter().next().expect("one client");
    let started = Instant::now();
    // Half more than passes, in small steps.
    let flood = tokio::spawn(async move {
        let mut sent = 0_u64;
        while started.elapsed() < Duration::from_millis(2_300) {
            let due = started.elapsed().as_micros() as u64 * 30 / 8 / (SIZE as u64 + 28);
            for _ in sent..due {
                client.send(&[0; SIZE]).await.expect("sent");
            }
            sent = sent.max(due);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let (mut bytes, mut last) = (0, started);
    while started.elapsed() < Duration::from_secs(2) {
        let (content, _) = receive(&server).await;
        bytes += content.len() + 28;
        last = Instant::now();
    }
    flood.await.expect("the flood");
    let measured = bytes as f64 * 8.0 / last.duration_since(started).as_secs_f64();
    let ratio = measured / rate.as_bits_per_sec() as f64;
    // Nothing passed before, so late packets cannot make it more; a busy machine may make it less.
    assert!((0.85..1.02).contains(&ratio), "{measured} bit/s");
    let flow = only_flow(&network);
    assert!(flow.up.queue_drops > 0, "{:?}", flow.up);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_fills_the_rate_in_either_direction_and_not_more() {
    let relay = start_relay();
    let rate = Bitrate::from_mbit_per_sec(20);
    // A round trip of 40 ms holds 100 kB: more than a send buffer that does not grow.
    let network = relay.network(limited(rate, 20), 1);
    let (mut ramp, address) = listen(&network);
    let (client, server) = connect(&mut ramp, address).await;
    let (client_reader, client_writer) = client.into_split();
    let (server_reader, server_writer) = tokio::io::split(server);
    let down = goodput(server_writer, client_reader).await;
    let up = goodput(client_writer, server_reader).await;
    // 1,448 of 1,500 bytes are data.
    let share = |measured: f64| measured * 1_500.0 / 1_448.0 / rate.as_bits_per_sec() as f64;
    for (whole, at_pace) in [down, up] {
        assert!(share(whole) < 1.001, "{whole} bit/s of {rate}");
        // A busy machine may make it less.
        assert!(share(at_pace) >= 0.85, "{at_pace} bit/s of {rate}");
    }
}

/// Bits a second of 5 MB since the first was written, which late packets cannot make more, and of the last 4 MB of them,
/// as the sender needs the first to find its pace.
async fn goodput(
    mut writer: impl AsyncWrite + Unpin + Send + 'static,
    mut reader: impl AsyncRead + Unpin,
) -> (f64, f64) {
    const SKIPPED: usize = 1_000_000;
    const MEASURED: usize = 4_000_000;
    let written = Instant::now();
    let sender = tokio::spawn(async move {
        writer.write_all(&vec![1; SKIPPED + MEASURED]).await.expect("open");
        writer
    });
    let mut buffer = vec![0; SKIPPED];
    in_time("it begins", reader.read_exact(&mut buffer)).await.expect("open");
    let started = Instant::now();
    buffer.resize(MEASURED, 0);
    in_time("all comes", reader.read_exact(&mut buffer)).await.expect("open");
    let ended = Instant::now();
    in_time("the sender ends", sender).await.expect("no panic");
    let rate = |bytes: usize, since| bytes as f64 * 8.0 / ended.duration_since(since).as_secs_f64();
    (rate(SKIPPED + MEASURED, written), rate(MEASURED, started))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_closes_the_window() {
    let relay = start_relay();
    let network = relay.network(delayed(5), 1);
    let (mut ramp, address) = listen(&network);
    let (mut client, mut server) = connect(&mut ramp, address).await;
    let bytes = 3_000_000;
    let sender = tokio::spawn(async move {
        server.write_all(&vec![9; bytes]).await.expect("written");
        server
    });
    let report = eventually("the window is closed", || {
        let report = only_flow(&network).tcp?;
        (report.peer_window_bytes == 0 && report.waits_for == TcpWait::PeerWindow).then_some(report)
    })
    .await;
    assert!(report.unread_bytes > 10_000, "{report:?}");
    assert!(!sender.is_finished());
    let mut received = vec![0; bytes];
    in_time("everything comes", client.read_exact(&mut received)).await.expect("open");
    assert!(received.iter().all(|byte| *byte == 9));
    let mut server = in_time("the sender ends", sender).await.expect("no panic");
    round_trip(&mut client, &mut server, 10).await;
}
