//! Errors in the envelope of Drive, which has `errors` where that of Sheets has `status`.

use serde_json::{Value, json};

use crate::api::call::ApiResponse;
use crate::error::ApiError;
use crate::storage::error::StorageError;

/// Why a call of Drive is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DriveError {
    /// There is no file with this id: 404.
    NoFile(String),
    /// The value of this query parameter is invalid: 400.
    InvalidValue(&'static str),
    /// Any other error, in the envelope of Sheets.
    Api(ApiError),
}

impl From<ApiError> for DriveError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<StorageError> for DriveError {
    fn from(error: StorageError) -> Self {
        Self::Api(error.into())
    }
}

impl DriveError {
    /// Returns the response, or the error that gets the envelope of Sheets. `id` is the file of the
    /// call.
    pub(crate) fn into_response(self, id: &str) -> Result<ApiResponse, ApiError> {
        let (status, reason, message, location) = match self {
            Self::NoFile(id) => (404, "notFound", format!("File not found: {id}."), "fileId"),
            Self::Api(error) if error == ApiError::not_found() => {
                (404, "notFound", format!("File not found: {id}."), "fileId")
            }
            Self::InvalidValue(parameter) => (400, "invalid", "Invalid Value".to_owned(), parameter),
            Self::Api(error) => return Err(error),
        };
        Ok(ApiResponse { status, ..ApiResponse::json(build_envelope(status, reason, &message, location)) })
    }
}

fn build_envelope(code: u16, reason: &str, message: &str, location: &str) -> Value {
    let error = json!({"domain": "global", "reason": reason, "message": message, "locationType": "parameter",
                       "location": location});
    json!({"error": {"errors": [error], "code": code, "message": message}})
}
