//! Errors of a proxy. A message names the proxy and the variable that sets it, and never its
//! password.
//!
//! In scope: the kinds of error, the fault of each, finding one in an error chain. Out of scope:
//! the exchange with a proxy (`sheets_client::transport::tunnel`,
//! `sheets_client::transport::forward_proxy`).

use std::error::Error;
use std::io;

use sheetkeep_base::fault::Fault;

/// An error at a proxy, before the service received anything of the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy {} {}", .0.proxy, .0.kind.message(&.0.variable))]
pub struct ProxyError(Box<ProxyErrorDetails>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct ProxyErrorDetails {
    proxy: String,
    variable: String,
    kind: ProxyErrorKind,
}

/// The kinds of error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyErrorKind {
    /// The proxy can't be reached.
    Unreachable(String),
    /// The proxy did not respond in time.
    TimedOut {
        /// The time that the call waited for the proxy, in seconds.
        after_s: u64,
    },
    /// The proxy requires a user and a password, or refuses those sent (407; some send 401).
    Unauthorised {
        /// Whether a user and a password were sent.
        has_credentials: bool,
        /// The proxy's status code.
        status: u16,
    },
    /// The proxy does not allow this program to reach the host.
    Refused {
        /// The requested host.
        host: String,
        /// The proxy's status code.
        status: u16,
    },
    /// The proxy itself could not reach the host.
    Failed {
        /// The requested host.
        host: String,
        /// The proxy's status code.
        status: u16,
    },
    /// The response is not one of a proxy.
    InvalidResponse(String),
    /// The tunnel is open, but the certificate at its other end is not trusted.
    Untrusted {
        /// The requested host.
        host: String,
        /// The TLS error.
        why: String,
    },
}

impl ProxyErrorKind {
    fn message(&self, variable: &str) -> String {
        match self {
            Self::Unreachable(why) => format!("can't be reached: {why}; check {variable}"),
            Self::TimedOut { after_s } => format!("gave no response within {after_s} s; check {variable}"),
            Self::Unauthorised { has_credentials: true, status } => {
                format!("does not take the user and password of {variable} ({status}); correct them there")
            }
            Self::Unauthorised { has_credentials: false, status } => {
                format!(
                    "asks for a user and a password ({status}); write them into {variable}: http://USER:PASSWORD@HOST:PORT"
                )
            }
            Self::Refused { host, status } => format!(
                "refuses the way to {host} ({status}); have {host} allowed there, or list it in NO_PROXY if it can be reached without"
            ),
            Self::Failed { host, status } => format!("could not reach {host} ({status})"),
            Self::InvalidResponse(why) => format!("answers what no proxy answers: {why}; check {variable}"),
            Self::Untrusted { host, why } => format!(
                "leads to a {host} that is not to be trusted: {why}; if the proxy opens TLS, name its certificate in SSL_CERT_FILE"
            ),
        }
    }
}

impl ProxyError {
    /// Returns the fault class.
    pub fn fault(&self) -> Fault {
        match &self.0.kind {
            ProxyErrorKind::Unauthorised { .. } | ProxyErrorKind::Refused { .. } => Fault::Denied,
            ProxyErrorKind::InvalidResponse(_) => Fault::Inconsistent,
            ProxyErrorKind::Unreachable(_)
            | ProxyErrorKind::TimedOut { .. }
            | ProxyErrorKind::Failed { .. }
            | ProxyErrorKind::Untrusted { .. } => Fault::Transient,
        }
    }

    /// Creates the error of `proxy`, which `variable` sets.
    pub(crate) fn new(proxy: String, variable: String, kind: ProxyErrorKind) -> Self {
        Self(Box::new(ProxyErrorDetails { proxy, variable, kind }))
    }

    /// Returns the proxy error in the chain of `error`, if there is one.
    pub(crate) fn find_within(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(link) = next {
            let inner = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(found) = link.downcast_ref::<Self>().or_else(|| inner?.downcast_ref::<Self>()) {
                return Some(found.clone());
            }
            next = link.source();
        }
        None
    }
}
