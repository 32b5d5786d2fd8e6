//! Formulas and what `LibreOffice` computes for them.
//!
//! `formula_oracle.tsv` holds a small table, and drawn formulas over it with their results;
//! `tests/interop/formula_oracle.py` writes it. Where the service is known to differ from
//! `LibreOffice`, the formula is not drawn.

use serde_json::{Value, json};

use crate::batch::tests::calls::{send, store};
use crate::methods::values_read;
use crate::methods::values_write::update;
use crate::storage::store::SpreadsheetStore;

const ORACLE: &str = include_str!("formula_oracle.tsv");

fn put(store: &SpreadsheetStore, range: &str, values: &Value, option: &str) {
    let words = json!({ "valueInputOption": option });
    let body = json!({ "values": values });
    update(store, "s", range, words.as_object().unwrap(), body.as_object().unwrap()).unwrap();
}

/// Returns a cell of the table: a number, or a text after its `'`.
fn cell(text: &str) -> Value {
    match text.strip_prefix('\'') {
        Some(text) => json!(text),
        None if text.is_empty() => Value::Null,
        None => json!(text.parse::<f64>().unwrap()),
    }
}

/// Returns whether a value is the expected one: `"text`, `#ERROR`, or a number.
fn is_expected(value: &Value, expected: &str) -> bool {
    if let Some(text) = expected.strip_prefix('"') {
        return value == text;
    }
    match (expected.parse::<f64>(), value.as_f64()) {
        (Ok(expected), Some(value)) => (value - expected).abs() <= 1e-9 * expected.abs().max(1.0),
        _ => value == expected,
    }
}

#[test]
fn formulas_yield_what_libreoffice_computes() {
    let store = store();
    let lines = || ORACLE.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let cells: Vec<Vec<Value>> = lines()
        .filter(|line| line[0] == "cells")
        .map(|line| line[1..].iter().map(|text| cell(text)).collect())
        .collect();
    let formulas: Vec<(&str, &str)> =
        lines().filter(|line| line[0].starts_with('=')).map(|line| (line[0], line[1])).collect();
    assert!(cells.len() == 24 && formulas.len() > 1_000, "{} {}", cells.len(), formulas.len());
    let grid =
        json!({"properties": {"gridProperties": {"rowCount": 2_000, "columnCount": 6}}, "fields": "gridProperties"});
    send(&store, json!([{ "updateSheetProperties": grid }])).unwrap();
    put(&store, "A1", &json!(cells), "RAW");
    let column: Vec<Value> = formulas.iter().map(|(formula, _)| json!([formula])).collect();
    put(&store, "F1", &json!(column), "USER_ENTERED");
    let words = json!({ "valueRenderOption": "UNFORMATTED_VALUE" });
    let answer = values_read::get(&store, "s", "F1:F2000", words.as_object().unwrap(), false).unwrap();
    let values = serde_json::from_slice::<Value>(&answer).unwrap()["values"].clone();
    let blank = json!("");
    let wrong: Vec<String> = formulas
        .iter()
        .enumerate()
        .map(|(at, (formula, expected))| (formula, expected, values[at].get(0).unwrap_or(&blank)))
        .filter(|(_, expected, value)| !is_expected(value, expected))
        .map(|(formula, expected, value)| format!("{formula}: {value}, expected {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), formulas.len(), wrong.join("\n"));
}
