//! Which locales and time zones a spreadsheet takes.
//!
//! Source: the reference of `SpreadsheetProperties`. A locale is a language of two or three
//! letters, alone or with a country, and not all of them are supported. A zone is a name of CLDR,
//! or `GMT-07:00` and the like. Which languages the service supports is not known, and neither are
//! the words of its refusals.

use jiff::tz::TimeZone;

use crate::batch::context::refuse;
use crate::error::ApiError;
use crate::storage::transaction::SpreadsheetProperties;

/// Refuses a locale or a time zone of `new` that is not of a documented form and not in `old`.
pub(crate) fn check_regional_settings(
    new: &SpreadsheetProperties,
    old: &SpreadsheetProperties,
) -> Result<(), ApiError> {
    if new.locale != old.locale && !is_locale(&new.locale) {
        return refuse(format!("Unsupported locale: {}", new.locale));
    }
    if new.time_zone != old.time_zone && !is_time_zone(&new.time_zone) {
        return refuse(format!("Unsupported time zone: {}", new.time_zone));
    }
    Ok(())
}

/// Returns whether a text has the form of a locale, such as `de`, `fil`, `en_US`, `es_419` or
/// `zh_Hant_TW`.
fn is_locale(text: &str) -> bool {
    let mut parts = text.split(['_', '-']);
    let is_language = parts.next().is_some_and(|part| matches!(part.len(), 2 | 3) && is_alphabetic(part));
    is_language
        && text.len() <= 11
        && parts.all(|part| match part.len() {
            2 | 4 => is_alphabetic(part),
            3 => part.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        })
}

fn is_alphabetic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Returns whether a zone is in the database, or a fixed offset from GMT.
fn is_time_zone(text: &str) -> bool {
    let is_offset = |offset: &str| {
        let parts = offset.strip_prefix(['+', '-']).and_then(|offset| offset.split_once(':'));
        parts.is_some_and(|(hours, minutes)| {
            let number = |text: &str, limit| text.len() == 2 && text.parse::<u8>().is_ok_and(|number| number < limit);
            number(hours, 24) && number(minutes, 60)
        })
    };
    text.strip_prefix("GMT").is_some_and(is_offset) || TimeZone::get(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_locales_are_taken_and_others_refused() {
        for locale in ["en", "fil", "en_US", "de_DE", "es_419", "zh_Hant_TW", "nl-NL"] {
            assert!(is_locale(locale), "{locale}");
        }
        for locale in ["", "e", "english", "en_", "en_USA", "en US", "wrong/value", "_US", "12", "de_DE_x_y", "dé"] {
            assert!(!is_locale(locale), "{locale}");
        }
    }

    #[test]
    fn known_zones_and_offsets_are_taken_and_others_refused() {
        for zone in ["Europe/Berlin", "Etc/GMT", "America/New_York", "UTC", "GMT-07:00", "GMT+05:30"] {
            assert!(is_time_zone(zone), "{zone}");
        }
        for zone in ["Europe/Berln", "nowhere", "GMT-7", "GMT+25:00", "GMT+05:60", "+01:00", "wrong/value"] {
            assert!(!is_time_zone(zone), "{zone}");
        }
    }

    #[test]
    fn what_a_spreadsheet_has_already_is_not_checked_again() {
        let old = SpreadsheetProperties { time_zone: "nowhere".to_owned(), ..SpreadsheetProperties::default() };
        let renamed = SpreadsheetProperties { title: "t".to_owned(), ..old.clone() };
        assert!(check_regional_settings(&renamed, &old).is_ok());
        let error = check_regional_settings(&old, &SpreadsheetProperties::default()).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (400, "Unsupported time zone: nowhere"));
    }
}
