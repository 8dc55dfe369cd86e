//! TLS secrets of this process's own server.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

/// Connections whose secrets are kept; those of the oldest are forgotten.
const MAX_CONNECTIONS: usize = 512;
/// Longest secret: that of SHA-384.
const MAX_SECRET_BYTES: usize = 48;

/// The secrets that a server has told, by its clients' random values; they never leave the process.
#[derive(Clone, Default)]
pub struct SecretStore(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    server_traffic: BTreeMap<[u8; 32], Vec<u8>>,
    order: VecDeque<[u8; 32]>,
}

impl SecretStore {
    /// Takes a secret by its label in the format of `SSLKEYLOGFILE` (RFC 9850); only `SERVER_TRAFFIC_SECRET_0` is of use.
    pub fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let (Ok(random), "SERVER_TRAFFIC_SECRET_0", ..=MAX_SECRET_BYTES) =
            (<[u8; 32]>::try_from(client_random), label, secret.len())
        else {
            return;
        };
        let mut store = self.0.lock();
        if store.server_traffic.insert(random, secret.to_vec()).is_none() {
            store.order.push_back(random);
        }
        if store.order.len() > MAX_CONNECTIONS
            && let Some(oldest) = store.order.pop_front()
        {
            store.server_traffic.remove(&oldest);
        }
    }

    /// The secret of what the server sends after the handshake.
    pub(super) fn server_traffic(&self, client_random: &[u8; 32]) -> Option<Vec<u8>> {
        self.0.lock().server_traffic.get(client_random).cloned()
    }
}

impl std::fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretStore").field("connections", &self.0.lock().order.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_secrets_are_forgotten_and_none_is_printed() {
        let store = SecretStore::default();
        for n in 0..MAX_CONNECTIONS + 3 {
            let mut random = [0; 32];
            random[..8].copy_from_slice(&n.to_le_bytes());
            store.log("SERVER_TRAFFIC_SECRET_0", &random, b"secret");
        }
        store.log("CLIENT_RANDOM", &[1; 32], b"other");
        assert_eq!(store.server_traffic(&[0; 32]), None);
        assert_eq!(format!("{store:?}"), format!("SecretStore {{ connections: {MAX_CONNECTIONS} }}"));
    }
}
