//! What stands above TLS on TCP: HTTP/2, or HTTP/1.1; the first bytes tell.

use super::http1::Http1;
use super::http2::{Http2, PREFACE};
use crate::findings::{Findings, Weight};

/// How many bytes tell.
const TELLING_BYTES: usize = 5;

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Application {
    is_client: bool,
    /// The first bytes, while they are too few.
    first: Vec<u8>,
    protocol: Option<Protocol>,
}

#[derive(Debug)]
enum Protocol {
    Http1(Http1),
    Http2(Box<Http2>),
}

impl Application {
    /// What the client sends, or what the server does.
    pub(crate) const fn new(is_client: bool) -> Self {
        Self { is_client, first: Vec::new(), protocol: None }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], findings: &mut Findings) {
        findings.weigh(Weight::Data);
        match &mut self.protocol {
            Some(Protocol::Http1(protocol)) => return protocol.push(bytes, findings),
            Some(Protocol::Http2(protocol)) => return protocol.push(bytes, findings),
            None => self.first.extend_from_slice(bytes),
        }
        let Some(first) = self.first.first_chunk::<TELLING_BYTES>() else { return };
        let is_http2 = if self.is_client { PREFACE.starts_with(first) } else { first != b"HTTP/" };
        self.protocol = Some(if is_http2 {
            Protocol::Http2(Box::new(Http2::new(self.is_client)))
        } else {
            Protocol::Http1(Http1::default())
        });
        let first = std::mem::take(&mut self.first);
        self.push(&first, findings);
    }
}
