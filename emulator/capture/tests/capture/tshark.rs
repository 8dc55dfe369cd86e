//! Files as tshark reads them: the secrets inside open everything.
//!
//! tshark is Debian's package `tshark` (named in `TSHARK`, or on `PATH`); `cargo xtask test` installs it. Without it
//! these tests fail.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluice_capture::Secrets;

use crate::keys::configs;
use crate::quic_pair::QuicPair;
use crate::{Packet, file, quic, tcp};

/// The values of `fields` in each packet that passes `filter`.
fn read(name: &str, secrets: &Secrets, packets: &[Packet], filter: &str, fields: &[&str]) -> Vec<String> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("capture-{name}.pcapng"));
    fs::write(&path, file(secrets, packets)).expect("the folder for temporary files can be written");
    let tshark = env::var_os("TSHARK").map_or_else(|| PathBuf::from("tshark"), PathBuf::from);
    let mut command = Command::new(&tshark);
    command.arg("-r").arg(&path).args(["-n", "-Y", filter, "-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap_or_else(|error| {
        panic!("{}: {error}; install Debian's `tshark`, or run `cargo xtask test`", tshark.display())
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {complaint}");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn requests_over_tcp_are_shown() {
    let configs = configs(b"h2", 16_384, 0);
    tcp::connection(&configs, false);
    for (name, is_early) in [("http2", false), ("http2-early", true)] {
        let pair = tcp::connection(&configs, is_early);
        let read = |filter, fields: &[&str]| read(name, &configs.secrets, &pair.packets, filter, fields);
        let paths = read("http2.headers.path", &["ip.src", "http2.headers.method", "http2.headers.path"]);
        assert_eq!(paths, ["10.0.0.2\tGET\t/hello", "10.0.1.2\tGET\t/hello"], "{name}: at both sides");
        let statuses = read("http2.headers.status", &["http2.headers.status"]);
        assert_eq!(statuses, ["200", "200"], "{name}");
        assert_eq!(read("_ws.malformed", &["frame.number"]), [""; 0], "{name}");
    }
}

#[test]
fn requests_over_quic_are_shown() {
    let configs = configs(b"h3", 1, 0);
    let shown = |name, pair: &QuicPair| {
        let read = |filter, fields: &[&str]| read(name, &configs.secrets, &pair.packets, filter, fields);
        assert_eq!(read("quic", &["frame.number"]).len(), pair.packets.len(), "{name}: each packet once");
        assert_eq!(read("_ws.malformed", &["frame.number"]), [""; 0], "{name}");
        let headers = read("http3.frame_type == 1", &["ip.src", "udp.srcport"]);
        let early = read("quic.long.packet_type == 1 && quic.stream.stream_id == 0", &["quic.stream.length"]);
        (headers, early)
    };
    let pair = quic::connection(&configs, false, false);
    let (headers, early) = shown("http3", &pair);
    assert_eq!(headers, ["10.0.0.2\t49152", "10.0.0.1\t443"]);
    assert_eq!(early, [""; 0]);
    let pair = quic::connection(&configs, true, false);
    let (headers, early) = shown("http3-early", &pair);
    // It opens 0-RTT packets, but learns only from the server that HTTP/3 is spoken.
    assert_eq!(early, ["7,13"], "the lengths of both streams in the first packet");
    assert_eq!(headers, ["10.0.0.1\t443"]);
}
