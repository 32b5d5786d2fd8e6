//! Why no token was obtained.
//!
//! In scope: the causes, their faults and messages. Out of scope: getting tokens (`auth::tokens`).

use crate::errors::proxy_error::ProxyError;
use crate::errors::service_text::join_texts;
use sheetkeep_base::fault::Fault;

/// Why no token was obtained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token service refused.
    #[error("the token service refused: {}; {advice}", join_texts(.code, ": ", .description))]
    Refused {
        /// OAuth's error code, such as `invalid_grant`.
        code: String,
        /// OAuth's `error_description`, a text for people; empty when there is none.
        description: String,
        /// What the user can do.
        advice: &'static str,
    },
    /// The token service is temporarily unavailable, or responded without a token.
    #[error("the token service gave no token: {0}")]
    Unavailable(String),
    /// Something else responded in place of the token service.
    #[error(
        "a web page came instead of a token: a proxy, or the login page of a network, answers in the token service's place"
    )]
    WebPage,
    /// No response within the deadline.
    #[error("the token service gave no response within {} s", .after_ms / 1_000)]
    TimedOut {
        /// The time that the request waited, in milliseconds.
        after_ms: u64,
    },
    /// The credentials themselves can't be used.
    #[error("the credentials can't be used: {0}")]
    Unusable(String),
    /// A proxy stopped the request.
    #[error("the token service can't be reached: {0}")]
    Proxy(ProxyError),
}

impl TokenError {
    /// Returns the fault class.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { .. } | Self::Unusable(_) => Fault::Denied,
            Self::Unavailable(_) | Self::WebPage | Self::TimedOut { .. } => Fault::Transient,
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
            Self::Unavailable(why) | Self::Unusable(why) => *why = hide(why),
            Self::WebPage | Self::TimedOut { .. } | Self::Proxy(_) => {}
        }
        self
    }
}
