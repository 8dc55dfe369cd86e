//! What is due when, and the thread that sees to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use sluice_shared::time::Time;

use crate::clock::Clock;

/// Least time between two rounds of the link thread.
///
/// A lone packet is delivered on time; from some thousand packets a second on, several share a round, and the first of
/// them waits this long at most.
const REST: Duration = Duration::from_micros(250);

/// Something that the link thread runs when its time has come.
pub(crate) trait Timed: Send + Sync {
    /// Does what is due, after it asked for `at`.
    fn on_due(&self, at: Time);
}

/// The times that flows wait for: one for each flow at most.
pub(crate) struct Agenda {
    clock: Clock,
    state: Mutex<State>,
    has_changed: Condvar,
}

#[derive(Default)]
struct State {
    timers: BTreeMap<(Time, u64), Weak<dyn Timed>>,
    /// Until when the thread sleeps if nobody wakes it; `None` while it is awake.
    sleeps_until: Option<Wake>,
    /// Before this the thread begins no round.
    rests_until: Time,
    is_stopping: bool,
}

#[derive(Clone, Copy)]
enum Wake {
    At(Time),
    WhenTold,
}

impl Agenda {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default(), has_changed: Condvar::new() }
    }

    /// Runs what is due until [`Self::stop`].
    pub(crate) fn run(&self) {
        let mut state = self.state.lock();
        while !state.is_stopping {
            let now = self.clock.now();
            if now >= state.rests_until {
                let due = state.take_due(now);
                if !due.is_empty() {
                    drop(state);
                    for (at, timed) in due {
                        timed.on_due(at);
                    }
                    state = self.state.lock();
                    state.rests_until = self.clock.now() + REST;
                    continue;
                }
            }
            let first = state.timers.first_key_value().map(|((at, _), _)| *at);
            match first {
                Some(at) => {
                    let wakes_at = at.max(state.rests_until);
                    state.sleeps_until = Some(Wake::At(wakes_at));
                    // Whether it timed out or was told makes no difference: the agenda is read again.
                    let _timed_out = self.has_changed.wait_until(&mut state, self.clock.instant(wakes_at));
                }
                None => {
                    state.sleeps_until = Some(Wake::WhenTold);
                    self.has_changed.wait(&mut state);
                }
            }
            state.sleeps_until = None;
        }
    }

    /// Ends [`Self::run`].
    pub(crate) fn stop(&self) {
        self.state.lock().is_stopping = true;
        self.has_changed.notify_all();
    }

    fn put(&self, key: u64, before: Option<Time>, at: Time, timed: Weak<dyn Timed>) {
        let mut state = self.state.lock();
        if let Some(before) = before {
            state.timers.remove(&(before, key));
        }
        state.timers.insert((at, key), timed);
        let is_too_late = match state.sleeps_until {
            None => false,
            Some(Wake::WhenTold) => true,
            Some(Wake::At(wakes_at)) => at.max(state.rests_until) < wakes_at,
        };
        if is_too_late {
            // It wakes once, however many put something down before it does.
            state.sleeps_until = None;
            drop(state);
            self.has_changed.notify_one();
        }
    }

    fn remove(&self, key: u64, at: Time) {
        self.state.lock().timers.remove(&(at, key));
    }
}

impl State {
    fn take_due(&mut self, now: Time) -> Vec<(Time, Arc<dyn Timed>)> {
        let mut due = Vec::new();
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), timed) = entry.remove_entry();
            due.extend(timed.upgrade().map(|timed| (at, timed)));
        }
        due
    }
}

/// The one entry of a flow in the agenda; it lives behind the flow's lock.
#[derive(Debug)]
pub(crate) struct Timer {
    key: u64,
    at: Option<Time>,
}

impl Timer {
    /// An unset timer; no two flows have the same `key`.
    pub(crate) const fn new(key: u64) -> Self {
        Self { key, at: None }
    }

    /// Sees to it that `timed` runs at `wanted` at the latest. An entry that is earlier stays: it costs one round that
    /// finds nothing to do, which is cheaper than to move it with every packet.
    pub(crate) fn set(&mut self, wanted: Option<Time>, agenda: &Agenda, timed: &Weak<impl Timed + 'static>) {
        let Some(wanted) = wanted else { return };
        if self.at.is_none_or(|at| wanted < at) {
            agenda.put(self.key, self.at, wanted, Weak::clone(timed) as Weak<dyn Timed>);
            self.at = Some(wanted);
        }
    }

    /// Its entry for `at` was taken out of the agenda.
    pub(crate) fn on_due(&mut self, at: Time) {
        if self.at == Some(at) {
            self.at = None;
        }
    }

    /// Takes its entry out of the agenda.
    pub(crate) fn cancel(&mut self, agenda: &Agenda) {
        if let Some(at) = self.at.take() {
            agenda.remove(self.key, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    use super::*;

    struct Bell(mpsc::SyncSender<(u64, Time)>, u64);

    impl Timed for Bell {
        fn on_due(&self, at: Time) {
            self.0.send((self.1, at)).expect("the test listens");
        }
    }

    #[test]
    fn what_is_due_first_runs_first_and_never_early() {
        let clock = Clock::new(Instant::now(), Time::ZERO);
        let agenda = Arc::new(Agenda::new(clock));
        let thread = thread::spawn({
            let agenda = Arc::clone(&agenda);
            move || agenda.run()
        });
        let (sender, rung) = mpsc::sync_channel(8);
        let bells: Vec<Arc<Bell>> = (0..3).map(|key| Arc::new(Bell(sender.clone(), key))).collect();
        let mut timers: Vec<Timer> = (0..3).map(Timer::new).collect();
        let start = clock.now();
        for (key, millis) in [(0, 60), (1, 40), (2, 500), (2, 20), (2, 30)] {
            let at = start + Duration::from_millis(millis);
            timers[key].set(Some(at), &agenda, &Arc::downgrade(&bells[key]));
        }
        for (key, millis) in [(2, 20), (1, 40), (0, 60)] {
            let (rang, at) = rung.recv_timeout(Duration::from_secs(10)).expect("in time");
            assert_eq!((rang, at), (key, start + Duration::from_millis(millis)));
            assert!(clock.now() >= at, "too early");
        }
        assert!(agenda.state.lock().timers.is_empty(), "an entry that moved left another behind");
        timers[0].at = None;
        timers[0].set(Some(clock.now() + Duration::from_secs(100)), &agenda, &Arc::downgrade(&bells[0]));
        timers[0].cancel(&agenda);
        assert!(agenda.state.lock().timers.is_empty());
        agenda.stop();
        thread.join().expect("it ends");
    }
}
