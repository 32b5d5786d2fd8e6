//! What formulas take from their spreadsheet: the decimal sign, and the time of the recalculation.
//!
//! In scope: which locales write a decimal comma, the serial number of an instant in a time zone.
//! Out of scope: when a spreadsheet is recalculated (`storage::content::recalculation`), number
//! formats (`format`).
//!
//! Source: the decimal signs of CLDR 45. In a locale with a decimal comma, `;` separates arguments,
//! and `\` separates the columns of an array literal. A formula with commas is an error there
//! (googleapis/google-api-nodejs-client#1994). `;` separates arguments in every locale.

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

/// Languages whose numbers have a decimal comma.
const COMMA_LANGUAGES: &str = " af az be bg bs ca cs da de el es et eu fi fo fr gl hr hu hy id is it ka kk kl ky lt lv mk \
    nb nl nn no pl pt ro ru sk sl sq sr sv tk tr uk uz vi ";

/// Locales of these languages whose numbers have a decimal point all the same.
const POINT_LOCALES: &str = " de_CH de_LI es_419 es_DO es_GT es_HN es_MX es_NI es_PA es_PE es_PR es_SV es_US it_CH ";

/// The day with serial number 0.
const EPOCH: DateTime = date(1899, 12, 30).at(0, 0, 0, 0);

/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// The settings of a spreadsheet that its formulas depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FormulaSettings {
    /// Whether `,` is the decimal sign.
    pub has_decimal_comma: bool,
    /// The time of the last recalculation, as a serial number in the spreadsheet's time zone.
    pub now: f64,
}

impl Default for FormulaSettings {
    /// Returns the settings of `en_US`, on the day with serial number 0.
    fn default() -> Self {
        Self { has_decimal_comma: false, now: 0.0 }
    }
}

impl FormulaSettings {
    /// Creates the settings of a locale (`de_DE`, `de`) and a time zone at an instant. An unknown
    /// locale has a decimal point, and an unknown zone is UTC.
    pub(crate) fn new(locale: &str, time_zone: &str, unix_ms: i64) -> Self {
        Self { has_decimal_comma: has_decimal_comma(locale), now: compute_local_serial(unix_ms, time_zone) }
    }
}

/// Returns whether `,` is the decimal sign of a locale.
pub(crate) fn has_decimal_comma(locale: &str) -> bool {
    let locale = locale.replace('-', "_");
    let language = locale.split('_').next().unwrap_or_default().to_ascii_lowercase();
    let is_in = |list: &str, name: &str| list.split_ascii_whitespace().any(|known| known == name);
    is_in(COMMA_LANGUAGES, &language) && !is_in(POINT_LOCALES, &locale)
}

/// Returns the local time of an instant as a serial number: days since 1899-12-30, to the
/// millisecond.
fn compute_local_serial(unix_ms: i64, time_zone: &str) -> f64 {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let Ok(instant) = jiff::Timestamp::from_millisecond(unix_ms) else { return 0.0 };
    let local = zone.to_datetime(instant);
    let since = local.duration_since(EPOCH);
    let days = since.as_secs().div_euclid(86_400);
    let rest = since.as_secs().rem_euclid(86_400) * 1_000 + i64::from(since.subsec_millis());
    to_float(days) + to_float(rest) / DAY_MS
}

/// Converts an integer that is far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "days and milliseconds of the calendar are below 2^53")]
fn to_float(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decimal_sign_is_that_of_the_locale() {
        for locale in ["de_DE", "de", "fr_CA", "pt_BR", "tr_TR", "es_ES", "es_AR", "nl-NL", "sv_SE", "pl_PL"] {
            assert!(has_decimal_comma(locale), "{locale}");
        }
        for locale in ["en_US", "en_GB", "de_CH", "es_MX", "ja_JP", "zh_CN", "hi_IN", "", "??"] {
            assert!(!has_decimal_comma(locale), "{locale}");
        }
    }

    #[test]
    fn an_instant_is_the_local_time_of_the_spreadsheet() {
        // 2026-11-29T08:30:00Z.
        let instant = 1_795_941_000_000;
        assert!((compute_local_serial(instant, "Etc/GMT") - (46_355.0 + 8.5 / 24.0)).abs() < 1e-9);
        assert!((compute_local_serial(instant, "Europe/Berlin") - (46_355.0 + 9.5 / 24.0)).abs() < 1e-9);
        assert!((compute_local_serial(instant, "America/New_York") - (46_355.0 + 3.5 / 24.0)).abs() < 1e-9);
        assert!((compute_local_serial(0, "nowhere") - 25_569.0).abs() < 1e-9);
    }
}
