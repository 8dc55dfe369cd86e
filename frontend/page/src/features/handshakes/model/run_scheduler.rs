//! Scheduler of runs: one at a time; the newest request wins.

/// Action to take when a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterRun {
    /// Show the outcome.
    Show,
    /// Discard the outcome and run again with the current settings.
    Repeat,
    /// Discard the outcome.
    Discard,
}

/// State of the scheduler: whether a run is in progress, and whether its outcome is still wanted.
///
/// The server measures one request at a time and queues the others, so obsolete requests would delay the
/// current one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunScheduler {
    /// No run is in progress.
    #[default]
    Idle,
    /// A run is in progress.
    Running,
    /// A run is in progress, and another one must follow.
    Superseded,
    /// A run is in progress whose outcome is no longer wanted.
    Cancelled,
}

impl RunScheduler {
    /// Requests a run. Returns whether it must be started now; otherwise it follows the one in progress.
    pub fn handle_request(&mut self) -> bool {
        let is_idle = *self == Self::Idle;
        *self = if is_idle { Self::Running } else { Self::Superseded };
        is_idle
    }

    /// Discards the outcome of a run in progress.
    pub fn handle_cancel(&mut self) {
        if *self != Self::Idle {
            *self = Self::Cancelled;
        }
    }

    /// Records the end of a run.
    pub fn handle_end(&mut self) -> AfterRun {
        let (next, after) = match self {
            Self::Idle | Self::Running => (Self::Idle, AfterRun::Show),
            Self::Superseded => (Self::Running, AfterRun::Repeat),
            Self::Cancelled => (Self::Idle, AfterRun::Discard),
        };
        *self = next;
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_alone_is_shown() {
        let mut scheduler = RunScheduler::default();
        assert!(scheduler.handle_request());
        assert_eq!(scheduler.handle_end(), AfterRun::Show);
        assert!(scheduler.handle_request(), "the next one starts again");
    }

    #[test]
    fn many_requests_during_a_run_lead_to_one_more() {
        let mut scheduler = RunScheduler::default();
        assert!(scheduler.handle_request());
        for _ in 0..5 {
            assert!(!scheduler.handle_request(), "one run at a time");
        }
        assert_eq!(scheduler.handle_end(), AfterRun::Repeat);
        assert_eq!(scheduler.handle_end(), AfterRun::Show);
        assert_eq!(scheduler, RunScheduler::Idle);
    }

    #[test]
    fn an_outcome_of_settings_that_became_invalid_is_discarded() {
        let mut scheduler = RunScheduler::default();
        scheduler.handle_cancel();
        assert_eq!(scheduler, RunScheduler::Idle);
        assert!(scheduler.handle_request());
        scheduler.handle_cancel();
        assert_eq!(scheduler.handle_end(), AfterRun::Discard);
        assert!(scheduler.handle_request());
        scheduler.handle_cancel();
        assert!(!scheduler.handle_request(), "valid again while it still runs");
        assert_eq!(scheduler.handle_end(), AfterRun::Repeat);
    }
}
