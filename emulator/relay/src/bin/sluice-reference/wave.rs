//! Many lanes at once in one thread.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use sluice_relay::kernel::Poller;
use sluice_shared::time::{Time, micros};
use sluice_tcp::traffic::{Measured, quantile_millis};

use crate::lane::{Lane, LaneError};
use crate::setting::Setting;

/// A setting with one of its seeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) setting: Setting,
    pub(crate) seed: u64,
}

/// What the kernel did, job by job, and how well the machine kept up.
pub(crate) struct Outcome {
    pub(crate) measured: Vec<Measured>,
    /// How late the thread was for what was due, in milliseconds: median and 99th percentile.
    pub(crate) lateness_millis: [f64; 2],
}

/// Packets a second that one thread carries beside its applications while leaving half a core to others.
const LOAD_LIMIT: u64 = 20_000;

/// Cuts `jobs` into waves of the same length that the machine can carry.
pub(crate) fn plan(jobs: &[Job]) -> Vec<Vec<Job>> {
    let mut waves: Vec<(u64, Vec<Job>)> = Vec::new();
    for job in jobs {
        let load = job.setting.load();
        let place = waves.iter_mut().find(|(sum, wave)| {
            sum + load <= LOAD_LIMIT
                && wave.first().is_some_and(|first| first.setting.seconds == job.setting.seconds)
        });
        match place {
            Some((sum, wave)) => {
                *sum += load;
                wave.push(*job);
            }
            None => waves.push((load, vec![*job])),
        }
    }
    waves.into_iter().map(|(_, wave)| wave).collect()
}

/// Runs all of `jobs` at the same time, to their end.
pub(crate) fn run(jobs: &[Job]) -> Result<Outcome, LaneError> {
    let origin = Instant::now();
    let clock = || Time::ZERO + origin.elapsed();
    let mut poller = Poller::new()?;
    let mut lanes = Vec::with_capacity(jobs.len());
    for (token, job) in (0..).zip(jobs) {
        lanes.push(Lane::open(job.setting, job.seed, token, &poller, clock)?);
    }
    let mut scratch = vec![0; 65_536];
    let mut agenda = Agenda::new(lanes.len());
    let mut lateness = Vec::new();
    let mut woken: Vec<usize> = (0..lanes.len()).collect();
    let mut open = lanes.len();
    let mut is_over = vec![false; lanes.len()];
    loop {
        woken.sort_unstable();
        woken.dedup();
        for index in woken.drain(..) {
            let Some(lane) = lanes.get_mut(index) else { continue };
            lane.turn(&poller, &mut scratch, clock)?;
            let now = clock();
            if !is_over[index] && lane.is_over(now) {
                is_over[index] = true;
                open -= 1;
            }
            agenda.set(index, lane.next_due(now).filter(|_| !is_over[index]));
        }
        if open == 0 {
            break;
        }
        let timeout = agenda.next_at().map(|at| at.since(clock()));
        woken.extend(poller.wait(timeout)?.filter_map(|wake| usize::try_from(wake.0).ok()));
        let now = clock();
        while let Some((index, due)) = agenda.take_due(now) {
            lateness.push(now.since(due));
            woken.push(index);
        }
    }
    lateness.sort_unstable();
    let lateness_millis = [0.5, 0.99].map(|probability| quantile_millis(&lateness, probability));
    Ok(Outcome { measured: lanes.iter().map(Lane::measured).collect(), lateness_millis })
}

/// When each lane is due, the earliest first.
struct Agenda {
    due: Vec<Option<Time>>,
    heap: BinaryHeap<Reverse<(Time, usize)>>,
}

impl Agenda {
    fn new(lanes: usize) -> Self {
        Self { due: vec![None; lanes], heap: BinaryHeap::new() }
    }

    /// The lane is due at `at` and no other time; the heap forgets what was before when it comes up.
    fn set(&mut self, index: usize, at: Option<Time>) {
        if self.due[index] != at {
            self.due[index] = at;
            self.heap.extend(at.map(|at| Reverse((at, index))));
        }
    }

    fn next_at(&mut self) -> Option<Time> {
        while let Some(Reverse((at, index))) = self.heap.peek() {
            if self.due[*index] == Some(*at) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    fn take_due(&mut self, now: Time) -> Option<(usize, Time)> {
        let at = self.next_at().filter(|at| *at <= now)?;
        let Reverse((_, index)) = self.heap.pop()?;
        self.due[index] = None;
        Some((index, at))
    }
}

/// The processor time that this thread has used.
pub(crate) fn thread_cpu() -> Option<Duration> {
    const MILLIS_PER_TICK: u64 = 10;
    let stat = std::fs::read_to_string("/proc/thread-self/stat").ok()?;
    // After the name in parentheses, user and system time are the 12th and 13th fields.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * MILLIS_PER_TICK))
}

/// A share of one core, in percent.
pub(crate) fn percent(part: Duration, whole: Duration) -> f64 {
    micros(part) as f64 * 1e2 / micros(whole).max(1) as f64
}
