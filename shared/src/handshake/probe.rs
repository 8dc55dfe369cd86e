//! What is probed.

use core::fmt;

use serde::{Deserialize, Serialize};

/// One way to get a first answer from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// A client that was never there: SYN, TLS 1.3 with the certificate, HTTP/2 GET.
    Http2Cold,
    /// TLS with the ticket of an earlier connection (PSK, RFC 8446 §2.2): no certificate.
    Http2Resumed,
    /// The GET rides in TLS early data (RFC 8446 §2.3).
    Http2Early,
    /// A POST rides in TLS early data, gets 425 Too Early (RFC 8470), and is sent again after the handshake.
    Http2EarlyPost,
    /// TLS, then the WebSocket upgrade (RFC 6455 §4).
    Wss,
    /// A client that was never there: QUIC with the certificate, HTTP/3 GET.
    Http3Cold,
    /// QUIC with the ticket of an earlier connection, without early data.
    Http3Resumed,
    /// The GET rides in 0-RTT packets (RFC 9001 §4.6).
    Http3ZeroRtt,
    /// A POST rides in 0-RTT packets, gets 425 Too Early, and is sent again after the handshake.
    Http3ZeroRttPost,
    /// A WebTransport session: QUIC, then extended CONNECT once the server's SETTINGS are there.
    WebTransport,
    /// TLS with a certificate chain that is larger than three datagrams.
    Http2LargeCertificate,
    /// QUIC with that chain: the server may send three times what it got, and waits (RFC 9000 §8.1).
    Http3LargeCertificate,
    /// More GETs at once than the ticket's `max_early_data_size` lets ride in early data.
    Http2BeyondCap,
    /// More GETs at once than the remembered `initial_max_data` lets ride in 0-RTT packets.
    Http3BeyondCap,
    /// TLS early data with a ticket that has expired.
    Http2ExpiredTicket,
    /// 0-RTT packets with a ticket that has expired.
    Http3ExpiredTicket,
    /// TLS early data with the ticket of a server that shares no state with this one.
    Http2ForeignTicket,
    /// 0-RTT packets with the ticket of a server that shares no state with this one.
    Http3ForeignTicket,
}

/// What carries a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stack {
    /// TCP, TLS 1.3, HTTP/2 or HTTP/1.1.
    Tcp,
    /// QUIC, HTTP/3.
    Quic,
}

/// What a probe and its twin have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Case {
    /// A client that was never there asks for a page.
    Cold,
    /// With a ticket, without early data.
    Resumed,
    /// The request rides in early data.
    Early,
    /// A request that is not safe rides in early data.
    EarlyPost,
    /// A session is opened: a WebSocket, or one of WebTransport.
    Session,
    /// A certificate chain that is larger than three datagrams.
    LargeCertificate,
    /// More requests than may ride in early data.
    BeyondCap,
    /// Early data with a ticket that has expired.
    ExpiredTicket,
    /// Early data with the ticket of another server.
    ForeignTicket,
}

/// Round trips that a probe takes on a network that loses nothing, from the first packet on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Until the client has the server's Finished.
    pub secure: u32,
    /// Until the first byte of the final answer.
    pub first_byte: u32,
}

impl Probe {
    /// All, in the order in which they are shown; each of TCP beside its twin of QUIC.
    pub const ALL: [Self; 18] = [
        Self::Http2Cold,
        Self::Http3Cold,
        Self::Http2Resumed,
        Self::Http3Resumed,
        Self::Http2Early,
        Self::Http3ZeroRtt,
        Self::Http2EarlyPost,
        Self::Http3ZeroRttPost,
        Self::Wss,
        Self::WebTransport,
        Self::Http2LargeCertificate,
        Self::Http3LargeCertificate,
        Self::Http2BeyondCap,
        Self::Http3BeyondCap,
        Self::Http2ExpiredTicket,
        Self::Http3ExpiredTicket,
        Self::Http2ForeignTicket,
        Self::Http3ForeignTicket,
    ];

    /// The name used in options, paths and test ids.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http2Cold => "http2-cold",
            Self::Http2Resumed => "http2-resumed",
            Self::Http2Early => "http2-early",
            Self::Http2EarlyPost => "http2-early-post",
            Self::Wss => "wss",
            Self::Http3Cold => "http3-cold",
            Self::Http3Resumed => "http3-resumed",
            Self::Http3ZeroRtt => "http3-zero-rtt",
            Self::Http3ZeroRttPost => "http3-zero-rtt-post",
            Self::WebTransport => "web-transport",
            Self::Http2LargeCertificate => "http2-large-certificate",
            Self::Http3LargeCertificate => "http3-large-certificate",
            Self::Http2BeyondCap => "http2-beyond-cap",
            Self::Http3BeyondCap => "http3-beyond-cap",
            Self::Http2ExpiredTicket => "http2-expired-ticket",
            Self::Http3ExpiredTicket => "http3-expired-ticket",
            Self::Http2ForeignTicket => "http2-foreign-ticket",
            Self::Http3ForeignTicket => "http3-foreign-ticket",
        }
    }

    /// A few words for a table.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Http2Cold => "HTTP/2 cold",
            Self::Http2Resumed => "HTTP/2 resumed",
            Self::Http2Early => "HTTP/2 early data",
            Self::Http2EarlyPost => "HTTP/2 early POST",
            Self::Wss => "WebSocket (wss)",
            Self::Http3Cold => "HTTP/3 cold",
            Self::Http3Resumed => "HTTP/3 resumed",
            Self::Http3ZeroRtt => "HTTP/3 0-RTT",
            Self::Http3ZeroRttPost => "HTTP/3 0-RTT POST",
            Self::WebTransport => "WebTransport",
            Self::Http2LargeCertificate => "HTTP/2 large certificate",
            Self::Http3LargeCertificate => "HTTP/3 large certificate",
            Self::Http2BeyondCap => "HTTP/2 beyond the cap",
            Self::Http3BeyondCap => "HTTP/3 beyond the cap",
            Self::Http2ExpiredTicket => "HTTP/2 expired ticket",
            Self::Http3ExpiredTicket => "HTTP/3 expired ticket",
            Self::Http2ForeignTicket => "HTTP/2 another server's ticket",
            Self::Http3ForeignTicket => "HTTP/3 another server's ticket",
        }
    }

    /// What carries it.
    pub const fn stack(self) -> Stack {
        match self {
            Self::Http2Cold
            | Self::Http2Resumed
            | Self::Http2Early
            | Self::Http2EarlyPost
            | Self::Wss
            | Self::Http2LargeCertificate
            | Self::Http2BeyondCap
            | Self::Http2ExpiredTicket
            | Self::Http2ForeignTicket => Stack::Tcp,
            Self::Http3Cold
            | Self::Http3Resumed
            | Self::Http3ZeroRtt
            | Self::Http3ZeroRttPost
            | Self::WebTransport
            | Self::Http3LargeCertificate
            | Self::Http3BeyondCap
            | Self::Http3ExpiredTicket
            | Self::Http3ForeignTicket => Stack::Quic,
        }
    }

    /// What it has in common with its twin.
    pub const fn case(self) -> Case {
        match self {
            Self::Http2Cold | Self::Http3Cold => Case::Cold,
            Self::Http2Resumed | Self::Http3Resumed => Case::Resumed,
            Self::Http2Early | Self::Http3ZeroRtt => Case::Early,
            Self::Http2EarlyPost | Self::Http3ZeroRttPost => Case::EarlyPost,
            Self::Wss | Self::WebTransport => Case::Session,
            Self::Http2LargeCertificate | Self::Http3LargeCertificate => Case::LargeCertificate,
            Self::Http2BeyondCap | Self::Http3BeyondCap => Case::BeyondCap,
            Self::Http2ExpiredTicket | Self::Http3ExpiredTicket => Case::ExpiredTicket,
            Self::Http2ForeignTicket | Self::Http3ForeignTicket => Case::ForeignTicket,
        }
    }

    /// Which probe of the other stack does the same.
    pub const fn twin(self) -> Self {
        match self {
            Self::Http2Cold => Self::Http3Cold,
            Self::Http2Resumed => Self::Http3Resumed,
            Self::Http2Early => Self::Http3ZeroRtt,
            Self::Http2EarlyPost => Self::Http3ZeroRttPost,
            Self::Wss => Self::WebTransport,
            Self::Http3Cold => Self::Http2Cold,
            Self::Http3Resumed => Self::Http2Resumed,
            Self::Http3ZeroRtt => Self::Http2Early,
            Self::Http3ZeroRttPost => Self::Http2EarlyPost,
            Self::WebTransport => Self::Wss,
            Self::Http2LargeCertificate => Self::Http3LargeCertificate,
            Self::Http3LargeCertificate => Self::Http2LargeCertificate,
            Self::Http2BeyondCap => Self::Http3BeyondCap,
            Self::Http3BeyondCap => Self::Http2BeyondCap,
            Self::Http2ExpiredTicket => Self::Http3ExpiredTicket,
            Self::Http3ExpiredTicket => Self::Http2ExpiredTicket,
            Self::Http2ForeignTicket => Self::Http3ForeignTicket,
            Self::Http3ForeignTicket => Self::Http2ForeignTicket,
        }
    }

    /// What the standards lead to expect: TCP takes a round trip before TLS takes its own, QUIC has both in one; early
    /// data saves the one that a request would take.
    pub const fn expected(self) -> Counts {
        let (secure, first_byte) = match self {
            Self::Http2Cold
            | Self::Http2Resumed
            | Self::Http2EarlyPost
            | Self::Wss
            | Self::Http2LargeCertificate
            | Self::Http2BeyondCap
            | Self::Http2ExpiredTicket
            | Self::Http2ForeignTicket => (2, 3),
            Self::Http2Early => (2, 2),
            Self::Http3Cold
            | Self::Http3Resumed
            | Self::Http3ZeroRttPost
            | Self::WebTransport
            | Self::Http3BeyondCap
            | Self::Http3ExpiredTicket
            | Self::Http3ForeignTicket => (1, 2),
            Self::Http3ZeroRtt => (1, 1),
            Self::Http3LargeCertificate => (2, 3),
        };
        Counts { secure, first_byte }
    }

    /// The probe of that name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|probe| probe.name() == name)
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_probe_has_its_twin_on_the_other_stack() {
        for probe in Probe::ALL {
            assert_eq!(probe.twin().twin(), probe);
            assert_ne!(probe.twin().stack(), probe.stack());
            assert_eq!(probe.twin().case(), probe.case());
            assert_eq!(Probe::find(probe.name()), Some(probe));
        }
    }

    #[test]
    fn names_are_those_of_the_json() {
        for probe in Probe::ALL {
            let json = serde_json::to_string(&probe).expect("a name");
            assert_eq!(json, format!("\"{}\"", probe.name()));
        }
    }
}
