//! When nothing gets in.

use sluice_shared::link::OutageSchedule;
use sluice_shared::time::Time;

/// The plan, what somebody started by hand, and the block.
#[derive(Clone, Debug)]
pub(crate) struct Outages {
    schedule: OutageSchedule,
    since: Time,
    manual_until: Time,
    pub(crate) is_blocked: bool,
}

impl Outages {
    pub(crate) const fn new(schedule: OutageSchedule, since: Time) -> Self {
        Self { schedule, since, manual_until: Time::ZERO, is_blocked: false }
    }

    pub(crate) fn set_schedule(&mut self, schedule: OutageSchedule, since: Time) {
        self.schedule = schedule;
        self.since = since;
    }

    pub(crate) fn start(&mut self, until: Time) {
        self.manual_until = self.manual_until.max(until);
    }

    pub(crate) fn is_out(&self, now: Time) -> bool {
        now < self.manual_until || (now >= self.since && self.schedule.is_out(now.since(self.since)))
    }
}
