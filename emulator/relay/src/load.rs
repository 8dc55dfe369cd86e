//! How much of a core the relay takes.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::platform::ThreadClock;

/// How often the load is sampled.
pub(crate) const SAMPLE_EVERY: Duration = Duration::from_millis(250);
/// The load is that of this many samples' time.
const SAMPLES: usize = 4;

/// The processor time of some threads, sampled.
#[derive(Debug, Default)]
pub(crate) struct LoadMeter {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    threads: Vec<ThreadClock>,
    samples: VecDeque<(Instant, Duration)>,
}

impl LoadMeter {
    /// Counts the calling thread in.
    pub(crate) fn include_this_thread(&self) -> io::Result<()> {
        let clock = ThreadClock::of_this_thread()?;
        self.state.lock().threads.push(clock);
        Ok(())
    }

    /// Looks at the threads' clocks.
    pub(crate) fn sample(&self) {
        let mut state = self.state.lock();
        let used = state.threads.iter().map(ThreadClock::used).sum();
        state.samples.push_back((Instant::now(), used));
        if state.samples.len() > SAMPLES + 1 {
            state.samples.pop_front();
        }
    }

    /// The share of one core over the last second.
    pub(crate) fn load(&self) -> f32 {
        let state = self.state.lock();
        let (Some((first, before)), Some((last, after))) = (state.samples.front(), state.samples.back())
        else {
            return 0.0;
        };
        let span = last.duration_since(*first).as_secs_f32();
        if span > 0.0 { after.saturating_sub(*before).as_secs_f32() / span } else { 0.0 }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_is_a_load_and_an_idle_one_is_none() {
        let meter = LoadMeter::default();
        assert_eq!(meter.load(), 0.0);
        meter.include_this_thread().expect("Linux has thread clocks");
        meter.sample();
        let used = ThreadClock::of_this_thread().expect("a clock");
        let until = used.used() + Duration::from_millis(20);
        while used.used() < until {
            std::hint::spin_loop();
        }
        meter.sample();
        assert!(meter.load() > 0.0, "{meter:?}");
    }
}
