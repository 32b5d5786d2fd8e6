//! Builds typed rows from the output of steps.
//!
//! In scope: turning a step's values into rows, and every reason for a rejection. Out of scope:
//! coercing one value to a type (`ledger::values::coerce`), key column and header
//! (`ledger::rows::table_header`), and how the store writes a cell.
//!
//! A value is taken as it is or the item is rejected; it is never truncated, rounded or guessed. So
//! a text stays a text whatever it looks like, and a number that a spreadsheet could not hold
//! exactly becomes its digits.

use serde_json::{Map, Value};

use crate::grid::{Cell, Row};
use crate::items::key::Key;
use crate::rows::table_header::{KeyColumn, with_key};
use crate::values::coerce::coerce;
use crate::values::columns::{
    Columns, MAX_CELL_UNITS, MAX_COLUMNS, ValueRejection, name_json_kind, quote_name, trim_header,
};

/// Builds the rows from `values`, a step's output for the item of `key`, each with the key in its
/// column. Fails with the first value that can't become a row, naming all columns that prevent it.
pub fn build_rows(
    values: Vec<Value>,
    key: &Key,
    key_column: &KeyColumn,
    columns: &Columns,
) -> Result<Vec<Row>, ValueRejection> {
    values.into_iter().map(|value| with_key(build_row(value, columns)?, key, key_column)).collect()
}

/// Builds one row without its key; also used to find the column that carries it
/// (`table_header::choose_key_column`).
pub fn build_row(value: Value, columns: &Columns) -> Result<Row, ValueRejection> {
    let members = match value {
        Value::Object(members) => members,
        other => {
            return Err(ValueRejection(format!(
                "the output is {}; a row is an object, {{column: value}}",
                name_json_kind(&other)
            )));
        }
    };
    check_members(&members)?;
    let mut row = Row { cells: Vec::with_capacity(members.len()) };
    let mut wrong = Vec::new();
    for (name, value) in members {
        let name = if trim_header(&name).len() == name.len() { name } else { trim_header(&name).to_owned() };
        let kind = columns.kind(&name);
        let cell = coerce(value, kind, &columns.zone(&name), columns.input_form(&name)).and_then(check_cell_size);
        match cell {
            Ok(cell) => {
                let cell = columns.with_format(&name, kind, cell);
                row.cells.push((name, cell));
            }
            Err(why) => wrong.push(format!("column {}: {why}", quote_name(&name))),
        }
    }
    if !wrong.is_empty() {
        return Err(ValueRejection(wrong.join("; ")));
    }
    if row.cells.iter().all(|(_, cell)| cell.is_empty()) {
        return Err(ValueRejection("the output has no cell that is not empty; a row needs at least one".into()));
    }
    Ok(row)
}

fn check_members(members: &Map<String, Value>) -> Result<(), ValueRejection> {
    if members.is_empty() {
        return Err(ValueRejection("the output is an object without members; a row needs at least one column".into()));
    }
    if members.len() > MAX_COLUMNS {
        return Err(ValueRejection(format!("the output has {} columns; a tab takes at most 18,278", members.len())));
    }
    for name in members.keys() {
        let text = trim_header(name);
        if name.is_empty() {
            return Err(ValueRejection("the output has a column without a name: write one where the record comes from, or leave it out in a step".into()));
        }
        if text.is_empty() {
            return Err(ValueRejection(format!(
                "the output has a column whose name is only blanks: {}",
                quote_name(name)
            )));
        }
        if text.len() != name.len() {
            check_blank_variants(members, name)?;
        }
        let units = name.encode_utf16().count();
        if units > MAX_CELL_UNITS {
            return Err(ValueRejection(format!(
                "the output has a column name of {units} characters; a cell takes 50,000"
            )));
        }
    }
    Ok(())
}

/// Rejects two names that are equal without the blanks around them, because headers have none.
fn check_blank_variants(members: &Map<String, Value>, name: &str) -> Result<(), ValueRejection> {
    let other_name = members.keys().find(|other| *other != name && trim_header(other) == trim_header(name));
    other_name.map_or(Ok(()), |other_name| {
        Err(ValueRejection(format!(
            "the output has the columns {} and {}, which differ only in the blanks around them: rename one in the source, or in a step",
            quote_name(other_name),
            quote_name(name)
        )))
    })
}

fn check_cell_size(cell: Cell) -> Result<Cell, String> {
    if let Cell::Text(text) | Cell::Formula(text) = &cell
        && text.len() > MAX_CELL_UNITS
    {
        let units = text.encode_utf16().count();
        if units > MAX_CELL_UNITS {
            return Err(format!("the value has {units} characters; a cell takes at most 50,000: shorten it in a step"));
        }
    }
    Ok(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::values::columns::ColumnType;

    fn key() -> Key {
        Key::new("k").expect("a valid key")
    }

    fn make_columns(name: &str, kind: ColumnType) -> Columns {
        Columns { types: vec![(name.into(), kind)], ..Columns::default() }
    }

    fn build_rejected(value: Value, columns: &Columns) -> String {
        build_row(value, columns).expect_err("the value can't become a row").to_string()
    }

    #[test]
    fn a_value_keeps_its_type_and_a_text_stays_text() {
        let value = json!({"id": "0042", "f": "=HYPERLINK(\"x\")", "n": 1.5, "yes": true, "none": null, "blank": "",
            "big": 9_007_199_254_740_993_u64, "list": [1, {"a": 2}]});
        let row = build_row(value, &Columns::default()).expect("a row");
        let cells: Vec<Cell> = row.cells.into_iter().map(|(_, cell)| cell).collect();
        assert_eq!(
            cells,
            [
                Cell::text("0042"),
                Cell::text("=HYPERLINK(\"x\")"),
                Cell::Number(1.5),
                Cell::Bool(true),
                Cell::Empty,
                Cell::Empty,
                Cell::text("9007199254740993"),
                Cell::text("[1,{\"a\":2}]"),
            ]
        );
    }

    #[test]
    fn columns_stand_in_the_order_in_which_the_step_made_them() {
        let row = build_row(json!({"z": 1, "a": 2}), &Columns::default()).expect("a row");
        assert_eq!(row.cells.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["z", "a"]);
    }

    #[test]
    fn a_value_of_60_000_characters_is_rejected_and_never_cut() {
        let why = build_rejected(json!({"id": 1, "note": "x".repeat(60_000)}), &Columns::default());
        assert_eq!(
            why,
            "column \"note\": the value has 60000 characters; a cell takes at most 50,000: shorten it in a step"
        );
        assert!(build_row(json!({"note": "x".repeat(50_000)}), &Columns::default()).is_ok());
        assert!(build_row(json!({"note": "😀".repeat(25_001)}), &Columns::default()).is_err());
    }

    #[test]
    fn what_is_no_row_is_rejected_with_what_was_found() {
        for (value, what) in [(json!(3), "a number"), (json!([{}]), "an array"), (json!({}), "without members")] {
            assert!(build_rejected(value.clone(), &Columns::default()).contains(what), "{value}");
        }
        assert!(build_rejected(json!({"a": null, "b": ""}), &Columns::default()).contains("no cell that is not empty"));
        assert!(build_rejected(json!({"": 1}), &Columns::default()).contains("without a name"));
    }

    #[test]
    fn a_nan_in_a_number_column_is_rejected_with_its_column() {
        let why = build_rejected(json!({"magnitude": "NaN"}), &make_columns("magnitude", ColumnType::Number));
        assert_eq!(
            why,
            "column \"magnitude\": \"NaN\" is not a finite number; where there is no number, leave the field empty"
        );
    }

    #[test]
    fn every_column_of_a_row_that_is_wrong_is_named() {
        let mut columns = make_columns("amount", ColumnType::Number);
        columns.types.push(("day".into(), ColumnType::Date));
        let why = build_rejected(json!({"amount": "12,50", "day": "31.12.2026", "name": "a"}), &columns);
        assert_eq!(
            why,
            "column \"amount\": \"12,50\" is not a finite number: a decimal comma? set decimal = \",\" for this column; column \"day\": \
             \"31.12.2026\" is not a valid date; write it as YYYY-MM-DD; set input = \"%d.%m.%Y\" for this column"
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "(?s).{0,12}".prop_map(Value::from),
            Just(Value::from("2024-02-30")),
            Just(Value::from("P1Y")),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map("[a-c]{0,2}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn any_kind() -> impl Strategy<Value = ColumnType> {
        (0..ColumnType::WORDS.len()).prop_map(|at| ColumnType::WORDS[at].1)
    }

    proptest! {
        #[test]
        fn shaping_never_panics_whatever_a_step_yields(value in any_json(), a in any_kind(), b in any_kind()) {
            let columns = Columns { types: vec![("a".into(), a), ("b".into(), b)], ..Columns::default() };
            for column in [KeyColumn::Added, KeyColumn::Named("a".into())] {
                if let Ok(rows) = build_rows(vec![value.clone()], &key(), &column, &columns) {
                    prop_assert!(rows.iter().all(|row| row.cells.iter().any(|(_, cell)| !cell.is_empty())));
                }
            }
        }

        #[test]
        fn a_text_cell_holds_its_source_to_the_letter(text in "(?s).{1,40}") {
            for kind in [ColumnType::Auto, ColumnType::Text] {
                let row = build_row(json!({"c": text.clone()}), &make_columns("c", kind)).expect("a row");
                prop_assert_eq!(row.get("c"), Some(&Cell::Text(text.clone())));
            }
        }
    }
}
