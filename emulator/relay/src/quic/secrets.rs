//! TLS secrets of this process's own server.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use sluice_shared::link::Direction;

/// Connections whose secrets are kept; those of the oldest are forgotten.
const MAX_CONNECTIONS: usize = 512;
/// Longest secret: that of SHA-384.
const MAX_SECRET_BYTES: usize = 48;

/// The secrets that a server has told, by its clients' random values; they never leave the server's processes.
#[derive(Clone, Default)]
pub struct SecretStore(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    traffic: BTreeMap<[u8; 32], Traffic>,
    order: VecDeque<[u8; 32]>,
}

/// The secrets of what is sent after the handshake.
#[derive(Default)]
struct Traffic {
    client: Option<Vec<u8>>,
    server: Option<Vec<u8>>,
}

impl SecretStore {
    /// Takes a secret by its label in the format of `SSLKEYLOGFILE` (RFC 9850); only `CLIENT_TRAFFIC_SECRET_0`
    /// and `SERVER_TRAFFIC_SECRET_0` are of use.
    pub fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let direction = match label {
            "CLIENT_TRAFFIC_SECRET_0" => Direction::Up,
            "SERVER_TRAFFIC_SECRET_0" => Direction::Down,
            _ => return,
        };
        let (Ok(random), ..=MAX_SECRET_BYTES) = (<[u8; 32]>::try_from(client_random), secret.len()) else {
            return;
        };
        let mut store = self.0.lock();
        if !store.traffic.contains_key(&random) {
            store.order.push_back(random);
        }
        let traffic = store.traffic.entry(random).or_default();
        match direction {
            Direction::Up => traffic.client = Some(secret.to_vec()),
            Direction::Down => traffic.server = Some(secret.to_vec()),
        }
        if store.order.len() > MAX_CONNECTIONS
            && let Some(oldest) = store.order.pop_front()
        {
            store.traffic.remove(&oldest);
        }
    }

    /// The secret of what is sent in `direction` after the handshake.
    pub(super) fn traffic(&self, direction: Direction, client_random: &[u8; 32]) -> Option<Vec<u8>> {
        let store = self.0.lock();
        let traffic = store.traffic.get(client_random)?;
        match direction {
            Direction::Up => traffic.client.clone(),
            Direction::Down => traffic.server.clone(),
        }
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
            store.log("CLIENT_TRAFFIC_SECRET_0", &random, b"terces");
        }
        store.log("CLIENT_RANDOM", &[1; 32], b"other");
        assert_eq!(store.traffic(Direction::Down, &[0; 32]), None);
        let mut newest = [0; 32];
        newest[..8].copy_from_slice(&(MAX_CONNECTIONS + 2).to_le_bytes());
        assert_eq!(store.traffic(Direction::Down, &newest).as_deref(), Some(&b"secret"[..]));
        assert_eq!(store.traffic(Direction::Up, &newest).as_deref(), Some(&b"terces"[..]));
        assert_eq!(format!("{store:?}"), format!("SecretStore {{ connections: {MAX_CONNECTIONS} }}"));
    }
}
