//! Stops a run early. After the first request it finishes the items in hand, commits them, releases
//! the lease and reports. After the second it cancels the steps under way and does not wait for
//! their results.
//!
//! In scope: the requests and the reason. Out of scope: signals (`cli::signals`).

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Why a run was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// SIGINT, or Ctrl-C.
    Interrupt,
    /// SIGTERM, which service managers send first.
    Terminate,
    /// SIGHUP, when the terminal is closed.
    HangUp,
    /// The run's own deadline.
    Deadline,
}

impl StopReason {
    /// Returns the text for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
            Self::Deadline => "the deadline",
        }
    }
}

/// A handle that requests the stop of a run; clones belong to the same run.
#[derive(Debug, Clone, Default)]
pub struct StopHandle {
    token: CancellationToken,
    force_token: CancellationToken,
    reason: Arc<OnceLock<StopReason>>,
    grace_period: Arc<OnceLock<Duration>>,
}

impl StopHandle {
    /// Requests a stop; the first reason counts.
    pub fn request_stop(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Requests a stop without waiting for items: finished ones are committed, the others are left
    /// to the next run. The steps get the time `grace_period` to end.
    pub fn force_stop(&self, grace_period: Duration) {
        let _ = self.grace_period.set(grace_period);
        self.force_token.cancel();
    }

    /// Resolves at the second request, with the time that steps may take to end.
    pub async fn wait_for_force(&self) -> Duration {
        self.force_token.cancelled().await;
        self.grace_period.get().copied().unwrap_or_default()
    }

    /// Returns the reason, once a stop was requested.
    pub fn requested_reason(&self) -> Option<StopReason> {
        self.token.is_cancelled().then(|| self.reason.get().copied()).flatten()
    }

    /// Resolves with the reason when a stop is requested.
    pub async fn wait_for_reason(&self) -> StopReason {
        self.token.cancelled().await;
        self.reason.get().copied().unwrap_or(StopReason::Terminate)
    }

    /// Resolves when a stop is requested.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }
}
