//! Which pages may connect.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

/// The names that this server goes by.
///
/// A page whose name somebody has made to stand for this server's address (DNS rebinding) would count as one of this
/// server's own: its `Origin` and its `Host` agree. So a name counts only if it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    names: Vec<String>,
    any: bool,
}

impl Hosts {
    /// Addresses, `localhost`, and `names`.
    pub(crate) const fn named(names: Vec<String>) -> Self {
        Self { names, any: false }
    }

    /// Every name: with TLS a browser goes no further with one that the certificate does not have.
    pub(crate) const fn any() -> Self {
        Self { names: Vec::new(), any: true }
    }

    /// Whether `authority` (`Host`, `:authority`) is one of them, whatever its port.
    pub(super) fn know(&self, authority: &str) -> bool {
        let (host, _) = host_port(authority, 80);
        self.any || is_literal(authority) || self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// Decides by the `Origin` header (RFC 6454) whether a page may open `/ws` or `/wt`.
///
/// Only browsers send the header, and they alone need the protection: any page could otherwise read this server's
/// feeds through its visitors. Pages of this server may, and those that `--allow-origin` names.
#[derive(Clone, Debug, Default)]
pub(crate) struct OriginRule {
    allowed: Vec<String>,
    page_ports: Vec<u16>,
    hosts: Hosts,
}

/// A host without its port, and the port.
type HostPort<'a> = (&'a str, u16);

impl OriginRule {
    /// Allows pages that this server serves at `page_ports` under one of its `hosts`, and those of the origins `allowed`;
    /// `*` allows all.
    pub(crate) const fn new(allowed: Vec<String>, page_ports: Vec<u16>, hosts: Hosts) -> Self {
        Self { allowed, page_ports, hosts }
    }

    /// The names that this server goes by.
    pub(super) const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Whether a page of `origin` may connect to `authority`, the host and port that it named (`Host`, `:authority`).
    pub(crate) fn allows(&self, origin: Option<&str>, authority: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        if self.allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin)) {
            return true;
        }
        let (Some((scheme, page)), Some(authority)) = (origin.split_once("://"), authority) else {
            return false;
        };
        let Some(default_port) = default_port(scheme) else { return false };
        if !self.hosts.know(authority) {
            return false;
        }
        let page = host_port(page, default_port);
        let asked = host_port(authority, default_port);
        if page == asked {
            return true;
        }
        // WebTransport has a port of its own, and a page of localhost asks for 127.0.0.1.
        let same_host = page.0.eq_ignore_ascii_case(asked.0) || (is_loopback(page.0) && is_loopback(asked.0));
        same_host && self.page_ports.contains(&page.1)
    }

    /// Checks the `Origin` of a request against its `Host`.
    ///
    /// # Errors
    /// The page may not connect: the reason, for its developer.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), String> {
        let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("null"));
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
        if self.allows(origin, host) { Ok(()) } else { Err(Self::refusal(origin)) }
    }

    /// What to tell a page that may not.
    pub(crate) fn refusal(origin: Option<&str>) -> String {
        format!(
            "pages of {} may not connect here: start the server with --allow-origin to allow them",
            origin.unwrap_or("an unnamed origin")
        )
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn host_port(text: &str, default_port: u16) -> HostPort<'_> {
    match text.rsplit_once(':') {
        // The last colon of a bracketed address may be inside the brackets.
        Some((host, port)) if !port.contains(']') => (host, port.parse().unwrap_or(default_port)),
        Some(_) | None => (text, default_port),
    }
}

/// Whether `authority` (`Host`) is an address or `localhost`, which no name service is asked for.
fn is_literal(authority: &str) -> bool {
    let (host, _) = host_port(authority, 80);
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> OriginRule {
        OriginRule::new(
            vec!["http://trunk.test:8081".to_owned()],
            vec![8080],
            Hosts::named(vec!["lab.example".to_owned()]),
        )
    }

    #[test]
    fn pages_of_this_server_may_connect_to_both_ports() {
        for (origin, authority) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://localhost:8080", "127.0.0.1:4433"),
            ("http://[::1]:8080", "127.0.0.1:4433"),
            ("https://lab.example", "lab.example"),
            ("http://lab.example:8080", "LAB.example:4433"),
            ("http://TRUNK.test:8081", "127.0.0.1:8080"),
        ] {
            assert!(rule().allows(Some(origin), Some(authority)), "{origin} to {authority}");
        }
    }

    #[test]
    fn other_pages_may_not() {
        for (origin, authority) in [
            ("http://evil.example", "127.0.0.1:8080"),
            ("http://127.0.0.1:9999", "127.0.0.1:8080"),
            ("http://localhost.evil.example:8080", "localhost:8080"),
            ("null", "127.0.0.1:8080"),
            ("file://", "127.0.0.1:8080"),
            ("http://rebound.example:8080", "rebound.example:8080"),
            ("http://rebound.example:8080", "rebound.example:4433"),
        ] {
            assert!(!rule().allows(Some(origin), Some(authority)), "{origin} to {authority}");
        }
        assert!(!rule().allows(Some("http://127.0.0.1:8080"), None));
    }

    #[test]
    fn a_name_is_no_address() {
        for literal in ["localhost:9001", "127.0.0.1", "127.8.0.1:1", "[::1]:9001", "[::1]"] {
            assert!(is_literal(literal), "{literal}");
        }
        for name in ["evil.example:9001", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
            assert!(!is_literal(name), "{name}");
        }
    }

    #[test]
    fn a_name_counts_only_when_it_was_given() {
        let hosts = Hosts::named(vec!["lab.example".to_owned()]);
        for known in ["lab.example:8080", "LAB.example", "localhost:1", "192.168.0.7:8080", "[::1]:8080"] {
            assert!(hosts.know(known), "{known}");
        }
        for unknown in ["rebound.example:8080", "lab.example.evil.example", "xlab.example"] {
            assert!(!hosts.know(unknown) && Hosts::any().know(unknown), "{unknown}");
        }
    }

    #[test]
    fn who_is_no_browser_may() {
        assert!(rule().allows(None, Some("127.0.0.1:8080")));
        let all = OriginRule::new(vec!["*".to_owned()], vec![], Hosts::default());
        assert!(all.allows(Some("http://evil.example"), None));
    }
}
