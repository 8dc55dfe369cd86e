//! What `sluice handshake --pcapng` writes, as tshark reads it: the secrets inside open everything, and nothing looks
//! broken.
//!
//! tshark is Debian's package `tshark` (named in `TSHARK`, or on `PATH`); `cargo xtask test` installs it. Without it
//! these tests fail.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `sluice handshake` in virtual time, which is to write `file`.
fn capture(file: &Path, more: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(["handshake", "--virtual", "--seed", "3", "--runs", "1", "--pcapng"]).arg(file).args(more);
    let output = command.output().expect("sluice starts");
    assert!(output.status.success(), "{output:?}");
}

/// `fields` of every packet that `filter` lets pass; several values of one field are parted by commas.
fn read(file: &Path, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let tshark = env::var_os("TSHARK").map_or_else(|| PathBuf::from("tshark"), PathBuf::from);
    let mut command = Command::new(&tshark);
    command.arg("-r").arg(file).args(["-n", "-Y", filter, "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap_or_else(|error| {
        panic!("{}: {error}; install Debian's `tshark`, or run `cargo xtask test`", tshark.display())
    });
    assert!(output.status.success(), "{filter}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// How many packets `filter` lets pass.
fn count(file: &Path, filter: &str) -> usize {
    read(file, filter, &["frame.number"]).len()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("handshake-{name}-{}.pcapng", std::process::id()))
}

#[test]
fn tshark_opens_every_probe_of_one_file() {
    let file = file("all");
    capture(&file, &[]);
    for broken in [
        "_ws.malformed",
        "_ws.expert.severity >= 8388608",
        "quic.decryption_failed",
        "tcp.analysis.retransmission",
        "tcp.analysis.lost_segment",
    ] {
        assert_eq!(count(&file, broken), 0, "{broken}");
    }
    // TCP is seen at both ends, so everything is there twice; each of nine probes has connections of its own.
    assert_eq!(count(&file, "tcp.flags.syn == 1 && tcp.flags.ack == 0"), 18);
    assert_eq!(count(&file, "tcp && tls.handshake.type == 1"), 18, "a ClientHello for each");
    assert_eq!(count(&file, "udp && tls.handshake.type == 1"), 9, "and for each over QUIC");

    // HPACK is opened as far as the path of a request.
    let requests = read(&file, "http2.headers.path", &["http2.headers.method", "http2.headers.path"]);
    let has =
        |method: &str, path: &str| requests.iter().filter(|request| **request == [method, path]).count();
    assert!(has("GET", "/hello") >= 2 * 3, "{requests:?}");
    // Once as early data, which gets 425, and once after the handshake.
    assert_eq!(has("POST", "/count"), 2 * 2, "{requests:?}");
    assert_eq!(count(&file, "http2.headers.status == 425"), 2);
    assert!(count(&file, "websocket") >= 2, "frames behind the upgrade");
    assert_eq!(count(&file, "http.request.uri"), 2, "the upgrade's request");

    // HTTP/3: HEADERS both ways, SETTINGS; and 0-RTT packets that carry a request stream.
    assert!(count(&file, "udp.dstport == 443 && http3.frame_type == 1") >= 6);
    assert!(count(&file, "udp.srcport == 443 && http3.frame_type == 1") >= 9);
    assert!(count(&file, "udp.srcport == 443 && http3.frame_type == 4") >= 9);
    let early = read(&file, "quic.long.packet_type == 1", &["quic.stream.stream_id"]);
    let with_request = early.iter().filter(|packet| packet[0].split(',').any(|stream| stream == "0")).count();
    assert!(
        with_request >= 5,
        "0-RTT GET, POST, beyond the cap, and the two tickets that are refused: {early:?}"
    );
    fs::remove_file(&file).expect("the file is there");
}

#[test]
fn tshark_sees_where_packets_were_lost() {
    let file = file("lossy");
    capture(&file, &["--loss", "20", "--probe", "http2-cold", "--capture-of", "http2-cold"]);
    let dropped = read(&file, "frame.comment", &["frame.comment"]);
    assert!(!dropped.is_empty(), "a fifth of the packets is lost");
    assert!(count(&file, "tcp.analysis.retransmission") > 0, "and sent again");
    assert_eq!(count(&file, "_ws.malformed"), 0);
    fs::remove_file(&file).expect("the file is there");
}
