//! Connections that come and go leave nothing behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sluice_shared::link::{LinkProfile, LossModel, NetworkProfile, Share};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{eventually, flows_end, in_time, listen, start_relay};

/// 1,000 by default; the nightly run sets `SLUICE_RELAY_CYCLES` to 10,000.
fn cycles() -> u32 {
    let wanted = std::env::var("SLUICE_RELAY_CYCLES").ok();
    wanted.map_or(1_000, |text| text.parse().expect("SLUICE_RELAY_CYCLES is a number"))
}

/// Open descriptors of this process; other tests open some too, so the least that is seen counts.
#[cfg(target_os = "linux")]
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux has it").count()
}

#[cfg(target_os = "linux")]
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is there");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// One life of a connection, of four kinds.
async fn cycle(n: u32, address: std::net::SocketAddr, ramp: &mut sluice_relay::TcpRamp) {
    let mut client = in_time("it connects", TcpStream::connect(address)).await.expect("it listens");
    let mut server = in_time("it is established", ramp.accept()).await.expect("open");
    client.write_all(b"ping").await.expect("open");
    match n % 4 {
        // The client closes, then the server.
        0 => {
            drop(client);
            let mut rest = Vec::new();
            in_time("the stream ends", server.read_to_end(&mut rest)).await.expect("open");
        }
        // The server leaves something unread.
        1 => drop(server),
        // The client vanishes.
        2 => {
            SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("a socket");
            drop(client);
        }
        // Both at once, in the middle of data.
        _ => {
            server.write_all(&[0; 10_000]).await.expect("open");
            drop((client, server));
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn many_connections_leave_no_flow_no_descriptor_and_no_memory() {
    let relay = start_relay();
    let mut link = LinkProfile::delayed(Duration::from_micros(200));
    link.loss = LossModel::Random(Share::from_billionths(1_000_000));
    let network = relay.network(NetworkProfile::symmetric(link), 3);
    let (mut ramp, address) = listen(&network);
    // The capture fills its memory, and the allocator its pools, before it counts.
    for n in 0..300 {
        cycle(n, address, &mut ramp).await;
    }
    flows_end(&network).await;
    let (before, memory) = (descriptors(), resident_kib());
    for n in 0..cycles() {
        cycle(n, address, &mut ramp).await;
    }
    flows_end(&network).await;
    eventually("the descriptors are back", || (descriptors() <= before + 2).then_some(())).await;
    // What each cycle may add to the capture until that is full, and the allocator's slack.
    let grown = resident_kib().saturating_sub(memory);
    assert!(grown < 40 << 10, "{grown} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_can_change_while_connections_come_and_go() {
    let relay = start_relay();
    // With a delay there is something due at any time, for whoever comes first.
    let profile = NetworkProfile::symmetric(LinkProfile::delayed(Duration::from_micros(300)));
    let network = relay.network(profile.clone(), 3);
    let (mut ramp, address) = listen(&network);
    let is_done = Arc::new(AtomicBool::new(false));
    // A change drives every flow, and those that end by it want to leave the network.
    let changes = std::thread::spawn({
        let (network, is_done) = (network.clone(), Arc::clone(&is_done));
        move || {
            let mut changes = 0_u64;
            while !is_done.load(Ordering::Relaxed) {
                network.set_profile(profile.clone(), changes, changes.is_multiple_of(2));
                network.start_outage(Duration::ZERO);
                network.report();
                changes += 1;
            }
            changes
        }
    });
    for n in 0..300 {
        cycle(n, address, &mut ramp).await;
    }
    flows_end(&network).await;
    is_done.store(true, Ordering::Relaxed);
    assert!(changes.join().expect("no panic") > 300);
}
