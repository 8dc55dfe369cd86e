//! When a link carries nothing, by plan.

use core::time::Duration;

/// Planned outages, counted from when the weather begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OutageSchedule {
    /// The outages, in order, apart from each other.
    pub outages: Vec<Outage>,
    /// After how long the plan starts over; `None` runs it once.
    pub repeats_every: Option<Duration>,
}

/// A while in which nothing that arrives at the link gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outage {
    /// When it begins, from the start of the plan.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
}

impl Outage {
    /// An outage of `lasts`, `at` after the start of the plan.
    pub const fn new(at: Duration, lasts: Duration) -> Self {
        Self { at, lasts }
    }

    /// When it is over, from the start of the plan.
    pub const fn end(self) -> Duration {
        self.at.saturating_add(self.lasts)
    }
}

impl OutageSchedule {
    /// No outage, ever.
    pub const fn none() -> Self {
        Self { outages: Vec::new(), repeats_every: None }
    }

    /// One outage of `lasts` in each round of `every`, `at` after its start.
    pub fn periodic(at: Duration, lasts: Duration, every: Duration) -> Self {
        Self { outages: vec![Outage::new(at, lasts)], repeats_every: Some(every) }
    }

    /// Whether there is an outage `elapsed` after the plan's start.
    pub fn is_out(&self, elapsed: Duration) -> bool {
        let (_, within) = self.round_of(elapsed);
        self.outages.iter().any(|outage| outage.at <= within && within < outage.end())
    }

    /// When the outage that runs at `elapsed`, or else the next one, is over, from the plan's start; `None` when no
    /// more will come.
    pub fn next_end(&self, elapsed: Duration) -> Option<Duration> {
        let (round_start, within) = self.round_of(elapsed);
        match self.outages.iter().find(|outage| outage.end() > within) {
            Some(outage) => Some(round_start + outage.end()),
            None => Some(round_start + self.repeats_every? + self.outages.first()?.end()),
        }
    }

    /// The next outage that begins after `elapsed`, counted from the plan's start; `None` when no more will come.
    pub fn next_begin(&self, elapsed: Duration) -> Option<Outage> {
        let (round_start, within) = self.round_of(elapsed);
        let (round, next) = match self.outages.iter().find(|outage| outage.at > within) {
            Some(outage) => (round_start, outage),
            None => (round_start + self.repeats_every?, self.outages.first()?),
        };
        Some(Outage::new(round + next.at, next.lasts))
    }

    /// The start of the round that `elapsed` lies in, and how far into it.
    fn round_of(&self, elapsed: Duration) -> (Duration, Duration) {
        let Some(every) = self.repeats_every.filter(|every| !every.is_zero()) else {
            return (Duration::ZERO, elapsed);
        };
        let within = elapsed.as_micros() % every.as_micros().max(1);
        let within = Duration::from_micros(u64::try_from(within).unwrap_or(u64::MAX));
        (elapsed.saturating_sub(within), within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_periodic_outage_comes_back_each_round() {
        let plan = OutageSchedule::periodic(secs(5), secs(2), secs(7));
        let out: Vec<u64> = (0..21).filter(|second| plan.is_out(secs(*second))).collect();
        assert_eq!(out, [5, 6, 12, 13, 19, 20]);
        assert_eq!(plan.next_end(secs(0)), Some(secs(7)));
        assert_eq!(plan.next_end(secs(13)), Some(secs(14)));
        assert_eq!(plan.next_end(secs(14)), Some(secs(21)));
        assert_eq!(plan.next_begin(secs(4)), Some(Outage::new(secs(5), secs(2))));
        assert_eq!(plan.next_begin(secs(5)), Some(Outage::new(secs(12), secs(2))));
    }

    #[test]
    fn a_list_runs_once_unless_it_repeats() {
        let outages = vec![Outage::new(secs(1), secs(1)), Outage::new(secs(4), secs(2))];
        let once = OutageSchedule { outages: outages.clone(), repeats_every: None };
        let out: Vec<u64> = (0..20).filter(|second| once.is_out(secs(*second))).collect();
        assert_eq!(out, [1, 4, 5]);
        assert_eq!((once.next_end(secs(2)), once.next_end(secs(6))), (Some(secs(6)), None));
        let begin = |elapsed| once.next_begin(secs(elapsed)).map(|outage| outage.at);
        assert_eq!((begin(0), begin(1), begin(4)), (Some(secs(1)), Some(secs(4)), None));
        let again = OutageSchedule { outages, repeats_every: Some(secs(10)) };
        assert!(again.is_out(secs(14)) && !again.is_out(secs(13)));
        assert_eq!(again.next_end(secs(8)), Some(secs(12)));
        assert_eq!(OutageSchedule::none().next_end(secs(3)), None);
    }
}
