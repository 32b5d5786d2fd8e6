//! Finds keys that have lost rows of Processed: power sums over the keys of all rows identify a few
//! missing ones.
//!
//! In scope: the sums, their stored form, the keys in which two of them differ.
//! Out of scope: what follows for these keys (`ledger::processed::keys_to_reprocess`).
//!
//! One version of a key may count, and a user may delete its last row. Then an earlier row is left,
//! and nothing in the tab shows that there was another. Count and checksum of all rows
//! (`state::snapshot::RowChecksum`) show that rows are gone, but not of which keys. So the state
//! also keeps power sums of the keys. With x for a key, modulo the prime 2^61 - 1:
//!
//! ```text
//!   s0 = number of rows     s1 = Σ x     s2 = Σ x²     …     s12 = Σ x^12
//! ```
//!
//! The difference between the written and the found sums depends only on the keys that differ. Six
//! of them are found whatever was done to their rows (Berlekamp and Massey), each with the number
//! of rows by which it differs (Forney). So a key that a user typed in counts as not lost. Eleven
//! are found if rows were only deleted, or only added (Newton). In each case one equation is left
//! over: a sum of more keys is detected, and not mistaken for fewer.

use data_encoding::BASE64_NOPAD;

use crate::items::key::Fingerprint;

/// Number of power sums besides the count.
const POWER_SUMS: usize = 12;
/// The prime 2^61 - 1.
const PRIME: u64 = (1 << 61) - 1;

/// The power sums over the keys of `count` rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KeySums {
    /// The number of rows.
    pub count: u64,
    sums: [u64; POWER_SUMS],
}

/// The keys with different numbers of rows in two sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferingSums {
    /// A polynomial whose roots are the keys, the highest power first.
    roots: Vec<u64>,
    /// By how many rows each of them differs.
    rows: KeySumRows,
}

/// The number of rows by which keys differ.
#[derive(Debug, Clone, PartialEq, Eq)]
enum KeySumRows {
    /// Every key has lost rows.
    Lost,
    /// Every key has gained rows.
    Gained,
    /// The numerator of the fraction whose power series is the differences, the lowest power first.
    Either(Vec<u64>),
}

impl KeySums {
    /// Adds one row of this key.
    pub fn add(&mut self, key: Fingerprint) {
        self.count += 1;
        let x = map_to_field(key);
        let mut power = 1;
        for sum in &mut self.sums {
            power = multiply_in_field(power, x);
            *sum = add_in_field(*sum, power);
        }
    }

    /// Subtracts one row of the key whose fingerprint starts with these 64 bits.
    pub fn subtract(&mut self, key: u64) {
        self.count = self.count.wrapping_sub(1);
        let mut power = 1;
        for sum in &mut self.sums {
            power = multiply_in_field(power, map_to_field(Fingerprint(key, 0)));
            *sum = subtract_in_field(*sum, power);
        }
    }

    /// Adds the rows of another sum.
    pub fn add_all(&mut self, other: &Self) {
        self.count += other.count;
        for (sum, more) in self.sums.iter_mut().zip(other.sums) {
            *sum = add_in_field(*sum, more);
        }
    }

    /// Subtracts one row of each of these keys.
    #[must_use]
    pub fn subtract_all(mut self, keys: impl IntoIterator<Item = u64>) -> Self {
        keys.into_iter().for_each(|key| self.subtract(key));
        self
    }

    /// Encodes the sums as text.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.sums.iter().flat_map(|sum| sum.to_be_bytes()).collect();
        format!("{} {}", self.count, BASE64_NOPAD.encode(&bytes))
    }

    /// Decodes the text; `None` if it is invalid.
    pub fn read(text: &str) -> Option<Self> {
        let (count, sums) = text.split_once(' ')?;
        let bytes = BASE64_NOPAD.decode(sums.as_bytes()).ok().filter(|bytes| bytes.len() == 8 * POWER_SUMS)?;
        let mut read = Self { count: count.parse().ok()?, sums: [0; POWER_SUMS] };
        for (sum, bytes) in read.sums.iter_mut().zip(bytes.chunks(8)) {
            *sum = bytes.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        }
        read.sums.iter().all(|sum| *sum < PRIME).then_some(read)
    }

    /// Returns the keys with more or fewer rows in `found` than in these sums; `None` if they are
    /// too many to identify.
    pub fn find_differing(&self, found: &Self) -> Option<DifferingSums> {
        let removed = self.count.checked_sub(found.count);
        let count = removed
            .map_or_else(|| subtract_in_field(0, found.count.abs_diff(self.count) % PRIME), |removed| removed % PRIME);
        let sums = self.sums.iter().zip(found.sums).map(|(expected, found)| subtract_in_field(*expected, found));
        let differences: Vec<u64> = std::iter::once(count).chain(sums).collect();
        let only_added = || {
            let turned: Vec<u64> = differences.iter().map(|difference| subtract_in_field(0, *difference)).collect();
            let added = found.count.checked_sub(self.count)?;
            find_one_sided(&turned, added).map(|roots| DifferingSums { roots, rows: KeySumRows::Gained })
        };
        let only_deleted =
            || find_one_sided(&differences, removed?).map(|roots| DifferingSums { roots, rows: KeySumRows::Lost });
        find_few(&differences).or_else(only_deleted).or_else(only_added)
    }
}

impl DifferingSums {
    /// True if `found` had fewer rows of this key than the sums.
    pub fn has_lost(&self, key: Fingerprint) -> bool {
        let x = map_to_field(key);
        let is_root = self.roots.len() > 1 && evaluate_polynomial(self.roots.iter(), x) == 0;
        is_root
            && match &self.rows {
                KeySumRows::Lost => true,
                KeySumRows::Gained => false,
                // Numbers of rows are small; a negative one is just below the prime.
                KeySumRows::Either(numerator) => count_differing_rows(x, &self.roots, numerator) <= PRIME / 2,
            }
    }
}

/// Returns by how many rows the key with root `x` differs (Forney). The differences are the power
/// series of a sum of m / (1 - x·z), one term per key, which is one fraction. Its denominator has
/// the coefficients `roots`, the lowest power first, and m is the residue at z = 1 / x.
fn count_differing_rows(x: u64, roots: &[u64], numerator: &[u64]) -> u64 {
    let z = invert_in_field(x);
    let slopes: Vec<u64> =
        (0_u64..).zip(roots).skip(1).map(|(power, factor)| multiply_in_field(power, *factor)).collect();
    let slope = evaluate_polynomial(slopes.iter().rev(), z);
    subtract_in_field(
        0,
        multiply_in_field(x, multiply_in_field(evaluate_polynomial(numerator.iter().rev(), z), invert_in_field(slope))),
    )
}

/// Evaluates a polynomial, given the highest power first.
fn evaluate_polynomial<'f>(factors: impl Iterator<Item = &'f u64>, x: u64) -> u64 {
    factors.fold(0, |value, factor| add_in_field(multiply_in_field(value, x), *factor))
}

/// Returns the key as a number of the field, never 0.
fn map_to_field(key: Fingerprint) -> u64 {
    key.0 % (PRIME - 1) + 1
}

fn add_in_field(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

fn subtract_in_field(a: u64, b: u64) -> u64 {
    add_in_field(a, PRIME - b)
}

fn multiply_in_field(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let low = u64::try_from(product & u128::from(PRIME)).unwrap_or_default();
    let high = u64::try_from(product >> 61).unwrap_or_default();
    add_in_field(low, high)
}

fn invert_in_field(a: u64) -> u64 {
    // Fermat: the power of PRIME - 2.
    let (mut power, mut base, mut left) = (1, a, PRIME - 2);
    while left > 0 {
        if left & 1 == 1 {
            power = multiply_in_field(power, base);
        }
        base = multiply_in_field(base, base);
        left >>= 1;
    }
    power
}

/// Returns the shortest recurrence of a sequence (Berlekamp and Massey), if it is short enough for
/// the sequence to prove it. For sums of powers with any multiplicities, its roots are the bases.
fn find_few(sequence: &[u64]) -> Option<DifferingSums> {
    let at = |list: &[u64], n: usize| list.get(n).copied().unwrap_or(0);
    let (mut now, mut before) = (vec![1_u64], vec![1_u64]);
    let (mut length, mut since, mut last) = (0, 1, 1_u64);
    for n in 0..sequence.len() {
        let wrong =
            (0..=length).fold(0, |sum, i| add_in_field(sum, multiply_in_field(at(&now, i), at(sequence, n - i))));
        if wrong == 0 {
            since += 1;
            continue;
        }
        let factor = multiply_in_field(wrong, invert_in_field(last));
        let kept = now.clone();
        now.resize(now.len().max(before.len() + since), 0);
        for (place, value) in now.iter_mut().skip(since).zip(&before) {
            *place = subtract_in_field(*place, multiply_in_field(factor, *value));
        }
        if 2 * length <= n {
            (length, before, last, since) = (n + 1 - length, kept, wrong, 1);
        } else {
            since += 1;
        }
    }
    now.resize(length + 1, 0);
    let term =
        |n: usize| (0..=n).fold(0, |sum, i| add_in_field(sum, multiply_in_field(at(&now, i), at(sequence, n - i))));
    let rows = KeySumRows::Either((0..length).map(term).collect());
    (2 * length < sequence.len()).then_some(DifferingSums { roots: now, rows })
}

/// Returns the polynomial of the keys if all `removed` rows were deleted, or all were added
/// (Newton's identities), and the remaining sums agree.
fn find_one_sided(differences: &[u64], removed: u64) -> Option<Vec<u64>> {
    let removed = usize::try_from(removed).ok().filter(|removed| (1..POWER_SUMS).contains(removed))?;
    let sum = |n: usize| differences.get(n).copied().unwrap_or(0);
    // With e for the elementary symmetric polynomials: n·e(n) = e(n-1)·s(1) - e(n-2)·s(2) + …
    let mut signed = vec![1_u64];
    for n in 1..=removed {
        let total = (1..=n).fold(0, |total, i| {
            let factor = signed.get(n - i).copied().unwrap_or(0);
            subtract_in_field(total, multiply_in_field(factor, sum(i)))
        });
        signed.push(multiply_in_field(total, invert_in_field(n as u64)));
    }
    let agrees = (removed + 1..=POWER_SUMS).all(|n| {
        let total = signed
            .iter()
            .enumerate()
            .fold(0, |total, (i, factor)| add_in_field(total, multiply_in_field(*factor, sum(n - i))));
        total == 0
    });
    agrees.then_some(signed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: usize) -> Fingerprint {
        Fingerprint::new(&n.to_string())
    }

    fn sums(keys: impl IntoIterator<Item = usize>) -> KeySums {
        let mut sums = KeySums::default();
        keys.into_iter().for_each(|n| sums.add(key(n)));
        sums
    }

    fn find_keys(expected: &KeySums, there: &KeySums) -> Option<Vec<usize>> {
        let differing = expected.find_differing(there)?;
        Some((0..300).filter(|n| differing.has_lost(key(*n))).collect())
    }

    #[test]
    fn keys_whose_rows_are_gone_are_found() {
        let written = sums((0..200).chain(0..200));
        for removed in [vec![], vec![7], vec![7, 8], (20..31).collect(), vec![3, 3, 4]] {
            let mut left: Vec<usize> = (0..200).chain(0..200).collect();
            for one in &removed {
                let at = left.iter().position(|n| n == one).expect("it is there");
                left.remove(at);
            }
            let mut expected = removed.clone();
            expected.dedup();
            assert_eq!(find_keys(&written, &sums(left)), Some(expected), "{removed:?}");
        }
    }

    #[test]
    fn keys_that_were_typed_over_are_found_and_not_what_was_typed() {
        let expected = sums(0..200);
        let there = sums((0..200).map(|n| if n == 7 { 250 } else { n }));
        assert_eq!(find_keys(&expected, &there), Some(vec![7]));
        let more = sums((0..200).chain([250, 251]));
        assert_eq!(find_keys(&expected, &more), Some(vec![]));
        let many = sums((0..200).chain(250..261));
        assert_eq!(find_keys(&expected, &many), Some(vec![]));
        let more_than_gone = sums((0..200).filter(|n| *n != 7).chain([250, 251, 251, 9, 9]));
        assert_eq!(find_keys(&expected, &more_than_gone), Some(vec![7]));
    }

    #[test]
    fn what_is_known_to_be_gone_is_taken_out_first() {
        let expected = sums((0..200).chain(0..100));
        // All rows of 100 keys, one of two rows of another key, and a key that never had a row.
        let there = sums((0..100).chain(0..100).filter(|n| *n != 7).chain([7]));
        assert_eq!(find_keys(&expected, &there), None);
        let less = expected.subtract_all((100..200).chain([250]).map(|n| key(n).0));
        assert_eq!(find_keys(&less, &there), Some(vec![7]));
    }

    #[test]
    fn too_many_are_not_taken_for_fewer() {
        let expected = sums(0..200);
        assert_eq!(find_keys(&expected, &sums(12..200)), None);
        assert_eq!(find_keys(&expected, &sums(100..200)), None);
        let typed_over = sums((0..200).map(|n| if n < 7 { n + 250 } else { n }));
        assert_eq!(find_keys(&expected, &typed_over), None);
    }

    proptest! {
        #[test]
        fn any_eleven_deleted_rows_are_found(removed in prop::collection::vec(0_usize..60, 0..12)) {
            let mut left: Vec<usize> = (0..60).flat_map(|n| [n; 12]).collect();
            let written = sums(left.iter().copied());
            for one in &removed {
                let at = left.iter().position(|n| n == one).expect("twelve of each");
                left.remove(at);
            }
            let mut expected = removed.clone();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(find_keys(&written, &sums(left)), Some(expected));
        }

        #[test]
        fn of_any_six_keys_those_that_lost_rows_are_found(
            changed in prop::collection::btree_map(0_usize..60, -3_i32..=3, 0..7),
        ) {
            let expected = sums((0..60).flat_map(|n| [n; 3]));
            let rows = |n: usize| usize::try_from(3 - changed.get(&n).copied().unwrap_or(0)).expect("none below 0");
            let there = sums((0..60).flat_map(|n| std::iter::repeat_n(n, rows(n))));
            let lost: Vec<usize> = changed.iter().filter(|(_, rows)| **rows > 0).map(|(n, _)| *n).collect();
            prop_assert_eq!(find_keys(&expected, &there), Some(lost));
        }

        #[test]
        fn sums_read_back_and_add_up(a in prop::collection::vec(0_usize..99, 0..9), b in prop::collection::vec(0_usize..99, 0..9)) {
            let both = sums(a.iter().chain(&b).copied());
            let mut added = sums(a);
            added.add_all(&sums(b));
            prop_assert_eq!(added, both);
            prop_assert_eq!(KeySums::read(&both.text()), Some(both));
        }

        #[test]
        fn invariant_6_reading_edited_sums_never_fails_hard(text in "([0-9]{1,3} )?.{0,140}") {
            let _ = KeySums::read(&text);
        }
    }
}
