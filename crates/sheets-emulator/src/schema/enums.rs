//! Enum words of requests, and errors about a request's shape.
//!
//! In scope: render and input options, dimensions, Google's 400 for an unknown word, name or kind.
//! Out of scope: the effect of the options.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::format::render::{RenderOptions, ValueRenderOption};
use crate::grid::area::Dimension;
use crate::schema::message_types::{FieldKind, find_member, to_json_name};
use crate::schema::proto_json::{NOT_AN_OBJECT_MESSAGE, explain_unknown_name, normalise, to_snake_case};

/// Text parameters of a request, in its query or in its body.
pub(crate) trait TextParams {
    /// Returns the text of `name`, such as `valueRenderOption`; `None` if it is absent or null.
    fn word(&self, name: &str) -> Option<&str>;

    /// Returns whether `name`, such as `includeValuesInResponse`, is true.
    fn has_flag(&self, name: &str) -> bool {
        self.word(name).and_then(parse_boolean).unwrap_or(false)
    }
}

impl TextParams for Map<String, Value> {
    fn word(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    fn has_flag(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).or_else(|| self.word(name).and_then(parse_boolean)).unwrap_or(false)
    }
}

/// The API's `ValueInputOption`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueInputOption {
    /// `RAW`: stored as sent.
    Raw,
    /// `USER_ENTERED`: parsed as if typed.
    Typed,
}

/// The API's `InsertDataOption`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InsertDataOption {
    /// `OVERWRITE`: writes over the cells below the table.
    Overwrite,
    /// `INSERT_ROWS`: writes into new rows.
    InsertRows,
}

/// Returns the render options under their usual names, or under those of `updatedData` with the
/// prefix `response`.
pub(crate) fn read_render_options(words: &impl TextParams, is_response: bool) -> Result<RenderOptions, ApiError> {
    let (values, moments) = if is_response {
        ("responseValueRenderOption", "responseDateTimeRenderOption")
    } else {
        ("valueRenderOption", "dateTimeRenderOption")
    };
    let known = [
        ("FORMATTED_VALUE", ValueRenderOption::Formatted),
        ("UNFORMATTED_VALUE", ValueRenderOption::Unformatted),
        ("FORMULA", ValueRenderOption::Formula),
    ];
    let values = choose(words.word(values), values, "ValueRenderOption", &known)?.unwrap_or_default();
    let known = [("SERIAL_NUMBER", false), ("FORMATTED_STRING", true)];
    let moments_as_text = choose(words.word(moments), moments, "DateTimeRenderOption", &known)?.unwrap_or(false);
    Ok(RenderOptions { values, shows_dates_as_text: moments_as_text })
}

/// Returns `majorDimension`; rows by default.
pub(crate) fn read_dimension(words: &impl TextParams, path: &str) -> Result<Dimension, ApiError> {
    let known =
        [("ROWS", Dimension::Rows), ("COLUMNS", Dimension::Columns), ("DIMENSION_UNSPECIFIED", Dimension::Rows)];
    Ok(choose(words.word("majorDimension"), path, "Dimension", &known)?.unwrap_or(Dimension::Rows))
}

/// Returns `valueInputOption`, which is required.
pub(crate) fn read_value_input(words: &impl TextParams) -> Result<ValueInputOption, ApiError> {
    let name = "valueInputOption";
    let known = [
        ("RAW", Some(ValueInputOption::Raw)),
        ("USER_ENTERED", Some(ValueInputOption::Typed)),
        ("INPUT_VALUE_OPTION_UNSPECIFIED", None),
    ];
    choose(words.word(name), name, "ValueInputOption", &known)?
        .flatten()
        .ok_or_else(|| ApiError::invalid_argument("'valueInputOption' is required but not specified"))
}

/// Returns `insertDataOption`; overwriting by default.
pub(crate) fn read_insert_data(words: &impl TextParams) -> Result<InsertDataOption, ApiError> {
    let name = "insertDataOption";
    let known = [("OVERWRITE", InsertDataOption::Overwrite), ("INSERT_ROWS", InsertDataOption::InsertRows)];
    let chosen = choose(words.word(name), name, "AppendValuesRequest.InsertDataOption", &known)?;
    Ok(chosen.unwrap_or(InsertDataOption::Overwrite))
}

fn choose<T: Copy>(word: Option<&str>, path: &str, kind: &str, known: &[(&str, T)]) -> Result<Option<T>, ApiError> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    let found = known.iter().find(|(name, _)| *name == word).map(|(_, choice)| Some(*choice));
    found.ok_or_else(|| {
        let kind = format!("google.apps.sheets.v4.{kind}");
        make_bad_value_error(&to_snake_case(path), &kind, &Value::String(word.to_owned()))
    })
}

/// Parses `true`, `True`, `1` and the like.
pub(crate) fn parse_boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" | "yes" | "y" => Some(true),
        "false" | "0" | "f" | "no" | "n" | "" => Some(false),
        _ => None,
    }
}

/// Returns Google's 400 for a value of the wrong kind at `path`.
pub(crate) fn make_bad_value_error(path: &str, kind: &str, value: &Value) -> ApiError {
    let shown = if value.is_object() || value.is_array() { "...".to_owned() } else { value.to_string() };
    let kind = if kind.starts_with("google.") { format!("type.googleapis.com/{kind}") } else { kind.to_owned() };
    ApiError::bad_field(path, format!("Invalid value at '{path}' ({kind}), {shown}"))
}

/// Parses a request body of this message type. An empty body is an empty message.
pub(crate) fn read_body(bytes: &[u8], message: &str, path: &str) -> Result<Map<String, Value>, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let invalid = |error: &dyn std::fmt::Display| {
        ApiError::bad_field("", format!("Invalid JSON payload received. Unexpected token.\n{error}"))
    };
    let text = std::str::from_utf8(bytes).map_err(|error| invalid(&error))?;
    let value: Value = serde_json::from_str(text).map_err(|error| invalid(&error))?;
    let Value::Object(body) = value else {
        return Err(ApiError::bad_field("", NOT_AN_OBJECT_MESSAGE));
    };
    check_names(&body, message, path)?;
    body.into_iter()
        .map(|(name, value)| {
            let known = to_json_name(&name);
            let value = wrap_single(message, &known, value);
            check_kind(message, &known, &value, path)?;
            let value = check_filters(message, &known, value)?;
            Ok((known, value))
        })
        .collect()
}

/// Checks the data filters of a body, which are small, like the messages of a batch. Values stay
/// as they are.
fn check_filters(message: &str, name: &str, value: Value) -> Result<Value, ApiError> {
    let kind = find_member(message, name).map(|known| known.kind);
    let Value::Array(items) = value else { return Ok(value) };
    let checked = items.into_iter().enumerate().map(|(n, mut item)| match kind {
        Some(FieldKind::Message("DataFilter")) => {
            normalise(item, "DataFilter", &format!("{}[{n}]", to_snake_case(name)))
        }
        Some(FieldKind::Message("DataFilterValueRange")) => {
            if let Some(filter) = item.get_mut("dataFilter").filter(|filter| filter.is_object()) {
                *filter = normalise(filter.take(), "DataFilter", &format!("{name}[{n}].data_filter"))?;
            }
            Ok(item)
        }
        _ => Ok(item),
    });
    checked.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// Rejects unknown members.
pub(crate) fn check_names(members: &Map<String, Value>, message: &str, path: &str) -> Result<(), ApiError> {
    let unknown = members.keys().find(|name| find_member(message, &to_json_name(name)).is_none());
    unknown.map_or(Ok(()), |name| Err(ApiError::bad_field(path, explain_unknown_name(name, path))))
}

/// Wraps a single element into a list, as Google's front end does; not for lists of any value
/// (recorded).
fn wrap_single(message: &str, name: &str, value: Value) -> Value {
    let wanted = find_member(message, name).is_some_and(|known| known.is_list && known.kind != FieldKind::Any);
    if wanted && !value.is_array() && !value.is_null() { Value::Array(vec![value]) } else { value }
}

/// Rejects a list instead of a single value, a single value instead of a list, and words of the
/// wrong kind.
fn check_kind(message: &str, name: &str, value: &Value, path: &str) -> Result<(), ApiError> {
    let Some(known) = find_member(message, name).filter(|_| !value.is_null()) else { return Ok(()) };
    let name = to_snake_case(name);
    let at = if path.is_empty() { name } else { format!("{path}.{name}") };
    let kind = match known.kind {
        FieldKind::Text | FieldKind::Choice => "TYPE_STRING",
        FieldKind::Bool => "TYPE_BOOL",
        FieldKind::Integer => "TYPE_INT32",
        FieldKind::Number => "TYPE_DOUBLE",
        FieldKind::Any if known.is_list => "google.protobuf.ListValue",
        FieldKind::Message(_) | FieldKind::Any => "google.protobuf.Struct",
    };
    let fits = match known.kind {
        _ if known.is_list => value.is_array(),
        FieldKind::Text | FieldKind::Choice => value.is_string(),
        FieldKind::Bool => value.is_boolean() || value.as_str().and_then(parse_boolean).is_some(),
        FieldKind::Integer | FieldKind::Number => {
            value.is_number() || value.as_str().is_some_and(|text| text.parse::<f64>().is_ok())
        }
        FieldKind::Message(_) => value.is_object(),
        FieldKind::Any => true,
    };
    if fits { Ok(()) } else { Err(make_bad_value_error(&at, kind, value)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_body_of_the_wrong_shape_is_refused_as_google_recorded_it() {
        let body = br#"{"values": "X", "majorDimension": null}"#;
        let got = read_body(body, "ValueRange", "data").expect_err("values must be a list").to_json();
        let message = "Invalid value at 'data.values' (type.googleapis.com/google.protobuf.ListValue), \"X\"";
        assert_eq!(got["error"]["message"], message);
        let violation = json!([{"field": "data.values", "description": message}]);
        assert_eq!(got["error"]["details"][0]["fieldViolations"], violation);
    }

    #[test]
    fn a_data_filter_of_a_body_is_checked_to_its_depth() {
        let message = |body: &str, kind| read_body(body.as_bytes(), kind, "").expect_err("refused").message;
        let both = r#"{"dataFilters": [{"a1Range": "A1", "gridRange": {}}]}"#;
        for kind in [
            "SearchDeveloperMetadataRequest",
            "GetSpreadsheetByDataFilterRequest",
            "BatchGetValuesByDataFilterRequest",
            "BatchClearValuesByDataFilterRequest",
        ] {
            assert_eq!(
                message(both, kind),
                "Invalid value at 'data_filters[0]' (oneof), oneof field 'filter' is already set. Cannot set 'gridRange'"
            );
        }
        let lookup = r#"{"data": [{"dataFilter": {"developerMetadataLookup": {"locationType": "FOO"}}}]}"#;
        assert_eq!(
            message(lookup, "BatchUpdateValuesByDataFilterRequest"),
            "Invalid value at 'data[0].data_filter.developer_metadata_lookup.location_type' \
             (type.googleapis.com/google.apps.sheets.v4.DeveloperMetadataLocationType), \"FOO\""
        );
    }

    #[test]
    fn unknown_words_and_names_are_refused() {
        let words = json!({"valueInputOption": "COOKED", "majorDimension": "SIDEWAYS"});
        let words = words.as_object().expect("an object");
        let got = read_value_input(words).expect_err("unknown").message;
        let kind = "type.googleapis.com/google.apps.sheets.v4.ValueInputOption";
        assert_eq!(got, format!("Invalid value at 'value_input_option' ({kind}), \"COOKED\""));
        assert!(read_dimension(words, "majorDimension").is_err());
        assert_eq!(
            read_value_input(&Map::new()).expect_err("missing").message,
            "'valueInputOption' is required but not specified"
        );
        let got = read_body(br#"{"x": 1}"#, "ValueRange", "data").expect_err("unknown").message;
        assert_eq!(got, "Invalid JSON payload received. Unknown name \"x\" at 'data': Cannot find field.");
        assert!(read_body(b"{", "ValueRange", "").is_err() && read_body(b"[]", "ValueRange", "").is_err());
        assert_eq!(read_body(b"", "ClearValuesRequest", ""), Ok(Map::new()));
    }
}
