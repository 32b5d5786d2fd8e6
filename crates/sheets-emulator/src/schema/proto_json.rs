//! Parses JSON by the API's types, as Google's front end does.
//!
//! In scope: unknown names, wrong kinds, both spellings of a name, `null` for "not set", numbers
//! written as text.
//! Out of scope: the meaning of a request. Fast parsers run first; this parser explains what they
//! rejected.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::schema::enum_words::find_enum_words;
use crate::schema::message_types::{FieldKind, FieldType, find_member, to_json_name};
use crate::schema::oneofs::{explain_second_choice, has_single_choice};

/// Parses a message of this type at `path` in the body. Fails like Google: 400, with one violation
/// per field.
pub(crate) fn read<T: DeserializeOwned>(raw: &RawValue, message: &str, path: &str) -> Result<T, ApiError> {
    if let Ok(read) = serde_json::from_str(raw.get()) {
        return Ok(read);
    }
    read_checked(raw, message, path)
}

/// Parses a message that is stored as JSON, after a check against the table.
pub(crate) fn read_checked<T: DeserializeOwned>(raw: &RawValue, message: &str, path: &str) -> Result<T, ApiError> {
    let value: Value = serde_json::from_str(raw.get()).map_err(|_| ApiError::invalid_argument(NOT_JSON))?;
    let clean = normalise(value, message, path)?;
    serde_json::from_value(clean)
        .map_err(|detail| ApiError::bad_field(path, format!("Invalid value at '{path}', {detail}")))
}

/// Returns whether a value can be stored as it is: JSON names only, no nulls, correct kinds.
pub(crate) fn is_storable(value: &Value, kind: FieldKind, is_list: bool) -> bool {
    match (value, kind) {
        (Value::Null, _) => false,
        (_, FieldKind::Any) => true,
        (Value::Array(items), _) => is_list && items.iter().all(|item| is_storable(item, kind, false)),
        (Value::Object(members), FieldKind::Message(message)) => {
            let of_column = |value: &Value, kind| {
                value.as_object().is_some_and(|columns| {
                    columns.values().all(|value| is_storable(value, FieldKind::Message(kind), false))
                })
            };
            let member_fits = |(name, value): (&String, &Value)| match find_criteria_message(message)
                .filter(|_| name == "criteria")
            {
                Some(kind) => of_column(value, kind),
                None => find_member(message, name).is_some_and(|known| {
                    is_known_word(message, name, value) && is_storable(value, known.kind, known.is_list)
                }),
            };
            !is_list && has_single_choice(message, members) && members.iter().all(member_fits)
        }
        (Value::String(_), FieldKind::Text | FieldKind::Choice)
        | (Value::Bool(_), FieldKind::Bool)
        | (Value::Number(_), FieldKind::Number) => !is_list,
        (Value::Number(number), FieldKind::Integer) => !is_list && number.is_i64(),
        _ => false,
    }
}

/// Returns whether the value of this member is one of its words, if it has words.
fn is_known_word(message: &str, name: &str, value: &Value) -> bool {
    let Value::String(word) = value else { return true };
    find_enum_words(message, name).is_none_or(|(_, words)| words.contains(&word.as_str()))
}

/// Start of Google's message for a body that is not JSON.
pub(crate) const NOT_JSON: &str = "Invalid JSON payload received. Unexpected token.";

/// Google's message for JSON that is not an object.
pub(crate) const NOT_AN_OBJECT_MESSAGE: &str =
    "Invalid JSON payload received. Unknown name \"\": Root element must be a message.";

/// Returns the value with JSON names, without nulls, and with numbers as numbers; or all
/// violations.
pub(crate) fn normalise(value: Value, message: &str, path: &str) -> Result<Value, ApiError> {
    let mut walk = JsonReader { violations: Vec::new() };
    let clean = walk.check_message(value, message, path);
    if walk.violations.is_empty() {
        return Ok(clean);
    }
    let sentences: Vec<&str> = walk.violations.iter().map(|(_, sentence)| sentence.as_str()).collect();
    let violations: Vec<Value> =
        walk.violations.iter().map(|(field, detail)| json!({"field": field, "description": detail})).collect();
    let details = json!([{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}]);
    Err(ApiError { details: Some(details), ..ApiError::invalid_argument(sentences.join("\n")) })
}

/// Returns the message for an unknown name.
pub(crate) fn explain_unknown_name(name: &str, path: &str) -> String {
    let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
    format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.")
}

/// Returns `add_sheet` for `addSheet`, as in paths.
pub(crate) fn to_snake_case(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
        text
    })
}

struct JsonReader {
    violations: Vec<(String, String)>,
}

impl JsonReader {
    fn check_message(&mut self, value: Value, message: &str, path: &str) -> Value {
        let members = match value {
            Value::Object(members) => members,
            other => {
                return self.record_wrong(
                    path,
                    &format!("type.googleapis.com/google.apps.sheets.v4.{message}"),
                    &other,
                );
            }
        };
        let mut clean = Map::new();
        for (name, value) in members {
            let json = to_json_name(&name);
            let Some(known) = find_member(message, &json) else {
                self.violations.push((path.to_owned(), explain_unknown_name(&name, path)));
                continue;
            };
            if value.is_null() {
                continue;
            }
            if let Some(detail) = explain_second_choice(message, &clean, (&json, &value), path) {
                self.violations.push((path.to_owned(), detail));
                continue;
            }
            let inner = if path.is_empty() { to_snake_case(&json) } else { format!("{path}.{}", to_snake_case(&json)) };
            let value = match (value, find_criteria_message(message).filter(|_| json == "criteria")) {
                (Value::Object(columns), Some(kind)) => columns
                    .into_iter()
                    .map(|(column, value)| (column, self.check_message(value, kind, &inner)))
                    .collect(),
                (value, _) if !is_known_word(message, &json, &value) => {
                    let kind = find_enum_words(message, &json).map_or("", |(kind, _)| kind);
                    self.record_wrong(&inner, &format!("type.googleapis.com/google.apps.sheets.v4.{kind}"), &value)
                }
                (value, _) => self.check_member(value, known, &inner, path, &name),
            };
            clean.insert(json, value);
        }
        Value::Object(clean)
    }

    fn check_member(&mut self, value: Value, known: FieldType, path: &str, parent: &str, name: &str) -> Value {
        match value {
            // The front end leaves out a null among messages.
            Value::Array(items) if known.is_list => items
                .into_iter()
                .filter(|item| !(item.is_null() && matches!(known.kind, FieldKind::Message(_))))
                .enumerate()
                .map(|(n, item)| self.check_one(item, known.kind, &format!("{path}[{n}]")))
                .collect(),
            Value::Array(_) if known.kind != FieldKind::Any => {
                let detail = format!(
                    "Invalid JSON payload received. Unknown name \"{name}\" at '{parent}': Proto field is not \
                     repeating, cannot start list."
                );
                self.violations.push((parent.to_owned(), detail));
                Value::Null
            }
            // The front end accepts a single element as a list.
            one if known.is_list => Value::Array(vec![self.check_one(one, known.kind, path)]),
            one => self.check_one(one, known.kind, path),
        }
    }

    fn check_one(&mut self, value: Value, kind: FieldKind, path: &str) -> Value {
        if let (FieldKind::Text, Some(paths)) =
            (kind, value.get("paths").filter(|_| path.ends_with(".fields")).and_then(join_mask_paths))
        {
            return paths;
        }
        let taken = match (kind, &value) {
            (FieldKind::Message(message), _) => return self.check_message(value, message, path),
            (FieldKind::Any, _)
            | (FieldKind::Text, Value::String(_))
            | (FieldKind::Bool, Value::Bool(_))
            | (FieldKind::Choice, Value::String(_) | Value::Number(_))
            | (FieldKind::Number, Value::Number(_)) => Some(value.clone()),
            (FieldKind::Bool, Value::String(text)) => text.parse::<bool>().ok().map(Value::Bool),
            (FieldKind::Integer, Value::Number(number)) => number.as_f64().and_then(to_whole_number),
            (FieldKind::Integer, Value::String(text)) => text.parse().ok().and_then(to_whole_number),
            (FieldKind::Number, Value::String(text)) => {
                text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from)
            }
            _ => None,
        };
        let name = match kind {
            FieldKind::Text => "TYPE_STRING",
            FieldKind::Bool => "TYPE_BOOL",
            FieldKind::Integer => "TYPE_INT32",
            FieldKind::Number => "TYPE_DOUBLE",
            _ => "TYPE_ENUM",
        };
        taken.unwrap_or_else(|| self.record_wrong(path, name, &value))
    }

    fn record_wrong(&mut self, path: &str, kind: &str, value: &Value) -> Value {
        let detail = match value {
            Value::Object(_) | Value::Array(_) => {
                format!("Invalid value at '{path}' ({kind}), Starting an object on a scalar field")
            }
            scalar => format!("Invalid value at '{path}' ({kind}), {scalar}"),
        };
        self.violations.push((path.to_owned(), detail));
        Value::Null
    }
}

/// Returns the text of a mask that is written as a message, `{"paths": ["criteria", "title"]}`, as
/// in Google's samples.
fn join_mask_paths(paths: &Value) -> Option<Value> {
    let paths: Option<Vec<&str>> = paths.as_array()?.iter().map(Value::as_str).collect();
    Some(Value::from(paths?.join(",")))
}

/// Returns the message type of the values of `criteria`, which is a map by column.
fn find_criteria_message(message: &str) -> Option<&'static str> {
    match message {
        "BasicFilter" | "FilterView" => Some("FilterCriteria"),
        "PivotTable" => Some("PivotFilterCriteria"),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and inside i32")]
fn to_whole_number(number: f64) -> Option<Value> {
    let fits = number.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
    fits.then(|| Value::from(number as i32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::message_types::list_members;

    #[test]
    fn an_unknown_name_is_reported_with_its_place() {
        let got = normalise(json!({"properties": {"titel": "x"}}), "AddSheetRequest", "requests[1].add_sheet");
        let error = got.unwrap_err();
        assert_eq!(
            error.message,
            "Invalid JSON payload received. Unknown name \"titel\" at 'requests[1].add_sheet.properties': Cannot find field."
        );
        assert_eq!(
            error.to_json()["error"]["details"][0]["fieldViolations"][0]["field"],
            "requests[1].add_sheet.properties"
        );
    }

    #[test]
    fn a_wrong_kind_is_reported_with_type_and_value() {
        let got = normalise(json!({"sheetId": "abc"}), "DeleteSheetRequest", "requests[0].delete_sheet");
        assert_eq!(
            got.unwrap_err().message,
            "Invalid value at 'requests[0].delete_sheet.sheet_id' (TYPE_INT32), \"abc\""
        );
    }

    #[test]
    fn a_word_outside_an_enum_is_reported_with_the_enum() {
        let got = normalise(json!({"dimension": "FOO"}), "AppendDimensionRequest", "requests[0].append_dimension");
        assert_eq!(
            got.unwrap_err().message,
            "Invalid value at 'requests[0].append_dimension.dimension' \
             (type.googleapis.com/google.apps.sheets.v4.Dimension), \"FOO\""
        );
    }

    #[test]
    fn a_format_with_an_unknown_word_is_refused() {
        let kind = FieldKind::Message("CellFormat");
        let format =
            |word: &str| json!({"horizontalAlignment": "LEFT", "numberFormat": {"type": word, "pattern": "0"}});
        assert!(is_storable(&format("NUMBER"), kind, false) && !is_storable(&format("NUMBERS"), kind, false));
        let got = normalise(format("NUMBERS"), "CellFormat", "requests[0].repeat_cell.cell.user_entered_format");
        assert_eq!(
            got.unwrap_err().message,
            "Invalid value at 'requests[0].repeat_cell.cell.user_entered_format.number_format.type' \
             (type.googleapis.com/google.apps.sheets.v4.NumberFormatType), \"NUMBERS\""
        );
    }

    #[test]
    fn a_mask_may_be_a_message_and_a_lone_value_is_a_list() {
        let condition = json!({"type": "NUMBER_GREATER", "values": {"userEnteredValue": "5"}});
        let sent = json!({"filter": {"criteria": {"3": { "condition": condition }}}, "fields": {"paths": ["criteria", "title"]}});
        let clean = normalise(sent, "UpdateFilterViewRequest", "requests[0].update_filter_view").unwrap();
        assert_eq!(clean["fields"], "criteria,title");
        let values = &clean["filter"]["criteria"]["3"]["condition"]["values"];
        assert_eq!(*values, json!([{"userEnteredValue": "5"}]));
    }

    /// The schema's lists, each with one element in place of a list, and with a null in it.
    #[test]
    fn every_list_takes_a_lone_element_and_no_null() {
        let mut lists = 0;
        for (message, name, known) in list_members().filter(|(_, _, known)| known.is_list) {
            lists += 1;
            let one = match known.kind {
                FieldKind::Message(_) => json!({}),
                FieldKind::Text => json!("x"),
                FieldKind::Bool => json!(true),
                FieldKind::Integer | FieldKind::Number | FieldKind::Choice => json!(1),
                FieldKind::Any => continue,
            };
            let clean = normalise(json!({ name: one }), message, "").unwrap();
            assert_eq!(clean[name], json!([one]), "{message}.{name}");
            assert!(!is_storable(&json!({ name: one }), FieldKind::Message(message), false), "{message}.{name}");
            if let FieldKind::Message(_) = known.kind {
                let clean = normalise(json!({ name: [null, one, null] }), message, "").unwrap();
                assert_eq!(clean[name], json!([one]), "{message}.{name}");
                assert!(!is_storable(&json!({ name: [null, one] }), FieldKind::Message(message), false));
            }
        }
        assert!(lists > 60, "{lists}");
    }

    #[test]
    fn the_criteria_of_a_filter_are_checked_like_others() {
        let filter = |hidden: Value| json!({"criteria": {"0": {"hiddenValues": hidden}}});
        assert!(is_storable(&filter(json!(["a"])), FieldKind::Message("BasicFilter"), false));
        assert!(!is_storable(&filter(json!("a")), FieldKind::Message("BasicFilter"), false));
        let clean = normalise(filter(json!("a")), "BasicFilter", "x").unwrap();
        assert_eq!(clean, filter(json!(["a"])));
    }

    #[test]
    fn both_spellings_nulls_and_numbers_in_text_are_taken() {
        let clean = normalise(json!({"sheet_id": "7", "rows": null}), "AppendCellsRequest", "x").unwrap();
        assert_eq!(clean, json!({"sheetId": 7}));
    }
}
