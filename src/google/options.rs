//! How to reach a service: who we are, which way, how fast, how long, how often.
//!
//! In scope: the options and their usual values. Out of scope: where they come from (`config`), and acting on them (`sheets`).

use std::time::Duration;

use crate::fault::Fault;
use crate::google::auth::credentials::Credentials;
use crate::google::calls::quota::Pacing;
use crate::google::transport::connect::{RootsError, Transport};
use crate::google::types::address::AddressError;
use crate::retry::RetryPolicy;

/// Log directives that must stand below whatever a user asks for: at debug level these packages write tokens and signed keys.
pub const QUIET: &[&str] =
    &["yup_oauth2=info", "google_apis_common=info", "hyper=info", "hyper_util=info", "rustls=info"];

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until a connection stands, TLS included.
    pub connect: Duration,
    /// Until there is a token.
    pub token: Duration,
    /// From the request's first byte to the head of the answer; Google gives up after 180 s.
    pub call: Duration,
    /// From the head of the answer to its end.
    pub body: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), token: seconds(30), call: seconds(90), body: seconds(30) }
    }
}

/// How to reach a service.
pub struct SheetsOptions {
    /// The root of the API; Google's by default.
    pub api_url: Option<String>,
    /// Who we are.
    pub credentials: Credentials,
    /// Which way.
    pub transport: Transport,
    /// The bounds of one call's retries.
    pub retry: RetryPolicy,
    /// How many retries all calls may spend before the service counts as down.
    pub retry_budget: u32,
    /// How fast.
    pub pacing: Pacing,
    /// How long.
    pub deadlines: Deadlines,
    /// The longest answer taken, in bytes of its body.
    pub answer_limit: u64,
}

impl SheetsOptions {
    /// The usual bounds, against Google.
    pub fn new(credentials: Credentials, transport: Transport) -> Self {
        Self {
            api_url: None,
            credentials,
            transport,
            retry: RetryPolicy::default(),
            retry_budget: 20,
            pacing: Pacing::default(),
            deadlines: Deadlines::default(),
            answer_limit: 64 << 20,
        }
    }
}

/// Why no client could be made; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The API's root.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The certificates to trust.
    #[error(transparent)]
    Roots(#[from] RootsError),
}

impl ConnectError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        Fault::Denied
    }
}
