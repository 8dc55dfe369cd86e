//! Quantities of a network.

use core::fmt;
use core::ops::{Add, AddAssign, Div, Sub};
use core::time::Duration;

/// A number of bytes on the wire, headers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(u64);

impl ByteCount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `bytes` bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of bits, held at `u64::MAX`.
    pub const fn bits(self) -> u64 {
        self.0.saturating_mul(8)
    }
}

impl Add for ByteCount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for ByteCount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for ByteCount {
    type Output = Self;

    /// What is left, held at zero.
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Div<Bitrate> for ByteCount {
    type Output = Duration;

    /// How long the bytes take at `rate`, rounded up to a microsecond.
    fn div(self, rate: Bitrate) -> Duration {
        rate.time_for_bits(self.bits())
    }
}

/// Bits a second; never zero, since a link that carries nothing is an outage and not a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u64);

impl Bitrate {
    /// `bits` bits a second, at least one.
    pub const fn from_bits_per_sec(bits: u64) -> Self {
        Self(if bits == 0 { 1 } else { bits })
    }

    /// `kbit` · 10³ bits a second, at least one bit.
    pub const fn from_kbit_per_sec(kbit: u64) -> Self {
        Self::from_bits_per_sec(kbit.saturating_mul(1_000))
    }

    /// `mbit` · 10⁶ bits a second, at least one bit.
    pub const fn from_mbit_per_sec(mbit: u64) -> Self {
        Self::from_bits_per_sec(mbit.saturating_mul(1_000_000))
    }

    /// Bits a second.
    pub const fn as_bits_per_sec(self) -> u64 {
        self.0
    }

    /// How long `bits` take, rounded up to a microsecond.
    pub fn time_for_bits(self, bits: u64) -> Duration {
        let micros = (u128::from(bits) * MICROS_PER_SEC).div_ceil(u128::from(self.0));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Whole bits that pass in `span`.
    pub fn bits_in(self, span: Duration) -> u64 {
        let bits = span.as_micros().saturating_mul(u128::from(self.0)) / MICROS_PER_SEC;
        u64::try_from(bits).unwrap_or(u64::MAX)
    }

    /// Whole bytes that pass in `span`.
    pub fn bytes_in(self, span: Duration) -> ByteCount {
        ByteCount::new(self.bits_in(span) / 8)
    }
}

impl fmt::Display for Bitrate {
    /// With the largest unit that keeps it at 1 or more: `1.5 Mbit/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scale, unit) = match self.0 {
            1_000_000_000.. => (1e9, "Gbit/s"),
            1_000_000.. => (1e6, "Mbit/s"),
            1_000.. => (1e3, "kbit/s"),
            _ => (1.0, "bit/s"),
        };
        write!(f, "{} {unit}", self.0 as f64 / scale)
    }
}

/// A part of a whole, 0 to 1, in parts per thousand million: exact in text, equal on every platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The whole.
    pub const ALL: Self = Self(PARTS);

    /// `parts` of 10⁹, held at the whole.
    pub const fn from_billionths(parts: u32) -> Self {
        Self(if parts > PARTS { PARTS } else { parts })
    }

    /// `percent` %, held at the whole.
    pub const fn from_percent(percent: u32) -> Self {
        Self::from_billionths(percent.saturating_mul(PARTS / 100))
    }

    /// Parts of 10⁹.
    pub const fn as_billionths(self) -> u32 {
        self.0
    }

    /// As a fraction, 0 to 1.
    pub fn as_fraction(self) -> f64 {
        f64::from(self.0) / f64::from(PARTS)
    }

    /// Whether an evenly random `word` falls into this share: never for [`Self::ZERO`], always for [`Self::ALL`].
    pub fn holds(self, word: u64) -> bool {
        (u128::from(word) * u128::from(PARTS)) >> 64 < u128::from(self.0)
    }
}

const PARTS: u32 = 1_000_000_000;
const MICROS_PER_SEC: u128 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn bytes_over_a_rate_are_a_time() {
        assert_eq!(ByteCount::new(1_500) / Bitrate::from_mbit_per_sec(12), Duration::from_millis(1));
        assert_eq!(ByteCount::new(1) / Bitrate::from_mbit_per_sec(1_000), Duration::from_micros(1));
        assert_eq!(ByteCount::new(u64::MAX) / Bitrate::from_bits_per_sec(0), Duration::from_micros(u64::MAX));
    }

    #[test]
    fn a_rate_gives_back_the_bytes_of_a_time() {
        let rate = Bitrate::from_kbit_per_sec(768);
        assert_eq!(rate.bytes_in(Duration::from_secs(1)), ByteCount::new(96_000));
        assert_eq!(rate.time_for_bits(rate.bits_in(Duration::from_secs(3))), Duration::from_secs(3));
    }

    #[test]
    fn a_rate_is_shown_in_its_largest_unit() {
        assert_eq!(Bitrate::from_kbit_per_sec(1_600).to_string(), "1.6 Mbit/s");
        assert_eq!(Bitrate::from_bits_per_sec(10).to_string(), "10 bit/s");
    }

    #[test]
    fn a_share_holds_its_part_of_all_words() {
        assert!(!Share::ZERO.holds(0));
        assert!(Share::ALL.holds(u64::MAX));
        let half = Share::from_percent(50);
        assert!(half.holds(u64::MAX / 2) && !half.holds(u64::MAX / 2 + 1));
    }
}
