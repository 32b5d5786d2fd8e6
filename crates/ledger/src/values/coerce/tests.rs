use serde_json::json;

use super::*;
use crate::values::input_form::DecimalMark;

fn cell(value: Value, kind: ColumnType) -> Result<Cell, String> {
    coerce(value, kind, &TimeZone::UTC, &InputForm::default())
}

fn coerce_in_berlin(text: &str) -> Result<Cell, String> {
    let zone = TimeZone::get("Europe/Berlin").expect("a known zone");
    coerce(json!(text), ColumnType::DateTime, &zone, &InputForm::default())
}

#[test]
fn a_numeric_text_becomes_a_number_only_in_a_number_column() {
    assert_eq!(cell(json!("0042"), ColumnType::Number), Ok(Cell::Number(42.0)));
    assert_eq!(cell(json!("-1.5e3"), ColumnType::Number), Ok(Cell::Number(-1_500.0)));
    assert_eq!(cell(json!("0042"), ColumnType::Auto), Ok(Cell::text("0042")));
    for text in ["NaN", "inf", "-Infinity", "1,234", "0x10", "1e999", "12 apples"] {
        assert!(cell(json!(text), ColumnType::Number).is_err(), "{text}");
    }
    assert!(cell(json!({"a": 1}), ColumnType::Number).is_err());
}

#[test]
fn a_whole_number_beyond_2_to_the_53_keeps_its_digits() {
    for (value, cell_of) in [
        (json!(9_007_199_254_740_992_i64), Cell::Number(9_007_199_254_740_992.0)),
        (json!(-9_007_199_254_740_993_i64), Cell::text("-9007199254740993")),
        (json!(u64::MAX), Cell::text("18446744073709551615")),
        (json!("12345678901234567890"), Cell::text("12345678901234567890")),
    ] {
        assert_eq!(cell(value, ColumnType::Number), Ok(cell_of));
    }
}

#[test]
fn a_number_that_a_double_changes_is_never_rounded() {
    for digits in ["1234567890123456.789", "0.1234567890123456789", "9007199254740993.0", "1e-400", "1E400"] {
        let number = exact_number::from_token(digits);
        for kind in [ColumnType::Auto, ColumnType::Text] {
            assert_eq!(cell(number.clone(), kind), Ok(Cell::text(digits)));
        }
        for value in [number.clone(), json!(digits)] {
            let why = cell(value, ColumnType::Number).expect_err("it would be rounded");
            assert!(why.contains(&format!("would change the number {digits},")), "{why}");
        }
        assert!(cell(number, ColumnType::Duration).is_err_and(|why| why.contains(digits)));
        let nested = cell(json!({"a": [exact_number::from_token(digits)]}), ColumnType::Auto);
        assert_eq!(nested, Ok(Cell::text(format!("{{\"a\":[{digits}]}}"))));
    }
    for (text, number) in [("0.30000000000000004", 0.300_000_000_000_000_04), ("1e23", 1e23), ("+5.", 5.0)] {
        assert_eq!(cell(json!(text), ColumnType::Number), Ok(Cell::Number(number)));
    }
}

#[test]
fn a_number_with_a_decimal_comma_is_exact() {
    let form = InputForm { decimal: Some(DecimalMark::Comma), pattern: None };
    let cell = |text: &str| coerce(json!(text), ColumnType::Number, &TimeZone::UTC, &form);
    assert_eq!(cell("1.234,56"), Ok(Cell::Number(1_234.56)));
    assert_eq!(cell(" -12,5 "), Ok(Cell::Number(-12.5)));
    assert_eq!(cell("12.345.678.901.234.567.890"), Ok(Cell::text("12345678901234567890")));
    assert!(
        cell("0,1234567890123456789").is_err_and(|why| why.contains("would change the number 0.1234567890123456789"))
    );
    let why = cell("1,234.56").expect_err("a decimal point");
    assert!(why.starts_with("\"1,234.56\" is not a finite number: a decimal point?"), "{why}");
}

#[test]
fn a_zero_below_zero_is_a_zero() {
    let is_plain = |cell| matches!(cell, Ok(Cell::Number(n)) if n == 0.0 && n.is_sign_positive());
    assert!(is_plain(cell(json!(-0.0), ColumnType::Auto)) && is_plain(cell(json!("-0.0"), ColumnType::Number)));
}

#[test]
fn a_moment_is_shown_in_the_sheets_zone_around_clock_changes() {
    assert_eq!(coerce_in_berlin("2020-01-01T00:00:00Z"), Ok(Cell::DateTime(43_831.0 + 1.0 / 24.0)));
    assert_eq!(coerce_in_berlin("2020-07-01T00:00:00Z"), Ok(Cell::DateTime(44_013.0 + 2.0 / 24.0)));
    assert_eq!(coerce_in_berlin("2020-07-01 12:00"), Ok(Cell::DateTime(44_013.5)));
    assert_eq!(coerce_in_berlin("2020-07-01T12:00:00"), Ok(Cell::DateTime(44_013.5)));
    assert_eq!(
        cell(json!("2018-02-07T01:26:13.840Z"), ColumnType::DateTime),
        Ok(Cell::DateTime(43_138.059_882_407_404))
    );
}

#[test]
fn a_number_in_a_time_column_is_rejected_with_jq_advice() {
    let why = cell(json!(1_517_966_773_840_i64), ColumnType::DateTime).expect_err("a number is not a time");
    assert!(why.contains("1517966773840") && why.contains(". / 1000 | todate"), "{why}");
}

#[test]
fn a_day_that_does_not_exist_is_rejected() {
    assert_eq!(cell(json!("1899-12-31"), ColumnType::Date), Ok(Cell::Date(1.0)));
    for text in ["2023-02-29", "2023-1-1", "01.02.2023", "2023-01-01T00:00:00Z"] {
        assert!(cell(json!(text), ColumnType::Date).is_err(), "{text}");
    }
}

#[test]
fn the_other_types_take_what_they_say() {
    for (value, kind, cell_of) in [
        (json!("Yes"), ColumnType::Boolean, Cell::Bool(true)),
        (json!(0), ColumnType::Boolean, Cell::Bool(false)),
        (json!(43_200), ColumnType::Duration, Cell::Duration(0.5)),
        (json!("PT12H"), ColumnType::Duration, Cell::Duration(0.5)),
        (json!("1h 30m"), ColumnType::Duration, Cell::Duration(0.0625)),
        (json!("https://example.org/a"), ColumnType::Link, Cell::text("https://example.org/a")),
        (json!("=1+1"), ColumnType::Formula, Cell::Formula("=1+1".into())),
        (json!(42.0), ColumnType::Text, Cell::text("42")),
        (json!(null), ColumnType::Date, Cell::Empty),
        (json!(""), ColumnType::Formula, Cell::Empty),
    ] {
        assert_eq!(cell(value, kind), Ok(cell_of));
    }
    for (value, kind) in [
        (json!("maybe"), ColumnType::Boolean),
        (json!("P1M"), ColumnType::Duration),
        (json!("javascript:alert(1)"), ColumnType::Link),
        (json!("1+1"), ColumnType::Formula),
    ] {
        assert!(cell(value.clone(), kind).is_err(), "{value}");
    }
}
