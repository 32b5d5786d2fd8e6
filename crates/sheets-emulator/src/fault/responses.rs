//! What a fault makes of a response, and how faults are read from the control path.
//!
//! In scope: one fault and one call. Out of scope: which fault a call meets (`fault::inject`), and
//! waiting for the method (`emulator`).

use serde_json::Value;

use crate::api::call::{ApiRequest, ApiResponse, ConnectionDropped, ResponseContent};
use crate::error::ApiError;
use crate::fault::inject::{FaultAction, FaultRule, find_request};

/// Parses a list of faults, or a single one. An empty list clears the pending faults.
pub(crate) fn read_faults(body: &[u8]) -> Result<Vec<FaultRule>, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let value = if value.is_array() { value } else { Value::Array(vec![value]) };
    serde_json::from_value(value).map_err(|error| format!("the faults can't be read: {error}"))
}

/// Applies a fault to a call; `response` is the response without the fault.
pub(crate) async fn apply_fault(fault: &FaultRule, response: ApiResponse) -> Result<ApiResponse, ConnectionDropped> {
    match fault.action {
        FaultAction::Fail | FaultAction::AppliedFail => {
            let mut response = ApiResponse::from(make_error(fault.status));
            response.headers.extend(fault.retry_after.map(|seconds| ("retry-after", seconds.to_string())));
            Ok(response)
        }
        FaultAction::Html | FaultAction::AppliedHtml => Ok(ApiResponse::page(fault.status)),
        FaultAction::AppliedTruncate => Ok(ApiResponse { is_truncated: true, ..response }),
        FaultAction::AppliedEmpty => Ok(ApiResponse { content: ResponseContent::Empty, ..response }),
        // A read cannot arrive late, and a refusal was answered before.
        FaultAction::Refuse | FaultAction::Reset | FaultAction::AppliedReset | FaultAction::Late => {
            Err(ConnectionDropped)
        }
        FaultAction::Hang | FaultAction::AppliedHang => std::future::pending().await,
    }
}

/// Returns the refusal of a batch because of one request's content.
pub(crate) fn refuse_request(fault: &FaultRule, request: &ApiRequest) -> ApiError {
    let text = fault.containing.as_deref().unwrap_or_default();
    let why = fault.message.as_deref().unwrap_or("A fault refuses this content");
    match find_request(&request.body, text) {
        Some((at, kind)) => ApiError::invalid_argument(format!("Invalid requests[{at}].{kind}: {why}")),
        None => ApiError::invalid_argument(why),
    }
}

fn make_error(status: u16) -> ApiError {
    match status {
        401 => ApiError::unauthenticated("Request had invalid authentication credentials."),
        403 => ApiError::permission_denied(),
        404 => ApiError::not_found(),
        429 => ApiError::resource_exhausted("Resource has been exhausted (e.g. check quota).", None),
        500 => ApiError::internal(),
        503 => ApiError::unavailable(),
        code => {
            ApiError { code, status: "UNKNOWN", message: "A fault asked for this answer.".to_owned(), details: None }
        }
    }
}
