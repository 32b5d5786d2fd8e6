//! A function that the caller runs around each commit, for example to kill the process there in a
//! crash test.
//!
//! In scope: the hook and its two stages.
//! Out of scope: the commit itself (`transaction`).

use std::fmt;
use std::sync::Arc;

/// Where a commit is when the hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitStage {
    /// Before the transaction is committed and made durable.
    BeforeSync,
    /// After it was made durable, before the caller gets its response.
    AfterSync,
}

/// A function that runs in the committing thread at both stages of each commit.
#[derive(Clone)]
pub struct CommitHook(Arc<dyn Fn(CommitStage) + Send + Sync>);

impl CommitHook {
    /// Wraps the function.
    pub fn new(hook: impl Fn(CommitStage) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    /// Runs the function.
    pub fn run(&self, stage: CommitStage) {
        (self.0)(stage);
    }
}

impl fmt::Debug for CommitHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommitHook(…)")
    }
}
