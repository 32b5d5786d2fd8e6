//! One cell as JSON, with all its members.
//!
//! In scope: `CellData`, its entered and effective values and formats. Out of scope: which cells a
//! response contains (`workbook::spreadsheet_json`), displayed texts (`format::render`).

use serde_json::{Map, Value, json};

use crate::format::render::{format_cell, read_effective_value};
use crate::format::response_format::{add_both_colors, remove_first_sheet_id};
use crate::grid::cell::{Cell, CellValue};
use crate::grid::value::{Scalar, find_error_type};

/// Returns `CellData`. `default` is the format of a cell without one, or `None` to leave effective
/// formats out. `changes` are those of conditional formats, and `link_target` returns the target of
/// a link formula.
pub(crate) fn render_cell_data(
    cell: &Cell,
    default: Option<&Value>,
    changes: Option<&Value>,
    link_target: impl Fn(&str) -> Option<String>,
) -> Value {
    let mut members = Map::new();
    let mut side = None;
    if let Some(value) = &cell.value {
        let scalar = read_effective_value(cell);
        members.extend(render_user_entered_value(value).map(|value| ("userEnteredValue".to_owned(), value)));
        members.insert("effectiveValue".to_owned(), render_effective_value(&scalar));
        side = find_default_alignment(&scalar);
        members.insert("formattedValue".to_owned(), format_cell(cell, scalar).into());
        if let CellValue::Formula { source, .. } = value {
            let address = link_target(source);
            members.extend(address.map(|address| ("hyperlink".to_owned(), address.into())));
        }
    }
    if let Some(format) = cell.format() {
        members.insert("userEnteredFormat".to_owned(), add_both_colors(format));
    }
    if let Some(default) = default {
        let format = cell.format().map(add_both_colors);
        let mut format = merge_effective_format(default, format.as_ref(), side);
        if let Some(changes) = changes {
            overlay(&mut format, changes);
        }
        members.insert("effectiveFormat".to_owned(), format);
    }
    for (name, value) in cell.members.iter().flat_map(|objects| objects.iter()) {
        if name != "userEnteredFormat" {
            members
                .insert(name.clone(), if name == "pivotTable" { remove_first_sheet_id(value) } else { value.clone() });
        }
    }
    Value::Object(members)
}

/// Returns the `ExtendedValue` that was entered.
fn render_user_entered_value(value: &CellValue) -> Option<Value> {
    Some(match value {
        CellValue::Text(text) => json!({"stringValue": text}),
        CellValue::Number(number) => json!({"numberValue": to_json(*number)}),
        CellValue::Bool(truth) => json!({"boolValue": truth}),
        CellValue::Formula { source, .. } => json!({"formulaValue": source}),
        CellValue::Spilled(_) => return None,
    })
}

/// Returns the `ExtendedValue` of the effective value.
fn render_effective_value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Blank => json!({}),
        Scalar::Text(text) => json!({"stringValue": text}),
        Scalar::Number(number) => json!({"numberValue": to_json(*number)}),
        Scalar::Bool(truth) => json!({"boolValue": truth}),
        Scalar::Error(detail) => json!({"errorValue": {"type": find_error_type(detail), "message": detail}}),
    }
}

/// Writes integers without a decimal point, as Google does.
#[expect(clippy::cast_possible_truncation, reason = "whole and far inside an i64")]
fn to_json(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e17 { Value::from(number as i64) } else { Value::from(number) }
}

/// Returns the default alignment of a value.
fn find_default_alignment(scalar: &Scalar) -> Option<&'static str> {
    match scalar {
        Scalar::Blank => None,
        Scalar::Text(_) => Some("LEFT"),
        Scalar::Number(_) => Some("RIGHT"),
        Scalar::Bool(_) | Scalar::Error(_) => Some("CENTER"),
    }
}

/// Returns the default format with the cell's own format on top. The value's kind sets a missing
/// alignment, and links are displayed as plain text, as in recorded responses.
fn merge_effective_format(default: &Value, set: Option<&Value>, side: Option<&str>) -> Value {
    let mut format = default.clone();
    if let Some(members) = format.as_object_mut() {
        members.extend(side.map(|side| ("horizontalAlignment".to_owned(), side.into())));
    }
    if let Some(set) = set {
        overlay(&mut format, set);
    }
    format
}

fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                match base.get_mut(name) {
                    Some(known) if !name.to_lowercase().contains("color") => overlay(known, value),
                    _ => {
                        base.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}
