//! A store around which things go wrong, commit by commit.
//!
//! In scope: the mishaps of commits. Out of scope: the sheet behind it (`drill::drill_sheet`).

use std::sync::Arc;

use crate::app::drill::drill_sheet::DrillSheet;
use crate::app::drill::mishaps::mishap::PlannedMishap;
use crate::app::drill::mishaps::run_mishaps::RunMishaps;
use crate::ledger::commit::changes::{Commit, CommitResult};
use crate::port::store::Store;
use crate::port::store_layer::StoreLayer;
use futures_util::future::BoxFuture;

/// The store of one run, with mishaps.
pub struct MishapStore {
    inner: Arc<dyn Store>,
    sheet: DrillSheet,
    mishaps: Arc<RunMishaps>,
}

impl MishapStore {
    /// Creates the store of a run on this sheet.
    pub fn new(inner: Arc<dyn Store>, sheet: DrillSheet, mishaps: Arc<RunMishaps>) -> Self {
        Self { inner, sheet, mishaps }
    }

    /// What happens before the `nth` commit arrives.
    async fn run_mishaps_before(&self, nth: u64) {
        let queue = &self.mishaps.queue;
        let due = queue.take(|mishap| match mishap {
            PlannedMishap::KillBeforeCommit(at) | PlannedMishap::LoseReply(at) => *at == nth,
            PlannedMishap::Throttle { commit, .. }
            | PlannedMishap::SecondRunner { commit, .. }
            | PlannedMishap::Sort { commit, .. } => *commit == nth,
            _ => false,
        });
        for mishap in &due {
            if let PlannedMishap::Sort { is_descending: descending, .. } = mishap
                && self.sheet.sort_rows(*descending).await
            {
                queue.record(format!("a person sorted the tab before commit {nth}"), |outcome| outcome.sorts += 1);
            }
        }
        for mishap in due {
            match mishap {
                PlannedMishap::KillBeforeCommit(_) => {
                    self.mishaps.kill_run(&format!("before commit {nth} was sent")).await;
                }
                PlannedMishap::Throttle { calls, .. } => {
                    self.sheet.throttle(calls);
                    let moment = format!("429 for {calls} calls from commit {nth} on");
                    queue.record(moment, |outcome| outcome.throttled_calls += u64::from(calls));
                }
                PlannedMishap::LoseReply(_) => {
                    self.sheet.lose_next_reply();
                    let moment = format!("commit {nth} was applied, and its response lost");
                    queue.record(moment, |outcome| outcome.lost_replies += 1);
                }
                PlannedMishap::SecondRunner { takes_over, .. } => {
                    let how = if takes_over { ", and took over" } else { "" };
                    let moment = format!("a second run started at commit {nth}{how}");
                    queue.record(moment, |outcome| outcome.second_runs += 1);
                    queue.start_second_runner(takes_over);
                }
                _ => {}
            }
        }
    }
}

impl StoreLayer for MishapStore {
    fn inner(&self) -> &dyn Store {
        self.inner.as_ref()
    }

    fn commit_in_layer<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async move {
            let nth = self.mishaps.queue.count_commit();
            self.run_mishaps_before(nth).await;
            let result = self.inner.commit(commit).await;
            let due = |mishap: &PlannedMishap| matches!(mishap, PlannedMishap::KillAfterCommit(at) if *at == nth);
            if matches!(result, CommitResult::Applied) && !self.mishaps.queue.take(due).is_empty() {
                self.mishaps.kill_run(&format!("after commit {nth} was applied")).await;
            }
            result
        })
    }
}
