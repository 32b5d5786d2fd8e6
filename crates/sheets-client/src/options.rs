//! Options of a client: address, credentials, transport, retries, pacing and deadlines.
//!
//! In scope: the options and their defaults. Out of scope: where the values come from (`config`),
//! and acting on them (`sheets`).

use std::time::Duration;

use crate::auth::credentials::Credentials;
use crate::auth::tokens::SCOPE;
use crate::calls::quota::CallRates;
use crate::transport::connect::{RootsError, Transport};
use crate::types::address::AddressError;
use sheetkeep_base::fault::Fault;
use sheetkeep_base::retry::RetryPolicy;

/// Log directives that always apply below the user's own: at debug level these packages log tokens
/// and signed keys.
pub const QUIET_LOG_DIRECTIVES: &[&str] =
    &["yup_oauth2=info", "google_apis_common=info", "hyper=info", "hyper_util=info", "rustls=info"];

/// Deadlines of the parts of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until the connection is established, TLS included.
    pub connect: Duration,
    /// Until a token is obtained.
    pub token: Duration,
    /// From the first byte of the request to the head of the response. Google gives up after 180 s.
    pub call: Duration,
    /// From the head of the response to its end.
    pub body: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), token: seconds(30), call: seconds(90), body: seconds(30) }
    }
}

/// Options of a client.
pub struct SheetsOptions {
    /// The API root; `None` means Google's.
    pub api_url: Option<String>,
    /// The credentials that tokens are obtained with.
    pub credentials: Credentials,
    /// The network, or a stream within this process.
    pub transport: Transport,
    /// The retry limits of one call.
    pub retry: RetryPolicy,
    /// Retries that all calls together may spend before the service counts as down.
    pub retry_budget: u32,
    /// Calls per minute.
    pub pacing: CallRates,
    /// Deadlines of the parts of a call.
    pub deadlines: Deadlines,
    /// Maximum size of a response body, in bytes.
    pub response_limit: u64,
    /// What the tokens allow. The service refuses the rest.
    pub access: AccessScope,
}

/// What a client's tokens allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccessScope {
    /// Reading and writing spreadsheets.
    #[default]
    Write,
    /// Calls that read spreadsheets; the service refuses writes with such a token.
    Read,
    /// Reading what Drive knows of a file, not its contents.
    FileMetadata,
}

impl AccessScope {
    /// Returns the scope that tokens are requested for.
    pub fn scope(self) -> &'static str {
        match self {
            Self::Write => SCOPE,
            Self::Read => "https://www.googleapis.com/auth/spreadsheets.readonly",
            Self::FileMetadata => "https://www.googleapis.com/auth/drive.metadata.readonly",
        }
    }
}

impl SheetsOptions {
    /// Returns the default options for Google's service.
    pub fn new(credentials: Credentials, transport: Transport) -> Self {
        Self {
            api_url: None,
            credentials,
            transport,
            retry: RetryPolicy::default(),
            retry_budget: 20,
            pacing: CallRates::default(),
            deadlines: Deadlines::default(),
            response_limit: 64 << 20,
            access: AccessScope::default(),
        }
    }
}

/// Why no client could be created. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The API root is invalid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The certificates to trust can't be used.
    #[error(transparent)]
    Roots(#[from] RootsError),
}

impl ConnectError {
    /// Returns the fault class, which decides what happens next.
    pub fn fault(&self) -> Fault {
        Fault::Denied
    }
}
