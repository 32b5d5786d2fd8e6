//! Errors as Google's APIs answer them: `{"error": {"code", "message", "status", "details"?}}`.
//!
//! In scope: the envelope and one constructor per status that the Sheets API answers.
//! Out of scope: which message belongs to which mistake (beside each check), HTTP (`service`).

use serde_json::{Value, json};

/// An answer that is an error (google.rpc.Status in its JSON form).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code} {status}: {message}")]
pub struct ApiError {
    /// The HTTP status code.
    pub code: u16,
    /// The canonical name, such as `INVALID_ARGUMENT`.
    pub status: &'static str,
    /// Google's sentence.
    pub message: String,
    /// The `details` array, where the recorded answers have one.
    pub details: Option<Value>,
}

impl ApiError {
    pub(crate) fn new(code: u16, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), details: None }
    }

    /// 400: the request is wrong in itself or does not fit the spreadsheet.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    /// 400 for a malformed body or query: the sentence again as a `fieldViolations` entry for `field` (recorded).
    pub fn bad_field(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let details = violations(&[(field, &message)]);
        Self { details: Some(details), ..Self::invalid_argument(message) }
    }

    /// 400 for a `fields` parameter that names nothing (recorded by gargle).
    pub fn bad_mask(path: &str) -> Self {
        let told = format!("Error expanding 'fields' parameter. Cannot find matching fields for path '{path}'.");
        let details = violations(&[(path, &told)]);
        Self { details: Some(details), ..Self::invalid_argument("Request contains an invalid argument.") }
    }

    /// 404: there is no such spreadsheet.
    pub fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "Requested entity was not found.")
    }

    /// The same 404, with a sentence of its own.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::new(404, "NOT_FOUND", message)
    }

    /// The same 403, with a sentence of its own.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "PERMISSION_DENIED", message)
    }

    /// 403: the spreadsheet is not shared with the caller.
    pub fn permission_denied() -> Self {
        Self::new(403, "PERMISSION_DENIED", "The caller does not have permission")
    }

    /// 401: the bearer token is missing, expired or unknown.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(401, "UNAUTHENTICATED", message)
    }

    /// 501: the API has it, this emulator has not.
    pub fn unimplemented(message: impl Into<String>) -> Self {
        Self::new(501, "UNIMPLEMENTED", message)
    }

    /// 429: a quota is used up; `details` as recorded, if any.
    pub fn resource_exhausted(message: impl Into<String>, details: Option<Value>) -> Self {
        Self { details, ..Self::new(429, "RESOURCE_EXHAUSTED", message) }
    }

    /// 500: the emulator itself failed.
    pub fn internal() -> Self {
        Self::new(500, "INTERNAL", "Internal error encountered.")
    }

    /// 500: the file of the spreadsheets failed, and will at every further call.
    pub fn of_file(failure_cause: FailureCause, message: impl Into<String>) -> Self {
        let details = json!([{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason(failure_cause),
            "domain": DOMAIN
        }]);
        Self { details: Some(details), ..Self::new(500, "INTERNAL", message) }
    }

    /// Whether the file of the spreadsheets is what failed, and because of what.
    pub fn failure_cause(&self) -> Option<FailureCause> {
        let info = self.details.as_ref()?.get(0)?;
        let of = |failure_cause: &FailureCause| info["domain"] == DOMAIN && info["reason"] == reason(*failure_cause);
        [FailureCause::Machine, FailureCause::Resource, FailureCause::Contents].into_iter().find(of)
    }

    /// 503: the file was busy for longer than the emulator waits.
    pub fn unavailable() -> Self {
        Self::new(503, "UNAVAILABLE", "The service is currently unavailable.")
    }

    /// The same error with `prefix` before its sentence, as in `Invalid requests[2].updateCells: …`.
    #[must_use]
    pub fn within(self, prefix: &str) -> Self {
        // What is wrong with the file, or with the time, is wrong with no request.
        if self.code >= 500 && self.code != 501 {
            return self;
        }
        Self { message: format!("{prefix}{}", self.message), ..self }
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message, "status": self.status});
        if let (Some(details), Some(members)) = (&self.details, error.as_object_mut()) {
            members.insert("details".to_owned(), details.clone());
        }
        json!({ "error": error })
    }
}

/// Trouble with the file that no further call can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureCause {
    /// The machine: the file is gone, is another one, may not be written, or its disk is full or broken.
    Machine,
    /// The machine has no open files or no memory left.
    Resource,
    /// What is in the file.
    Contents,
}

/// The `domain` of errors that Google has not.
const DOMAIN: &str = "sheetkeep";

fn reason(failure_cause: FailureCause) -> &'static str {
    match failure_cause {
        FailureCause::Machine => "FILE_FAILED",
        FailureCause::Resource => "FILE_RESOURCE",
        FailureCause::Contents => "FILE_DAMAGED",
    }
}

/// A `details` array with one `google.rpc.BadRequest`; each pair is a field and what is wrong with it.
fn violations(told: &[(&str, &str)]) -> Value {
    let one = |(field, what): &(&str, &str)| match *field {
        // The root has no name, and an empty text is not written on the wire.
        "" => json!({ "description": what }),
        field => json!({"field": field, "description": what}),
    };
    let list: Vec<Value> = told.iter().map(one).collect();
    json!([{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": list}])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_mask_is_told_as_google_tells_it() {
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
