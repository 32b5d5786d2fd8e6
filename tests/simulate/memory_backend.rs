//! The store in memory as a backend: faults come between the runner and the store.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sheetkeep::clock::Clock;
use sheetkeep::fault::Fault;
use sheetkeep::grid::{Cell, Row};
use sheetkeep::ledger::commit::changes::{Commit, CommitPart, CommitResult, ItemResult};
use sheetkeep::ledger::commit::commit_resolution::HeadStatus;
use sheetkeep::ledger::items::failure::{FailureState, StoredFailure};
use sheetkeep::ledger::items::key::Fingerprint;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::state::snapshot::LoadReport;
use sheetkeep::port::store::{CallUsage, Store, StoreError};
use sheetkeep::store::memory::MemoryStore;

use crate::backend::{Backend, Mutation};
use crate::call_fault::CallFault;
use crate::game_record::GameRecord;
use crate::machine::Machine;
use crate::observation::{Observation, ObservedFailure, ObservedHead, ObservedRun};
use crate::sheet_reader::run_id_of;

/// How long a call that hangs is waited for.
const DEADLINE: Duration = Duration::from_secs(90);

/// The store in memory, behind faults.
#[derive(Clone)]
pub struct MemoryBackend {
    store: MemoryStore,
    record: Arc<GameRecord>,
    clock: Arc<dyn Clock>,
    late_commits: Arc<Mutex<Vec<(Commit, u32)>>>,
    mutation: Option<Mutation>,
}

impl MemoryBackend {
    pub fn new(record: &Arc<GameRecord>, clock: &Arc<dyn Clock>, mutation: Option<Mutation>) -> Self {
        let mode = record.mode();
        let again = if mode == WriteMode::Append { ReprocessPolicy::EachVersion } else { ReprocessPolicy::OnChange };
        let store = MemoryStore::new(Arc::clone(clock)).with_mode(mode, again);
        let (record, clock) = (Arc::clone(record), Arc::clone(clock));
        Self { store, record, clock, late_commits: Arc::default(), mutation }
    }

    fn read_contents(&self) -> Observation {
        let contents = self.store.contents();
        let text = |row: &Row, name: &str| match row.get(name) {
            Some(Cell::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let rows = contents.data_tabs.get("Data").map(|(_, rows)| rows.as_slice()).unwrap_or_default();
        Observation {
            undo_rows: Vec::new(),
            job_head: contents.head.map(|head| ObservedHead {
                head,
                state_head: contents.state.head.map(|head| head.to_string()).unwrap_or_default(),
                fence: contents.state.lease.fence.0,
                holder: contents.state.lease.holder.as_ref().map(|holder| holder.run.clone()),
            }),
            is_head_lost: false,
            rows: rows.iter().map(|row| (text(row, "id"), text(row, "a"))).collect(),
            processed: contents
                .processed
                .iter()
                .map(|(k, v, run)| (k.to_string(), v.to_string(), run_id_of(run)))
                .collect(),
            failures: contents
                .failures
                .iter()
                .map(|failure| ObservedFailure {
                    key: failure.key.to_string(),
                    version: failure.version.to_string(),
                    error: failure.error.clone(),
                    is_open: failure.state != FailureState::Recovered,
                })
                .collect(),
            runs: contents
                .runs
                .iter()
                .map(|run| ObservedRun {
                    run: run.id.clone(),
                    status: run.status.as_str().to_owned(),
                    new: run.counts.new,
                })
                .collect(),
        }
    }

    async fn apply_one(&self, commit: &Commit) -> CommitResult {
        if self.mutation == Some(Mutation::NoGuard) {
            self.store.edit_contents(|contents| {
                contents.head = commit.from;
                contents.state.lease.fence = commit.state.lease.fence;
            });
        }
        self.store.commit(commit).await
    }

    /// Applies a commit, and lets those arrive that come right after it.
    async fn apply(&self, commit: &Commit) -> CommitResult {
        let reply = self.apply_one(commit).await;
        if reply != CommitResult::Applied {
            return reply;
        }
        let has_taken_over = self.record.check(&self.read_contents());
        let mut arrived: Vec<Commit> = Vec::new();
        self.late_commits.lock().expect("no thread panics while it holds it").retain_mut(|(late_commits, after)| {
            *after = after.saturating_sub(1);
            let now = *after == 0 || has_taken_over;
            arrived.extend(now.then(|| late_commits.clone()));
            !now
        });
        self.apply_late_commits(arrived).await;
        reply
    }

    async fn apply_late_commits(&self, arrived: Vec<Commit>) {
        for late_commits in arrived {
            self.record.count(|counts| counts.late_deliveries += 1);
            self.apply_one(&late_commits).await;
            self.record.check(&self.read_contents());
        }
    }
}

impl Backend for MemoryBackend {
    fn store(&self, machine: &Arc<Machine>, _: u64) -> Arc<dyn Store> {
        Arc::new(MachineStore { backend: self.clone(), machine: Arc::clone(machine), sent: Mutex::default() })
    }

    fn observe(&self) -> BoxFuture<'_, Observation> {
        Box::pin(async { self.read_contents() })
    }

    fn deliver_late_writes(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let arrived = std::mem::take(&mut *self.late_commits.lock().expect("no thread panics while it holds it"));
            self.apply_late_commits(arrived.into_iter().map(|(late_commits, _)| late_commits).collect()).await;
        })
    }
}

/// The store as one machine reaches it.
struct MachineStore {
    backend: MemoryBackend,
    machine: Arc<Machine>,
    sent: Mutex<BTreeSet<HeadId>>,
}

impl MachineStore {
    /// Waits until a call that reads arrives, or fails.
    async fn await_call(&self) -> Result<(), StoreError> {
        self.machine.wait_in_transit().await;
        let Some(call_fault) = self.machine.draw_fault(false) else { return Ok(()) };
        if matches!(call_fault, CallFault::Hang | CallFault::AppliedHang) {
            self.backend.clock.sleep(DEADLINE).await;
        }
        let fault = if call_fault == CallFault::Fails(429) { Fault::Throttled } else { Fault::Transient };
        Err(StoreError::Unavailable { why: call_fault.label(), fault })
    }
}

impl MachineStore {
    /// What the service does to a commit with content that it rejects for now.
    fn reject_content(&self, commit: &Commit) -> Option<CallFault> {
        let rejected_content = self.backend.record.rejected_content()?;
        let holds = |one: &ItemResult| match one {
            ItemResult::Done { output, .. } => {
                let rows = output.tabs.iter().flat_map(|(_, rows)| rows);
                rows.flat_map(|row| &row.cells).any(
                    |(_, cell)| matches!(cell, Cell::Text(text) if text.starts_with(&rejected_content.cell_prefix)),
                )
            }
            _ => false,
        };
        let call_fault = commit.changes.settled.iter().any(holds).then(|| rejected_content.call_fault())?;
        self.backend.record.count_fault(call_fault);
        Some(call_fault)
    }
}

impl Store for MachineStore {
    fn load(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>> {
        Box::pin(async {
            self.await_call().await?;
            let loaded = self.backend.store.load().await;
            self.machine.wait_in_transit().await;
            loaded
        })
    }

    fn read_head(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        Box::pin(async {
            self.await_call().await?;
            let head_status = self.backend.store.read_head().await?;
            self.machine.wait_in_transit().await;
            let newest = self.sent.lock().expect("no thread panics while it holds it").last().copied();
            match (head_status, newest) {
                (HeadStatus::At { fence, .. }, Some(head))
                    if self.backend.mutation == Some(Mutation::TrustsNewestDraft) =>
                {
                    Ok(HeadStatus::At { head, fence })
                }
                _ => Ok(head_status),
            }
        })
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async move {
            self.sent.lock().expect("no thread panics while it holds it").insert(commit.to);
            self.machine.wait_in_transit().await;
            let call_fault = self.machine.draw_fault(true).or_else(|| self.reject_content(commit));
            if let Some(CallFault::Late(after)) = call_fault {
                let after = if after == 0 { u32::MAX } else { after };
                self.backend
                    .late_commits
                    .lock()
                    .expect("no thread panics while it holds it")
                    .push((commit.clone(), after));
            }
            let reply = match call_fault {
                Some(call_fault) if !call_fault.is_applied_at_once() => None,
                _ => Some(self.backend.apply(commit).await),
            };
            if matches!(call_fault, Some(CallFault::Hang | CallFault::AppliedHang)) {
                self.backend.clock.sleep(DEADLINE).await;
            }
            self.machine.wait_in_transit().await;
            match call_fault {
                Some(CallFault::Fails(429)) => CommitResult::NotExecuted {
                    fault: Fault::Throttled,
                    is_proxy_error: false,
                    why: "a quota is used up".to_owned(),
                },
                Some(CallFault::Refuses(400)) => {
                    CommitResult::Refused { part: CommitPart::Content, why: "rejected content".to_owned() }
                }
                Some(call_fault) => CommitResult::ResponseLost { why: call_fault.label() },
                None => reply.expect("no fault was met"),
            }
        })
    }

    fn read_failures<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        Box::pin(async move {
            self.await_call().await?;
            let kept = self.backend.store.read_failures(rows).await;
            self.machine.wait_in_transit().await;
            kept
        })
    }

    fn usage(&self) -> CallUsage {
        self.backend.store.usage()
    }
}
