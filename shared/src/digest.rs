//! A fingerprint of a set of positions, by which two sides compare what they have seen without listing it.

use core::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

use crate::ids::Seq;

/// The fingerprint of a multiset of positions of one stream: how many there are, and the polynomial Σ x^seq at one fixed
/// point modulo the prime 2^61 − 1.
///
/// The order of adding does not matter, parts add up and can be taken away again, and a run of positions has a closed
/// form, whatever its length. The point is a primitive root, so all positions below 2^61 − 2 differ in their power; two
/// different sets of `n` positions up to `m` agree by accident with a chance of about m / 2^61. It shows mistakes, and
/// is no protection against somebody who wants two sets to agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IdDigest {
    count: u64,
    sum: u64,
}

const MODULUS: u64 = (1 << 61) - 1;
/// Where the polynomial is evaluated: a primitive root, otherwise arbitrary.
const POINT: u64 = 0x0f5a_ec3c_8edf_964b;
/// One by the point less one, for the closed form of a run.
const INVERSE: u64 = 0x06ca_c347_5b61_e440;
/// The point to the powers of two.
const SQUARES: [u64; 64] = squares();

impl IdDigest {
    /// Of no positions.
    pub const EMPTY: Self = Self { count: 0, sum: 0 };

    /// Of one position.
    pub fn of(seq: Seq) -> Self {
        Self { count: 1, sum: power(seq.0) }
    }

    /// Of every position from `first` on and before `end`; none when `end` is not after `first`.
    pub fn of_run(first: Seq, end: Seq) -> Self {
        let count = end.0.saturating_sub(first.0);
        let geometric = product(minus(power(count), 1), INVERSE);
        Self { count, sum: product(power(first.0), geometric) }
    }

    /// How many positions there are, each as often as it was added.
    pub const fn count(self) -> u64 {
        self.count
    }

    /// The polynomial's value.
    pub const fn fingerprint(self) -> u64 {
        self.sum
    }

    /// One value for several streams, whose digests come in the order of their ids.
    pub fn fold(digests: impl IntoIterator<Item = Self>) -> u64 {
        let step = |folded: u64, digest: Self| plus(product(folded, POINT), plus(digest.sum, digest.count));
        digests.into_iter().fold(0, step)
    }
}

impl Add for IdDigest {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { count: self.count.wrapping_add(other.count), sum: plus(self.sum, other.sum) }
    }
}

impl AddAssign for IdDigest {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for IdDigest {
    type Output = Self;

    /// What is left when `other`, which has to be a part, is taken away.
    fn sub(self, other: Self) -> Self {
        Self { count: self.count.wrapping_sub(other.count), sum: minus(self.sum, other.sum) }
    }
}

/// Makes digests of single positions; the one after the last costs one multiplication.
#[derive(Clone, Debug)]
pub struct Powers {
    at: u64,
    power: u64,
}

impl Default for Powers {
    fn default() -> Self {
        Self { at: 0, power: 1 }
    }
}

impl Powers {
    /// The digest of one position.
    pub fn of(&mut self, seq: Seq) -> IdDigest {
        if seq.0 != self.at {
            self.power = match seq.0.checked_sub(self.at) {
                Some(1) => product(self.power, POINT),
                Some(ahead) => product(self.power, power(ahead)),
                None => power(seq.0),
            };
            self.at = seq.0;
        }
        IdDigest { count: 1, sum: self.power }
    }
}

fn power(exponent: u64) -> u64 {
    let mut power = 1;
    let mut rest = exponent;
    while rest != 0 {
        power = product(power, SQUARES[rest.trailing_zeros() as usize]);
        rest &= rest - 1;
    }
    power
}

const fn squares() -> [u64; 64] {
    let mut squares = [POINT; 64];
    let mut index = 1;
    while index < squares.len() {
        squares[index] = product(squares[index - 1], squares[index - 1]);
        index += 1;
    }
    squares
}

/// `a · b`; a peer's value may be any number, and is taken by its remainder.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off has been added above")]
const fn product(a: u64, b: u64) -> u64 {
    let wide = a as u128 * b as u128;
    // 2^61 is one, modulo 2^61 − 1: the upper bits count as much as the lower ones.
    let folded = (wide & MODULUS as u128) + (wide >> 61);
    let folded = (folded as u64 & MODULUS) + (folded >> 61) as u64;
    if folded >= MODULUS { folded - MODULUS } else { folded }
}

const fn plus(a: u64, b: u64) -> u64 {
    (a % MODULUS + b % MODULUS) % MODULUS
}

const fn minus(a: u64, b: u64) -> u64 {
    (a % MODULUS + MODULUS - b % MODULUS) % MODULUS
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn of_all(positions: impl IntoIterator<Item = u64>) -> IdDigest {
        let mut powers = Powers::default();
        positions.into_iter().fold(IdDigest::EMPTY, |sum, seq| sum + powers.of(Seq(seq)))
    }

    #[test]
    fn the_constants_are_what_they_are_called() {
        assert_eq!(product(POINT - 1, INVERSE), 1);
        // A primitive root has no smaller order: the prime factors of 2^61 − 2.
        for factor in [2, 3, 5, 7, 11, 13, 31, 41, 61, 151, 331, 1_321] {
            assert_ne!(power((MODULUS - 1) / factor), 1, "{factor}");
        }
        assert_eq!(power(MODULUS - 1), 1);
    }

    #[test]
    fn a_run_is_the_sum_of_its_positions() {
        for (first, end) in [(0, 0), (0, 1), (0, 1_000), (7, 8), (123, 4_567), (u64::MAX - 40, u64::MAX)] {
            assert_eq!(IdDigest::of_run(Seq(first), Seq(end)), of_all(first..end), "{first}..{end}");
        }
        assert_eq!(IdDigest::of_run(Seq(9), Seq(3)), IdDigest::EMPTY);
    }

    #[test]
    fn numbers_beyond_the_modulus_are_taken_by_their_remainder() {
        let odd = IdDigest { count: u64::MAX, sum: u64::MAX };
        let even = IdDigest { count: u64::MAX, sum: u64::MAX % MODULUS };
        assert_eq!(odd + of_all([3]), even + of_all([3]));
        assert_eq!(of_all([3]) - odd, of_all([3]) - even);
        assert_eq!(product(u64::MAX, u64::MAX), product(u64::MAX % MODULUS, u64::MAX % MODULUS));
    }

    #[test]
    fn streams_in_another_order_fold_to_another_value() {
        let (a, b) = (of_all(0..10), of_all(3..20));
        assert_ne!(IdDigest::fold([a, b]), IdDigest::fold([b, a]));
        assert_ne!(IdDigest::fold([a, b]), IdDigest::fold([a + b, IdDigest::EMPTY]));
    }

    #[cfg(not(target_arch = "wasm32"))]
    mod properties {
        use super::*;
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn any_order_and_any_partition_give_the_same_digest(
                mut positions in prop::collection::vec(any::<u64>(), 1..60),
                order in any::<prop::sample::Index>(),
            ) {
                let whole = of_all(positions.iter().copied());
                let at = order.index(positions.len());
                positions.rotate_left(at);
                positions.reverse();
                prop_assert_eq!(of_all(positions.iter().copied()), whole);
                let (a, b) = positions.split_at(at);
                let (a, b) = (of_all(a.iter().copied()), of_all(b.iter().copied()));
                prop_assert_eq!(a + b, whole);
                prop_assert_eq!(whole - b, a);
            }

            #[test]
            fn one_position_missing_twice_or_exchanged_gives_another(
                first in 0..u64::from(u32::MAX),
                count in 1u64..5_000,
                which in any::<prop::sample::Index>(),
                other in any::<u64>(),
            ) {
                let whole = IdDigest::of_run(Seq(first), Seq(first + count));
                let one = first + which.index(usize::try_from(count).expect("small")) as u64;
                let without = whole - IdDigest::of(Seq(one));
                prop_assert_eq!(without.count(), count - 1);
                prop_assert_ne!(without, whole);
                prop_assert_ne!(whole + IdDigest::of(Seq(one)), whole);
                prop_assume!(other % (MODULUS - 1) != one % (MODULUS - 1));
                let exchanged = without + IdDigest::of(Seq(other));
                prop_assert_eq!(exchanged.count(), whole.count());
                prop_assert_ne!(exchanged, whole);
            }
        }
    }
}
