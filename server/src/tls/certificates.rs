//! The certificates that pages pin, as they follow each other.

use std::time::SystemTime;

use parking_lot::Mutex;

use super::issue::{Issued, issue};
use super::schedule::{Schedule, Step, UnixTime};
use super::settings::KeyedChain;

/// The certificate that is served, and its successor.
#[derive(Debug)]
pub(crate) struct Certificates {
    names: Vec<String>,
    pair: Mutex<Pair>,
}

#[derive(Debug)]
struct Pair {
    schedule: Schedule,
    current: Issued,
    next: Issued,
}

/// What pages are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Hashes of the certificate that is served and of its successor.
    pub(crate) hashes: Vec<String>,
    /// When to ask again, seconds from now.
    pub(crate) refresh_secs: u64,
}

impl Certificates {
    /// Two certificates for `names`.
    ///
    /// # Errors
    /// A name cannot stand in a certificate, or there is no randomness.
    pub(crate) fn new(names: Vec<String>, clock: SystemTime) -> Result<Self, rcgen::Error> {
        let pair = Pair::new(&names, UnixTime::of(clock))?;
        Ok(Self { names, pair: Mutex::new(pair) })
    }

    /// The certificate to be served.
    pub(crate) fn current(&self) -> KeyedChain {
        self.pair.lock().current.chain.duplicate()
    }

    /// What pages are told.
    pub(crate) fn summary(&self) -> Summary {
        let pair = self.pair.lock();
        Summary {
            hashes: vec![pair.current.hash.clone(), pair.next.hash.clone()],
            refresh_secs: pair.schedule.refresh_secs(UnixTime::of(SystemTime::now())),
        }
    }

    /// Does what the time asks for; whether another certificate is to be served.
    ///
    /// # Errors
    /// There is no randomness; what was served is served on.
    pub(crate) fn renew(&self, clock: SystemTime) -> Result<bool, rcgen::Error> {
        let now = UnixTime::of(clock);
        let mut pair = self.pair.lock();
        match pair.schedule.step(now) {
            Step::Keep => return Ok(false),
            Step::Advance => {
                let next = issue(&self.names, Schedule::validity(now))?;
                pair.current = std::mem::replace(&mut pair.next, next);
                pair.schedule = Schedule::starting(now);
            }
            Step::Renew => *pair = Pair::new(&self.names, now)?,
        }
        Ok(true)
    }
}

impl Pair {
    fn new(names: &[String], now: UnixTime) -> Result<Self, rcgen::Error> {
        let validity = Schedule::validity(now);
        Ok(Self {
            schedule: Schedule::starting(now),
            current: issue(names, validity)?,
            next: issue(names, validity)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_page_that_knows_the_pair_knows_the_next_one_to_be_served() {
        let start = SystemTime::now();
        let certificates = Certificates::new(vec!["localhost".to_owned()], start).expect("issued");
        let before = certificates.summary().hashes;
        let day = Duration::from_secs(24 * 3_600);
        assert!(!certificates.renew(start + 5 * day).expect("issued"));
        assert_eq!(certificates.summary().hashes, before);
        assert!(certificates.renew(start + 6 * day).expect("issued"));
        let after = certificates.summary().hashes;
        assert_eq!(after[0], before[1]);
        assert_ne!(after[1], before[0]);
        assert_eq!(before.len(), 2);
    }
}
