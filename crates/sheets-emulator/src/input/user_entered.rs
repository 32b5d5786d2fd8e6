//! Converts values of requests into cell values.
//!
//! In scope: `USER_ENTERED`, which parses texts as if typed, and `RAW`, which stores texts as sent.
//! Out of scope: which cells are written (`methods`), rendering (`format`), dates and times
//! (`format::typed_date`), what a locale changes (`entry_settings`).
//!
//! Source: `ValueInputOption` of the API; the conversions are recorded or reported.

use crate::format::number_format::NumberFormat;
use crate::format::typed_date::{is_digits, parse_moment};
use crate::grid::cell::CellValue;
use crate::input::entry_settings::EntrySettings;

/// A value, and the format that typing it gives the cell.
#[derive(Debug, Clone, PartialEq)]
pub struct EnteredValue {
    /// The value; `None` clears the cell.
    pub value: Option<CellValue>,
    /// The format, if the text implies one.
    pub format: Option<NumberFormat>,
}

impl EnteredValue {
    fn from_value(value: CellValue) -> Self {
        Self { value: Some(value), format: None }
    }

    /// Creates a number with this format.
    fn with_format(value: f64, kind: &str, pattern: &str) -> Self {
        Self { value: Some(CellValue::Number(value)), format: Some(NumberFormat::new(kind, pattern)) }
    }

    /// Converts a text for `RAW`. An empty text clears the cell.
    pub fn from_raw_text(text: &str) -> Self {
        Self { value: (!text.is_empty()).then(|| CellValue::Text(text.to_owned())), format: None }
    }

    /// Converts a text as if it were typed into a cell of an `en_US` spreadsheet.
    pub fn from_typed_text(text: &str) -> Self {
        Self::from_text_typed_in(text, EntrySettings::default())
    }

    /// Converts a text as if it were typed into a cell of a spreadsheet with these settings.
    pub(crate) fn from_text_typed_in(text: &str, settings: EntrySettings) -> Self {
        if let Some(literal) = text.strip_prefix('\'') {
            return Self::from_value(CellValue::Text(literal.to_owned()));
        }
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Self::from_raw_text(text);
        }
        if trimmed.len() > 1 && trimmed.starts_with('=') {
            return Self::from_value(CellValue::Formula { source: trimmed.to_owned(), result: None });
        }
        if trimmed.eq_ignore_ascii_case("true") || trimmed.eq_ignore_ascii_case("false") {
            return Self::from_value(CellValue::Bool(trimmed.eq_ignore_ascii_case("true")));
        }
        if let Some(entry) = parse_number(trimmed, settings.has_decimal_comma) {
            return entry;
        }
        if let Some((value, format)) = parse_moment(trimmed, settings.dates) {
            return Self { value: Some(CellValue::Number(value)), format: Some(format) };
        }
        // A sign in front of other text starts a formula, as in "+ 1 person".
        if trimmed.len() > 1 && trimmed.starts_with(['+', '-']) {
            return Self::from_value(CellValue::Formula { source: format!("={trimmed}"), result: None });
        }
        Self::from_raw_text(text)
    }
}

/// Parses `42`, `-1.5`, `2,000,000.01`, `10%`, `$5`, `$-5`, `1e5`; with a decimal comma, `.` and `,`
/// change places.
fn parse_number(text: &str, has_decimal_comma: bool) -> Option<EnteredValue> {
    let (point, group) = if has_decimal_comma { (',', '.') } else { ('.', ',') };
    let (minus, rest) = split_sign(text);
    let (money, rest) = split_currency(rest);
    let (minus_after_symbol, rest) = if money.is_some() && !minus { split_sign(rest) } else { (false, rest) };
    let negative = minus || minus_after_symbol;
    let (percent, rest) = rest.strip_suffix('%').map_or((false, rest), |rest| (true, rest.trim_end()));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).map_or((rest, None), |(m, e)| (m, Some(e)));
    if exponent.is_some_and(|e| !is_digits(e.strip_prefix(['+', '-']).unwrap_or(e))) {
        return None;
    }
    let (whole, fraction) = mantissa.split_once(point).map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let grouped = whole.contains(group);
    if grouped && !is_grouped(whole, group) || fraction.is_some_and(|f| !f.is_empty() && !is_digits(f)) {
        return None;
    }
    let digits = whole.replace(group, "");
    if !(is_digits(&digits) || digits.is_empty() && fraction.is_some_and(is_digits)) {
        return None;
    }
    let value = format!("{digits}.{}e{}", fraction.unwrap_or_default(), exponent.unwrap_or("0")).parse::<f64>().ok()?;
    let value = if negative { -value } else { value } / if percent { 100.0 } else { 1.0 };
    if !value.is_finite() {
        return None;
    }
    let decimals = if fraction.is_some_and(|f| !f.is_empty()) { ".00" } else { "" };
    Some(match (money, percent, exponent.is_some(), grouped) {
        (Some(symbol), ..) => EnteredValue::with_format(value, "CURRENCY", &format!("{symbol}#,##0{decimals}")),
        (_, true, ..) => EnteredValue::with_format(value, "PERCENT", &format!("0{decimals}%")),
        (_, _, true, _) => EnteredValue::with_format(value, "SCIENTIFIC", "0.00E+00"),
        (_, _, _, true) => EnteredValue::with_format(value, "NUMBER", &format!("#,##0{decimals}")),
        _ => EnteredValue::from_value(CellValue::Number(value)),
    })
}

/// Returns whether a minus sign is in front, and the rest.
fn split_sign(text: &str) -> (bool, &str) {
    text.strip_prefix(['-', '+']).map_or((false, text), |rest| (text.starts_with('-'), rest.trim_start()))
}

/// Returns the pattern of a currency symbol in front, and the rest.
fn split_currency(text: &str) -> (Option<&'static str>, &str) {
    let known = [("$", "\"$\""), ("€", "[$€]"), ("£", "[$£]"), ("¥", "[$¥]")];
    let found = known.iter().find_map(|(sign, symbol)| Some((*symbol, text.strip_prefix(sign)?)));
    found.map_or((None, text), |(symbol, rest)| (Some(symbol), rest.trim_start()))
}

fn is_grouped(text: &str, group: char) -> bool {
    let mut groups = text.split(group);
    groups.next().is_some_and(|first| is_digits(first) && first.len() <= 3)
        && groups.all(|g| is_digits(g) && g.len() == 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::typed_date::DateSpelling;
    use proptest::prelude::*;

    fn enter_text(text: &str) -> (Option<CellValue>, String) {
        let entry = EnteredValue::from_typed_text(text);
        (entry.value, entry.format.map(|f| f.pattern).unwrap_or_default())
    }

    #[test]
    fn texts_become_what_google_recorded() {
        for (text, value, pattern) in [
            ("0042", 42.0, ""),
            ("2,000,000.01", 2_000_000.01, "#,##0.00"),
            ("2020-01-01", 43_831.0, "yyyy-mm-dd"),
            ("53", 53.0, ""),
            (" 7 ", 7.0, ""),
            ("-1.5", -1.5, ""),
            (".5", 0.5, ""),
            ("10%", 0.1, "0%"),
            ("$5", 5.0, "\"$\"#,##0"),
            ("-$1,234.50", -1234.5, "\"$\"#,##0.00"),
            ("$100.15", 100.15, "\"$\"#,##0.00"),
            ("$-5", -5.0, "\"$\"#,##0"),
            ("€5", 5.0, "[$€]#,##0"),
            ("12.5%", 0.125, "0.00%"),
            ("1e5", 100_000.0, "0.00E+00"),
        ] {
            assert_eq!(enter_text(text), (Some(CellValue::Number(value)), pattern.to_owned()), "{text}");
        }
        assert_eq!(EnteredValue::from_typed_text("True").value, Some(CellValue::Bool(true)));
        assert_eq!(EnteredValue::from_typed_text("").value, None);
    }

    #[test]
    fn a_decimal_comma_changes_places_with_the_point() {
        let dates = DateSpelling { year: Some(2026), is_day_first: true, has_dots: true };
        let german = EntrySettings { has_decimal_comma: true, dates };
        for (text, value, pattern) in [
            ("1,5", 1.5, ""),
            ("1.234,5", 1234.5, "#,##0.00"),
            ("1.234", 1234.0, "#,##0"),
            ("12,5%", 0.125, "0.00%"),
            ("1.5", 46_143.0, "d.m"),
        ] {
            let entry = EnteredValue::from_text_typed_in(text, german);
            let got = (entry.value, entry.format.map(|format| format.pattern).unwrap_or_default());
            assert_eq!(got, (Some(CellValue::Number(value)), pattern.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_stays_text() {
        for text in [
            "abc",
            "1,00",
            "2020-13-01",
            "2020-01-01T00:00:00Z",
            "1.2.3",
            "e5",
            "1e",
            "=",
            "12,345,6",
            "nan",
            "inf",
            "1_0",
            "$",
        ] {
            assert_eq!(enter_text(text), (Some(CellValue::Text(text.to_owned())), String::new()), "{text}");
        }
        assert_eq!(enter_text("'0042").0, Some(CellValue::Text("0042".to_owned())));
    }

    #[test]
    fn formulas_and_signs_become_formulas_and_raw_texts_never_do() {
        let formula = |text: &str| Some(CellValue::Formula { source: text.to_owned(), result: None });
        assert_eq!(EnteredValue::from_typed_text("=3/2").value, formula("=3/2"));
        assert_eq!(EnteredValue::from_typed_text("+ Non-Refundable").value, formula("=+ Non-Refundable"));
        assert_eq!(EnteredValue::from_raw_text("=3/2").value, Some(CellValue::Text("=3/2".to_owned())));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_finite(text in "[-+$%0-9eE.,:/ apmAPM]{0,16}") {
            if let Some(CellValue::Number(n)) = EnteredValue::from_typed_text(&text).value {
                prop_assert!(n.is_finite());
            }
        }

        #[test]
        fn raw_keeps_every_text(text in "\\PC{1,30}") {
            prop_assert_eq!(EnteredValue::from_raw_text(&text).value, Some(CellValue::Text(text)));
        }
    }
}
