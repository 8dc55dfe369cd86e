//! The opening handshake, from the bytes of both heads (RFC 6455 §4).

use sluice_shared::lab::UpgradeRecord;
use sluice_shared::time::Time;
use tungstenite::handshake::derive_accept_key;

/// Bytes of a head at most.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The head of a request or an answer, while it comes.
#[derive(Debug, Default)]
pub(super) struct Head(Vec<u8>);

/// What became of the bytes of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more to come.
    Partial,
    /// It is whole.
    Whole,
    /// It is longer than any that is read.
    TooLong,
}

impl Head {
    /// Takes bytes off the front of `bytes`, to the head's end.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Progress {
        while let Some((&byte, rest)) = bytes.split_first() {
            if self.0.len() >= MAX_HEAD_BYTES {
                return Progress::TooLong;
            }
            self.0.push(byte);
            *bytes = rest;
            if self.0.ends_with(b"\r\n\r\n") {
                return Progress::Whole;
            }
        }
        Progress::Partial
    }

    /// As text.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    /// Whether it is the answer that switches to another protocol.
    pub(super) fn switches(&self) -> bool {
        let mut words = self.0.split(|byte| *byte == b' ');
        words.next() == Some(b"HTTP/1.1".as_slice()) && words.next() == Some(b"101".as_slice())
    }
}

/// Checks a handshake whose answer was whole at `at`.
pub(super) fn record(request: &Head, response: &Head, at: Time) -> UpgradeRecord {
    let (request, response) = (request.text(), response.text());
    let key = field(&request, "sec-websocket-key").to_owned();
    let accept = field(&response, "sec-websocket-accept").to_owned();
    let expected = derive_accept_key(key.as_bytes());
    let matches = accept == expected;
    UpgradeRecord { at, request, response, key, accept, expected, matches }
}

/// The value of a header field; empty when there is none.
fn field<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map_or("", |(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let mut head = Head::default();
        let mut bytes = text.as_bytes();
        assert_eq!(head.take(&mut bytes), Progress::Whole);
        assert_eq!(bytes, b"");
        head
    }

    #[test]
    fn the_example_of_the_standard_matches() {
        // RFC 6455 §1.3.
        let request = head("GET /chat HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let response = head(answer);
        assert!(response.switches() && !request.switches());
        let record = record(&request, &response, Time::ZERO);
        assert!(record.matches, "{record:?}");
        let other = head(&answer.replace("s3p", "S3p"));
        assert!(!super::record(&request, &other, Time::ZERO).matches);
        assert!(!head("HTTP/1.1 200 OK\r\n\r\n").switches());
    }

    #[test]
    fn a_head_without_an_end_is_given_up() {
        let mut head = Head::default();
        let long = vec![b'x'; MAX_HEAD_BYTES + 1];
        let mut bytes = long.as_slice();
        assert_eq!(head.take(&mut bytes), Progress::TooLong);
        assert_eq!(head.0.len(), MAX_HEAD_BYTES);
    }
}
