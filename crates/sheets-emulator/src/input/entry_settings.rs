//! What `USER_ENTERED` takes from a spreadsheet: its decimal sign, the order of its dates, and the
//! present year.
//!
//! In scope: which locales write the day first. Out of scope: the decimal signs
//! (`formula::settings`), the spellings of dates (`format::typed_date`).
//!
//! Source: `updateSpreadsheetProperties` changes how texts are read, as users report; the order of
//! day and month is that of CLDR 45.

use jiff::tz::TimeZone;

use crate::format::typed_date::DateSpelling;
use crate::formula::settings::has_decimal_comma;
use crate::storage::store::StorageError;
use crate::storage::transaction::Transaction;

/// Languages and locales that write the month before the day.
const MONTH_FIRST: &str = " en en_US en_CA en_PH en_ZA eu fil fr_CA hu ja ko lt mn zh ";

/// How the texts that a client types are read. The default is `en_US` without a present year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EntrySettings {
    /// Whether `,` is the decimal sign, and `.` separates thousands.
    pub has_decimal_comma: bool,
    /// How dates are written.
    pub dates: DateSpelling,
}

impl EntrySettings {
    /// Returns the settings of a spreadsheet at the time of a transaction.
    pub(crate) fn read(transaction: &Transaction<'_>) -> Result<Self, StorageError> {
        let properties = transaction.properties()?;
        Ok(Self::new(&properties.locale, &properties.time_zone, transaction.began_ms()))
    }

    /// Creates the settings of a locale (`de_DE`, `de`) and a time zone at an instant. An unknown
    /// zone is UTC.
    fn new(locale: &str, time_zone: &str, unix_ms: i64) -> Self {
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        let instant = jiff::Timestamp::from_millisecond(unix_ms).ok();
        let has_decimal_comma = has_decimal_comma(locale);
        let dates = DateSpelling {
            year: instant.map(|instant| zone.to_datetime(instant).year()),
            is_day_first: is_day_first(locale),
            has_dots: has_decimal_comma,
        };
        Self { has_decimal_comma, dates }
    }
}

fn is_day_first(locale: &str) -> bool {
    let locale = locale.replace('-', "_");
    let (language, country) = locale.split_once('_').unwrap_or((&locale, ""));
    let is_listed = |name: &str| MONTH_FIRST.contains(&format!(" {name} "));
    let by_language = language != "en" && is_listed(language);
    !(is_listed(&locale) || by_language || locale.is_empty() || language == "en" && country.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_comes_first_in_most_locales() {
        for locale in ["en_GB", "en_AU", "de_DE", "de", "fr_FR", "es_419", "pt_BR", "it-IT"] {
            assert!(is_day_first(locale), "{locale}");
        }
        for locale in ["en_US", "en", "en_CA", "fr_CA", "ja_JP", "zh_Hant_TW", "ko", "fil", ""] {
            assert!(!is_day_first(locale), "{locale}");
        }
    }

    #[test]
    fn the_present_year_is_that_of_the_time_zone() {
        // 2026-12-31T23:30:00Z.
        let instant = 1_798_759_800_000;
        let year = |zone: &str| EntrySettings::new("en_US", zone, instant).dates.year;
        assert_eq!((year("Etc/GMT"), year("Europe/Berlin"), year("nowhere")), (Some(2026), Some(2027), Some(2026)));
    }
}
