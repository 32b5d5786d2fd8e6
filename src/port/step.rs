//! The ports for processing items and for finding their keys.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::fault::Fault;
use crate::ledger::items::key::{Key, KeyError, Version};
use crate::ledger::leases::lease::Fence;
use crate::ledger::values::json_path::MemberPath;
use crate::machine::MachineError;
use crate::time::Timestamp;

/// The information on item and run that a step gets.
#[derive(Debug, Clone)]
pub struct StepContext {
    /// The item's key.
    pub key: Key,
    /// The item's version; empty if the job has no version expression.
    pub version: Version,
    /// The key under which an outside effect may happen at most once; the same for each attempt,
    /// run and machine.
    pub idempotency_key: String,
    /// The fencing token, so that outside systems can refuse a stale runner.
    pub fence: Fence,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// When the step has to be complete; `None` without a limit.
    pub deadline: Option<Timestamp>,
    /// Cancelled when the run stops waiting for items.
    pub cancel: CancellationToken,
}

/// Why a step could not process an item.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StepError {
    /// The item is bad; retries don't help.
    #[error("{0}")]
    Rejected(String),
    /// A temporary error; it is retried within the run.
    #[error("{why}")]
    Transient {
        /// The error message.
        why: String,
        /// The minimum delay in milliseconds, if the other side named one.
        retry_after_ms: Option<u64>,
    },
    /// The run is being stopped.
    #[error("the run was stopped")]
    Cancelled,
    /// An error of this machine, not of the item: the run stops, and the item is untouched.
    #[error("{error}")]
    Machine {
        /// What the machine refuses.
        error: MachineError,
        /// True if the step may have begun.
        has_begun: bool,
    },
}

impl StepError {
    /// Creates the error of a bad item: it goes to the tab of failures, and retries don't help.
    pub fn rejected(why: impl Into<String>) -> Self {
        Self::Rejected(why.into())
    }

    /// Creates an error that may pass: the step is tried again within the run.
    pub fn transient(why: impl Into<String>) -> Self {
        Self::Transient { why: why.into(), retry_after_ms: None }
    }

    /// Creates an error after which the other side asks for a pause, as with `Retry-After`.
    pub fn throttled(why: impl Into<String>, retry_after: Duration) -> Self {
        let retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
        Self::Transient { why: why.into(), retry_after_ms: Some(retry_after_ms) }
    }

    /// Returns the class of the error.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Rejected(_) => Fault::Rejected,
            Self::Transient { retry_after_ms: Some(_), .. } => Fault::Throttled,
            Self::Transient { .. } | Self::Cancelled => Fault::Transient,
            Self::Machine { error: machine_error, .. } if machine_error.passes() => Fault::Transient,
            Self::Machine { .. } => Fault::Machine,
        }
    }
}

impl From<serde_json::Error> for StepError {
    /// An item that does not have the expected form is bad.
    fn from(error: serde_json::Error) -> Self {
        Self::Rejected(format!("the item does not have the expected form: {error}"))
    }
}

/// One step of a job. Its input is the record, or an output of the step before.
pub trait Step: Send + Sync {
    /// Returns values for the next step, or for rows if it is the last one: none, one or several.
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>>;

    /// Returns its name, for failures and for the idempotency key.
    fn name(&self) -> &str;

    /// True if it changes anything outside the sheet. Then the run claims the lease before the
    /// first item.
    fn has_outside_effects(&self) -> bool;
}

/// Finds the key and the version of a record.
pub trait KeyFinder: Send + Sync {
    /// Returns the record's key and version.
    fn identify<'a>(&'a self, body: &'a Value) -> BoxFuture<'a, Identity>;

    /// Like `identify`, for a reduced record: a version that is the record's content is left empty.
    fn identify_reduced<'a>(&'a self, body: &'a Value) -> BoxFuture<'a, Identity> {
        self.identify(body)
    }

    /// Returns the plain paths of key and version, each with its word; other jq expressions are
    /// left out.
    fn paths(&self) -> Vec<(&'static str, MemberPath)> {
        Vec::new()
    }
}

/// A record's key and version, or why it has none.
pub type Identity = Result<(Key, Version), IdentifyError>;

/// Why a record has no usable key or version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentifyError {
    /// The value found is not a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The record has no such member.
    #[error("the record has no key: it has no {path}, but {members}")]
    KeyMissing {
        /// The jq path.
        path: String,
        /// The first names that it has.
        members: String,
    },
    /// The expression failed on this record.
    #[error("{what} {expression} failed on the record: {why}")]
    Expression {
        /// `key` or `version`.
        what: &'static str,
        /// The jq expression.
        expression: String,
        /// Its error message.
        why: String,
    },
    /// This machine lacks what the lookup needs; the record is not the cause.
    #[error("{0}")]
    Machine(MachineError),
}
