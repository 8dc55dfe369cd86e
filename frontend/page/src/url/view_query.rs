//! Parts of the page's address that belong to lazily loaded views.

use sluice_bridge::View;

/// Parts of the page's address that belong to views, in the order in which they were set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewQuery(Vec<String>);

impl ViewQuery {
    /// Longest value that is kept of one view, bytes: an address has its limits.
    const MAX_BYTES: usize = 2_000;

    /// The parts of `query` that begin with a view's name.
    pub fn from_query(query: &str) -> Self {
        let mut parts = Self::default();
        for view in View::ALL {
            parts.set(view, query.trim_start_matches('?'));
        }
        parts
    }

    /// The parts of `view`, joined by `&`.
    pub fn of(&self, view: View) -> String {
        let parts = self.0.iter().filter(|part| view.owns_query_part(part));
        parts.map(String::as_str).collect::<Vec<_>>().join("&")
    }

    /// Replaces the parts of `view`; parts that are not its own, or hold other characters than an address may, are
    /// left out.
    pub fn set(&mut self, view: View, parts: &str) {
        self.0.retain(|part| !view.owns_query_part(part));
        let own = parts.split('&').filter(|part| view.owns_query_part(part) && part.bytes().all(is_plain));
        let mut left = Self::MAX_BYTES;
        for part in own {
            let Some(rest) = left.checked_sub(part.len()) else { return };
            left = rest;
            self.0.push(part.to_owned());
        }
    }

    /// All parts as they follow a set-up in the address.
    pub fn suffix(&self) -> String {
        self.0.iter().flat_map(|part| ["&", part]).collect()
    }
}

/// True if a character may stand in a query without being encoded.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'=' | b',' | b':' | b'%' | b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_keep_their_parts_apart() {
        let mut query = ViewQuery::from_query("?lane=websocket&migration-tcp=silent&handshakes=lte&log=<b>");
        assert_eq!(query.of(View::Migration), "migration-tcp=silent");
        assert_eq!(query.of(View::Log), "", "markup has no place in an address");
        query.set(View::Migration, "migration-address=host&migration-tcp=told&lane=datagrams");
        assert_eq!(query.of(View::Migration), "migration-address=host&migration-tcp=told");
        assert_eq!(query.suffix(), "&handshakes=lte&migration-address=host&migration-tcp=told");
        assert_eq!(ViewQuery::from_query(&query.suffix()).of(View::Handshakes), "handshakes=lte");
    }

    #[test]
    fn a_hostile_address_is_kept_short() {
        let query = ViewQuery::from_query(&"&log=1234567890".repeat(10_000));
        assert!(query.suffix().len() < 2 * ViewQuery::MAX_BYTES);
    }
}
