//! Rows, cells and ranges as requests send them, read straight into what storage keeps.
//!
//! In scope: `RowData`, `CellData`, `ExtendedValue`, `GridRange`, `GridCoordinate`, `DimensionRange`, without a tree of
//! JSON values in between: 10,000 rows in one batch are the ordinary case.
//! Out of scope: explaining what is malformed (`proto` does, when these give up).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::grid::area::Dimension;
use crate::grid::cell::{Cell, CellValue};
use crate::schema::message_types::member;
use crate::schema::proto_json::fits;

/// `RowData`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RowData {
    /// The cells from the left.
    #[serde(default)]
    pub values: Vec<CellData>,
}

/// `CellData`, read into a cell. Members that only answers carry are dropped.
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
                            let known = member("CellData", name);
                            let known = known.ok_or_else(|| A::Error::custom("unknown member of a cell"))?;
                            let value: Value = map.next_value()?;
                            if !fits(&value, known.kind, known.list) {
                                return Err(A::Error::custom("a member of a cell that needs a closer look"));
                            }
                            cell.set_member(name, Some(normalized_colors(value)).filter(|v| !is_empty_value(v)));
                        }
                    }
                }
                Ok(CellData(cell))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// `ExtendedValue`; an empty text is no value.
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

/// Whether a member says no more than its absence.
pub(crate) fn is_empty_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The value as Google keeps it: colour channels in 8-bit steps, those of zero left out (recorded: 0.5 comes back as
/// 0.49803922).
pub(crate) fn normalized_colors(value: Value) -> Value {
    match value {
        Value::Object(members) if is_color(&members) => Value::Object(
            members.into_iter().filter_map(|(name, value)| channel(&value).map(|value| (name, value))).collect(),
        ),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, normalized_colors(value))).collect(),
        Value::Array(items) => items.into_iter().map(normalized_colors).collect(),
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
fn channel(value: &Value) -> Option<Value> {
    let step = (value.as_f64()?.clamp(0.0, 1.0) * 255.0).trunc();
    let kept = (step / 255.0) as f32;
    if kept >= 1.0 {
        return Some(1.into());
    }
    // The shortest text of the 32-bit number is what the recordings show.
    (kept > 0.0).then(|| Value::from(kept.to_string().parse::<f64>().unwrap_or_default()))
}

/// `GridRange` as sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct GridRangeMessage {
    /// The sheet.
    pub sheet_id: i32,
    /// First row.
    pub start_row_index: Option<i32>,
    /// Row after the last.
    pub end_row_index: Option<i32>,
    /// First column.
    pub start_column_index: Option<i32>,
    /// Column after the last.
    pub end_column_index: Option<i32>,
}

/// `GridCoordinate`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct GridCoordinate {
    /// The sheet.
    pub sheet_id: i32,
    /// The row.
    pub row_index: i32,
    /// The column.
    pub column_index: i32,
}

/// `DimensionRange`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct DimensionRange {
    /// The sheet.
    pub sheet_id: i32,
    /// Rows or columns.
    pub dimension: Option<DimensionName>,
    /// The first.
    pub start_index: Option<i32>,
    /// The one after the last.
    pub end_index: Option<i32>,
}

/// `Dimension`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum DimensionName {
    /// Rows.
    #[serde(rename = "ROWS")]
    Rows,
    /// Columns.
    #[serde(rename = "COLUMNS")]
    Columns,
    /// Not said.
    #[serde(rename = "DIMENSION_UNSPECIFIED")]
    Unspecified,
}

impl DimensionName {
    /// The dimension, when one is said.
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
        assert_eq!(normalized_colors(sent), json!({"backgroundColor": {"red": 0.498_039_22, "blue": 1}}));
    }

    #[test]
    fn numbers_keep_all_their_bits() {
        let CellData(cell) =
            serde_json::from_str(r#"{"userEnteredValue": {"numberValue": 1517966773.8401234}}"#).unwrap();
        assert_eq!(cell.value, Some(CellValue::Number(1_517_966_773.840_123_4)));
    }
}
