//! Asking a run to stop: it finishes the items in hand, commits them, gives the lease back and tells so. Asked again, it has the steps
//! that are still at work end, and no longer waits for what they would have come to.
//!
//! In scope: the requests and the reason. Out of scope: signals themselves (`cli::signals`).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Why a run was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    HangUp,
    /// The run's own deadline.
    Deadline,
}

impl StopReason {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
            Self::Deadline => "the deadline",
        }
    }
}

/// A handle on which a run can be asked to stop; clones ask the same run.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    hurry: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
    patience: Arc<OnceLock<Duration>>,
}

impl Stop {
    /// Asks; the first reason counts.
    pub fn ask(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Asks not to wait for items either: what is done is committed, what is still in the steps is left to the next run. The steps may
    /// take `patience` to end.
    pub fn hurry(&self, patience: Duration) {
        let _ = self.patience.set(patience);
        self.hurry.cancel();
    }

    /// Resolves once somebody is in a hurry, with how long steps may take to end.
    pub async fn forced(&self) -> Duration {
        self.hurry.cancelled().await;
        self.patience.get().copied().unwrap_or_default()
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
