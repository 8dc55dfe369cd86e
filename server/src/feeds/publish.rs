//! What is posted to the server.

use std::time::Duration;

use sluice_shared::time::Time;

/// Tokens that refill at a steady rate: how much may be posted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    /// Tokens a second.
    rate: f64,
    /// Most tokens.
    burst: f64,
    tokens: f64,
    filled_at: Time,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens that refills with `rate` tokens a second.
    pub(crate) fn new(rate: u32, burst: u32, now: Time) -> Self {
        Self { rate: f64::from(rate), burst: f64::from(burst), tokens: f64::from(burst), filled_at: now }
    }

    /// Takes one token.
    ///
    /// # Errors
    /// There is none; how long until there is.
    pub(crate) fn take(&mut self, now: Time) -> Result<(), Duration> {
        let refill = now.since(self.filled_at).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + refill).min(self.burst);
        self.filled_at = self.filled_at.max(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_steady_rate() {
        let mut bucket = TokenBucket::new(10, 3, Time::ZERO);
        let at = Time::from_millis;
        assert_eq!((0..5).filter(|_| bucket.take(at(0)).is_ok()).count(), 3);
        assert_eq!(bucket.take(at(50)), Err(Duration::from_millis(50)));
        assert_eq!(bucket.take(at(100)), Ok(()));
        assert!(bucket.take(at(100)).is_err());
        // However long the pause, no more than the burst.
        assert_eq!((0..9).filter(|_| bucket.take(at(100_000)).is_ok()).count(), 3);
    }
}
