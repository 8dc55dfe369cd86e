//! What makes an endpoint one of several backends.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use ring::hmac;
use sluice_balancer::{Cid, ConnectionIds, ServerId};
use wtransport::quinn;
use wtransport::quinn::{ConnectionId, ConnectionIdGenerator};

/// A backend's place among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backend {
    /// Its number, which its connection IDs name.
    pub(crate) server: ServerId,
    /// Whether its connections may migrate (RFC 9000 §9).
    pub(crate) migrates: bool,
}

/// What all backends of a group share: a client believes the stateless reset of any of them (RFC 9000 §10.3.2), so that a
/// packet that reached the wrong one ends its connection at once.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    reset_key: [u8; Self::KEY_BYTES],
}

impl Group {
    /// Bytes of the key of stateless resets.
    pub(crate) const KEY_BYTES: usize = 64;

    /// One with a key that nobody can guess.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut reset_key = [0; Self::KEY_BYTES];
        getrandom::fill(&mut reset_key)?;
        Ok(Self { reset_key })
    }

    /// The one with this key.
    pub(crate) const fn with_key(reset_key: [u8; Self::KEY_BYTES]) -> Self {
        Self { reset_key }
    }

    /// What makes it that group.
    pub(crate) const fn key(&self) -> &[u8; Self::KEY_BYTES] {
        &self.reset_key
    }

    /// How the endpoint of `backend` is set up.
    pub(super) fn endpoint(&self, backend: Backend) -> quinn::EndpointConfig {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.reset_key);
        let mut config = quinn::EndpointConfig::new(Arc::new(key));
        // Keyed by the operating system's random numbers.
        let nonces = Arc::new(RandomState::new());
        let ids = ConnectionIds::new(backend.server);
        config.cid_generator(move || Box::new(Generator { ids, nonces: Arc::clone(&nonces), count: 0 }));
        config
    }
}

/// Makes connection IDs that name their backend.
#[derive(Debug)]
struct Generator {
    ids: ConnectionIds,
    /// SipHash with a secret key, so that nobody outside can foretell what it makes of a count.
    nonces: Arc<RandomState>,
    count: u64,
}

impl ConnectionIdGenerator for Generator {
    fn generate_cid(&mut self) -> ConnectionId {
        self.count += 1;
        ConnectionId::new(self.ids.make(self.nonces.hash_one(self.count)).as_bytes())
    }

    fn cid_len(&self) -> usize {
        Cid::BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_name_their_backend_and_do_not_repeat() {
        let ids = ConnectionIds::new(ServerId(3));
        let mut generator = Generator { ids, nonces: Arc::default(), count: 0 };
        let made: BTreeSet<Vec<u8>> = (0..1_000).map(|_| generator.generate_cid().to_vec()).collect();
        assert_eq!(made.len(), 1_000);
        for id in made {
            assert_eq!(Cid::parse(&id).map(Cid::server), Some(ServerId(3)));
        }
    }
}
