//! Captures as tshark reads them: two endpoints over lossy links in virtual time, every packet at both ends written to a
//! pcapng file, and tshark's analysis of TCP held against what endpoints and links count themselves. The last test does
//! the same with what a relay in real time has recorded.
//!
//! The rules of agreement, all of them exact:
//! - **sent again**, at the sender's side: nothing can be out of order there, so every packet that tshark calls a
//!   retransmission (fast, spurious or plain) or out of order is one that the endpoint counts as sent again. Tail probes
//!   that repeat data are among them, those that carry new data are not;
//! - **lost**: data packets at the sender's side less those at the receiver's are the link's drops;
//! - **gaps**, at the receiver's side: each run of drops of new data that something arrives behind is one lost segment
//!   to tshark, however long it is;
//! - **filled**, at the receiver's side: what tshark calls a retransmission or out of order there is what arrived with a
//!   number below the highest;
//! - **duplicate acknowledgments**, at the sender's side: acknowledgments alone that repeat number and window;
//! - in full-size packets, what is sent again is what was dropped, and what turned out to be needless.
//!
//! tshark is Debian's package `tshark` (named in `TSHARK`, or on `PATH`); `cargo xtask test` installs it. Without it
//! these tests fail.
#![expect(clippy::print_stdout, reason = "a test prints the numbers it judged, for those who look")]

mod frames;
mod run;

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use sluice_relay::{Clock, Relay};
use sluice_shared::lab::Congestion;
use sluice_shared::link::{
    Bitrate, BottleneckLimits, BurstLoss, LinkProfile, LossModel, NetworkProfile, QueueLimit, Share,
};
use sluice_shared::time::Time;
use sluice_tcp::{Config, Side};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::frames::{assert_sound, count, has_data, is_repeat, read};
use crate::run::{Load, Run, Truth, index};

const SIDES: [Side; 2] = [Side::Client, Side::Server];

/// `limit` is a rate in Mbit/s and a queue in milliseconds.
fn path(rtt_millis: u64, loss: LossModel, limit: Option<(u64, u64)>) -> NetworkProfile {
    let mut link = LinkProfile::delayed(Duration::from_millis(rtt_millis / 2));
    link.loss = loss;
    link.bottleneck = limit.map(|(mbit_per_sec, queue_millis)| BottleneckLimits {
        rate: Bitrate::from_mbit_per_sec(mbit_per_sec),
        queue: QueueLimit::Time(Duration::from_millis(queue_millis)),
    });
    NetworkProfile::symmetric(link)
}

/// Runs `load`, lets tshark read what was captured, and compares; returns what happened to the server's packets.
fn check(name: &str, network: &NetworkProfile, congestion: Congestion, load: Load, seed: u64) -> Truth {
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tshark-{name}-{congestion}-{seed}.pcapng"));
    let config = Config::with_congestion(congestion);
    let mut run = Run::new(config, network, seed, &file);
    run.send(load);
    let Run { pair, mut writer, packets, truth, .. } = run;
    writer.flush().expect("the file can be written");
    drop(writer);

    let frames = read(&file);
    assert_eq!(frames.len() as u64, packets, "{name}: every packet is read");
    assert_sound(name, &frames);
    for from in SIDES {
        let truth = truth[index(from)];
        let what = format!("{name}, {congestion}, from the {from:?}: {truth:?}");
        println!("{what}");
        let again = pair.endpoint(from).info().retransmitted_packets;
        assert_eq!(
            (truth.sent_again, count(&frames, from, from, is_repeat)),
            (again, again),
            "sent again: {what}"
        );
        let (sent, arrived) =
            (count(&frames, from, from, has_data), count(&frames, from.other(), from, has_data));
        assert_eq!((sent, sent - arrived), (truth.sent_data, truth.dropped_data), "lost: {what}");
        assert_eq!(count(&frames, from.other(), from, |frame| frame.is_gap), truth.gaps, "gaps: {what}");
        assert_eq!(count(&frames, from.other(), from, is_repeat), truth.filled, "filled: {what}");
        let duplicates = count(&frames, from, from.other(), |frame| frame.is_duplicate_ack);
        assert_eq!(duplicates, truth.duplicate_acks, "duplicate acknowledgments: {what}");
    }
    fs::remove_file(&file).expect("the file is there");
    truth[index(Side::Server)]
}

#[test]
fn random_loss_is_what_tshark_says_it_is() {
    let network = path(100, LossModel::Random(Share::from_percent(2)), None);
    for congestion in Congestion::ALL {
        let truth = check("random", &network, congestion, Load::Bulk { packets: 3_000 }, 1);
        assert!(truth.dropped_data > 30 && truth.gaps > 30 && truth.duplicate_acks > 100, "{truth:?}");
        assert_eq!(truth.sent_again, truth.dropped_data + truth.needless, "{truth:?}");
    }
}

#[test]
fn a_full_queue_is_what_tshark_says_it_is() {
    let network = path(40, LossModel::None, Some((10, 10)));
    let truth = check("queue", &network, Congestion::Cubic, Load::Bulk { packets: 6_000 }, 1);
    assert!(truth.dropped_data > 0, "{truth:?}");
    assert_eq!(truth.sent_again, truth.dropped_data + truth.needless, "{truth:?}");
}

#[test]
fn bad_spells_with_timeouts_are_what_tshark_says_they_are() {
    let burst = BurstLoss::of_mean(Share::from_percent(5), Duration::from_millis(300)).expect("a loss");
    let network = path(50, LossModel::Burst(burst), Some((5, 50)));
    let truth = check("spells", &network, Congestion::Cubic, Load::Bulk { packets: 3_000 }, 3);
    assert!(truth.dropped_data > truth.gaps, "a spell is one gap: {truth:?}");
    assert_eq!(truth.sent_again, truth.dropped_data + truth.needless, "{truth:?}");
}

#[test]
fn small_messages_in_both_directions_are_what_tshark_says_they_are() {
    let network = path(50, LossModel::Random(Share::from_percent(3)), None);
    let truth = check("two-way", &network, Congestion::Cubic, Load::TwoWay { messages: 2_000 }, 1);
    // Small packets are joined when they are sent again.
    assert!(truth.dropped_data > 20 && truth.sent_again <= truth.dropped_data + truth.needless, "{truth:?}");
}

#[test]
fn what_a_relay_records_agrees_with_its_report() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        timeout(Duration::from_secs(60), check_relay()).await.expect("a megabyte passes within a minute");
    });
}

async fn check_relay() {
    const BYTES: usize = 1_000_000;
    let relay = Relay::start(Clock::new(Instant::now(), Time::from_millis(1_000))).expect("two threads");
    let network = relay.network(path(20, LossModel::Random(Share::from_percent(3)), None), 1);
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let mut ramp = network.listen_tcp(listener, Congestion::Bbr).expect("a listener");
    let mut client = TcpStream::connect(address).await.expect("it listens");
    let mut server = ramp.accept().await.expect("the network is open");
    let mut received = vec![0; BYTES];
    let sent = vec![0x42; BYTES];
    let (written, read_all) = tokio::join!(server.write_all(&sent), client.read_exact(&mut received));
    written.expect("the server writes");
    read_all.expect("the client reads");
    // Until all is acknowledged and nothing is under way.
    let flow = loop {
        sleep(Duration::from_millis(100)).await;
        let info = server.info();
        let flow = network.report().flows.remove(0);
        let under_way = [flow.up, flow.down].map(|link| link.queue.packets + link.wire.packets);
        if info.unsent_bytes + info.unacknowledged_bytes == 0 && under_way == [0, 0] {
            break flow;
        }
    };
    let capture = network.capture();
    let again = server.info().retransmitted_packets;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tshark-relay.pcapng");
    fs::write(&file, capture).expect("the folder for temporary files can be written");
    let frames = read(&file);
    assert_sound("relay", &frames);
    for (from, link) in [(Side::Client, flow.up), (Side::Server, flow.down)] {
        let at_sender = count(&frames, from, from, |_| true);
        let at_receiver = count(&frames, from.other(), from, |_| true);
        println!("from the {from:?}: {link:?}");
        assert_eq!((at_sender, at_receiver), (link.offered_packets, link.delivered_packets), "{from:?}");
        assert_eq!(at_sender - at_receiver, link.lost_packets, "{from:?}");
    }
    assert!(again > 5, "{again} packets were sent again");
    assert_eq!(count(&frames, Side::Server, Side::Server, is_repeat), again);
    fs::remove_file(&file).expect("the file is there");
}
