//! Errors of a call: Google's error envelope, its fault class, and the message with advice for the
//! user.
//!
//! In scope: reading the envelope, the table from status and reason to a fault, and the messages.
//! Out of scope: deciding whether a call may be retried (`google::calls::caller`), and resolving a
//! lost write (`ledger`). No message here ever contains a token, a key or a whole body.

use std::fmt;

use serde_json::Value;

use crate::errors::proxy_error::ProxyError;
use sheetkeep_base::fault::Fault;
use sheetkeep_base::machine::MachineTrouble;
use sheetkeep_base::redact::redacted;
use sheetkeep_base::retry::Exhausted;

/// An API method; in messages: "failed to …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `spreadsheets.get`.
    Metadata,
    /// `spreadsheets.values.batchGet`.
    Values,
    /// `spreadsheets.developerMetadata.search`.
    Marks,
    /// `spreadsheets.create`.
    Create,
    /// `spreadsheets.batchUpdate`.
    BatchUpdate,
    /// `drive.files.get`.
    File,
}

impl Method {
    /// Returns whether the service counts it as a write. A write whose response is lost is never
    /// repeated blindly.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::BatchUpdate)
    }

    /// The method's name in the API, for counts and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metadata => "spreadsheets.get",
            Self::Values => "values.batchGet",
            Self::Marks => "developerMetadata.search",
            Self::Create => "spreadsheets.create",
            Self::BatchUpdate => "spreadsheets.batchUpdate",
            Self::File => "drive.files.get",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Metadata => "read the spreadsheet's tabs",
            Self::Values => "read values from the spreadsheet",
            Self::Marks => "find the marks of renamed columns",
            Self::Create => "create a spreadsheet",
            Self::BatchUpdate => "write to the spreadsheet",
            Self::File => "ask Drive about the file",
        }
    }
}

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
    /// Reads an envelope. Returns `None` if `body` is not an envelope, or if its code differs from the
    /// HTTP status.
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
            (400, _) if self.is_about_spreadsheet() => Fault::Corrupt,
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
    /// (`google::calls::caller`).
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
            404 => Some(format!("check SHEETKEEP_SPREADSHEET_ID, and that the spreadsheet is shared with {who} as editor")),
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

/// Why the effect of a call is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownOutcome {
    /// A status without an envelope, or with a truncated one, so the effect is unknown.
    #[error("the service answered {0} without reporting what it did")]
    Status(u16),
    /// A web page with the status of a refusal: the API never sends one.
    #[error("a web page came with {0} in place of the service's answer")]
    Page(u16),
    /// No complete answer within the deadline.
    #[error("no complete answer came within {} s", .after_ms / 1_000)]
    Hung {
        /// Milliseconds waited.
        after_ms: u64,
    },
    /// The connection broke after the request may have been sent.
    #[error("the connection broke before the answer was complete: {0}")]
    Broken(String),
    /// A success whose body is not the response to this call.
    #[error("the answer is not what the Sheets API sends: {0}")]
    Garbled(&'static str),
    /// The response is longer than the limit.
    #[error("the answer is longer than {limit_bytes} bytes")]
    Oversized {
        /// The limit, in bytes.
        limit_bytes: u64,
    },
}

impl UnknownOutcome {
    /// Returns the fault class; for a write, it applies only after the write was resolved.
    ///
    /// A status alone never means that access is missing. Only the API's own envelope does. If that
    /// is missing or truncated, a retry may deliver it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Status(429) => Fault::Throttled,
            Self::Oversized { .. } | Self::Status(501 | 505) => Fault::Rejected,
            _ => Fault::Transient,
        }
    }

    /// Returns whether something other than the API responded.
    fn is_foreign(&self) -> bool {
        matches!(self, Self::Garbled(_) | Self::Page(_) | Self::Status(300..=399 | 501 | 505 | 511))
    }
}

/// Why no token was obtained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token service refused.
    #[error("the token service refused: {}; {advice}", joined(.code, ": ", .description))]
    Refused {
        /// OAuth's error code, such as `invalid_grant`.
        code: String,
        /// OAuth's description.
        description: String,
        /// What the user can do.
        advice: &'static str,
    },
    /// The token service is temporarily unavailable, or responded without a token.
    #[error("the token service gave no token: {0}")]
    Unready(String),
    /// Something else responded in place of the token service.
    #[error(
        "a web page came instead of a token: a proxy, or the login page of a network, answers in the token service's place"
    )]
    Foreign,
    /// No response within the deadline.
    #[error("the token service gave no answer within {} s", .after_ms / 1_000)]
    Hung {
        /// Milliseconds waited.
        after_ms: u64,
    },
    /// The credentials themselves can't be used.
    #[error("the credentials can't be used: {0}")]
    Unusable(String),
    /// A proxy stopped the request.
    #[error("no way to the token service: {0}")]
    Proxy(ProxyError),
}

impl TokenError {
    /// Returns the fault class.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { .. } | Self::Unusable(_) => Fault::Denied,
            Self::Unready(_) | Self::Foreign | Self::Hung { .. } => Fault::Transient,
            Self::Proxy(error) => error.fault(),
        }
    }

    /// Returns the same error with `hide` applied to each text that a service wrote.
    pub(crate) fn redacted_with(mut self, hide: impl Fn(&str) -> String) -> Self {
        match &mut self {
            Self::Refused { code, description, .. } => {
                *code = hide(code);
                *description = hide(description);
            }
            Self::Unready(why) | Self::Unusable(why) => *why = hide(why),
            Self::Foreign | Self::Hung { .. } | Self::Proxy(_) => {}
        }
        self
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorCause {
    /// The service refused the call.
    #[error("{}", joined(&.refusal.to_string(), "; ", .advice.as_deref().unwrap_or_default()))]
    Refused {
        /// The error envelope.
        refusal: Box<ApiError>,
        /// What the user can do.
        advice: Option<String>,
    },
    /// No token was obtained, so nothing was sent.
    #[error("{0}")]
    Token(TokenError),
    /// No connection could be made, so nothing was sent.
    #[error("no connection to the service: {0}")]
    Unreachable(String),
    /// A proxy stopped the call, so the service received nothing.
    #[error("{0}")]
    Proxy(ProxyError),
    /// This machine refused the call, so nothing was sent.
    #[error("{0}")]
    Machine(MachineTrouble),
    /// The service found the request too large or too slow (413, 408).
    #[error("the service answered {0}: the request is too large or takes too long")]
    TooLarge(u16),
    /// The effect of the call is unknown.
    #[error("{0}")]
    Lost(UnknownOutcome),
}

impl ErrorCause {
    /// Returns the fault class.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { refusal, .. } => refusal.fault(),
            Self::Token(error) => error.fault(),
            Self::Unreachable(_) => Fault::Transient,
            Self::Proxy(error) => error.fault(),
            Self::Machine(_) => Fault::Machine,
            Self::TooLarge(_) => Fault::Rejected,
            Self::Lost(cause) => cause.fault(),
        }
    }

    /// Returns whether the response came from something other than the service, such as a proxy or
    /// the login page of a network. The API never redirects its callers. Status 511 means that a
    /// network requires a login (RFC 6585, section 6).
    pub fn is_foreign(&self) -> bool {
        match self {
            Self::Token(error) => *error == TokenError::Foreign,
            Self::Lost(cause) => cause.is_foreign(),
            Self::Refused { .. } | Self::Unreachable(_) | Self::TooLarge(_) | Self::Proxy(_) | Self::Machine(_) => {
                false
            }
        }
    }

    /// Returns the fault class once the error has ended a run. A foreign page that persisted until
    /// then will not disappear by itself. A response that is only truncated is treated as before.
    pub fn final_fault(&self) -> Fault {
        let breaks_off = matches!(self, Self::Lost(UnknownOutcome::Garbled(_)));
        if self.is_foreign() && !breaks_off { Fault::Corrupt } else { self.fault() }
    }

    /// Returns whether a proxy is the cause.
    pub fn is_proxy_error(&self) -> bool {
        matches!(self, Self::Proxy(_) | Self::Token(TokenError::Proxy(_)))
    }
}

/// A call that failed for good, after all allowed retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The method that was called.
    pub method: Method,
    /// Why the last attempt failed.
    pub cause: ErrorCause,
    /// Attempts made, at least 1.
    pub attempts: u32,
    /// Milliseconds from the first attempt to the last.
    pub elapsed_ms: u64,
    /// Why no further attempt was made; `None` if a retry is not allowed at all.
    pub exhausted: Option<Exhausted>,
}

impl CallError {
    /// Returns the fault class.
    pub fn fault(&self) -> Fault {
        self.cause.fault()
    }

    /// Returns the fault class once the error has ended a run.
    pub fn final_fault(&self) -> Fault {
        self.cause.final_fault()
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.method.action(), self.cause)?;
        if self.attempts > 1 {
            write!(f, " (tried {} times in {} s)", self.attempts, self.elapsed_ms / 1_000)?;
        }
        match self.exhausted {
            Some(Exhausted::Elapsed { next_ms }) => write!(f, "; try again in {} s", next_ms.div_ceil(1_000)),
            Some(Exhausted::Budget) => f.write_str("; too many calls fail, so this run stopped retrying"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for CallError {}

/// Joins both texts with `between`; returns the first alone if the second is empty.
fn joined(first: &str, between: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}{between}{second}") }
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

/// Limits a service's text to 1,000 characters, without control characters and without anything
/// that looks like a secret. Such texts are printed to terminals and written to cells.
pub(crate) fn sanitize(text: &str) -> String {
    let limit = text.char_indices().nth(8_000).map_or(text.len(), |(at, _)| at);
    let text = redacted(text.get(..limit).unwrap_or(text));
    text.chars().take(1_000).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests;
