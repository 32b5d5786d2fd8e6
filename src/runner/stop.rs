//! Asking a run to stop: it finishes the items in hand, commits them, gives the lease back and tells so.
//!
//! In scope: the request and its reason. Out of scope: signals themselves (`cli::signals`).

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why a run was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// The run's own deadline.
    Deadline,
}

impl StopReason {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Deadline => "the deadline",
        }
    }
}

/// A handle on which a run can be asked to stop; clones ask the same run.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
}

impl Stop {
    /// Asks; the first reason counts.
    pub fn ask(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// The reason, once somebody has asked.
    pub fn asked(&self) -> Option<StopReason> {
        self.token.is_cancelled().then(|| self.reason.get().copied()).flatten()
    }

    /// Resolves with the reason once somebody asks.
    pub async fn reason(&self) -> StopReason {
        self.token.cancelled().await;
        self.reason.get().copied().unwrap_or(StopReason::Terminate)
    }

    /// Resolves once somebody asks.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }
}
