//! Classifies the result of one attempt.
//!
//! In scope: status, headers and body of one response, from the hub or from a raw call. Out of
//! scope: what to do next (`sheets_client::calls::caller`).

use std::time::UNIX_EPOCH;

use google_sheets4::common;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use serde_json::Value;

use crate::errors::api_error::ApiError;
use crate::errors::proxy_error::ProxyError;
use crate::errors::service_text::sanitize;
use crate::errors::token_error::TokenError;
use crate::errors::unknown_outcome::UnknownOutcome;
use sheetkeep_base::machine::MachineError;
use sheetkeep_base::time::Timestamp;

/// The statuses at which an error envelope is definite. At any other status the effect of the call
/// is unknown.
const DEFINITE_STATUSES: [u16; 5] = [400, 401, 403, 404, 429];

/// Why one attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttemptFailure {
    /// No token was obtained, so nothing was sent.
    Token(TokenError),
    /// No connection could be made, so nothing was sent.
    Unreachable(String),
    /// A proxy stopped the call, so the service received nothing.
    Proxy(ProxyError),
    /// This machine refused the call, so nothing was sent.
    Machine(MachineError),
    /// The service refused the call and did nothing.
    Refused { refusal: Box<ApiError>, retry_after_ms: Option<u64> },
    /// The service returned 408 or 413.
    TooLarge(u16),
    /// The effect of the call is unknown.
    OutcomeUnknown { cause: UnknownOutcome, retry_after_ms: Option<u64> },
}

impl AttemptFailure {
    /// Returns the same failure with `hide` applied to each text that a service wrote.
    pub(crate) fn redacted_with(mut self, hide: impl Fn(&str) -> String) -> Self {
        match &mut self {
            Self::Refused { refusal, .. } => refusal.redact_with(hide),
            Self::Unreachable(why) | Self::OutcomeUnknown { cause: UnknownOutcome::ConnectionBroken(why), .. } => {
                *why = hide(why);
            }
            Self::Token(_) | Self::Proxy(_) | Self::Machine(_) | Self::TooLarge(_) | Self::OutcomeUnknown { .. } => {}
        }
        self
    }

    /// Returns the response's `Retry-After`, in milliseconds.
    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Refused { retry_after_ms, .. } | Self::OutcomeUnknown { retry_after_ms, .. } => *retry_after_ms,
            _ => None,
        }
    }
}

impl From<UnknownOutcome> for AttemptFailure {
    fn from(cause: UnknownOutcome) -> Self {
        Self::OutcomeUnknown { cause, retry_after_ms: None }
    }
}

/// The headers of a response that matter for retries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ResponseMeta {
    /// The service's own time, from `Date`.
    pub(crate) date: Option<Timestamp>,
    /// Milliseconds to wait, from `Retry-After` in either form (RFC 9110, 10.2.3).
    pub(crate) retry_after_ms: Option<u64>,
    /// Whether the response is a web page.
    pub(crate) is_page: bool,
}

impl ResponseMeta {
    /// Reads `Date` and `Retry-After`. A `Retry-After` date is measured against the response's own
    /// `Date`, or against `now` if there is none.
    pub(crate) fn read(headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
        let date = text(DATE).and_then(parse_http_date);
        let retry_after_ms = text(RETRY_AFTER).and_then(|value| match value.parse::<u64>() {
            Ok(seconds) => Some(seconds.saturating_mul(1_000)),
            Err(_) => parse_http_date(value).map(|until| until.ms_since(date.unwrap_or(now))),
        });
        let is_page = text(CONTENT_TYPE).is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"));
        Self { date, retry_after_ms, is_page }
    }
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(Timestamp)
}

/// Classifies a response with a status other than 200. `body` is its JSON, if it has any.
pub(crate) fn classify_response(status: u16, meta: ResponseMeta, body: Option<&Value>) -> AttemptFailure {
    let retry_after_ms = meta.retry_after_ms;
    if matches!(status, 408 | 413) {
        return AttemptFailure::TooLarge(status);
    }
    let envelope =
        if DEFINITE_STATUSES.contains(&status) { body.and_then(|json| ApiError::read(status, json)) } else { None };
    match envelope {
        Some(refusal) => AttemptFailure::Refused { refusal: Box::new(refusal), retry_after_ms },
        None if meta.is_page && is_refusal(status) => {
            AttemptFailure::OutcomeUnknown { cause: UnknownOutcome::WebPage(status), retry_after_ms }
        }
        None => AttemptFailure::OutcomeUnknown { cause: UnknownOutcome::Status(status), retry_after_ms },
    }
}

/// Returns whether the status is a refusal, as opposed to a service that is down or overloaded.
fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 425 | 429)
}

/// Classifies an error of the HTTP client. Only if no connection was made is it certain that
/// nothing was sent.
pub(crate) fn classify_transport(error: &hyper_util::client::legacy::Error) -> AttemptFailure {
    if let Some(error) = ProxyError::find_within(error) {
        return AttemptFailure::Proxy(error);
    }
    let why = find_root_cause(error);
    if !error.is_connect() {
        return UnknownOutcome::ConnectionBroken(why).into();
    }
    find_machine_error(error).map_or(AttemptFailure::Unreachable(why), AttemptFailure::Machine)
}

/// Returns the machine's own error if one link of the chain is such an error: it refused a new
/// connection.
fn find_machine_error(error: &(dyn std::error::Error + 'static)) -> Option<MachineError> {
    let links = std::iter::successors(Some(error), |link| link.source());
    let mut refused = links.filter_map(|link| link.downcast_ref::<std::io::Error>());
    refused.find_map(|refused| MachineError::from_io("no connection can be opened", refused))
}

/// Returns the last and most specific error of a chain.
pub(crate) fn find_root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(error) = ProxyError::find_within(error) {
        return error.to_string();
    }
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    sanitize(&last.to_string()).chars().take(200).collect()
}

/// Observes a call of the hub; it never lets the hub retry one.
#[derive(Default)]
pub(crate) struct HubResponseObserver {
    now: Timestamp,
    /// The headers of a refusal.
    pub(crate) meta: Option<ResponseMeta>,
    status: u16,
    body: Option<Value>,
}

impl HubResponseObserver {
    /// Creates an observer of one attempt that starts at `now`.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }

    /// Classifies the hub's error. Its own text is never used, because it may contain the whole
    /// body.
    pub(crate) fn classify_hub_error(&self, error: common::Error) -> AttemptFailure {
        match error {
            common::Error::HttpError(e) => classify_transport(&e),
            common::Error::BadRequest(_) | common::Error::Failure(_) => {
                classify_response(self.status, self.meta.unwrap_or_default(), self.body.as_ref())
            }
            common::Error::MissingToken(e) => AttemptFailure::Token(match e.downcast::<TokenError>() {
                Ok(known) => *known,
                Err(other) => TokenError::Unavailable(find_root_cause(other.as_ref())),
            }),
            common::Error::JsonDecodeError(..) => {
                UnknownOutcome::InvalidResponse("it is not the JSON that was asked for").into()
            }
            common::Error::Io(e) => match ProxyError::find_within(&e) {
                Some(error) => AttemptFailure::Proxy(error),
                None => UnknownOutcome::ConnectionBroken(find_root_cause(&e)).into(),
            },
            _ => AttemptFailure::Token(TokenError::Unusable("the hub found no token".to_owned())),
        }
    }
}

impl common::Delegate for HubResponseObserver {
    fn http_failure(&mut self, response: &common::Response, body: Option<&Value>) -> common::Retry {
        self.status = response.status().as_u16();
        self.meta = Some(ResponseMeta::read(response.headers(), self.now));
        self.body = body.cloned();
        common::Retry::Abort
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn meta(pairs: &[(&'static str, &'static str)]) -> ResponseMeta {
        let headers =
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect();
        ResponseMeta::read(&headers, Timestamp::parse("2020-01-01T00:00:00Z").unwrap())
    }

    #[test]
    fn a_retry_after_is_read_in_seconds_and_as_a_date() {
        assert_eq!(meta(&[("retry-after", "120")]).retry_after_ms, Some(120_000));
        for date in ["Wed, 01 Jan 2020 00:01:00 GMT", "Wednesday, 01-Jan-20 00:01:00 GMT", "Wed Jan  1 00:01:00 2020"] {
            let headers = HeaderValue::from_static(date);
            let headers: HeaderMap = [(RETRY_AFTER, headers)].into_iter().collect();
            assert_eq!(
                ResponseMeta::read(&headers, Timestamp::parse("2020-01-01T00:00:00Z").unwrap()).retry_after_ms,
                Some(60_000)
            );
        }
    }

    #[test]
    fn a_retry_date_is_measured_against_the_service_clock() {
        let ahead =
            meta(&[("date", "Wed, 01 Jan 2020 00:00:50 GMT"), ("retry-after", "Wed, 01 Jan 2020 00:01:00 GMT")]);
        assert_eq!(ahead.retry_after_ms, Some(10_000));
        assert_eq!(meta(&[("retry-after", "Tue, 31 Dec 2019 00:00:00 GMT")]).retry_after_ms, Some(0));
    }

    #[test]
    fn garbage_in_headers_is_no_hint() {
        for garbage in ["-1", "soon", "1.5", "", "99999999999999999999999"] {
            let headers: HeaderMap = [(RETRY_AFTER, HeaderValue::from_str(garbage).unwrap())].into_iter().collect();
            assert_eq!(ResponseMeta::read(&headers, Timestamp(0)).retry_after_ms, None, "{garbage}");
        }
        assert_eq!(meta(&[("date", "yesterday")]).date, None);
    }
}
