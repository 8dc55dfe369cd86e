//! TLS secrets, in the words of `SSLKEYLOGFILE` (RFC 9850).

use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;

/// Clients whose secrets are kept; those of the oldest are forgotten.
const MAX_CLIENTS: usize = 512;
/// Longest secret: that of SHA-384.
const MAX_SECRET_BYTES: usize = 48;

/// What a secret protects (RFC 9850 §2.1, RFC 8446 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretLabel {
    /// Early data.
    ClientEarly,
    /// The client's part of the handshake.
    ClientHandshake,
    /// The server's part of the handshake.
    ServerHandshake,
    /// What the client sends after the handshake.
    ClientTraffic,
    /// What the server sends after the handshake.
    ServerTraffic,
}

/// Secrets by the client's random value and label; they are logged by one side and read wherever packets are opened.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    clients: BTreeMap<[u8; 32], BTreeMap<SecretLabel, Vec<u8>>>,
    order: VecDeque<[u8; 32]>,
}

impl SecretLabel {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::ClientEarly,
        Self::ClientHandshake,
        Self::ServerHandshake,
        Self::ClientTraffic,
        Self::ServerTraffic,
    ];

    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientEarly => "CLIENT_EARLY_TRAFFIC_SECRET",
            Self::ClientHandshake => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            Self::ServerHandshake => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            Self::ClientTraffic => "CLIENT_TRAFFIC_SECRET_0",
            Self::ServerTraffic => "SERVER_TRAFFIC_SECRET_0",
        }
    }
}

impl Secrets {
    /// Takes a secret; one with another label (such as `EXPORTER_SECRET`) protects no packets and is passed over.
    pub fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let label = SecretLabel::ALL.into_iter().find(|known| known.name() == label);
        let (Some(label), Ok(random), ..=MAX_SECRET_BYTES) =
            (label, <[u8; 32]>::try_from(client_random), secret.len())
        else {
            return;
        };
        let mut store = self.0.lock();
        let store = &mut *store;
        store.clients.entry(random).or_insert_with(|| {
            store.order.push_back(random);
            BTreeMap::new()
        });
        if let Some(secrets) = store.clients.get_mut(&random) {
            secrets.insert(label, secret.to_vec());
        }
        if store.order.len() > MAX_CLIENTS
            && let Some(oldest) = store.order.pop_front()
        {
            store.clients.remove(&oldest);
        }
    }

    /// A client's secret, once it is there.
    pub fn find(&self, label: SecretLabel, client_random: &[u8; 32]) -> Option<Vec<u8>> {
        self.0.lock().clients.get(client_random)?.get(&label).cloned()
    }

    /// All of them in the lines of `SSLKEYLOGFILE`, clients in the order in which they came.
    pub fn text(&self) -> String {
        let store = self.0.lock();
        let mut text = String::new();
        for random in &store.order {
            for (label, secret) in store.clients.get(random).into_iter().flatten() {
                text.push_str(label.name());
                text.push(' ');
                push_hex(&mut text, random);
                text.push(' ');
                push_hex(&mut text, secret);
                text.push('\n');
            }
        }
        text
    }
}

/// Appends bytes as hexadecimal digits.
pub(crate) fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string does not fail.
        let _always = write!(text, "{byte:02x}");
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("clients", &self.0.lock().order.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_and_told_in_the_words_of_the_key_log() {
        let secrets = Secrets::default();
        secrets.log("SERVER_TRAFFIC_SECRET_0", &[0xAB; 32], &[1, 2]);
        secrets.log("CLIENT_EARLY_TRAFFIC_SECRET", &[0xAB; 32], &[0xF0]);
        secrets.log("EXPORTER_SECRET", &[0xAB; 32], &[9]);
        secrets.log("CLIENT_TRAFFIC_SECRET_0", &[0xAB; 31], &[9]);
        assert_eq!(secrets.find(SecretLabel::ServerTraffic, &[0xAB; 32]), Some(vec![1, 2]));
        assert_eq!(secrets.find(SecretLabel::ClientTraffic, &[0xAB; 32]), None);
        let random = "ab".repeat(32);
        let expected =
            format!("CLIENT_EARLY_TRAFFIC_SECRET {random} f0\nSERVER_TRAFFIC_SECRET_0 {random} 0102\n");
        assert_eq!(secrets.text(), expected);
    }

    #[test]
    fn the_oldest_are_forgotten_and_none_is_printed() {
        let secrets = Secrets::default();
        for n in 0..MAX_CLIENTS + 3 {
            let mut random = [0; 32];
            random[..8].copy_from_slice(&n.to_le_bytes());
            secrets.log("CLIENT_TRAFFIC_SECRET_0", &random, b"secret");
        }
        assert_eq!(secrets.find(SecretLabel::ClientTraffic, &[0; 32]), None);
        assert_eq!(format!("{secrets:?}"), format!("Secrets {{ clients: {MAX_CLIENTS} }}"));
    }
}
