//! Which sessions there are, and which may be resumed.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluice_shared::ids::SessionId;
use sluice_shared::time::Time;
use subtle::ConstantTimeEq as _;

use super::followed::Followed;
use crate::clock::Clock;
use crate::hub::{Hold, Signal, Stop};

/// All sessions.
///
/// An id is the key to its session, so the time that a lookup takes must not tell how near a guess is. Entries lie under
/// a hash of their id (SipHash, keyed by the OS), which spreads near ids, and the id itself is compared in constant time.
#[derive(Debug)]
pub(crate) struct Registry {
    clock: Clock,
    most: usize,
    hashes: RandomState,
    sessions: Mutex<HashMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    id: SessionId,
    followed: Arc<Followed>,
    /// Which connection it is, counted from the first.
    connection: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Connected(Arc<Signal>),
    /// The feeds go on, so that the positions mean something when the client is back.
    Away {
        since: Time,
        _feeds: Vec<Hold>,
    },
}

/// A connection's place in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The session.
    pub(crate) id: SessionId,
    connection: u64,
}

/// The operating system gave no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers: {0}")]
pub(crate) struct NoRandomness(getrandom::Error);

impl Registry {
    /// How long a session may be away before it is forgotten.
    const MEMORY: Duration = Duration::from_secs(120);

    /// An empty registry that keeps at most `most` sessions, connected and away.
    pub(crate) fn new(clock: Clock, most: usize) -> Self {
        Self { clock, most, hashes: RandomState::new(), sessions: Mutex::default() }
    }

    /// Opens another session. The one that has been away longest is forgotten when there is no room.
    ///
    /// # Errors
    /// There is no randomness for its id.
    pub(super) fn open(&self, signal: Arc<Signal>) -> Result<(Place, Arc<Followed>), NoRandomness> {
        let followed = Arc::<Followed>::default();
        let mut sessions = self.sessions.lock();
        if sessions.len() >= self.most {
            forget_longest_away(&mut sessions);
        }
        let (id, hash) = loop {
            let mut id = [0; 16];
            getrandom::fill(&mut id).map_err(NoRandomness)?;
            let id = SessionId(id);
            let hash = self.hash_of(id);
            if !sessions.contains_key(&hash) {
                break (id, hash);
            }
        };
        let entry =
            Entry { id, followed: Arc::clone(&followed), connection: 0, state: State::Connected(signal) };
        sessions.insert(hash, entry);
        Ok((Place { id, connection: 0 }, followed))
    }

    fn hash_of(&self, id: SessionId) -> u64 {
        self.hashes.hash_one(id)
    }

    fn entry<'a>(&self, sessions: &'a mut HashMap<u64, Entry>, id: SessionId) -> Option<&'a mut Entry> {
        let entry = sessions.get_mut(&self.hash_of(id))?;
        bool::from(entry.id.0.ct_eq(&id.0)).then_some(entry)
    }

    /// Takes a session up again, and away from the connection that may still have it; `None` when it is not known.
    pub(super) fn resume(&self, id: SessionId, signal: Arc<Signal>) -> Option<(Place, Arc<Followed>)> {
        let mut sessions = self.sessions.lock();
        let entry = self.entry(&mut sessions, id)?;
        entry.connection += 1;
        if let State::Connected(earlier) = &entry.state {
            earlier.stop(Stop::TakenOver);
        }
        entry.state = State::Connected(signal);
        Some((Place { id, connection: entry.connection }, Arc::clone(&entry.followed)))
    }

    /// The connection is gone; its session may be resumed for a while, with `feeds` going on.
    pub(crate) fn leave(&self, place: Place, feeds: Vec<Hold>) {
        let mut sessions = self.sessions.lock();
        let entry = self.entry(&mut sessions, place.id);
        if let Some(entry) = entry.filter(|entry| entry.connection == place.connection) {
            entry.state = State::Away { since: self.clock.now(), _feeds: feeds };
        }
    }

    /// The session is over, and cannot be resumed.
    pub(crate) fn forget(&self, place: Place) {
        let mut sessions = self.sessions.lock();
        let entry = self.entry(&mut sessions, place.id);
        if entry.is_some_and(|entry| entry.connection == place.connection) {
            sessions.remove(&self.hash_of(place.id));
        }
    }

    /// Forgets the sessions that have been away for long.
    pub(crate) fn sweep(&self) {
        let now = self.clock.now();
        self.sessions.lock().retain(|_, entry| match &entry.state {
            State::Connected(_) => true,
            State::Away { since, .. } => now.since(*since) < Self::MEMORY,
        });
    }

    /// Asks every connected session to stop because the server does.
    pub(crate) fn stop_all(&self) {
        self.sessions.lock().retain(|_, entry| match &entry.state {
            State::Connected(signal) => {
                signal.stop(Stop::GoingAway);
                true
            }
            State::Away { .. } => false,
        });
    }
}

fn forget_longest_away(sessions: &mut HashMap<u64, Entry>) {
    let mut longest: Option<(Time, u64)> = None;
    sessions.retain(|hash, entry| {
        if let State::Away { since, .. } = entry.state
            && longest.is_none_or(|(earliest, _)| since < earliest)
        {
            longest = Some((since, *hash));
        }
        true
    });
    if let Some((_, hash)) = longest {
        sessions.remove(&hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        Registry::new(Clock::start(), 2)
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_may_be_resumed_until_it_expires() {
        let registry = registry();
        let (place, _) = registry.open(Arc::default()).expect("randomness");
        registry.leave(place, Vec::new());
        tokio::time::advance(Registry::MEMORY / 2).await;
        registry.sweep();
        let (again, _) = registry.resume(place.id, Arc::default()).expect("still known");
        // The first connection's end comes late and changes nothing.
        registry.forget(place);
        registry.leave(again, Vec::new());
        tokio::time::advance(Registry::MEMORY).await;
        registry.sweep();
        assert!(registry.resume(place.id, Arc::default()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_that_differs_in_one_bit_is_not_known() {
        let registry = registry();
        let (place, _) = registry.open(Arc::default()).expect("randomness");
        for bit in 0..128 {
            let SessionId(mut near) = place.id;
            near[bit / 8] ^= 1 << (bit % 8);
            assert!(registry.resume(SessionId(near), Arc::default()).is_none(), "bit {bit}");
        }
        assert!(registry.resume(place.id, Arc::default()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_resume_takes_the_session_from_a_zombie() {
        let registry = registry();
        let zombie = Arc::new(Signal::default());
        let (place, _) = registry.open(Arc::clone(&zombie)).expect("randomness");
        registry.resume(place.id, Arc::default()).expect("known");
        assert_eq!(zombie.stopped(), Some(Stop::TakenOver));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_registry_forgets_who_has_been_away_longest() {
        let registry = registry();
        let (first, _) = registry.open(Arc::default()).expect("randomness");
        let (second, _) = registry.open(Arc::default()).expect("randomness");
        registry.leave(first, Vec::new());
        tokio::time::advance(Duration::from_secs(1)).await;
        registry.leave(second, Vec::new());
        registry.open(Arc::default()).expect("randomness");
        assert!(registry.resume(first.id, Arc::default()).is_none());
        assert!(registry.resume(second.id, Arc::default()).is_some());
    }
}
