//! The body of a batchUpdate, split into requests that stay unparsed text until they are prepared.
//!
//! In scope: the members of `BatchUpdateSpreadsheetRequest`, the kind of each request.
//! Out of scope: the content of a request (`apply` and the kinds).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::schema::message_types::{FieldKind, find_member, to_json_name};
use crate::schema::proto_json::{NOT_AN_OBJECT_MESSAGE, NOT_JSON, explain_unknown_name};

/// The body of a batch.
#[derive(Debug)]
pub(crate) struct BatchBody<'a> {
    /// The requests, in order.
    pub requests: Vec<RawRequest<'a>>,
    /// Whether the response contains the updated spreadsheet.
    pub includes_spreadsheet: bool,
    /// Whether that spreadsheet contains its cells.
    pub includes_grid_data: bool,
    /// The ranges that limit it; all if empty.
    pub ranges: Vec<String>,
}

/// One request: its kind and its JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawRequest<'a> {
    /// The member of `Request`, such as `addSheet`.
    pub kind: &'static str,
    /// The message type, such as `AddSheetRequest`.
    pub message: &'static str,
    pub body: &'a RawValue,
}

/// The members of a JSON object, in order, unparsed.
struct RawMembers<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    members.push((name, map.next_value::<&'de RawValue>()?));
                }
                Ok(RawMembers(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Parses the body. Fails with 400 if it is not such a message.
pub(crate) fn open(body: &[u8]) -> Result<BatchBody<'_>, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::bad_field("", NOT_JSON))?;
    let RawMembers(members) =
        serde_json::from_str(if text.trim().is_empty() { "{}" } else { text }).map_err(|error| {
            let broken = error.is_syntax() || error.is_eof();
            ApiError::bad_field(
                "",
                if broken { format!("{NOT_JSON}\n{error}") } else { NOT_AN_OBJECT_MESSAGE.to_owned() },
            )
        })?;
    let mut request_body =
        BatchBody { requests: Vec::new(), includes_spreadsheet: false, includes_grid_data: false, ranges: Vec::new() };
    for (name, raw) in members {
        let json = to_json_name(&name);
        if raw.get() == "null" && find_member("BatchUpdateSpreadsheetRequest", &json).is_some() {
            continue;
        }
        match json.as_str() {
            "requests" => request_body.requests = read_requests(raw)?,
            "includeSpreadsheetInResponse" => {
                request_body.includes_spreadsheet = read_flag(raw, "include_spreadsheet_in_response")?;
            }
            "responseIncludeGridData" => {
                request_body.includes_grid_data = read_flag(raw, "response_include_grid_data")?;
            }
            "responseRanges" => {
                request_body.ranges = read_one_or_more(raw)
                    .and_then(|items| items.into_iter().map(|item| serde_json::from_str(item.get())).collect())
                    .map_err(|_| make_value_error("response_ranges", "TYPE_STRING", raw))?;
            }
            "commentsViewMode" => {}
            _ => return Err(ApiError::bad_field("", explain_unknown_name(&name, ""))),
        }
    }
    Ok(request_body)
}

fn make_value_error(path: &str, kind: &str, raw: &RawValue) -> ApiError {
    ApiError::bad_field(path, format!("Invalid value at '{path}' ({kind}), {}", raw.get()))
}

fn read_flag(raw: &RawValue, path: &str) -> Result<bool, ApiError> {
    match raw.get() {
        "true" | "\"true\"" => Ok(true),
        "false" | "\"false\"" => Ok(false),
        _ => Err(make_value_error(path, "TYPE_BOOL", raw)),
    }
}

fn read_requests(raw: &RawValue) -> Result<Vec<RawRequest<'_>>, ApiError> {
    let mut list = Vec::new();
    if flatten(raw, &mut list).is_err() {
        return Err(make_value_error("requests", "type.googleapis.com/google.apps.sheets.v4.Request", raw));
    }
    list.into_iter().enumerate().map(|(n, members)| seal(n, members)).collect()
}

/// Returns the elements of a list. The front end takes anything else as a list of one.
fn read_one_or_more(raw: &RawValue) -> Result<Vec<&RawValue>, serde_json::Error> {
    if raw.get().starts_with('[') { serde_json::from_str(raw.get()) } else { Ok(vec![raw]) }
}

/// Returns the requests of a list, or the only one. A null among them is left out. A nested list
/// means its elements: pygsheets sends `[[{…}]]`, which Google accepts. Deeper lists are rejected,
/// because the caller would choose the stack depth.
fn flatten<'a>(raw: &'a RawValue, list: &mut Vec<RawMembers<'a>>) -> Result<(), serde_json::Error> {
    for item in read_one_or_more(raw)?.into_iter().filter(|item| item.get() != "null") {
        if item.get().starts_with('[') {
            let inner = serde_json::from_str::<Vec<Option<RawMembers<'_>>>>(item.get())?;
            list.extend(inner.into_iter().flatten());
        } else {
            list.push(serde_json::from_str(item.get())?);
        }
    }
    Ok(())
}

fn seal(n: usize, RawMembers(members): RawMembers<'_>) -> Result<RawRequest<'_>, ApiError> {
    let path = format!("requests[{n}]");
    let mut sealed: Option<RawRequest<'_>> = None;
    for (name, body) in members {
        let Some((kind, message)) = find_request_kind(&to_json_name(&name)) else {
            return Err(ApiError::bad_field(&path, explain_unknown_name(&name, &path)));
        };
        if body.get() == "null" {
            continue;
        }
        if sealed.is_some() {
            let detail =
                format!("Invalid value at '{path}' (oneof), oneof field 'kind' is already set. Cannot set '{kind}'");
            return Err(ApiError::bad_field(&path, detail));
        }
        sealed = Some(RawRequest { kind, message, body });
    }
    sealed.ok_or_else(|| ApiError::invalid_argument(format!("Invalid requests[{n}]: No request set.")))
}

/// Returns the kind and its message type, by the table of the discovery document.
fn find_request_kind(name: &str) -> Option<(&'static str, &'static str)> {
    let FieldKind::Message(message) = find_member("Request", name)?.kind else { return None };
    crate::schema::message_types::find_member_name("Request", name).map(|kind| (kind, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_refused_in_the_services_words() {
        let error = open(br#"{"requests": [{"addSheet": {}}, {"addShet": {}}]}"#).unwrap_err();
        assert_eq!(
            error.message,
            "Invalid JSON payload received. Unknown name \"addShet\" at 'requests[1]': Cannot find field."
        );
        assert_eq!(error.to_json()["error"]["details"][0]["fieldViolations"][0]["field"], "requests[1]");
    }

    #[test]
    fn an_empty_request_and_a_double_one_are_refused() {
        assert_eq!(open(br#"{"requests": [{}]}"#).unwrap_err().message, "Invalid requests[0]: No request set.");
        let error = open(br#"{"requests": [{"addSheet": {}, "deleteSheet": {}}]}"#).unwrap_err();
        assert!(error.message.contains("oneof field 'kind' is already set"), "{error}");
    }

    #[test]
    fn a_list_inside_the_list_of_requests_is_its_elements() {
        let body = br#"{"requests": [[{"addSheet": {}}], {"deleteSheet": {}}, []]}"#;
        let kinds: Vec<&str> = open(body).unwrap().requests.iter().map(|request| request.kind).collect();
        assert_eq!(kinds, ["addSheet", "deleteSheet"]);
    }

    /// Asserted by live tests of `EZSheets` and of a product whose calls were recorded, which send
    /// `{"requests": {…}}`. Users of google-api-python-client send lists with a null in them.
    #[test]
    fn a_lone_request_is_a_list_and_a_null_is_left_out() {
        let kinds = |body: &'static [u8]| -> Vec<&str> {
            open(body).unwrap().requests.iter().map(|request| request.kind).collect()
        };
        assert_eq!(kinds(br#"{"requests": {"addSheet": {}}}"#), ["addSheet"]);
        assert_eq!(
            kinds(br#"{"requests": [null, {"addSheet": {}}, [null, {"deleteSheet": {}}], null]}"#),
            ["addSheet", "deleteSheet"]
        );
        let body = br#"{"requests": {"addSheet": {}}, "responseRanges": "A1:B2"}"#;
        assert_eq!(open(body).unwrap().ranges, ["A1:B2"]);
    }

    #[test]
    fn what_is_no_json_is_a_refusal_and_not_a_crash() {
        for body in [&b"{"[..], b"[]", b"\xff\xff", b"{\"requests\": 5}", b"{\"requests\": [5]}", b"{\"x\": 1}"] {
            assert_eq!(open(body).unwrap_err().code, 400);
        }
        assert!(open(b"").unwrap().requests.is_empty());
    }

    #[test]
    fn lists_that_lie_deeper_are_refused_and_cost_no_stack() {
        for depth in [2, 200_000] {
            let body = format!(r#"{{"requests": [{}{{"addSheet": {{}}}}{}]}}"#, "[".repeat(depth), "]".repeat(depth));
            assert_eq!(open(body.as_bytes()).unwrap_err().code, 400);
        }
    }
}
