//! What is reported of all attempts: a stable JSON document.

use serde::Serialize;

/// The version of the document; it grows when a meaning changes.
pub const REPORT_SCHEMA_VERSION: u32 = 1;

/// How the attempts ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryOutcome {
    /// The command succeeded.
    Succeeded,
    /// All attempts failed.
    Exhausted,
    /// The command failed in a way that is not tried again.
    Permanent,
    /// A signal ended the attempts.
    Interrupted,
    /// The deadline of all attempts is over.
    Timeout,
}

/// One attempt, as the report shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptReport {
    /// Its number, from 1.
    pub number: u32,
    /// Seconds waited after it; 0 after the last.
    pub delay: f64,
    /// Why it failed; null if it succeeded. Secrets are hidden.
    pub error: Option<String>,
    /// Its exit code; 128 + n after signal n, 124 if its time was over.
    pub exit_code: u8,
    /// Seconds that it took.
    pub duration_s: f64,
}

impl RetryReport {
    /// Returns the report of a command that is taken to have succeeded immediately.
    pub fn of_success(max_attempts: u32) -> Self {
        let attempt = AttemptReport { number: 1, delay: 0.0, error: None, exit_code: 0, duration_s: 0.0 };
        Self {
            schema_version: REPORT_SCHEMA_VERSION,
            outcome: RetryOutcome::Succeeded,
            attempts: vec![attempt],
            max_attempts,
            total_s: 0.0,
            error: None,
            stderr: None,
            exit_code: 0,
        }
    }
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetryReport {
    /// The version of this document.
    pub schema_version: u32,
    /// How the attempts ended.
    pub outcome: RetryOutcome,
    /// The attempts, in order.
    pub attempts: Vec<AttemptReport>,
    /// Attempts that were allowed.
    pub max_attempts: u32,
    /// Seconds of all attempts and delays together.
    pub total_s: f64,
    /// The last error; null after a success.
    pub error: Option<String>,
    /// The end of the standard error of the last failed attempt, at most 4 kB, secrets hidden.
    pub stderr: Option<String>,
    /// The exit code that is passed on.
    pub exit_code: u8,
}
