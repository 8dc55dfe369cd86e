//! Being woken in time on a machine that has other work.
#![expect(unsafe_code, reason = "scheduling is set by system calls")]

use std::fmt;
use std::mem;

/// How a thread is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Before all ordinary threads (`SCHED_FIFO`).
    RealTime,
    /// With a larger share than others (nice −10).
    Raised,
    /// As any other.
    Ordinary,
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RealTime => "real-time priority",
            Self::Raised => "raised priority",
            Self::Ordinary => "ordinary priority",
        })
    }
}

/// Raises the priority of the calling thread as far as it may be, and makes its timed waits end within a microsecond.
pub fn raise_priority() -> Priority {
    // SAFETY: an all-zero parameter block is valid, and outlives the call; everything else are plain numbers.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
        let mut parameters: libc::sched_param = mem::zeroed();
        parameters.sched_priority = 1;
        if libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const parameters)
            == 0
        {
            return Priority::RealTime;
        }
        if libc::setpriority(libc::PRIO_PROCESS, 0, -10) == 0 {
            return Priority::Raised;
        }
    }
    Priority::Ordinary
}
