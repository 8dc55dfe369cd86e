//! Numbered steps with the time each one took.

use std::time::{Duration, Instant};

use crate::failure::Result;

/// Counts and times the steps of one command.
#[derive(Debug)]
pub(crate) struct Steps {
    total: usize,
    begun: usize,
}

impl Steps {
    /// A command of `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, begun: 0 }
    }

    /// Runs one step; `work` may return a remark (such as "unchanged") that is printed at its end.
    pub(crate) fn step(&mut self, title: &str, work: impl FnOnce() -> Result<String>) -> Result<()> {
        self.begun += 1;
        let (step, total) = (self.begun, self.total);
        println!("[{step}/{total}] {title} …");
        let started = Instant::now();
        let remark = work()?;
        let separator = if remark.is_empty() { "" } else { ": " };
        println!("[{step}/{total}] {title}{separator}{remark} ({})", readable(started.elapsed()));
        Ok(())
    }
}

/// A duration as people say it: `0.4 s`, `12 s`, `3 min 20 s`.
pub(crate) fn readable(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_say_them() {
        assert_eq!(readable(Duration::from_millis(420)), "0.4 s");
        assert_eq!(readable(Duration::from_secs(59)), "59 s");
        assert_eq!(readable(Duration::from_secs(200)), "3 min 20 s");
    }
}
