//! What tshark says of a capture.

use std::env;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluice_tcp::Side;

use crate::SIDES;

/// One packet as tshark sees it.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) network: Side,
    pub(crate) from: Side,
    pub(crate) data_bytes: u64,
    pub(crate) is_malformed: bool,
    pub(crate) is_sent_again: bool,
    pub(crate) is_out_of_order: bool,
    pub(crate) is_gap: bool,
    pub(crate) is_duplicate_ack: bool,
    pub(crate) acknowledges_unseen: bool,
}

const FIELDS: [&str; 11] = [
    "ip.src",
    "ip.checksum.status",
    "tcp.checksum.status",
    "tcp.len",
    "_ws.malformed",
    "tcp.analysis.retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.lost_segment",
    "tcp.analysis.duplicate_ack",
    "tcp.analysis.ack_lost_segment",
    "_ws.expert.severity",
];
/// Expert information as grave as that (`PI_ERROR`).
const ERROR_SEVERITY: u64 = 0x0080_0000;
/// A checksum was verified and is right.
const GOOD_CHECKSUM: &str = "1";

impl Frame {
    fn of(line: &str) -> Self {
        let columns: Vec<&str> = line.split('\t').collect();
        let [source, ip_sum, tcp_sum, bytes, malformed, again, late, gap, duplicate, unseen, severity] =
            columns[..]
        else {
            panic!("not the fields that were asked for: {line}");
        };
        let address: Ipv4Addr = source.parse().expect("an address");
        let [_, _, network, host] = address.octets();
        let is_grave = severity
            .split(',')
            .filter_map(|value| value.parse().ok())
            .any(|value: u64| value >= ERROR_SEVERITY);
        let is_sound =
            ip_sum == GOOD_CHECKSUM && tcp_sum == GOOD_CHECKSUM && malformed.is_empty() && !is_grave;
        Self {
            network: SIDES[usize::from(network)],
            from: if host == 2 { Side::Client } else { Side::Server },
            data_bytes: bytes.parse().expect("a length"),
            is_malformed: !is_sound,
            is_sent_again: !again.is_empty(),
            is_out_of_order: !late.is_empty(),
            is_gap: !gap.is_empty(),
            is_duplicate_ack: !duplicate.is_empty(),
            acknowledges_unseen: !unseen.is_empty(),
        }
    }
}

/// Every packet of a capture, as tshark reads it.
pub(crate) fn read(file: &Path) -> Vec<Frame> {
    let tshark = env::var_os("TSHARK").map_or_else(|| PathBuf::from("tshark"), PathBuf::from);
    let mut command = Command::new(&tshark);
    command.arg("-r").arg(file).args(["-n", "-T", "fields"]);
    command.args(["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]);
    // Ports say nothing of what is inside.
    command.args(["-d", "tcp.port==8080,data", "-d", "tcp.port==50000,data"]);
    command.args(FIELDS.iter().flat_map(|field| ["-e", field]));
    let output = command.output().unwrap_or_else(|error| {
        panic!("{}: {error}; install Debian's `tshark`, or run `cargo xtask test`", tshark.display())
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {complaint}");
    String::from_utf8(output.stdout).expect("text").lines().map(Frame::of).collect()
}

/// The packets that `sender` sent as seen at `place`, and are as `what` says.
pub(crate) fn count(frames: &[Frame], place: Side, sender: Side, what: impl Fn(&Frame) -> bool) -> u64 {
    frames.iter().filter(|frame| frame.network == place && frame.from == sender && what(frame)).count() as u64
}

pub(crate) const fn is_repeat(frame: &Frame) -> bool {
    frame.is_sent_again || frame.is_out_of_order
}

pub(crate) const fn has_data(frame: &Frame) -> bool {
    frame.data_bytes > 0
}

pub(crate) fn assert_sound(name: &str, frames: &[Frame]) {
    let malformed = frames.iter().find(|frame| frame.is_malformed);
    assert!(malformed.is_none(), "{name}: {malformed:?}");
    let unseen = frames.iter().find(|frame| frame.acknowledges_unseen);
    assert!(unseen.is_none(), "{name}: something is missing in the capture: {unseen:?}");
}
