//! Timestamps as values. This module never reads a clock.
//!
//! In scope: a timestamp in milliseconds, its text form, and the serial number of a spreadsheet.
//! Out of scope: the present time (`clock`), time zones of data (`ledger::values::columns`).

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// Milliseconds in a day.
const DAY_MS: f64 = 86_400_000.0;

/// The serial number of 1970-01-01; serial 0 is 1899-12-30 (Sheets API, `DateTimeRenderOption`).
const EPOCH_SERIAL: f64 = 25_569.0;

impl Timestamp {
    /// Returns the timestamp `ms` milliseconds later; saturates.
    #[must_use]
    pub fn add_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Returns the milliseconds since `earlier`, 0 if that is later.
    pub fn ms_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// Returns the days since 1899-12-30 with the time of day as a fraction: a spreadsheet's form
    /// of a UTC timestamp.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any real date are far below 2^53")]
    pub fn serial(self) -> f64 {
        self.0 as f64 / DAY_MS + EPOCH_SERIAL
    }

    /// Returns the timestamp of a serial number, to the millisecond; saturates.
    #[expect(clippy::cast_possible_truncation, reason = "a float beyond the range of i64 saturates, which is meant")]
    pub fn from_serial(days: f64) -> Self {
        Self(((days - EPOCH_SERIAL) * DAY_MS).round() as i64)
    }

    /// Parses the output of `Display`, or any other RFC 3339 timestamp. Earlier versions wrote a
    /// timestamp without such a form as milliseconds, `253402300740001 ms`.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = || text.strip_suffix(" ms")?.parse().ok().map(Self);
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond())).or_else(bare)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds, `2026-11-22T09:00:00.000Z`. A timestamp beyond the
    /// calendar, from a wrong clock, is written as the nearest end, so that it can be parsed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        let nearest = if self.0 < 0 { ends.0 } else { ends.1 };
        write!(f, "{:.3}", jiff::Timestamp::from_millisecond(self.0).unwrap_or(nearest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_reads_back_what_it_wrote() {
        let t = Timestamp(1_517_966_773_840);
        assert_eq!(t.to_string(), "2018-02-07T01:26:13.840Z");
        assert_eq!(Timestamp::parse(&t.to_string()), Some(t));
    }

    #[test]
    fn the_first_of_january_2020_is_serial_43831() {
        let t = Timestamp::parse("2020-01-01T00:00:00Z").expect("a valid moment");
        assert!((t.serial() - 43_831.0).abs() < f64::EPSILON);
    }

    #[test]
    fn any_moment_of_a_clock_is_written_so_that_it_reads_back() {
        for ms in [i64::MIN, -1, 0, 253_402_300_740_001, i64::MAX] {
            assert!(Timestamp::parse(&Timestamp(ms).to_string()).is_some(), "{ms}");
        }
        assert_eq!(Timestamp::parse("253402300740001 ms"), Some(Timestamp(253_402_300_740_001)));
    }
}
