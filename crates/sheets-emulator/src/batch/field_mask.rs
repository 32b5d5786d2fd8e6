//! The `fields` of a request: which members it writes, and how.
//!
//! In scope: masks over cells and over any JSON message.
//! Out of scope: masks over responses (`schema::response_mask`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::batch::request_types::is_empty_value;
use crate::error::ApiError;
use crate::grid::cell::{Cell, CellValue};
use crate::schema::response_mask::ResponseMask;

/// Parses `fields` for a message type. Fails with 400 for an empty mask or an unknown name.
pub(crate) fn read(fields: &str, message: &str) -> Result<ResponseMask, ApiError> {
    if fields.trim().is_empty() {
        let detail = "At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)";
        return Err(ApiError::invalid_argument(detail));
    }
    ResponseMask::parse(fields, message)
        .map_err(|bad| ApiError::invalid_argument(format!("Invalid field: {}", bad.path)))
}

/// Writes `new` over `old` through the mask. Masked members that `new` lacks are removed. A list
/// replaces a list: a mask below it names what its elements keep.
pub(crate) fn merge(old: Option<&Value>, new: Option<&Value>, mask: &ResponseMask) -> Option<Value> {
    let merged = match (mask, new) {
        (ResponseMask::All, _) => new?.clone(),
        (_, Some(Value::Array(items))) => mask.apply(Value::Array(items.clone())),
        (ResponseMask::Members(_), None) if old.is_some_and(Value::is_array) => return None,
        (ResponseMask::Members(masks), _) => {
            let empty = Map::new();
            let old_members = old.and_then(Value::as_object).unwrap_or(&empty);
            let new_members = new.and_then(Value::as_object).unwrap_or(&empty);
            Value::Object(merge_members(old_members, new_members, masks))
        }
    };
    Some(merged).filter(|value| !is_empty_value(value))
}

/// Does the same for the members of a message.
pub(crate) fn merge_members(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    masks: &BTreeMap<String, ResponseMask>,
) -> Map<String, Value> {
    let mut merged = old.clone();
    for (name, mask) in masks {
        match merge(old.get(name), new.get(name), mask) {
            Some(value) => {
                merged.insert(name.clone(), value);
            }
            None => {
                merged.shift_remove(name);
            }
        }
        // Both forms of a colour, and of a filter, are one property: one form replaces the other.
        if let Some(other_name) = find_other_form(name).filter(|other_name| !masks.contains_key(other_name)) {
            merged.shift_remove(&other_name);
        }
    }
    merged
}

/// Returns `tabColorStyle` for `tabColor`, `filterSpecs` for `criteria`, and the reverse.
fn find_other_form(name: &str) -> Option<String> {
    match name {
        "criteria" => return Some("filterSpecs".to_owned()),
        "filterSpecs" => return Some("criteria".to_owned()),
        _ => {}
    }
    if name.ends_with("Color") {
        return Some(format!("{name}Style"));
    }
    name.strip_suffix("Style").filter(|colour| colour.ends_with("Color")).map(str::to_owned)
}

/// A mask over `CellData`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellMask {
    includes_value: bool,
    rest: Option<BTreeMap<String, ResponseMask>>,
}

impl CellMask {
    /// The value and all other members.
    pub(crate) const ALL: Self = Self { includes_value: true, rest: None };

    /// Parses `fields` over `CellData`.
    pub(crate) fn read(fields: &str) -> Result<Self, ApiError> {
        Ok(match read(fields, "CellData")? {
            ResponseMask::All => Self::ALL,
            ResponseMask::Members(mut masks) => {
                Self { includes_value: masks.remove("userEnteredValue").is_some(), rest: Some(masks) }
            }
        })
    }

    /// Returns a mask of one member other than the value.
    pub(crate) fn member(name: &str) -> Self {
        Self { includes_value: false, rest: Some(BTreeMap::from([(name.to_owned(), ResponseMask::All)])) }
    }

    /// Returns whether the mask covers the whole cell.
    pub(crate) fn is_all(&self) -> bool {
        self.includes_value && self.rest.is_none()
    }

    /// Writes `new` over `old` through the mask. A value erases the runs of the one before. Only a
    /// text keeps runs.
    pub(crate) fn write(&self, old: Cell, new: Cell) -> Cell {
        let mut cell = match &self.rest {
            None => new,
            Some(masks) => {
                let mut cell = old;
                if self.includes_value {
                    cell.enter(new.value.clone());
                }
                for (name, mask) in masks {
                    let merged = merge(cell.member(name), new.member(name), mask);
                    cell.set_member(name, merged);
                }
                cell
            }
        };
        if !matches!(cell.value, Some(CellValue::Text(_))) {
            cell.erase_runs();
        }
        cell
    }

    /// Returns whether the mask covers this member of the cell's format.
    pub(crate) fn covers_format(&self, path: &str) -> bool {
        let Some(masks) = &self.rest else { return true };
        masks.get("userEnteredFormat").is_some_and(|mask| mask.covers(path))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cell(value: f64, note: &str, format: Value) -> Cell {
        let mut cell = Cell::number(value);
        cell.set_member("note", Some(json!(note)));
        cell.set_member("userEnteredFormat", Some(format));
        cell
    }

    #[test]
    fn a_mask_of_the_value_keeps_the_rest_and_a_star_resets_it() {
        let old = cell(1.0, "n", json!({"wrapStrategy": "CLIP"}));
        let written = CellMask::read("userEnteredValue").unwrap().write(old.clone(), Cell::number(2.0));
        assert_eq!((written.value.clone(), written.note()), (Cell::number(2.0).value, Some("n")));
        assert_eq!(CellMask::read("*").unwrap().write(old, Cell::number(2.0)), Cell::number(2.0));
    }

    #[test]
    fn a_deep_mask_leaves_its_neighbours() {
        let old = cell(1.0, "n", json!({"wrapStrategy": "CLIP", "numberFormat": {"type": "DATE"}}));
        let mask = CellMask::read("userEnteredFormat.numberFormat,note").unwrap();
        let written = mask.write(old, Cell::default());
        assert_eq!(written.format(), Some(&json!({"wrapStrategy": "CLIP"})));
        assert_eq!((written.note(), written.value.clone()), (None, Cell::number(1.0).value));
    }

    /// A mask that a live test of gspread-formatting sends.
    #[test]
    fn a_mask_below_a_list_keeps_what_it_names() {
        let runs = |format: Value| json!([{"startIndex": 1, "format": format}, {"startIndex": 3}]);
        let (mut old, mut new) = (Cell::text("abcd"), Cell::default());
        old.set_member("textFormatRuns", Some(runs(json!({"underline": true}))));
        new.set_member("textFormatRuns", Some(runs(json!({"bold": true, "italic": true}))));
        let mask = CellMask::read("textFormatRuns.startIndex,textFormatRuns.format.bold").unwrap();
        let written = mask.write(old.clone(), new.clone());
        assert_eq!(written.member("textFormatRuns"), Some(&runs(json!({"bold": true}))));
        assert_eq!(mask.write(old, Cell::default()).member("textFormatRuns"), None);
        let whole = CellMask::read("textFormatRuns").unwrap().write(Cell::text("abcd"), new.clone());
        assert_eq!(whole.member("textFormatRuns"), new.member("textFormatRuns"));
        for other in [Cell::default(), Cell::number(1.0)] {
            let none = CellMask::read("textFormatRuns").unwrap().write(other.clone(), new.clone());
            assert_eq!(none, other, "only a text has runs");
        }
    }

    #[test]
    fn a_new_value_erases_the_runs_of_the_old_one() {
        let runs = |at: u32| json!([{"startIndex": at, "format": {"bold": true}}]);
        let mut old = Cell::text("abcd");
        old.set_member("textFormatRuns", Some(runs(1)));
        old.set_member("chipRuns", Some(runs(2)));
        let mut new = Cell::text("efgh");
        new.set_member("textFormatRuns", Some(runs(3)));
        let value = CellMask::read("userEnteredValue").unwrap();
        assert_eq!(value.write(old.clone(), new.clone()), Cell::text("efgh"));
        assert_eq!(value.write(old.clone(), Cell::default()), Cell::default());
        let both = CellMask::read("userEnteredValue,textFormatRuns").unwrap().write(old.clone(), new.clone());
        assert_eq!(both, new);
        let note = CellMask::read("note").unwrap().write(old.clone(), Cell::default());
        assert_eq!(note, old);
    }

    #[test]
    fn a_filters_criteria_replace_its_specs() {
        let old = json!({"filterSpecs": [{"columnIndex": 1}], "title": "x"});
        let mask = read("criteria", "FilterView").unwrap();
        let merged = merge(Some(&old), Some(&json!({"criteria": {"0": {"hiddenValues": ["a"]}}})), &mask);
        assert_eq!(merged, Some(json!({"title": "x", "criteria": {"0": {"hiddenValues": ["a"]}}})));
    }

    #[test]
    fn an_empty_mask_and_an_unknown_field_are_refused() {
        let got = "At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)";
        assert_eq!(read("", "CellData").unwrap_err().message, got);
        assert_eq!(read("note,nope", "CellData").unwrap_err().code, 400);
    }
}
