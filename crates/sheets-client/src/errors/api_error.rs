//! Google's error envelope: what a refusal is about, its fault class, and advice for the user.
//!
//! In scope: reading the envelope, the table from status and reason to a fault. Out of scope: other
//! causes of a failed call (`errors::call_error`). No message here ever contains a token, a key or
//! a whole body.

use std::fmt;

use serde_json::Value;

use crate::errors::service_text::sanitize;
use sheetkeep_base::fault::Fault;

/// An error envelope of the API: `{"error": {"code", "message", "status", "details"}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status, equal to the envelope's `code`.
    pub code: u16,
    /// The canonical name, such as `INVALID_ARGUMENT`; empty when there is none.
    pub status: String,
    /// Google's message, cut to 1,000 characters.
    pub message: String,
    /// `details[].reason`, such as `RATE_LIMIT_EXCEEDED` or `SERVICE_DISABLED`.
    pub reason: Option<String>,
    /// Index of the refused request in the batch, from 0.
    pub request: Option<usize>,
    /// Kind of that request, such as `updateCells`.
    pub kind: Option<String>,
    /// URL at which the user can enable the API, if it is disabled.
    pub activation_url: Option<String>,
}

impl ApiError {
    /// Reads an envelope. Returns `None` if `body` is not an envelope, or if its code differs from
    /// the HTTP status.
    pub fn read(http_status: u16, body: &Value) -> Option<Self> {
        let error = body.get("error")?;
        let code = u16::try_from(error.get("code")?.as_u64()?).ok()?;
        if code != http_status {
            return None;
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(sanitize);
        let message = text(error.get("message")).unwrap_or_default();
        let (request, kind) = rejected_item(&message);
        let details = error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let legacy = error.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let reason = details.iter().chain(legacy).find_map(|d| text(d.get("reason")));
        let activation_url = details.iter().find_map(|d| text(d.pointer("/metadata/activationUrl")));
        let status = text(error.get("status")).unwrap_or_default();
        Some(Self { code, status, message, reason, request, kind, activation_url })
    }

    /// Applies `hide` to each text that the service wrote.
    pub(crate) fn redact_with(&mut self, hide: impl Fn(&str) -> String) {
        self.message = hide(&self.message);
        self.status = hide(&self.status);
        for text in self.reason.iter_mut().chain(&mut self.activation_url) {
            *text = hide(text);
        }
    }

    /// Maps the status and reason to a fault class. Source: error bodies recorded from the live
    /// service, and its guides.
    pub fn fault(&self) -> Fault {
        match (self.code, self.reason.as_deref()) {
            (429, _) | (403, Some("rateLimitExceeded" | "userRateLimitExceeded" | "RATE_LIMIT_EXCEEDED")) => {
                Fault::Throttled
            }
            (401 | 403 | 404, _) => Fault::Denied,
            (400, _) if self.is_about_spreadsheet() => Fault::Inconsistent,
            (408 | 425 | 500 | 502..=504, _) => Fault::Transient,
            _ => Fault::Rejected,
        }
    }

    /// Returns whether the API is off for the project of the credentials.
    pub fn is_service_disabled(&self) -> bool {
        self.code == 403 && self.reason.as_deref() == Some("SERVICE_DISABLED")
    }

    /// Returns whether a 400 is about the spreadsheet's state and not about the request.
    pub fn is_about_spreadsheet(&self) -> bool {
        ["protected cell or object", "No grid with id", "above the limit of", "Unable to parse range"]
            .iter()
            .any(|sign| self.message.contains(sign))
    }

    /// Returns whether a 400 reports a missing tab, row or column: it has moved since it was read.
    pub fn is_about_missing_range(&self) -> bool {
        ["No grid with id", "grid limits"].iter().any(|sign| self.message.contains(sign))
    }

    /// Returns whether a 400 reports that the spreadsheet would exceed the cell limit.
    pub fn is_about_cell_limit(&self) -> bool {
        self.message.contains("above the limit of") && self.message.contains("cells")
    }

    /// Returns what the user can do, if anything. Advice about a 429 depends on who made the calls
    /// (`sheets_client::calls::caller`).
    pub fn advice(&self, client_email: Option<&str>) -> Option<String> {
        let who = client_email.unwrap_or("the account of these credentials");
        let reason = self.reason.as_deref().unwrap_or_default();
        match self.code {
            401 => Some("the token was refused twice; check that the key still exists and this machine's clock is right".to_owned()),
            403 if self.is_service_disabled() => Some(match &self.activation_url {
                Some(url) => format!("switch the Google Sheets API on at {url}, wait a minute, and try again"),
                None => "switch the Google Sheets API on for this project in the Google Cloud console".to_owned(),
            }),
            403 if reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => Some(
                "log in again with: gcloud auth application-default login \
                 --scopes=openid,https://www.googleapis.com/auth/cloud-platform,https://www.googleapis.com/auth/spreadsheets"
                    .to_owned(),
            ),
            403 if self.fault() == Fault::Denied => Some(format!("share the spreadsheet with {who} as editor")),
            404 => Some(format!("check the spreadsheet's id, and that the spreadsheet is shared with {who} as editor")),
            400 if self.message.contains("protected cell or object") => {
                Some(format!("add {who} to the editors of the protected range, or remove the protection"))
            }
            400 if self.message.contains("above the limit of") => {
                Some("delete blank rows and unused columns and tabs; a spreadsheet takes 10,000,000 cells, empty ones included".to_owned())
            }
            400 if self.message.contains("allowed storage limit") => Some(
                "remove developer metadata that other tools keep on that tab or spreadsheet; each takes 30,000 characters".to_owned(),
            ),
            _ => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the service answered {}", self.code)?;
        if !self.status.is_empty() {
            write!(f, " {}", self.status)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

/// Parses the first `requests[N]` of a message, and the kind of that request.
/// `Invalid requests[2].updateCells: No grid with id: 999999` (recorded) is request 2,
/// `updateCells`.
fn rejected_item(message: &str) -> (Option<usize>, Option<String>) {
    let Some((_, after)) = message.split_once("requests[") else { return (None, None) };
    let Some((number, rest)) = after.split_once(']') else { return (None, None) };
    let Ok(index) = number.parse() else { return (None, None) };
    let kind: String = match rest.strip_prefix('.') {
        Some(path) => path.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect(),
        None => String::new(),
    };
    (Some(index), Some(kind).filter(|k| !k.is_empty()))
}

#[cfg(test)]
mod tests;
