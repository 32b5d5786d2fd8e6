//! Why the effect of a call is unknown.
//!
//! In scope: the causes and their faults. Out of scope: resolving a lost write (`ledger`).

use sheetkeep_base::fault::Fault;

/// Why the effect of a call is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownOutcome {
    /// A status without an envelope, or with a truncated one, so the effect is unknown.
    #[error("the service answered {0} without reporting what it did")]
    Status(u16),
    /// A web page with the status of a refusal: the API never sends one.
    #[error("a web page came with {0} in place of the service's response")]
    WebPage(u16),
    /// No complete response within the deadline.
    #[error("no complete response came within {} s", .after_ms / 1_000)]
    TimedOut {
        /// The time that the call waited for its response, in milliseconds.
        after_ms: u64,
    },
    /// The connection broke after the request may have been sent.
    #[error("the connection broke before the response was complete: {0}")]
    ConnectionBroken(String),
    /// A success whose body is not the response to this call.
    #[error("the response is not what the Sheets API sends: {0}")]
    InvalidResponse(&'static str),
    /// The response is longer than the limit.
    #[error("the response is longer than {limit_bytes} bytes")]
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
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self, Self::InvalidResponse(_) | Self::WebPage(_) | Self::Status(300..=399 | 501 | 505 | 511))
    }
}
