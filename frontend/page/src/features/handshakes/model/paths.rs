//! Addresses of the handshake lab's HTTP API.

use sluice_shared::handshake::{Probe, Stack};

/// Path to which a run is posted.
pub const API: &str = "/api/handshakes";

/// Link to a file of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportLink {
    /// Test id.
    pub testid: &'static str,
    /// Link text.
    pub title: &'static str,
    /// Path of the file.
    pub path: String,
}

/// Returns the path of the picture with both probes of a pair side by side.
pub fn pair_picture(id: &str, pair: Probe) -> String {
    [API, "/", id, "/ladder.svg?probe=", pair.name(), "&beside=", pair.twin().name()].concat()
}

/// Returns the path of the picture with only the probe on `side`.
pub fn side_picture(id: &str, pair: Probe, side: Stack) -> String {
    let probe = if pair.stack() == side { pair } else { pair.twin() };
    [API, "/", id, "/ladder.svg?probe=", probe.name()].concat()
}

/// Returns links to all files of a pair's first run; `pair` is its probe over TCP.
pub fn export_links(id: &str, pair: Probe) -> [ExportLink; 6] {
    let (tcp, quic) = (pair.name(), pair.twin().name());
    let file = |name: &str, probe: &str| [API, "/", id, "/", name, "?probe=", probe].concat();
    [
        ("export-svg", "SVG", pair_picture(id, pair)),
        ("export-pcapng-tcp", "pcapng TCP", file("capture.pcapng", tcp)),
        ("export-pcapng-quic", "pcapng QUIC", file("capture.pcapng", quic)),
        ("export-qlog", "qlog QUIC", file("trace.qlog", quic)),
        ("export-json-tcp", "JSON TCP", file("ladder.json", tcp)),
        ("export-json-quic", "JSON QUIC", file("ladder.json", quic)),
    ]
    .map(|(testid, title, path)| ExportLink { testid, title, path: path + "&download=1" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef";

    #[test]
    fn exports_name_the_run_and_its_probe() {
        let links = export_links(ID, Probe::Wss);
        let path = |testid: &str| {
            links.iter().find(|link| link.testid == testid).map(|link| link.path.as_str()).expect("a link")
        };
        let run = "/api/handshakes/0123456789abcdef";
        assert_eq!(
            path("export-svg"),
            [run, "/ladder.svg?probe=wss&beside=web-transport&download=1"].concat()
        );
        assert_eq!(path("export-qlog"), [run, "/trace.qlog?probe=web-transport&download=1"].concat());
        assert_eq!(path("export-pcapng-tcp"), [run, "/capture.pcapng?probe=wss&download=1"].concat());
    }

    #[test]
    fn a_side_is_that_of_its_stack() {
        let probe = |side| side_picture(ID, Probe::Http2Early, side);
        assert!(probe(Stack::Tcp).ends_with("?probe=http2-early"), "{}", probe(Stack::Tcp));
        assert!(probe(Stack::Quic).ends_with("?probe=http3-zero-rtt"), "{}", probe(Stack::Quic));
    }
}
