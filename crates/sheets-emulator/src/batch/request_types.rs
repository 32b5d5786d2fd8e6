//! Rows, cells and ranges of requests, parsed directly into stored types.
//!
//! In scope: `RowData`, `CellData`, `ExtendedValue`, `GridRange`, `GridCoordinate`,
//! `DimensionRange`. No tree of JSON values lies between, because batches of 10,000 rows are
//! common.
//! Out of scope: error messages for malformed input (`schema::proto_json`).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::grid::area::Dimension;
use crate::grid::cell::{Cell, CellValue};
use crate::schema::message_types::find_member;
use crate::schema::proto_json::is_storable;

/// `RowData`: the cells of one row, from the first column of the request on.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RowData {
    /// The cells from the left.
    #[serde(default)]
    pub values: Vec<CellData>,
}

/// `CellData`, parsed into a cell. Members of responses only are dropped.
#[derive(Debug, Default)]
pub(crate) struct CellData(pub Cell);

impl<'de> Deserialize<'de> for CellData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = CellData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cell")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CellData, A::Error> {
                let mut cell = Cell::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    match name.as_ref() {
                        "userEnteredValue" => cell.value = map.next_value::<ExtendedValue>()?.0,
                        "effectiveValue" | "effectiveFormat" | "formattedValue" | "hyperlink" => {
                            map.next_value::<IgnoredAny>()?;
                        }
                        name => {
                            let known = find_member("CellData", name);
                            let known = known.ok_or_else(|| A::Error::custom("unknown member of a cell"))?;
                            let value: Value = map.next_value()?;
                            if !is_storable(&value, known.kind, known.is_list) {
                                return Err(A::Error::custom("a member of a cell that needs a closer look"));
                            }
                            cell.set_member(name, Some(normalize_colors(value)).filter(|v| !is_empty_value(v)));
                        }
                    }
                }
                Ok(CellData(cell))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// `ExtendedValue`; an empty text is not a value.
struct ExtendedValue(Option<CellValue>);

impl<'de> Deserialize<'de> for ExtendedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = ExtendedValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ExtendedValue, A::Error> {
                let mut value = None;
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    let read = match name.as_ref() {
                        "stringValue" => CellValue::Text(map.next_value()?),
                        "numberValue" => CellValue::Number(map.next_value()?),
                        "boolValue" => CellValue::Bool(map.next_value()?),
                        "formulaValue" => CellValue::Formula { source: map.next_value()?, result: None },
                        _ => return Err(A::Error::custom("unknown member of a value")),
                    };
                    if value.replace(read).is_some() {
                        return Err(A::Error::custom("a value holds one kind"));
                    }
                }
                Ok(ExtendedValue(value.filter(|v| *v != CellValue::Text(String::new()))))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// Returns whether a member means the same as its absence.
pub(crate) fn is_empty_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns the value as Google stores it: colour channels in 8-bit steps, without zeros (recorded:
/// 0.5 is returned as 0.49803922).
pub(crate) fn normalize_colors(value: Value) -> Value {
    match value {
        Value::Object(members) if is_color(&members) => Value::Object(
            members.into_iter().filter_map(|(name, value)| round_channel(&value).map(|value| (name, value))).collect(),
        ),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, normalize_colors(value))).collect(),
        Value::Array(items) => items.into_iter().map(normalize_colors).collect(),
        other => other,
    }
}

fn is_color(members: &Map<String, Value>) -> bool {
    !members.is_empty()
        && members.iter().all(|(name, value)| {
            matches!(name.as_str(), "red" | "green" | "blue" | "alpha") && (value.is_number() || value.is_null())
        })
}

#[expect(clippy::cast_possible_truncation, reason = "steps of 1/255 as 32-bit floats, as Google writes them")]
fn round_channel(value: &Value) -> Option<Value> {
    // A channel is a 32-bit float on the wire. In 64 bits, 7 of 255 would become 6 when read back.
    let step = (value.as_f64()?.clamp(0.0, 1.0) as f32 * 255.0).trunc();
    let objects = step / 255.0;
    if objects >= 1.0 {
        return Some(1.into());
    }
    // The recordings show the shortest text of the 32-bit number.
    (objects > 0.0).then(|| Value::from(objects.to_string().parse::<f64>().unwrap_or_default()))
}

/// `GridRange` in a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct GridRangeMessage {
    pub sheet_id: i32,
    pub start_row_index: Option<i32>,
    pub end_row_index: Option<i32>,
    pub start_column_index: Option<i32>,
    pub end_column_index: Option<i32>,
}

/// `GridCoordinate`: one cell of a sheet, from 0.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct GridCoordinate {
    pub sheet_id: i32,
    pub row_index: i32,
    pub column_index: i32,
}

/// `DimensionRange`: some rows or columns of a sheet, from 0, with an exclusive end.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DimensionRange {
    pub sheet_id: i32,
    pub dimension: Option<DimensionName>,
    pub start_index: Option<i32>,
    pub end_index: Option<i32>,
}

/// `Dimension`: whether a request is about rows or about columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum DimensionName {
    #[serde(rename = "ROWS")]
    Rows,
    #[serde(rename = "COLUMNS")]
    Columns,
    #[serde(rename = "DIMENSION_UNSPECIFIED")]
    Unspecified,
}

impl DimensionName {
    /// Returns the dimension, if the request names one.
    pub(crate) fn specified(self) -> Option<Dimension> {
        match self {
            Self::Rows => Some(Dimension::Rows),
            Self::Columns => Some(Dimension::Columns),
            Self::Unspecified => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_is_read_with_its_value_and_its_other_members() {
        let text = r#"{"userEnteredValue": {"stringValue": "=1+1"}, "note": "n", "effectiveValue": {"x": 1}}"#;
        let CellData(cell) = serde_json::from_str(text).unwrap();
        assert_eq!(cell.value, Some(CellValue::Text("=1+1".into())));
        assert_eq!(cell.note(), Some("n"));
        for bad in [r#"{"userEntered": 1}"#, r#"{"userEnteredValue": {"stringValue": "a", "boolValue": true}}"#] {
            assert!(serde_json::from_str::<CellData>(bad).is_err());
        }
    }

    #[test]
    fn colours_are_kept_in_steps_of_eight_bits() {
        let sent = json!({"backgroundColor": {"red": 0.5, "green": 0, "blue": 1}});
        assert_eq!(normalize_colors(sent), json!({"backgroundColor": {"red": 0.498_039_22, "blue": 1}}));
    }

    /// Asserted by gspread-formatting's live tests, which write back the colour that they read.
    #[test]
    fn a_colour_that_is_read_and_written_back_stays() {
        for step in 0..=255_u8 {
            let sent = json!({"red": f64::from(step) / 255.0, "blue": 1});
            let read = normalize_colors(sent);
            assert_eq!(normalize_colors(read.clone()), read, "{step}");
            let channel = read.get("red").and_then(Value::as_f64).unwrap_or_default();
            assert!((channel * 255.0 - f64::from(step)).abs() < 0.001, "{step}: {channel}");
        }
    }

    #[test]
    fn numbers_keep_all_their_bits() {
        let CellData(cell) =
            serde_json::from_str(r#"{"userEnteredValue": {"numberValue": 1517966773.8401234}}"#).unwrap();
        assert_eq!(cell.value, Some(CellValue::Number(1_517_966_773.840_123_4)));
    }
}
