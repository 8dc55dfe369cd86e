//! Where a server listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A host (an IP address, or `localhost`) and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: Host,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Localhost,
    Ip(IpAddr),
}

/// A text that is no address to listen at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address to listen at: use 127.0.0.1:8080, [::1]:8080, 0.0.0.0:8080 or localhost:8080")]
pub struct BadAddress(String);

impl ListenAddress {
    /// 127.0.0.1 and, if it can be had, ::1.
    pub const fn loopback(port: u16) -> Self {
        Self { host: Host::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)), port }
    }

    /// The address that must be bound.
    pub(crate) const fn primary(self) -> SocketAddr {
        let ip = match self.host {
            Host::Localhost => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Host::Ip(ip) => ip,
        };
        SocketAddr::new(ip, self.port)
    }

    /// The address that should be bound too, at the `port` that the primary one has got: a page of `localhost` tries
    /// ::1 first, and does not always go back to IPv4.
    pub(crate) fn secondary(self, port: u16) -> Option<SocketAddr> {
        let v4_loopback = self.primary().ip() == IpAddr::V4(Ipv4Addr::LOCALHOST);
        v4_loopback.then(|| SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port))
    }

    /// The host as a URL names it: one that answers here, whatever is listened at.
    pub(crate) fn url_host(self) -> String {
        match self.host {
            Host::Localhost => "localhost".to_owned(),
            Host::Ip(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
            Host::Ip(IpAddr::V4(ip)) => ip.to_string(),
            Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
        }
    }

    /// The IP address, if one was named.
    pub(crate) const fn ip(self) -> Option<IpAddr> {
        match self.host {
            Host::Localhost => None,
            Host::Ip(ip) => Some(ip),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        if let Some(port) = text.strip_prefix("localhost:") {
            return Ok(Self { host: Host::Localhost, port: port.parse().map_err(|_| bad())? });
        }
        let address: SocketAddr = text.parse().map_err(|_| bad())?;
        Ok(Self { host: Host::Ip(address.ip()), port: address.port() })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Localhost => write!(f, "localhost:{}", self.port),
            Host::Ip(ip) => write!(f, "{}", SocketAddr::new(ip, self.port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ListenAddress {
        text.parse().expect("an address")
    }

    #[test]
    fn loopback_is_listened_at_in_both_families() {
        for text in ["127.0.0.1:8080", "localhost:8080"] {
            assert_eq!(parse(text).primary().to_string(), "127.0.0.1:8080");
            assert_eq!(parse(text).secondary(8080).map(|a| a.to_string()).as_deref(), Some("[::1]:8080"));
            assert_eq!(parse(text).to_string(), text);
        }
        assert_eq!(parse("0.0.0.0:80").secondary(80), None);
        assert_eq!(parse("[::1]:80").secondary(80), None);
    }

    #[test]
    fn a_url_names_a_host_that_answers() {
        assert_eq!(parse("0.0.0.0:80").url_host(), "127.0.0.1");
        assert_eq!(parse("[::1]:80").url_host(), "[::1]");
        assert_eq!(parse("localhost:80").url_host(), "localhost");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "8080", "127.0.0.1", "example.com:80", "localhost:x", "127.0.0.1:99999"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
