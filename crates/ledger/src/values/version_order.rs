//! The order of versions: numbers by value, timestamps by time, each exactly or not at all.
//!
//! In scope: the 64 bits that order versions, and which versions have none.
//! Out of scope: when the order counts (`ledger::items::write_mode`).
//!
//! ```text
//!  0              no version
//!  0 | 63 bits    a number: below zero, zero, above; away from zero in three pieces
//!                   2^-128 … 2^53    as the double that holds it and prints it again
//!                   2^53 … 2^62      each whole number (below zero to -2^60)
//!                   … 2^256          as a double again
//!  1 | 63 bits    a timestamp: nanoseconds from 1970 to 2116, microseconds before and after
//! ```
//!
//! Two versions have the same bits only if they have the same value. A version that would need
//! rounding has no order. A number and a timestamp have no order between them.

use jiff::Timestamp;

use crate::values::columns::quote_name;
use crate::values::exact_number::{is_number, parse_exact_double, parse_whole_number};

/// The kind of an ordered version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankKind {
    /// A number, compared by its size.
    Number,
    /// A timestamp, RFC 3339.
    Timestamp,
}

impl RankKind {
    /// Returns the kind of the version with this hash; `None` for no version.
    pub fn from_rank(mark: u64) -> Option<Self> {
        match (mark, mark & TIMESTAMP_BIT) {
            (0, _) => None,
            (_, 0) => Some(Self::Number),
            _ => Some(Self::Timestamp),
        }
    }

    /// Returns the words with an article.
    pub fn as_words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Timestamp => "a time",
        }
    }
}

/// The bit that timestamps have.
const TIMESTAMP_BIT: u64 = 1 << 63;
/// The rank of zero. Numbers below it take 633 of the pieces of 2^52 below, numbers above it 1,397
/// above.
const ZERO_RANK: u64 = 640 << 52;
/// The smallest ordered distance from zero, as a double.
const MIN_DISTANCE: u64 = compute_double_bits(-128);
/// From here on a double does not hold every whole number.
const MAX_EXACT_INTEGER: u64 = 1 << 53;
/// Beyond these, above and below zero, only numbers that a double can hold have an order.
const BEYOND_ABOVE: u64 = 1 << 62;
const BEYOND_BELOW: u64 = 1 << 60;
/// Number of nanoseconds from 1970 that have an order.
const NANOSECONDS: u64 = 1 << 62;
/// The rank of 1970 among timestamps.
const EPOCH: u64 = 1 << 59;

/// Returns the bits of the double 2^exponent.
const fn compute_double_bits(exponent: i32) -> u64 {
    ((exponent + 1_023).unsigned_abs() as u64) << 52
}

/// Returns the rank of a version; `None` if it has no order.
pub fn rank_version(version: &str) -> Option<u64> {
    if is_number(version) { rank_number(version) } else { rank_timestamp(version) }
}

/// Returns why a version has no order.
pub fn explain_unordered_version(version: &str) -> String {
    let shown = quote_name(version);
    if is_number(version) {
        return format!(
            "the version {shown} has more digits than order = \"newer\" compares: whole numbers to 2^62, and numbers of 15 digits; a \
             shorter one, or a time, is needed"
        );
    }
    if version.parse::<Timestamp>().is_ok() {
        return format!(
            "the version {shown} is finer than the microseconds that order = \"newer\" compares in its year"
        );
    }
    format!(
        "the version {shown} is neither a number nor a time such as 2026-11-26T09:00:00Z; with order = \"newer\" it has to be one"
    )
}

fn rank_number(text: &str) -> Option<u64> {
    let is_negative = text.starts_with('-');
    let beyond = if is_negative { BEYOND_BELOW } else { BEYOND_ABOVE };
    let between = parse_whole_number(text).filter(|number| (MAX_EXACT_INTEGER..beyond).contains(number));
    let distance = if let Some(number) = between {
        compute_double_bits(53) - MIN_DISTANCE + 1 + (number - MAX_EXACT_INTEGER)
    } else {
        let bits = parse_exact_double(text)?.abs().to_bits();
        let far = compute_double_bits(beyond.ilog2().cast_signed());
        match bits {
            0 => 0,
            _ if (MIN_DISTANCE..compute_double_bits(53)).contains(&bits) => bits - MIN_DISTANCE + 1,
            _ if (far..compute_double_bits(256)).contains(&bits) => {
                compute_double_bits(53) - MIN_DISTANCE + 1 + (beyond - MAX_EXACT_INTEGER) + (bits - far)
            }
            _ => return None,
        }
    };
    Some(if is_negative { ZERO_RANK - distance } else { ZERO_RANK + distance })
}

fn rank_timestamp(text: &str) -> Option<u64> {
    let nanoseconds = text.parse::<Timestamp>().ok()?.as_nanosecond();
    if let Some(fine) = u64::try_from(nanoseconds).ok().filter(|fine| *fine < NANOSECONDS) {
        return Some(TIMESTAMP_BIT | (EPOCH + fine));
    }
    let microseconds = i64::try_from(nanoseconds / 1_000).ok().filter(|_| nanoseconds % 1_000 == 0)?;
    let from = if microseconds < 0 { EPOCH } else { EPOCH + NANOSECONDS - NANOSECONDS / 1_000 };
    Some(TIMESTAMP_BIT | from.checked_add_signed(microseconds)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_that_differ_in_their_last_digit_are_in_order() {
        let in_order = [
            "-1e76",
            "-1e19",
            "-1152921504606846975",
            "-9007199254740993",
            "-9007199254740992",
            "-9007199254740991",
            "-1.5",
            "-1e-30",
            "0",
            "1e-30",
            "1.5",
            "9007199254740991",
            "9007199254740992",
            "9007199254740993.0",
            "9.007199254740994e15",
            "1764000000123456788",
            "1764000000123456789",
            "4611686018427387903",
            "4611686018427388000",
            "1e30",
            "-999999-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "1970-01-01T00:00:00Z",
            "2026-11-26T09:00:00.123456788Z",
            "2026-11-26T10:00:00.123456789+01:00",
            "2116-02-20T23:53:38.427387903Z",
            "2116-02-20T23:53:38.427388Z",
            "9999-12-30T00:00:00Z",
        ];
        let ranks: Vec<_> = in_order.iter().filter_map(|version| rank_version(version)).collect();
        assert_eq!(ranks.len(), in_order.len() - 1, "one year is beyond all");
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:x?}");
        assert_eq!(rank_version("-0.0"), rank_version("0"));
        assert_eq!(
            (RankKind::from_rank(ranks[0]), RankKind::from_rank(ranks[ranks.len() - 1])),
            (Some(RankKind::Number), Some(RankKind::Timestamp))
        );
    }

    #[test]
    fn a_version_that_would_be_rounded_has_no_order() {
        for version in [
            "1234567890123456.789",
            "0.1234567890123456789",
            "9223372036854775807",
            "-1152921504606846977",
            "1e-400",
            "1E400",
            "1e-50",
            "2200-01-01T00:00:00.123456789Z",
            "1960-01-01T00:00:00.000000001Z",
            "v2",
            "",
            "NaN",
        ] {
            assert_eq!(rank_version(version), None, "{version}");
            assert!(explain_unordered_version(version).contains(version));
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_in_order(a in -(1_i64 << 60)..1 << 62, b in -2_i64..3) {
            let near = (a + b).clamp(-(1 << 60) + 1, (1 << 62) - 1);
            let a = a.max(-(1 << 60) + 1);
            prop_assert_eq!(a.cmp(&near), rank_version(&a.to_string()).cmp(&rank_version(&near.to_string())));
        }

        #[test]
        fn doubles_are_in_order(a in -1e70_f64..1e70, b in -1e15_f64..1e15) {
            prop_assert_eq!(a.partial_cmp(&b), Some(rank_version(&a.to_string()).cmp(&rank_version(&b.to_string()))));
        }
    }
}
