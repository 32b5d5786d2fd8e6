//! One log line for each call over a socket, for `-v`.
//!
//! In scope: what the line shows. Tokens and keys are left out.
//! Out of scope: where it is written (the process's subscriber), what is not implemented
//! (`emulator::notices`).

use serde_json::Value;

use crate::api::call::{ApiResponse, ConnectionDropped, QueryParams, ResponseContent};

/// Query parameters that are secrets.
const SECRETS: [&str; 5] = ["accessToken", "oauthToken", "key", "uploadId", "token"];

/// The most characters of an error's message.
const MESSAGE_LENGTH: usize = 300;

/// Returns the path and its query, such as `/v4/spreadsheets/s/values/A1?valueInputOption=RAW`.
pub(crate) fn write_log_path(path: &str, query: &QueryParams) -> String {
    let mut text = path.to_owned();
    for (name, value) in query.pairs() {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(name);
        text.push('=');
        text.push_str(if SECRETS.contains(&name) { "…" } else { value });
    }
    text.replace(char::is_control, " ")
}

/// Logs a call that took `ms` milliseconds.
pub(crate) fn log_call(verb: &hyper::Method, path: &str, answer: &Result<ApiResponse, ConnectionDropped>, ms: u64) {
    match answer {
        Err(ConnectionDropped) => {
            tracing::info!(target: TARGET, event = "emulator.called", "{verb} {path}: the connection ended, as a fault asked ({ms} ms)");
        }
        Ok(response) => {
            let message = read_error_message(response).map(|message| format!(": {message}")).unwrap_or_default();
            tracing::info!(target: TARGET, event = "emulator.called", "{verb} {path} {} ({ms} ms){message}", response.status);
        }
    }
}

const TARGET: &str = "sheets_emulator::calls";

/// Returns the message of an error, on one line.
fn read_error_message(response: &ApiResponse) -> Option<String> {
    let ResponseContent::Json(body) = &response.content else { return None };
    let error = body.get("error").filter(|_| response.status >= 400)?;
    let message = error.get("message").or_else(|| body.get("error_description")).and_then(Value::as_str)?;
    Some(message.replace(char::is_control, " ").chars().take(MESSAGE_LENGTH).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    #[test]
    fn a_line_shows_the_query_without_secrets() {
        let query = QueryParams::parse("valueInputOption=RAW&access_token=secret&key=secret&fields=a%0Ab");
        let shown = write_log_path("/v4/spreadsheets/s/values/A1", &query);
        assert_eq!(shown, "/v4/spreadsheets/s/values/A1?valueInputOption=RAW&accessToken=…&key=…&fields=a b");
    }

    #[test]
    fn a_line_shows_the_message_of_an_error() {
        let refused = ApiResponse::from(ApiError::invalid_argument("one\ntwo"));
        assert_eq!(read_error_message(&refused).as_deref(), Some("one two"));
        assert_eq!(read_error_message(&ApiResponse::json(serde_json::json!({"error": {"message": "x"}}))), None);
    }
}
