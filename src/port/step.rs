//! What is done with an item.

use futures_util::future::BoxFuture;
use serde_json::Value;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::fault::Fault;
use crate::ledger::columns::json_path::MemberPath;
use crate::ledger::item::key::{Key, KeyError, Version};
use crate::ledger::lease::lease::Fence;
use crate::machine::MachineTrouble;
use crate::time::Timestamp;

/// What a step may know about the item in hand and about the run.
#[derive(Debug, Clone)]
pub struct StepContext {
    /// The item's key.
    pub key: Key,
    /// The item's version; empty where the job names none.
    pub version: Version,
    /// The key under which an outside effect may be made at most once; the same for every attempt, run and machine.
    pub idempotency_key: String,
    /// The lease term, so that outside systems can refuse a stale runner.
    pub fence: Fence,
    /// The try, from 1.
    pub attempt: u32,
    /// When the step has to be done; none where nothing limits it.
    pub deadline: Option<Timestamp>,
    /// Fires when the run stops waiting for items.
    pub cancel: CancellationToken,
}

/// Why a step could not process an item.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StepError {
    /// This item is bad; trying again will not mend it.
    #[error("{0}")]
    Rejected(String),
    /// It may work later; within the run it is tried again.
    #[error("{why}")]
    Transient {
        /// What happened.
        why: String,
        /// Not before this many milliseconds, if the other side said so.
        retry_after_ms: Option<u64>,
    },
    /// The run is being stopped.
    #[error("the run was stopped")]
    Cancelled,
    /// This machine is in the way, and not the item: the run stops, and the item stays as it was.
    #[error("{trouble}")]
    Machine {
        /// What it refuses.
        trouble: MachineTrouble,
        /// Whether the step may have begun all the same.
        begun: bool,
    },
}

impl StepError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Rejected(_) => Fault::Rejected,
            Self::Transient { retry_after_ms: Some(_), .. } => Fault::Throttled,
            Self::Transient { .. } | Self::Cancelled => Fault::Transient,
            Self::Machine { trouble, .. } if trouble.passes() => Fault::Transient,
            Self::Machine { .. } => Fault::Machine,
        }
    }
}

/// One step of a job. Its input is the record, or what the step before made of it.
pub trait Step: Send + Sync {
    /// Values for the next step, or rows-to-be if it is the last one: none, one or several.
    fn run<'a>(&'a self, input: Value, context: &'a StepContext) -> BoxFuture<'a, Result<Vec<Value>, StepError>>;

    /// Its name, for failures and for the idempotency key.
    fn name(&self) -> &str;

    /// Whether it changes anything outside the sheet; if one does, the lease is claimed before the first item.
    fn has_outside_effects(&self) -> bool;
}

/// Finds the key and the version in a record.
pub trait Identify: Send + Sync {
    /// The record's key and version.
    fn identify<'a>(&'a self, body: &'a Value) -> BoxFuture<'a, Identity>;

    /// The same for a record of which less may have been made: a version that is the record's content is left empty.
    fn sight<'a>(&'a self, body: &'a Value) -> BoxFuture<'a, Identity> {
        self.identify(body)
    }

    /// The plain paths at which keys and versions are found, each with the word for it; without those that are other jq.
    fn paths(&self) -> Vec<(&'static str, MemberPath)> {
        Vec::new()
    }
}

/// A record's key and version, or why it has none.
pub type Identity = Result<(Key, Version), IdentifyError>;

/// Why a record has no usable key or version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentifyError {
    /// What was found is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The expression failed on this record.
    #[error("{what} {expression} failed on the record: {why}")]
    Expression {
        /// `key` or `version`.
        what: &'static str,
        /// The jq expression.
        expression: String,
        /// What it said.
        why: String,
    },
    /// This machine refuses what it takes to find them; the record is not to blame.
    #[error("{0}")]
    Machine(MachineTrouble),
}
