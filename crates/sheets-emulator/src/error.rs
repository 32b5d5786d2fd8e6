//! Errors in the form of Google's APIs: `{"error": {"code", "message", "status", "details"?}}`.
//!
//! In scope: the envelope, and one constructor per status of the Sheets API.
//! Out of scope: the message of each mistake (beside each check), HTTP (`http`).

use serde_json::{Value, json};

/// The code of what the emulator does not support.
pub(crate) const NOT_IMPLEMENTED: u16 = 422;

/// An error response (google.rpc.Status in its JSON form).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code} {status}: {message}")]
pub struct ApiError {
    pub code: u16,
    /// The canonical name, such as `INVALID_ARGUMENT`.
    pub status: &'static str,
    /// The message for people, word for word as Google sends it where a record exists.
    pub message: String,
    /// The `details` array, if recorded responses have one.
    pub details: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(code: u16, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), details: None }
    }

    /// Returns 400 for a request that is invalid, or does not fit the spreadsheet.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    /// Returns 400 for a malformed body or query. The message is repeated as a `fieldViolations`
    /// entry for `field` (recorded).
    pub fn bad_field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let details = build_violations(&[(field, &message)]);
        Self { details: Some(details), ..Self::invalid_argument(message) }
    }

    /// Returns 400 for a `fields` parameter with an unknown path (recorded by gargle).
    pub fn bad_mask(path: &str) -> Self {
        let detail = format!("Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.");
        let details = build_violations(&[(path, &detail)]);
        Self { details: Some(details), ..Self::invalid_argument("Request contains an invalid argument.") }
    }

    /// Returns 404 for an unknown spreadsheet.
    pub fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "Requested entity was not found.")
    }

    /// Returns 404 with this message.
    pub fn not_found_with(message: impl Into<String>) -> Self {
        Self::new(404, "NOT_FOUND", message)
    }

    /// Returns 403 with this message.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "PERMISSION_DENIED", message)
    }

    /// Returns 403 for a spreadsheet that is not shared with the caller.
    pub fn permission_denied() -> Self {
        Self::new(403, "PERMISSION_DENIED", "The caller does not have permission")
    }

    /// Returns 401 for a missing, expired or unknown bearer token.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(401, "UNAUTHENTICATED", message)
    }

    /// Returns 422 for a part of the API that the emulator does not support. Google answers no call
    /// of Sheets with this code, and no client library tries it again. They retry 408, 429 and
    /// every 5xx, some of them for ever.
    pub fn unimplemented(message: impl Into<String>) -> Self {
        Self::new(NOT_IMPLEMENTED, "UNIMPLEMENTED", message)
    }

    /// Returns whether the emulator does not support what was asked for.
    pub fn is_unimplemented(&self) -> bool {
        self.code == NOT_IMPLEMENTED
    }

    /// Returns 429 for an exhausted quota, with recorded `details` if any.
    pub fn resource_exhausted(message: impl Into<String>, details: Option<Value>) -> Self {
        Self { details, ..Self::new(429, "RESOURCE_EXHAUSTED", message) }
    }

    /// Returns 500 for a failure of the emulator.
    pub fn internal() -> Self {
        Self::new(500, "INTERNAL", "Internal error encountered.")
    }

    /// Returns 500 for a failed file, which fails on every later call too.
    pub fn of_file(failure_cause: FailureCause, message: impl Into<String>) -> Self {
        let details = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": name_failure_reason(failure_cause),
            "domain": DOMAIN
        }]);
        Self { details: Some(details), ..Self::new(500, "INTERNAL", message) }
    }

    /// Returns why the spreadsheet file failed, if that is the error.
    pub fn failure_cause(&self) -> Option<FailureCause> {
        let info = self.details.as_ref()?.get(0)?;
        let of = |failure_cause: &FailureCause| {
            info["domain"] == DOMAIN && info["reason"] == name_failure_reason(*failure_cause)
        };
        [FailureCause::Machine, FailureCause::Resource, FailureCause::Contents].into_iter().find(of)
    }

    /// Returns 503 for a file that is locked for longer than the emulator waits.
    pub fn unavailable() -> Self {
        Self::new(503, "UNAVAILABLE", "The service is currently unavailable.")
    }

    /// Puts `prefix` before the message, as in `Invalid requests[2].updateCells: …`.
    #[must_use]
    pub fn within(self, prefix: &str) -> Self {
        // A failed file or an exceeded time limit is not the fault of one request.
        if self.code >= 500 {
            return self;
        }
        Self { message: format!("{prefix}{}", self.message), ..self }
    }

    /// Returns the body of the response.
    pub fn to_json(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message, "status": self.status});
        if let (Some(details), Some(members)) = (&self.details, error.as_object_mut()) {
            members.insert("details".to_owned(), details.clone());
        }
        json!({ "error": error })
    }
}

/// Why the file failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureCause {
    /// The machine: the file was moved, replaced, is read-only, or its disk is full or broken.
    Machine,
    /// The machine has no open files or no memory left.
    Resource,
    /// The contents of the file.
    Contents,
}

/// The `domain` of errors that Google does not have.
const DOMAIN: &str = "sheetkeep";

fn name_failure_reason(failure_cause: FailureCause) -> &'static str {
    match failure_cause {
        FailureCause::Machine => "FILE_FAILED",
        FailureCause::Resource => "FILE_RESOURCE",
        FailureCause::Contents => "FILE_DAMAGED",
    }
}

/// Returns a `details` array with one `google.rpc.BadRequest`. Each pair is a field and its error.
fn build_violations(detail: &[(&str, &str)]) -> Value {
    let one = |(field, what): &(&str, &str)| match *field {
        // The root has no name, and an empty text is not written on the wire.
        "" => json!({ "description": what }),
        field => json!({"field": field, "description": what}),
    };
    let list: Vec<Value> = detail.iter().map(one).collect();
    json!([{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": list}])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_mask_is_refused_in_the_services_words() {
        let body = ApiError::bad_mask("sheets.sheetProperties").to_json();
        assert_eq!(body["error"]["message"], "Request contains an invalid argument.");
        assert_eq!(
            body["error"]["details"][0]["fieldViolations"][0]["description"],
            "Error expanding 'fields' parameter. Cannot find matching fields for path 'sheets.sheetProperties'."
        );
    }

    #[test]
    fn an_error_without_details_has_three_members_only() {
        let body = ApiError::not_found().to_json();
        let expected =
            json!({"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}});
        assert_eq!(body, expected);
    }
}
