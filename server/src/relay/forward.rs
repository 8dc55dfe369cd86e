//! From where to where.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// A way through the network: `LISTEN=UPSTREAM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where they are led: a host and a port.
    pub upstream: String,
}

/// A text that names no way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' {problem}: use LISTEN=UPSTREAM, as in 9000=127.0.0.1:8080 or 127.0.0.1:9000=example.com:443"
)]
pub struct BadForward {
    text: String,
    problem: &'static str,
}

impl FromStr for Forward {
    type Err = BadForward;

    fn from_str(text: &str) -> Result<Self, BadForward> {
        let bad = |problem| BadForward { text: text.to_owned(), problem };
        let (listen, upstream) = text.split_once('=').ok_or_else(|| bad("has no '='"))?;
        let listen = match listen.parse::<u16>() {
            // A port alone is one of this machine alone.
            Ok(port) => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            Err(_) => {
                listen.parse().map_err(|_| bad("does not begin with a port or an address to listen at"))?
            }
        };
        let upstream = match upstream.parse::<u16>() {
            Ok(port) => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port).to_string(),
            Err(_) => upstream.to_owned(),
        };
        let port = upstream.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then_some(port));
        match port.map(str::parse::<u16>) {
            Some(Ok(port)) if port > 0 => Ok(Self { listen, upstream }),
            Some(_) | None => Err(bad("does not end with a host and a port")),
        }
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.listen, self.upstream)
    }
}

impl Forward {
    /// The addresses that the upstream's name stands for: the first, and others to try, such as the second that
    /// `localhost` has.
    ///
    /// # Errors
    /// It stands for none.
    pub(super) async fn resolve(&self) -> io::Result<(SocketAddr, Vec<SocketAddr>)> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host(&self.upstream).await?.collect();
        let first = found.first().copied();
        let first =
            first.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        Ok((first, found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_alone_are_of_this_machine() {
        let forward: Forward = "9000=8080".parse().expect("ports");
        assert_eq!(forward.to_string(), "127.0.0.1:9000 to 127.0.0.1:8080");
        let forward: Forward = "0.0.0.0:9000=[::1]:443".parse().expect("addresses");
        assert_eq!(forward.to_string(), "0.0.0.0:9000 to [::1]:443");
    }

    #[test]
    fn what_is_no_way_is_refused() {
        for text in
            ["", "9000", "9000=", "=8080", "x=8080", "9000=host", "9000=:80", "9000=host:0", "9000=h:99999"]
        {
            let error = text.parse::<Forward>().expect_err(text).to_string();
            assert!(error.contains("LISTEN=UPSTREAM"), "{error}");
        }
    }
}
