//! The store in memory as a place: faults come between the runner and the store.

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

use crate::kind::Kind;
use crate::lane::Machine;
use crate::place::{Meddling, Place};
use crate::read::id_in;
use crate::record::Record;
use crate::seen::{Marked, RunRow, Seen, SeenFailure};

/// How long a call that hangs is waited for.
const DEADLINE: Duration = Duration::from_secs(90);

/// The place.
#[derive(Clone)]
pub struct InMemory {
    store: MemoryStore,
    record: Arc<Record>,
    clock: Arc<dyn Clock>,
    late: Arc<Mutex<Vec<(Commit, u32)>>>,
    meddling: Option<Meddling>,
}

impl InMemory {
    pub fn new(record: &Arc<Record>, clock: &Arc<dyn Clock>, meddling: Option<Meddling>) -> Self {
        let mode = record.mode();
        let again = if mode == WriteMode::Append { ReprocessPolicy::EachVersion } else { ReprocessPolicy::OnChange };
        let store = MemoryStore::new(Arc::clone(clock)).with_mode(mode, again);
        let (record, clock) = (Arc::clone(record), Arc::clone(clock));
        Self { store, record, clock, late: Arc::default(), meddling }
    }

    fn seen(&self) -> Seen {
        let held = self.store.contents();
        let text = |row: &Row, name: &str| match row.get(name) {
            Some(Cell::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let rows = held.data_tabs.get("Data").map(|(_, rows)| rows.as_slice()).unwrap_or_default();
        Seen {
            kept: Vec::new(),
            marked: held.head.map(|head| Marked {
                head,
                state_head: held.state.head.map(|head| head.to_string()).unwrap_or_default(),
                fence: held.state.lease.fence.0,
                holder: held.state.lease.holder.as_ref().map(|holder| holder.run.clone()),
            }),
            lost: false,
            rows: rows.iter().map(|row| (text(row, "id"), text(row, "a"))).collect(),
            processed: held.processed.iter().map(|(k, v, run)| (k.to_string(), v.to_string(), id_in(run))).collect(),
            failures: held
                .failures
                .iter()
                .map(|failure| SeenFailure {
                    key: failure.key.to_string(),
                    version: failure.version.to_string(),
                    error: failure.error.clone(),
                    open: failure.state != FailureState::Recovered,
                })
                .collect(),
            runs: held
                .runs
                .iter()
                .map(|run| RunRow { run: run.id.clone(), status: run.status.as_str().to_owned(), new: run.counts.new })
                .collect(),
        }
    }

    async fn apply_one(&self, commit: &Commit) -> CommitResult {
        if self.meddling == Some(Meddling::NoGuard) {
            self.store.edit_contents(|held| {
                held.head = commit.from;
                held.state.lease.fence = commit.state.lease.fence;
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
        let taken = self.record.check(&self.seen());
        let mut arrived: Vec<Commit> = Vec::new();
        self.late.lock().expect("no thread panics while it holds it").retain_mut(|(late, after)| {
            *after = after.saturating_sub(1);
            let now = *after == 0 || taken;
            arrived.extend(now.then(|| late.clone()));
            !now
        });
        self.arrive(arrived).await;
        reply
    }

    async fn arrive(&self, arrived: Vec<Commit>) {
        for late in arrived {
            self.record.count(|tally| tally.late_deliveries += 1);
            self.apply_one(&late).await;
            self.record.check(&self.seen());
        }
    }
}

impl Place for InMemory {
    fn store(&self, lane: &Arc<Machine>, _: u64) -> Arc<dyn Store> {
        Arc::new(OfLane { place: self.clone(), lane: Arc::clone(lane), sent: Mutex::default() })
    }

    fn look(&self) -> BoxFuture<'_, Seen> {
        Box::pin(async { self.seen() })
    }

    fn deliver(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let arrived = std::mem::take(&mut *self.late.lock().expect("no thread panics while it holds it"));
            self.arrive(arrived.into_iter().map(|(late, _)| late).collect()).await;
        })
    }
}

/// The store as one machine reaches it.
struct OfLane {
    place: InMemory,
    lane: Arc<Machine>,
    sent: Mutex<BTreeSet<HeadId>>,
}

impl OfLane {
    /// The way there, for a call that reads.
    async fn arrives(&self) -> Result<(), StoreError> {
        self.lane.under_way().await;
        let Some(kind) = self.lane.meets(false) else { return Ok(()) };
        if matches!(kind, Kind::Hang | Kind::AppliedHang) {
            self.place.clock.sleep(DEADLINE).await;
        }
        let fault = if kind == Kind::Fails(429) { Fault::Throttled } else { Fault::Transient };
        Err(StoreError::Unavailable { why: kind.word(), fault })
    }
}

impl OfLane {
    /// What the service does to a commit that holds what is poison for now.
    fn poisoned(&self, commit: &Commit) -> Option<Kind> {
        let poison = self.place.record.poison()?;
        let holds = |one: &ItemResult| match one {
            ItemResult::Done { output, .. } => {
                let rows = output.tabs.iter().flat_map(|(_, rows)| rows);
                rows.flat_map(|row| &row.cells)
                    .any(|(_, cell)| matches!(cell, Cell::Text(text) if text.starts_with(&poison.text)))
            }
            _ => false,
        };
        let kind = commit.changes.settled.iter().any(holds).then(|| poison.kind())?;
        self.place.record.count_fault(kind);
        Some(kind)
    }
}

impl Store for OfLane {
    fn load(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>> {
        Box::pin(async {
            self.arrives().await?;
            let loaded = self.place.store.load().await;
            self.lane.under_way().await;
            loaded
        })
    }

    fn read_head(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>> {
        Box::pin(async {
            self.arrives().await?;
            let head_status = self.place.store.read_head().await?;
            self.lane.under_way().await;
            let newest = self.sent.lock().expect("no thread panics while it holds it").last().copied();
            match (head_status, newest) {
                (HeadStatus::At { fence, .. }, Some(head)) if self.place.meddling == Some(Meddling::Gullible) => {
                    Ok(HeadStatus::At { head, fence })
                }
                _ => Ok(head_status),
            }
        })
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult> {
        Box::pin(async move {
            self.sent.lock().expect("no thread panics while it holds it").insert(commit.to);
            self.lane.under_way().await;
            let kind = self.lane.meets(true).or_else(|| self.poisoned(commit));
            if let Some(Kind::Late(after)) = kind {
                let after = if after == 0 { u32::MAX } else { after };
                self.place.late.lock().expect("no thread panics while it holds it").push((commit.clone(), after));
            }
            let reply = match kind {
                Some(kind) if !kind.applies() => None,
                _ => Some(self.place.apply(commit).await),
            };
            if matches!(kind, Some(Kind::Hang | Kind::AppliedHang)) {
                self.place.clock.sleep(DEADLINE).await;
            }
            self.lane.under_way().await;
            match kind {
                Some(Kind::Fails(429)) => CommitResult::NotExecuted {
                    fault: Fault::Throttled,
                    is_proxy_error: false,
                    why: "a quota is used up".to_owned(),
                },
                Some(Kind::Refuses(400)) => {
                    CommitResult::Refused { part: CommitPart::Content, why: "poison".to_owned() }
                }
                Some(kind) => CommitResult::ResponseLost { why: kind.word() },
                None => reply.expect("no fault was met"),
            }
        })
    }

    fn read_failures<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>> {
        Box::pin(async move {
            self.arrives().await?;
            let kept = self.place.store.read_failures(rows).await;
            self.lane.under_way().await;
            kept
        })
    }

    fn usage(&self) -> CallUsage {
        self.place.store.usage()
    }
}
