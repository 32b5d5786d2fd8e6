//! Google's quotas.
//!
//! In scope: reads and writes per minute, by account and by project, and the recorded 429.
//! Out of scope: waiting, quotas of Drive.
//!
//! Source: "Usage limits" of the Sheets API. The recorded response has no `Retry-After`.

use std::collections::HashMap;
use std::str::FromStr;

use serde_json::{Value, json};

use crate::error::ApiError;

/// The project number in responses.
const PROJECT: &str = "123456789012";

const MINUTE_MS: u64 = 60_000;

/// Calls per minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLimits {
    /// Reads of one account, and the same number of writes.
    pub per_user: u32,
    /// Reads of all accounts, and the same number of writes.
    pub per_project: u32,
}

impl QuotaLimits {
    /// Google's limits: 60 and 300.
    pub const GOOGLE: Self = Self { per_user: 60, per_project: 300 };
}

impl FromStr for QuotaLimits {
    type Err = String;

    /// Parses `google`, or `60/300`: per account and per project.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("quota {text:?} is neither \"google\" nor two numbers such as 60/300");
        if text == "google" {
            return Ok(Self::GOOGLE);
        }
        let (user, project) = text.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse().map_err(|_| wrong());
        Ok(Self { per_user: number(user)?, per_project: number(project)? })
    }
}

/// The quota that a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuotaMetric {
    /// A call that changes nothing: "read requests per minute" of Google's quotas.
    Read,
    /// A call that may change a spreadsheet: "write requests per minute".
    Write,
}

/// The calls of the current minute.
#[derive(Debug, Default)]
pub(crate) struct QuotaCounter {
    limits: Option<QuotaLimits>,
    minute: u64,
    users: HashMap<(String, QuotaMetric), u32>,
    project: HashMap<QuotaMetric, u32>,
}

impl QuotaCounter {
    /// Creates a counter. Without limits it admits every call.
    pub(crate) fn new(limits: Option<QuotaLimits>) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Counts a call, or rejects it. A rejected call is not counted.
    pub(crate) fn take(&mut self, account: &str, metric: QuotaMetric, monotonic_ms: u64) -> Result<(), ApiError> {
        let Some(limits) = self.limits else { return Ok(()) };
        let minute = monotonic_ms / MINUTE_MS;
        if minute != self.minute {
            self.minute = minute;
            self.users.clear();
            self.project.clear();
        }
        let user = self.users.entry((account.to_owned(), metric)).or_default();
        let project = self.project.entry(metric).or_default();
        if *user >= limits.per_user {
            return Err(refuse_over_quota(metric, true, limits.per_user));
        }
        if *project >= limits.per_project {
            return Err(refuse_over_quota(metric, false, limits.per_project));
        }
        *user += 1;
        *project += 1;
        Ok(())
    }

    /// Returns the seconds until the current minute ends, for `Retry-After`.
    pub(crate) fn seconds_left(monotonic_ms: u64) -> u64 {
        (MINUTE_MS - monotonic_ms % MINUTE_MS).div_ceil(1000)
    }
}

fn refuse_over_quota(metric: QuotaMetric, is_per_user: bool, value: u32) -> ApiError {
    let word = if metric == QuotaMetric::Read { "Read" } else { "Write" };
    let (whose, of, unit) = if is_per_user {
        (" per user", "PerUser", "1/min/{project}/{user}")
    } else {
        ("", "PerProject", "1/min/{project}")
    };
    let message = format!(
        "Quota exceeded for quota metric '{word} requests' and limit '{word} requests per minute{whose}' of service \
         'sheets.googleapis.com' for consumer 'project_number:{PROJECT}'."
    );
    let details = json!([
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "RATE_LIMIT_EXCEEDED",
            "domain": "googleapis.com",
            "metadata": {
                "quota_limit_value": value.to_string(),
                "service": "sheets.googleapis.com",
                "consumer": format!("projects/{PROJECT}"),
                "quota_unit": unit,
                "quota_location": "global",
                "quota_metric": format!("sheets.googleapis.com/{}_requests", word.to_ascii_lowercase()),
                "quota_limit": format!("{word}RequestsPerMinute{of}"),
            }
        },
        {
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [{
                "description": "Request a higher quota limit.",
                "url": "https://cloud.google.com/docs/quotas/help/request_increase"
            }]
        }
    ]);
    ApiError::resource_exhausted(message, Some(Value::clone(&details)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixty_first_call_of_a_minute_is_refused() {
        let mut quota = QuotaCounter::new(Some(QuotaLimits::GOOGLE));
        for call in 0..60 {
            assert!(quota.take("a", QuotaMetric::Read, 1000 + call).is_ok());
        }
        let got = quota.take("a", QuotaMetric::Read, 2000).unwrap_err();
        assert_eq!((got.code, got.status), (429, "RESOURCE_EXHAUSTED"));
        assert!(quota.take("a", QuotaMetric::Write, 2000).is_ok() && quota.take("b", QuotaMetric::Read, 2000).is_ok());
        assert!(quota.take("a", QuotaMetric::Read, 60_000).is_ok());
        assert_eq!(QuotaCounter::seconds_left(59_001), 1);
    }

    #[test]
    fn a_project_has_a_limit_of_its_own() {
        let mut quota = QuotaCounter::new("2/3".parse().ok());
        let calls =
            ["a", "a", "b", "b"].map(|account| quota.take(account, QuotaMetric::Write, 0).map_err(|e| e.message));
        assert!(calls[..3].iter().all(Result::is_ok));
        let got = "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute' of service \
                    'sheets.googleapis.com' for consumer 'project_number:123456789012'.";
        assert_eq!(calls[3], Err(got.to_owned()));
        assert!(QuotaLimits::from_str("many").is_err());
    }
}
