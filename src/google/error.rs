//! What an answer of the Sheets API means, and what a person should do about it.
//!
//! In scope: reading Google's error envelope, one table from status and reason to a fault, and texts that speak to a person.
//! Out of scope: deciding whether a call may be repeated (`call`), and judging a lost write (the ledger).
//! No text here ever holds a token, a key or a whole body.

use std::fmt;

use serde_json::Value;

use crate::fault::Fault;
use crate::google::proxy_error::ProxyError;
use crate::machine::MachineTrouble;
use crate::redact::redacted;
use crate::retry::Exhausted;

/// Which call it was, as what failed: "failed to …".
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
}

impl Method {
    /// Whether the service counts it as a write; a write whose answer is lost is never repeated blindly.
    pub fn writes(self) -> bool {
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
        }
    }

    fn deed(self) -> &'static str {
        match self {
            Self::Metadata => "read the spreadsheet's tabs",
            Self::Values => "read values from the spreadsheet",
            Self::Marks => "find the marks of renamed columns",
            Self::Create => "create a spreadsheet",
            Self::BatchUpdate => "write to the spreadsheet",
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
    /// Which request of the batch was refused, counted from 0.
    pub request: Option<usize>,
    /// That request's kind, such as `updateCells`.
    pub kind: Option<String>,
    /// Where a person switches the API on, when it is off.
    pub activation_url: Option<String>,
}

impl ApiError {
    /// Reads an envelope; `None` when `body` is none or tells another code than the HTTP status did.
    pub fn read(http_status: u16, body: &Value) -> Option<Self> {
        let error = body.get("error")?;
        let code = u16::try_from(error.get("code")?.as_u64()?).ok()?;
        if code != http_status {
            return None;
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(tidy);
        let message = text(error.get("message")).unwrap_or_default();
        let (request, kind) = rejected_item(&message);
        let details = error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let legacy = error.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let reason = details.iter().chain(legacy).find_map(|d| text(d.get("reason")));
        let activation_url = details.iter().find_map(|d| text(d.pointer("/metadata/activationUrl")));
        let status = text(error.get("status")).unwrap_or_default();
        Some(Self { code, status, message, reason, request, kind, activation_url })
    }

    /// Takes `hide` over each text that the service wrote.
    pub(crate) fn hush(&mut self, hide: impl Fn(&str) -> String) {
        self.message = hide(&self.message);
        self.status = hide(&self.status);
        for text in self.reason.iter_mut().chain(&mut self.activation_url) {
            *text = hide(text);
        }
    }

    /// The one table from an answer to what to do. Facts: the error bodies recorded from the live service and its guides.
    pub fn fault(&self) -> Fault {
        match (self.code, self.reason.as_deref()) {
            (429, _) | (403, Some("rateLimitExceeded" | "userRateLimitExceeded" | "RATE_LIMIT_EXCEEDED")) => {
                Fault::Throttled
            }
            (401 | 403 | 404, _) => Fault::Denied,
            (400, _) if self.is_about_the_sheet() => Fault::Corrupt,
            (408 | 425 | 500 | 502..=504, _) => Fault::Transient,
            _ => Fault::Rejected,
        }
    }

    /// Whether a 400 tells of the spreadsheet's state and not of what was sent.
    pub fn is_about_the_sheet(&self) -> bool {
        ["protected cell or object", "No grid with id", "above the limit of", "Unable to parse range"]
            .iter()
            .any(|sign| self.message.contains(sign))
    }

    /// Whether a 400 says that a tab, a row or a column is not there: what stood there has moved since it was looked at.
    pub fn is_about_a_place(&self) -> bool {
        ["No grid with id", "grid limits"].iter().any(|sign| self.message.contains(sign))
    }

    /// Whether a 400 tells that the spreadsheet would have more cells than it takes.
    pub fn is_about_cells(&self) -> bool {
        self.message.contains("above the limit of") && self.message.contains("cells")
    }

    /// What a person can do about it, if there is something; what to do about a 429 depends on who made the calls (`call`).
    pub fn advice(&self, client_email: Option<&str>) -> Option<String> {
        let who = client_email.unwrap_or("the account of these credentials");
        let reason = self.reason.as_deref().unwrap_or_default();
        match self.code {
            401 => Some("the token was refused twice; check that the key still exists and this machine's clock is right".to_owned()),
            403 if reason == "SERVICE_DISABLED" => Some(match &self.activation_url {
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

/// Why nothing is known of what a call did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownOutcome {
    /// An answer with a status that says nothing about what was done: its words are missing, or break off.
    #[error("the service answered {0} without reporting what it did")]
    Status(u16),
    /// A web page with the status of a refusal: the API never answers so.
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
    /// A success whose body is not the answer to this call.
    #[error("the answer is not what the Sheets API sends: {0}")]
    Garbled(&'static str),
    /// The answer is longer than the bound.
    #[error("the answer is longer than {limit_bytes} bytes")]
    Oversized {
        /// The bound.
        limit_bytes: u64,
    },
}

impl UnknownOutcome {
    /// What to do about it; for a write, only after it was judged. A status alone never says that access is missing: only the API's own
    /// words do, and where these are missing or break off, the same call may bring them.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Status(429) => Fault::Throttled,
            Self::Oversized { .. } | Self::Status(501 | 505) => Fault::Rejected,
            _ => Fault::Transient,
        }
    }

    /// Whether something else than the API has answered.
    fn is_foreign(&self) -> bool {
        matches!(self, Self::Garbled(_) | Self::Page(_) | Self::Status(300..=399 | 501 | 505 | 511))
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token service said no.
    #[error("the token service refused: {}; {advice}", joined(.code, ": ", .description))]
    Refused {
        /// OAuth's error code, such as `invalid_grant`.
        code: String,
        /// OAuth's description.
        description: String,
        /// What a person can do.
        advice: &'static str,
    },
    /// The token service is out of order for a moment, or answered without a token.
    #[error("the token service gave no token: {0}")]
    Unready(String),
    /// Something else answers in the token service's place.
    #[error(
        "a web page came instead of a token: a proxy, or the login page of a network, answers in the token service's place"
    )]
    Foreign,
    /// No answer within the deadline.
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
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { .. } | Self::Unusable(_) => Fault::Denied,
            Self::Unready(_) | Self::Foreign | Self::Hung { .. } => Fault::Transient,
            Self::Proxy(error) => error.fault(),
        }
    }

    /// The same, with `hide` over each text that a service wrote.
    pub(crate) fn hushed(mut self, hide: impl Fn(&str) -> String) -> Self {
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
    /// The service answered, and said no.
    #[error("{}", joined(&.refusal.to_string(), "; ", .advice.as_deref().unwrap_or_default()))]
    Refused {
        /// What it said.
        refusal: Box<ApiError>,
        /// What a person can do.
        advice: Option<String>,
    },
    /// There is no token, so nothing was sent.
    #[error("{0}")]
    Token(TokenError),
    /// No connection could be made, so nothing was sent.
    #[error("no connection to the service: {0}")]
    Unreachable(String),
    /// A proxy stopped it, so the service had nothing of it.
    #[error("{0}")]
    Proxy(ProxyError),
    /// This machine refuses the call, so nothing was sent.
    #[error("{0}")]
    Machine(MachineTrouble),
    /// The service found the request too large or too slow (413, 408).
    #[error("the service answered {0}: the request is too large or takes too long")]
    TooLarge(u16),
    /// Nothing is known of what the call did.
    #[error("{0}")]
    Lost(UnknownOutcome),
}

impl ErrorCause {
    /// What to do about it.
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

    /// Whether what came is none of the service's answers: a proxy, or the login page of a network, answers in its place. The API never sends
    /// its callers elsewhere, and 511 is what such a network says of itself (RFC 6585, 6).
    pub fn is_foreign(&self) -> bool {
        match self {
            Self::Token(error) => *error == TokenError::Foreign,
            Self::Lost(cause) => cause.is_foreign(),
            Self::Refused { .. } | Self::Unreachable(_) | Self::TooLarge(_) | Self::Proxy(_) | Self::Machine(_) => {
                false
            }
        }
    }

    /// What to do about it once it has ended a run: a page that came in the service's place until then does not go away by itself. An answer
    /// that only breaks off is another matter.
    pub fn final_fault(&self) -> Fault {
        let breaks_off = matches!(self, Self::Lost(UnknownOutcome::Garbled(_)));
        if self.is_foreign() && !breaks_off { Fault::Corrupt } else { self.fault() }
    }

    /// Whether a proxy is why.
    pub fn is_of_proxy(&self) -> bool {
        matches!(self, Self::Proxy(_) | Self::Token(TokenError::Proxy(_)))
    }
}

/// A call that failed for good, after all the retries that were allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// Which call.
    pub method: Method,
    /// Why the last try failed.
    pub cause: ErrorCause,
    /// Tries made, at least 1.
    pub attempts: u32,
    /// Milliseconds from the first try to the last.
    pub elapsed_ms: u64,
    /// Why no further try was made; `None` where a repetition is not allowed at all.
    pub exhausted: Option<Exhausted>,
}

impl CallError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        self.cause.fault()
    }

    /// What to do about it once it has ended a run.
    pub fn final_fault(&self) -> Fault {
        self.cause.final_fault()
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.method.deed(), self.cause)?;
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

/// Both texts with `between` between them, or the first alone.
fn joined(first: &str, between: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}{between}{second}") }
}

/// The first `requests[N]` of a message and the request's kind:
/// `Invalid requests[2].updateCells: No grid with id: 999999` (recorded) is request 2, `updateCells`.
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

/// At most 1,000 characters, none of them a control character, and nothing that looks like a secret: what a service wrote goes to
/// terminals and cells.
pub(crate) fn tidy(text: &str) -> String {
    let most = text.char_indices().nth(8_000).map_or(text.len(), |(at, _)| at);
    let text = redacted(text.get(..most).unwrap_or(text));
    text.chars().take(1_000).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(code: u16, message: &str, details: &Value) -> ApiError {
        let body = json!({"error": {"code": code, "message": message, "status": "X", "details": details}});
        ApiError::read(code, &body).expect("an envelope")
    }

    #[test]
    fn the_refused_request_and_its_kind_are_read_from_the_recorded_message() {
        let read = refusal(400, "Invalid requests[2].updateCells: No grid with id: 999999", &json!([]));
        assert_eq!((read.request, read.kind.as_deref()), (Some(2), Some("updateCells")));
        assert_eq!(read.fault(), Fault::Corrupt);
        let other = refusal(400, "Invalid data[1]: Unable to parse range: NoSuchTab!A1", &json!([]));
        assert_eq!((other.request, other.kind), (None, None));
        let shape = refusal(400, "Invalid value at 'requests[0].add_sheet' (x), \"y\"", &json!([]));
        assert_eq!(shape.request, Some(0));
    }

    #[test]
    fn the_recorded_429_is_throttled_and_its_reason_is_read() {
        let read = refusal(
            429,
            "Quota exceeded for quota metric 'Read requests'",
            &json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}]),
        );
        assert_eq!((read.fault(), read.reason.as_deref()), (Fault::Throttled, Some("RATE_LIMIT_EXCEEDED")));
    }

    #[test]
    fn a_body_that_is_no_envelope_or_tells_another_code_is_no_answer() {
        for body in
            [json!("x"), json!({}), json!({"error": "invalid_grant"}), json!({"error": {"code": 500}}), json!(null)]
        {
            assert_eq!(ApiError::read(400, &body), None, "{body}");
        }
    }

    #[test]
    fn a_missing_share_names_the_account_to_share_with() {
        let read = refusal(403, "The caller does not have permission", &json!([]));
        let advice = read.advice(Some("robot@project.iam.gserviceaccount.com")).expect("advice");
        assert!(advice.contains("robot@project.iam.gserviceaccount.com") && advice.contains("editor"), "{advice}");
        assert_eq!(read.fault(), Fault::Denied);
    }

    #[test]
    fn an_api_that_is_off_tells_where_to_switch_it_on() {
        let details =
            json!([{"reason": "SERVICE_DISABLED", "metadata": {"activationUrl": "https://console.example/on"}}]);
        let read = refusal(403, "Google Sheets API has not been used", &details);
        assert!(read.advice(None).expect("advice").contains("https://console.example/on"));
    }

    #[test]
    fn what_a_service_wrote_is_shortened_and_stripped_of_control_characters() {
        let read = refusal(400, &format!("a\u{1b}[31m\n{}", "x".repeat(5_000)), &json!([]));
        assert!(read.message.chars().count() <= 1_000 && !read.message.contains(['\u{1b}', '\n']));
    }

    #[test]
    fn an_error_completes_the_words_failed_to() {
        let error = CallError {
            method: Method::Values,
            cause: ErrorCause::Lost(UnknownOutcome::Status(503)),
            attempts: 6,
            elapsed_ms: 31_000,
            exhausted: Some(Exhausted::Attempts),
        };
        assert_eq!(
            error.to_string(),
            "read values from the spreadsheet: the service answered 503 without reporting what it did (tried 6 times in 31 s)"
        );
    }
}
