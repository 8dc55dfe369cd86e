//! Spans counted in buckets of a fixed relative width.

use core::time::Duration;

use crate::time::micros;

/// Counts of spans from 1 µs to about 19 hours, in [`Histogram::BUCKETS`] buckets, so its size never changes.
///
/// A bucket is at most 1/32 as wide as its values, so a quantile is right to about 3 % (1.6 % either way). Spans
/// below 32 µs are exact; longer ones than the last bucket count there, with the largest kept apart.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u32; Self::BUCKETS]>,
    count: u64,
    sum_micros: u64,
    max_micros: u64,
}

impl Histogram {
    const SUB_BITS: u32 = 5;
    const SUB: usize = 1 << Self::SUB_BITS;
    const OCTAVES: usize = 31;
    /// How many buckets there are.
    pub const BUCKETS: usize = Self::SUB * (Self::OCTAVES + 1);

    /// An empty histogram.
    pub fn new() -> Self {
        Self { counts: Box::new([0; Self::BUCKETS]), count: 0, sum_micros: 0, max_micros: 0 }
    }

    /// Counts one span.
    pub fn record(&mut self, span: Duration) {
        self.record_micros(micros(span));
    }

    /// Counts one span of `span_micros` µs.
    pub fn record_micros(&mut self, span_micros: u64) {
        let bucket = &mut self.counts[bucket_of(span_micros)];
        *bucket = bucket.saturating_add(1);
        self.count += 1;
        self.sum_micros = self.sum_micros.saturating_add(span_micros);
        self.max_micros = self.max_micros.max(span_micros);
    }

    /// Adds another's counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine = mine.saturating_add(*theirs);
        }
        self.count += other.count;
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
        self.max_micros = self.max_micros.max(other.max_micros);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        (self.count, self.sum_micros, self.max_micros) = (0, 0, 0);
    }

    /// How many spans were counted.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The largest span, µs; 0 when empty.
    pub const fn max_micros(&self) -> u64 {
        self.max_micros
    }

    /// The mean span, µs; 0 when empty.
    pub const fn mean_micros(&self) -> u64 {
        match self.sum_micros.checked_div(self.count) {
            Some(mean) => mean,
            None => 0,
        }
    }

    /// The span that `share` (0 to 1) of all spans do not pass, µs; 0 when empty.
    pub fn quantile_micros(&self, share: f64) -> u64 {
        self.quantiles_micros(core::iter::once(share)).next().unwrap_or(0)
    }

    /// Several quantiles in one pass; `shares` must ascend.
    pub fn quantiles_micros(&self, shares: impl Iterator<Item = f64>) -> impl Iterator<Item = u64> {
        let mut bucket = 0;
        let mut below = 0u64;
        shares.map(move |share| {
            if self.count == 0 {
                return 0;
            }
            // The rank of the wanted span, from 1; both casts are of a whole number between 0 and `count`.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
            let rank = ((share.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
            while bucket < Self::BUCKETS && below + u64::from(self.counts[bucket]) < rank {
                below += u64::from(self.counts[bucket]);
                bucket += 1;
            }
            middle_of(bucket.min(Self::BUCKETS - 1)).min(self.max_micros)
        })
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("p50_micros", &self.quantile_micros(0.5))
            .field("max_micros", &self.max_micros)
            .finish_non_exhaustive()
    }
}

fn bucket_of(span_micros: u64) -> usize {
    let octave = (63 - (span_micros | 1).leading_zeros()).saturating_sub(Histogram::SUB_BITS - 1);
    if octave == 0 {
        return usize::try_from(span_micros).unwrap_or(0);
    }
    let sub = (span_micros >> (octave - 1)) & (Histogram::SUB as u64 - 1);
    let bucket = octave as usize * Histogram::SUB + usize::try_from(sub).unwrap_or(0);
    bucket.min(Histogram::BUCKETS - 1)
}

fn middle_of(bucket: usize) -> u64 {
    let (octave, sub) = (bucket / Histogram::SUB, (bucket % Histogram::SUB) as u64);
    if octave == 0 {
        return sub;
    }
    let width = 1u64 << (octave - 1);
    (sub + Histogram::SUB as u64) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_bucket_holds_the_spans_it_stands_for() {
        for bucket in 0..Histogram::BUCKETS {
            assert_eq!(bucket_of(middle_of(bucket)), bucket);
        }
        assert_eq!(bucket_of(u64::MAX), Histogram::BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_right_to_three_per_cent() {
        let mut histogram = Histogram::new();
        for span in 1..=100_000 {
            histogram.record_micros(span);
        }
        for (share, exact) in
            [(0.0, 1.0), (0.5, 50_000.0), (0.95, 95_000.0), (0.99, 99_000.0), (1.0, 100_000.0)]
        {
            let measured = histogram.quantile_micros(share) as f64;
            assert!((measured / exact - 1.0).abs() <= 0.032, "{share}: {measured} for {exact}");
        }
        assert_eq!(histogram.max_micros(), 100_000);
        assert_eq!(histogram.mean_micros(), 50_000);
    }

    #[test]
    fn merging_counts_both() {
        let (mut a, mut b) = (Histogram::new(), Histogram::new());
        a.record_micros(10);
        b.record_micros(1_000);
        a.merge(&b);
        assert_eq!((a.count(), a.max_micros(), a.quantile_micros(0.5)), (2, 1_000, 10));
        a.clear();
        assert_eq!((a.count(), a.quantile_micros(0.99)), (0, 0));
    }
}
