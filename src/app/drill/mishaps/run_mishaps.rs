//! What can happen to one run of a drill: its kill, and where in the source it is.
//!
//! In scope: the kill and its sentence in the log. Out of scope: when it is due
//! (`drill::mishaps::mishap_queue`).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::sync::CancellationToken;

use crate::app::drill::mishaps::mishap_queue::MishapQueue;

/// What can happen to one run.
pub struct RunMishaps {
    /// The mishaps of the drill.
    pub queue: Arc<MishapQueue>,
    /// The run's name in the log: empty for the first machine.
    machine: &'static str,
    /// What its source yields: `record` or `stage`.
    unit: &'static str,
    kill: CancellationToken,
    position: AtomicU64,
}

impl RunMishaps {
    /// Creates the mishaps of a run on a machine of this name, whose source yields such units.
    pub fn new(queue: Arc<MishapQueue>, machine: &'static str, unit: &'static str) -> Self {
        Self { queue, machine, unit, kill: CancellationToken::new(), position: AtomicU64::new(0) }
    }

    /// Resolves when the run is killed.
    pub async fn wait_for_kill(&self) {
        self.kill.cancelled().await;
    }

    /// Returns where the source writes the number of the last record that was read.
    pub fn position(&self) -> &AtomicU64 {
        &self.position
    }

    /// Kills the run; `when` says at which moment of the record's processing.
    pub async fn kill_run(&self, when: &str) -> Infallible {
        let record = self.position.load(Ordering::SeqCst);
        let unit = self.unit;
        let place = if record == 0 { format!("before its first {unit}") } else { format!("at {unit} {record}") };
        let when = if when.is_empty() { String::new() } else { format!(", {when}") };
        self.kill_run_in(&format!("{place}{when}")).await
    }

    /// Kills the run at this place.
    pub async fn kill_run_in(&self, place: &str) -> Infallible {
        let moment = format!("{}killed {place}", self.machine);
        self.queue.record(moment, |outcome| outcome.kills += 1);
        self.kill.cancel();
        std::future::pending().await
    }
}
