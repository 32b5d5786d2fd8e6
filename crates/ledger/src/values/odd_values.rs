//! What a value probably is that does not fit the type of its column, and what to do about it.
//!
//! In scope: the words after an error. Out of scope: which values fit (`values::coerce`), other ways
//! to write numbers and days (`values::input_form`).

/// Texts that people write where there is no value.
const NO_VALUE: [&str; 12] = ["-", "–", "—", "n/a", "na", "nan", "null", "none", "nil", "inf", "k.a.", "?"];

/// Returns the advice for a text that is not a number in any usual way; empty if it may be one.
pub(crate) fn advise_on_odd_number(text: &str) -> String {
    let has_digit = text.chars().any(|c| c.is_ascii_digit());
    if text.starts_with('#') || NO_VALUE.contains(&text.to_lowercase().as_str()) {
        return "; where there is no number, leave the field empty".to_owned();
    }
    if text.starts_with('=') {
        return ": a formula? its column needs type = \"formula\"".to_owned();
    }
    if !has_digit {
        return "; leave the field empty, or let the column be text".to_owned();
    }
    if text.ends_with('%') {
        return ": a percentage? take the % away in a step, or let the column be text".to_owned();
    }
    if text.starts_with('(') && text.ends_with(')') {
        return ": a negative number? it is written with a minus, and without brackets".to_owned();
    }
    if text.ends_with('-') {
        return ": a negative number? its minus comes first".to_owned();
    }
    if has_unit(text) {
        return ": a number with its currency or unit? take that away in a step, or let the column be text".to_owned();
    }
    String::new()
}

/// Returns whether a number has a currency or a unit beside it. One letter at a digit is a slip: `12,5O`.
fn has_unit(text: &str) -> bool {
    let is_mark = |c: char| c.is_alphabetic() || "€$£¥₹°".contains(c);
    let before: Vec<char> = text.chars().take_while(|c| !c.is_ascii_digit() && *c != '-').collect();
    let after: Vec<char> = text.chars().rev().take_while(|c| !c.is_ascii_digit()).collect();
    let is_unit = |mark: &[char]| {
        let letters = mark.iter().filter(|c| is_mark(**c)).count();
        letters > 0 && (mark.len() > 1 || mark.iter().any(|c| !c.is_alphabetic()))
    };
    is_unit(&before) || is_unit(&after)
}

/// Returns the advice for a text that is not a day as `YYYY-MM-DD`, and in no other usual way either.
pub(crate) fn advise_on_odd_day(text: &str) -> Option<&'static str> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_day = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        matches!(parts.as_slice(), [year, month, day] if [year, month, day].iter().all(|part| is_digits(part))
            && (year.len(), month.len(), day.len()) == (4, 2, 2))
    };
    if is_day(text) {
        return Some("is not a day of the calendar: correct it where the record comes from");
    }
    if text.get(..10).is_some_and(is_day) && matches!(text.as_bytes().get(10), Some(b' ' | b'T')) {
        return Some("is a day with a time: let its column be datetime, or keep its first ten characters in a step");
    }
    if is_digits(text) && text.len() == 5 {
        return Some(
            "may be the number by which a spreadsheet counts the day: give its cells the format of a date there, and export it again",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_probably_meant_is_asked() {
        for (text, advice) in [
            ("NaN", "leave the field empty"),
            ("#N/A", "leave the field empty"),
            ("=A1", "type = \"formula\""),
            ("soon", "let the column be text"),
            ("12 %", "a percentage?"),
            ("(12.50)", "with a minus"),
            ("12,50-", "its minus comes first"),
            ("€ 12", "currency or unit"),
            ("12 kg", "currency or unit"),
        ] {
            assert!(advise_on_odd_number(text).contains(advice), "{text}: {}", advise_on_odd_number(text));
        }
        for text in ["1.2.3", "12,5O", "1-2"] {
            assert_eq!(advise_on_odd_number(text), "");
        }
    }

    #[test]
    fn a_day_that_does_not_exist_differs_from_another_form() {
        let advice = |text| advise_on_odd_day(text).unwrap_or_default();
        assert!(advice("2026-13-01").contains("not a day of the calendar"));
        assert!(advice("2026-12-31T08:00").starts_with("is a day with a time"));
        assert!(advice("46387").contains("a spreadsheet counts"));
        assert_eq!((advise_on_odd_day("31.12.2026"), advise_on_odd_day("20261231")), (None, None));
    }
}
