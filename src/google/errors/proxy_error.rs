//! What goes wrong at a proxy, named with the proxy and with the variable that names it, and never with its password.
//!
//! In scope: the kinds of it, what to do about each, finding one in a chain of errors. Out of scope: talking to a proxy (`tunnel`,
//! `forward`).

use std::error::Error;
use std::io;

use crate::fault::Fault;

/// What went wrong at a proxy, before the service had anything of the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proxy {} {}", .0.proxy, .0.trouble.told(&.0.variable))]
pub struct ProxyError(Box<Told>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    proxy: String,
    variable: String,
    trouble: ProxyTrouble,
}

/// The kinds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyTrouble {
    /// There is no connection to it.
    Unreachable(String),
    /// It did not answer in time.
    Hung {
        /// Seconds waited.
        after_s: u64,
    },
    /// It wants a user and a password, or others (407; some say 401).
    Unauthorised {
        /// Whether some were sent.
        sent: bool,
        /// Its status.
        status: u16,
    },
    /// It does not let this program there.
    Refused {
        /// The host that was asked for.
        host: String,
        /// Its status.
        status: u16,
    },
    /// It could not get there itself.
    Failed {
        /// The host that was asked for.
        host: String,
        /// Its status.
        status: u16,
    },
    /// What it answers is none of a proxy's.
    Garbled(String),
    /// There is a way through it, but no trust in who is at its end.
    Untrusted {
        /// The host that was asked for.
        host: String,
        /// What TLS says.
        why: String,
    },
}

impl ProxyTrouble {
    fn told(&self, variable: &str) -> String {
        match self {
            Self::Unreachable(why) => format!("can't be reached: {why}; check {variable}"),
            Self::Hung { after_s } => format!("gave no answer within {after_s} s; check {variable}"),
            Self::Unauthorised { sent: true, status } => {
                format!("does not take the user and password of {variable} ({status}); correct them there")
            }
            Self::Unauthorised { sent: false, status } => {
                format!(
                    "asks for a user and a password ({status}); write them into {variable}: http://USER:PASSWORD@HOST:PORT"
                )
            }
            Self::Refused { host, status } => format!(
                "refuses the way to {host} ({status}); have {host} allowed there, or list it in NO_PROXY if it can be reached without"
            ),
            Self::Failed { host, status } => format!("could not reach {host} ({status})"),
            Self::Garbled(why) => format!("answers what no proxy answers: {why}; check {variable}"),
            Self::Untrusted { host, why } => format!(
                "leads to a {host} that is not to be trusted: {why}; if the proxy opens TLS, name its certificate in SSL_CERT_FILE"
            ),
        }
    }
}

impl ProxyError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match &self.0.trouble {
            ProxyTrouble::Unauthorised { .. } | ProxyTrouble::Refused { .. } => Fault::Denied,
            ProxyTrouble::Garbled(_) => Fault::Corrupt,
            ProxyTrouble::Unreachable(_)
            | ProxyTrouble::Hung { .. }
            | ProxyTrouble::Failed { .. }
            | ProxyTrouble::Untrusted { .. } => Fault::Transient,
        }
    }

    /// What `proxy`, which `variable` names, says or does not.
    pub(crate) fn new(proxy: String, variable: String, trouble: ProxyTrouble) -> Self {
        Self(Box::new(Told { proxy, variable, trouble }))
    }

    /// The error of a proxy in the chain of `error`, if there is one.
    pub(crate) fn within(error: &(dyn Error + 'static)) -> Option<Self> {
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
