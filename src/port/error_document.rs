//! JSON documents in which a service reports an error in place of data.
//!
//! In scope: recognising and showing them. Out of scope: when to check; an ordinary record may have
//! a member `error`.

use serde_json::Value;

/// Members that report an error.
const ERRORS: [&str; 4] = ["error", "errors", "fault", "exception"];
/// Members that report an error if all members are scalars.
const MESSAGES: [&str; 5] = ["message", "detail", "msg", "error_description", "errormessage"];
/// Maximum number of characters shown of a document.
const SHOWN_CHARS: usize = 160;

/// True if a document, or the only record of a source, is an error report. To be checked only for
/// unexpected documents.
pub fn is_error_document(document: &Value) -> bool {
    let Value::Object(members) = document else { return false };
    let says = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    };
    let named = |words: &[&str], name: &str| words.contains(&name.to_lowercase().as_str());
    let has_error = members.iter().any(|(name, value)| named(&ERRORS, name) && says(value));
    let has_message = members.iter().any(|(name, value)| named(&MESSAGES, name) && says(value));
    let is_flat = members.values().all(|value| !matches!(value, Value::Array(_) | Value::Object(_)));
    has_error || (has_message && is_flat)
}

/// Returns the beginning of a document, for messages.
pub fn shorten_document(document: &Value) -> String {
    let text = document.to_string();
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_document_is_distinguished_from_data() {
        for document in [
            json!({"error": "rate limit"}),
            json!({"errors": [{"message": "no"}], "data": null}),
            json!({"Message": "Forbidden"}),
            json!({"detail": "Not found.", "status": 404}),
        ] {
            assert!(is_error_document(&document), "{document}");
        }
        for document in [
            json!({"error": null, "data": []}),
            json!({"errors": [], "items": []}),
            json!({"status": "ok", "message": "success", "items": []}),
            json!({"id": 1, "name": "a"}),
            json!([{"error": "x"}]),
        ] {
            assert!(!is_error_document(&document), "{document}");
        }
        assert_eq!(shorten_document(&json!({"error": "x".repeat(500)})).chars().count(), 161);
    }
}
