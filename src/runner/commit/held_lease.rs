//! Whether the run still holds its lease.
//!
//! In scope: when the head is read for it, and what follows from the head. Out of scope: how long a
//! lease is trusted (`ledger::leases::lease`), who asks (`runner::lease_questions`).

use std::time::Duration;

use crate::ledger::commit::commit_resolution::Resolution;
use crate::ledger::leases::lease::LeaseValidity;
use crate::runner::commit::committer::Committer;
use crate::runner::commit::halt_errors::{describe_fencing, describe_missing_head};
use crate::runner::queue::commit_queue::CommitQueue;
use crate::runner::records::intake::Intake;
use crate::runner::run_config::RunError;

/// How long the check of the lease for the source waits for the head.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

impl Committer {
    /// Invariant 5 of `ledger`: after the validity window, the head is read before new results are
    /// drafted.
    pub async fn ensure_lease_valid(&mut self, intake: &mut Intake, queue: &mut CommitQueue) -> Result<(), RunError> {
        let now_ms = self.now_ms();
        if !self.chain.has_claimed() || self.lease_validity.is_valid(now_ms) {
            return Ok(());
        }
        let status = self.driver.store.read_head().await?;
        let resolution = self.chain.draft_ids().resolve(status);
        if resolution == Resolution::NotApplied {
            self.lease_validity = LeaseValidity::new(now_ms, self.ttl_ms);
        }
        self.act_on_head(resolution, intake, queue).await
    }

    /// True if `confirm_lease` has an answer now: no commit is under way, or the lease is trusted.
    pub fn can_confirm_lease(&self) -> bool {
        !self.is_busy() || self.lease_validity.is_valid(self.now_ms())
    }

    /// Checks that this run still holds the lease. What depends on the answer has no guard of its
    /// own, unlike a commit. So the head is read even while the lease is trusted: a person may have
    /// let another run take over. If it can't be read now, the trust counts.
    pub async fn confirm_lease(&mut self, intake: &mut Intake, queue: &mut CommitQueue) -> Result<(), RunError> {
        let is_trusted = |of: &Self| of.lease_validity.is_valid(of.now_ms());
        if self.is_busy() && is_trusted(self) {
            return Ok(());
        }
        let read = tokio::select! {
            read = self.driver.store.read_head() => Some(read),
            () = self.driver.clock.sleep(CONFIRM_TIMEOUT), if is_trusted(self) => None,
        };
        match read {
            Some(Ok(status)) => self.act_on_head(self.chain.draft_ids().resolve(status), intake, queue).await,
            Some(Err(error)) if !(error.fault().passes() && is_trusted(self)) => Err(error.into()),
            None if !is_trusted(self) => self.ensure_lease_valid(intake, queue).await,
            _ => Ok(()),
        }
    }

    async fn act_on_head(
        &mut self,
        resolution: Resolution,
        intake: &mut Intake,
        queue: &mut CommitQueue,
    ) -> Result<(), RunError> {
        match resolution {
            Resolution::NotApplied => Ok(()),
            Resolution::Fenced => Err(describe_fencing(self.driver.store.as_ref(), self.schedule.as_ref()).await),
            Resolution::HeadMissing => Err(describe_missing_head()),
            Resolution::ConcurrentCommit | Resolution::Stale | Resolution::Applied(_) => {
                self.reload(Vec::new(), None, intake, queue).await
            }
        }
    }
}
