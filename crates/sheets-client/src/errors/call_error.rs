//! The error of a call that failed for good: its method, its cause, its fault class, its message.
//!
//! In scope: all causes side by side. Out of scope: what each means (`errors::api_error`,
//! `errors::token_error`, `errors::unknown_outcome`, `errors::proxy_error`), and deciding whether a
//! call may be retried (`calls::caller`).

use std::fmt;

use crate::errors::api_error::ApiError;
use crate::errors::proxy_error::ProxyError;
use crate::errors::service_text::join_texts;
use crate::errors::token_error::TokenError;
use crate::errors::unknown_outcome::UnknownOutcome;
use sheetkeep_base::fault::Fault;
use sheetkeep_base::machine::MachineError;
use sheetkeep_base::retry::GiveUpReason;

/// An API method; in messages: "failed to …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `spreadsheets.get` without cells: properties, tabs, named ranges.
    Metadata,
    /// `spreadsheets.values.batchGet`: the values of ranges, or their formulas.
    Values,
    /// `spreadsheets.developerMetadata.search`: the columns with marks of a job.
    SearchMetadata,
    /// `spreadsheets.create`: a new spreadsheet.
    Create,
    /// `spreadsheets.batchUpdate`: all writes to a spreadsheet.
    BatchUpdate,
    /// `drive.files.get`: the name and the trash of a spreadsheet's file.
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
            Self::SearchMetadata => "developerMetadata.search",
            Self::Create => "spreadsheets.create",
            Self::BatchUpdate => "spreadsheets.batchUpdate",
            Self::File => "drive.files.get",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Metadata => "read the spreadsheet's tabs",
            Self::Values => "read values from the spreadsheet",
            Self::SearchMetadata => "find the marks of renamed columns",
            Self::Create => "create a spreadsheet",
            Self::BatchUpdate => "write to the spreadsheet",
            Self::File => "ask Drive about the file",
        }
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorCause {
    /// The service refused the call.
    #[error("{}", join_texts(&.refusal.to_string(), "; ", .advice.as_deref().unwrap_or_default()))]
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
    Machine(MachineError),
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
            Self::Token(error) => *error == TokenError::WebPage,
            Self::Lost(cause) => cause.is_foreign(),
            Self::Refused { .. } | Self::Unreachable(_) | Self::TooLarge(_) | Self::Proxy(_) | Self::Machine(_) => {
                false
            }
        }
    }

    /// Returns the fault class once the error has ended a run. A foreign page that persisted until
    /// then will not disappear by itself. A response that is only truncated is treated as before.
    pub fn final_fault(&self) -> Fault {
        let breaks_off = matches!(self, Self::Lost(UnknownOutcome::InvalidResponse(_)));
        if self.is_foreign() && !breaks_off { Fault::Inconsistent } else { self.fault() }
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
    pub give_up_reason: Option<GiveUpReason>,
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
        match self.give_up_reason {
            Some(GiveUpReason::Elapsed { next_ms }) => write!(f, "; try again in {} s", next_ms.div_ceil(1_000)),
            Some(GiveUpReason::Budget) => f.write_str("; too many calls fail, so this run stopped retrying"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for CallError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_completes_the_words_failed_to() {
        let error = CallError {
            method: Method::Values,
            cause: ErrorCause::Lost(UnknownOutcome::Status(503)),
            attempts: 6,
            elapsed_ms: 31_000,
            give_up_reason: Some(GiveUpReason::Attempts),
        };
        assert_eq!(
            error.to_string(),
            "read values from the spreadsheet: the service answered 503 without reporting what it did (tried 6 times in 31 s)"
        );
    }
}
