//! Capabilities of the browser, the page and the server, explanations of missing ones, and connection URLs.
//!
//! The functions are pure; [`crate::window::capabilities`] detects what the browser offers. Every explanation
//! of a missing capability says what still works.

use sluice_shared::mode::Mode;

/// Capabilities that the browser offers to this page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Browser {
    /// True if the page came over https or from this machine.
    pub secure_context: bool,
    /// True if `WebTransport` exists.
    pub web_transport: bool,
    /// True if `WebSocketStream` exists.
    pub web_socket_stream: bool,
}

impl Browser {
    /// Returns whether a busy page makes the browser stop reading a WebSocket of the event API. Chromium does, the one
    /// engine with WebSocketStream; Firefox reads on and keeps the messages.
    pub const fn has_websocket_backpressure(self) -> bool {
        self.web_socket_stream
    }

    /// Returns the reason for which lanes of `mode` cannot work here; `None` if they can. `quic_port` says
    /// whether the server accepts WebTransport.
    pub fn obstacle(self, mode: Mode, quic_port: bool) -> Option<&'static str> {
        match mode {
            Mode::WebSocket => None,
            Mode::WebSocketStream if self.web_socket_stream => None,
            Mode::WebSocketStream => Some(
                "This browser has no WebSocketStream (Chromium 124 and later have it). The websocket lane carries the \
                 same bytes and works here.",
            ),
            Mode::OneStream | Mode::StreamPerTopic | Mode::StreamPerMessage | Mode::Datagrams => {
                self.web_transport_obstacle(quic_port)
            }
        }
    }

    fn web_transport_obstacle(self, quic_port: bool) -> Option<&'static str> {
        if !self.secure_context {
            Some(
                "WebTransport needs a secure page, and this one came over plain http from another host. Open it over \
                 https, or from the server's own machine as http://localhost. WebSocket lanes work here.",
            )
        } else if !self.web_transport {
            Some(
                "This browser has no WebTransport (current Chromium browsers and Firefox have it). WebSocket lanes work \
                 here.",
            )
        } else if !quic_port {
            Some(
                "This server answers no WebTransport: it could not bind its UDP port. Start it with a free --quic \
                 port. WebSocket lanes work.",
            )
        } else {
            None
        }
    }

    /// Returns the obstacles of all `modes`, each once.
    pub fn obstacles(self, modes: &[Mode], quic_port: bool) -> Vec<&'static str> {
        let mut sentences = Vec::new();
        for mode in modes {
            if let Some(sentence) = self.obstacle(*mode, quic_port)
                && !sentences.contains(&sentence)
            {
                sentences.push(sentence);
            }
        }
        sentences
    }
}

/// Returns the WebTransport URL on the page's host. The name `localhost` is replaced by 127.0.0.1, since
/// browsers resolve it to ::1 first without trying another address.
pub fn webtransport_url(page_host: &str, quic_port: u16) -> String {
    let host = if page_host == "localhost" { "127.0.0.1" } else { page_host };
    format!("https://{host}:{quic_port}{}", sluice_shared::wire::WEBTRANSPORT_PATH)
}

/// Returns the WebSocket URL at which lane number `lane` of a page at `page_host` enters a lab's emulated
/// network.
pub fn lab_websocket_url(page_protocol: &str, page_host: &str, port: u16, lane: u32) -> String {
    let url = websocket_url(page_protocol, &format!("{}:{port}", relay_host(page_host)));
    format!("{url}?lane={lane}")
}

/// Returns the WebTransport URL at which lane number `lane` of a page at `page_host` enters a lab's emulated
/// network.
pub fn lab_webtransport_url(page_host: &str, port: u16, lane: u32) -> String {
    format!("{}?lane={lane}", webtransport_url(relay_host(page_host), port))
}

/// Returns the host of emulated networks: for a page from this machine always 127.0.0.1.
fn relay_host(page_host: &str) -> &str {
    if matches!(page_host, "localhost" | "[::1]") { "127.0.0.1" } else { page_host }
}

/// Returns the WebSocket URL on the page's own origin. `page_protocol` is that of `location`, with its colon.
pub fn websocket_url(page_protocol: &str, page_authority: &str) -> String {
    websocket_url_of(page_protocol, page_authority, sluice_shared::wire::WEBSOCKET_PATH)
}

/// Returns the WebSocket URL of `path` on the page's own origin.
pub fn websocket_url_of(page_protocol: &str, page_authority: &str, path: &str) -> String {
    let scheme = if page_protocol == "https:" { "wss" } else { "ws" };
    format!("{scheme}://{page_authority}{path}")
}

/// Parses a SHA-256 hash from hex.
pub fn hash_from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Browser = Browser { secure_context: true, web_transport: true, web_socket_stream: true };

    #[test]
    fn a_whole_browser_has_no_obstacles() {
        assert_eq!(ALL.obstacles(&Mode::ALL, true), Vec::<&str>::new());
    }

    #[test]
    fn each_missing_thing_has_one_sentence_that_says_what_still_works() {
        let cases = [
            (Browser { secure_context: false, ..ALL }, true),
            (Browser { web_transport: false, ..ALL }, true),
            (Browser { web_socket_stream: false, ..ALL }, true),
            (ALL, false),
        ];
        for (browser, quic_port) in cases {
            let sentences = browser.obstacles(&Mode::ALL, quic_port);
            assert_eq!(sentences.len(), 1, "{browser:?}");
            assert!(sentences[0].contains("work"), "{browser:?}");
            assert_eq!(browser.obstacle(Mode::WebSocket, quic_port), None);
        }
    }

    #[test]
    fn localhost_is_never_the_name_for_webtransport() {
        assert_eq!(webtransport_url("localhost", 4433), "https://127.0.0.1:4433/wt");
        assert_eq!(webtransport_url("[::1]", 4433), "https://[::1]:4433/wt");
        assert_eq!(websocket_url("http:", "localhost:8080"), "ws://localhost:8080/ws");
        assert_eq!(websocket_url("https:", "a.example"), "wss://a.example/ws");
    }

    #[test]
    fn a_lab_is_met_at_the_pages_host_and_by_number_on_this_machine() {
        assert_eq!(lab_websocket_url("http:", "localhost", 9, 3), "ws://127.0.0.1:9/ws?lane=3");
        assert_eq!(lab_websocket_url("https:", "a.example", 9, 0), "wss://a.example:9/ws?lane=0");
        assert_eq!(lab_webtransport_url("[::1]", 9, 1), "https://127.0.0.1:9/wt?lane=1");
        assert_eq!(lab_webtransport_url("192.0.2.1", 9, 1), "https://192.0.2.1:9/wt?lane=1");
    }

    #[test]
    fn a_hash_is_read_from_hex_or_not_at_all() {
        assert_eq!(hash_from_hex(&"0f".repeat(32)), Some([0x0f; 32]));
        for bad in ["", "0f", &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(hash_from_hex(bad), None);
        }
    }
}
