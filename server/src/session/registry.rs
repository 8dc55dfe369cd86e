//! Which sessions there are, and which may be resumed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluice_shared::ids::SessionId;
use sluice_shared::time::Time;

use crate::clock::Clock;
use crate::hub::{Hold, Signal, Stop};

/// All sessions, by their ids.
///
/// Ids are compared through the map's keyed hash (SipHash, keyed by the OS), so the time that a lookup takes tells
/// nothing about ids that are near.
#[derive(Debug)]
pub(crate) struct Registry {
    clock: Clock,
    most: usize,
    sessions: Mutex<HashMap<SessionId, Entry>>,
}

#[derive(Debug)]
struct Entry {
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
        Self { clock, most, sessions: Mutex::default() }
    }

    /// Opens another session. The one that has been away longest is forgotten when there is no room.
    ///
    /// # Errors
    /// There is no randomness for its id.
    pub(crate) fn open(&self, signal: Arc<Signal>) -> Result<Place, NoRandomness> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(NoRandomness)?;
        let id = SessionId(id);
        let mut sessions = self.sessions.lock();
        if sessions.len() >= self.most {
            forget_longest_away(&mut sessions);
        }
        sessions.insert(id, Entry { connection: 0, state: State::Connected(signal) });
        Ok(Place { id, connection: 0 })
    }

    /// Takes a session up again, and away from the connection that may still have it; `None` when it is not known.
    pub(crate) fn resume(&self, id: SessionId, signal: Arc<Signal>) -> Option<Place> {
        let mut sessions = self.sessions.lock();
        let entry = sessions.get_mut(&id)?;
        entry.connection += 1;
        if let State::Connected(earlier) = &entry.state {
            earlier.stop(Stop::TakenOver);
        }
        entry.state = State::Connected(signal);
        Some(Place { id, connection: entry.connection })
    }

    /// The connection is gone; its session may be resumed for a while, with `feeds` going on.
    pub(crate) fn leave(&self, place: Place, feeds: Vec<Hold>) {
        let mut sessions = self.sessions.lock();
        if let Some(entry) = sessions.get_mut(&place.id).filter(|entry| entry.connection == place.connection)
        {
            entry.state = State::Away { since: self.clock.now(), _feeds: feeds };
        }
    }

    /// The session is over, and cannot be resumed.
    pub(crate) fn forget(&self, place: Place) {
        let mut sessions = self.sessions.lock();
        if sessions.get(&place.id).is_some_and(|entry| entry.connection == place.connection) {
            sessions.remove(&place.id);
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

fn forget_longest_away(sessions: &mut HashMap<SessionId, Entry>) {
    let mut longest: Option<(Time, SessionId)> = None;
    sessions.retain(|id, entry| {
        if let State::Away { since, .. } = entry.state
            && longest.is_none_or(|(earliest, _)| since < earliest)
        {
            longest = Some((since, *id));
        }
        true
    });
    if let Some((_, id)) = longest {
        sessions.remove(&id);
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
        let place = registry.open(Arc::default()).expect("randomness");
        registry.leave(place, Vec::new());
        tokio::time::advance(Registry::MEMORY / 2).await;
        registry.sweep();
        let again = registry.resume(place.id, Arc::default()).expect("still known");
        // The first connection's end comes late and changes nothing.
        registry.forget(place);
        registry.leave(again, Vec::new());
        tokio::time::advance(Registry::MEMORY).await;
        registry.sweep();
        assert_eq!(registry.resume(place.id, Arc::default()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_resume_takes_the_session_from_a_zombie() {
        let registry = registry();
        let zombie = Arc::new(Signal::default());
        let place = registry.open(Arc::clone(&zombie)).expect("randomness");
        registry.resume(place.id, Arc::default()).expect("known");
        assert_eq!(zombie.stopped(), Some(Stop::TakenOver));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_registry_forgets_who_has_been_away_longest() {
        let registry = registry();
        let first = registry.open(Arc::default()).expect("randomness");
        let second = registry.open(Arc::default()).expect("randomness");
        registry.leave(first, Vec::new());
        tokio::time::advance(Duration::from_secs(1)).await;
        registry.leave(second, Vec::new());
        registry.open(Arc::default()).expect("randomness");
        assert_eq!(registry.resume(first.id, Arc::default()), None);
        assert!(registry.resume(second.id, Arc::default()).is_some());
    }
}
