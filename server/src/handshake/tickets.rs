//! Where a server keeps what its tickets stand for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use rustls::server::StoresServerSessions;
use sluice_shared::time::Time;
use sluice_wire::StageHandle;

/// Most tickets that are remembered.
const MAX_TICKETS: usize = 256;

/// The sessions behind a server's tickets.
///
/// With single use a ticket is good for one connection (RFC 8446 §8.1); without, whoever has seen a first flight may send
/// it again.
#[derive(Debug)]
pub(super) struct TicketStore {
    stage: StageHandle,
    is_single_use: bool,
    lifetime: Duration,
    tickets: Mutex<Tickets>,
}

#[derive(Debug, Default)]
struct Tickets {
    sessions: BTreeMap<Vec<u8>, (Time, Vec<u8>)>,
    order: VecDeque<Vec<u8>>,
}

impl TicketStore {
    /// An empty store, which forgets a ticket `lifetime` after it was given.
    pub(super) fn new(stage: &StageHandle, is_single_use: bool, lifetime: Duration) -> Self {
        Self { stage: stage.clone(), is_single_use, lifetime, tickets: Mutex::default() }
    }
}

impl StoresServerSessions for TicketStore {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let mut tickets = self.tickets.lock();
        if tickets.sessions.insert(key.clone(), (self.stage.now(), value)).is_none() {
            tickets.order.push_back(key);
        }
        while tickets.order.len() > MAX_TICKETS
            && let Some(oldest) = tickets.order.pop_front()
        {
            tickets.sessions.remove(&oldest);
        }
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let tickets = self.tickets.lock();
        let (given_at, value) = tickets.sessions.get(key)?;
        (self.stage.now().since(*given_at) <= self.lifetime).then(|| value.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.get(key);
        if self.is_single_use {
            let mut tickets = self.tickets.lock();
            tickets.sessions.remove(key);
            tickets.order.retain(|known| known != key);
        }
        found
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use sluice_wire::{Stage, StageClock};

    use super::*;

    #[test]
    fn a_single_use_ticket_is_good_once() {
        let stage = Stage::new(StageClock::Virtual);
        for is_single_use in [true, false] {
            let store = TicketStore::new(&stage.handle(), is_single_use, Duration::from_secs(1));
            assert!(store.put(vec![1], vec![2]));
            assert_eq!(store.take(&[1]), Some(vec![2]));
            assert_eq!(store.take(&[1]).is_none(), is_single_use);
        }
    }

    #[test]
    fn a_ticket_is_forgotten_after_its_lifetime() {
        let stage = Stage::new(StageClock::Virtual);
        let handle = stage.handle();
        let store = TicketStore::new(&handle, true, Duration::from_secs(1));
        store.put(vec![1], vec![2]);
        stage.run(handle.sleep(Duration::from_millis(1_001))).expect("time passes");
        assert_eq!(store.take(&[1]), None);
    }

    #[test]
    fn memory_is_bounded() {
        let stage = Stage::new(StageClock::Virtual);
        let store = TicketStore::new(&stage.handle(), false, Duration::from_secs(1));
        for n in 0..3 * MAX_TICKETS {
            store.put(n.to_be_bytes().to_vec(), Vec::new());
        }
        let tickets = store.tickets.lock();
        assert_eq!((tickets.sessions.len(), tickets.order.len()), (MAX_TICKETS, MAX_TICKETS));
    }
}
