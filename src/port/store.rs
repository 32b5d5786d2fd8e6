//! Where state is kept. Any store that can refuse a commit whose head has moved on can stand behind this;
//! a spreadsheet is one.

use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::fault::Fault;
use crate::ledger::commit::changes::{Commit, CommitReply};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::item::failure::{StoredFailure, mark_of_record};
use crate::ledger::item::key::Fingerprint;
use crate::ledger::state::snapshot::{Loaded, RowChecksum};
use crate::machine::MachineTrouble;

/// A durable store with one guarded write.
pub trait Store: Send + Sync {
    /// Reads everything that a run needs, the head strictly before the rest, until it belongs together.
    fn load(&self) -> BoxFuture<'_, Result<Loaded, StoreError>>;

    /// Looks at the head and at nothing else.
    fn sight(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>>;

    /// Applies a commit whole, only if its `from` is still the head; or refuses it whole; or can't tell.
    /// The same commit may be sent again: it is applied at most once.
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitReply>;

    /// Rows that stand wrong because people moved rows or columns while the last commit wrote them or took them out; the next commit, whatever it
    /// carries, puts them right. Asked after a load and after each commit that was applied.
    fn astray(&self) -> BoxFuture<'_, Result<MisplacedWrites, StoreError>> {
        Box::pin(std::future::ready(Ok(MisplacedWrites::default())))
    }

    /// Reads failures back whole, to be tried again: those of the last load that stand in these rows, by the fingerprints of their keys.
    /// One whose row people have moved since is left out; the next load finds it.
    fn kept<'a>(&'a self, rows: &'a [(Fingerprint, u32)]) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>>;

    /// The marks of the records that such rows are of (`failure::record_mark`), as far as they say so.
    fn marks<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<(Fingerprint, String)>, StoreError>> {
        Box::pin(async move {
            let kept = self.kept(rows).await?.into_iter();
            let marks = kept.filter_map(|kept| {
                let mark = mark_of_record(&kept.failure.payload, kept.failure.kept)?;
                Some((kept.failure.key.fingerprint(), mark))
            });
            Ok(marks.collect())
        })
    }

    /// What the calls so far have cost.
    fn usage(&self) -> Usage;
}

/// Rows that stand wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MisplacedWrites {
    /// How many: written in a wrong place, or taken out and to be put back.
    pub rows: u64,
    /// What the state no longer counts of Processed, and stands there all the same; said once.
    pub checksum_correction: RowChecksum,
    /// What a repair left as it is, in words for people; said once.
    pub left: Vec<String>,
}

/// Calls to the service behind a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Calls that read.
    pub reads: u64,
    /// Calls that wrote.
    pub writes: u64,
    /// Tries beyond the first.
    pub retries: u64,
    /// Calls that were answered 429.
    pub throttled: u64,
    /// Whether calls were answered 429 twice in a row although this process made few: another program uses the same quota.
    pub is_quota_shared: bool,
    /// Rows that were written over, not appended.
    pub updated: u64,
}

/// Why a store can't be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The service, or the way to it, is out of order, or a quota is used up.
    #[error("{why}")]
    Unavailable {
        /// What happened and what to do.
        why: String,
        /// `Transient`, `Throttled` or `Machine`.
        fault: Fault,
    },
    /// Something else answers in the service's place.
    #[error("{why}")]
    Foreign {
        /// What came and what to do.
        why: String,
    },
    /// This machine refuses what reading needs.
    #[error("continue: {trouble}")]
    Machine {
        /// What it refuses.
        trouble: MachineTrouble,
    },
    /// It is not there.
    #[error("{why}")]
    Missing {
        /// What was not found and what to do.
        why: String,
    },
    /// Access is missing.
    #[error("{why}")]
    Denied {
        /// What was refused and what to do.
        why: String,
    },
    /// What was found is not what this tool wrote, or not what the job says.
    #[error("continue with this sheet: {why}")]
    Corrupt {
        /// Tab, row or field, and what to do.
        why: String,
    },
    /// The service does not behave as the protocol needs it to.
    #[error("{why}")]
    Unsafe {
        /// What was proved.
        why: String,
    },
}

impl StoreError {
    /// What to do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unavailable { fault, .. } => *fault,
            // The login page of a network goes away when somebody has logged in.
            Self::Foreign { .. } => Fault::Transient,
            Self::Machine { .. } => Fault::Machine,
            Self::Denied { .. } => Fault::Denied,
            Self::Missing { .. } | Self::Corrupt { .. } | Self::Unsafe { .. } => Fault::Corrupt,
        }
    }

    /// What to do about it once it has ended a run: a page that came in the service's place until then does not go away by itself.
    pub fn final_fault(&self) -> Fault {
        if matches!(self, Self::Foreign { .. }) { Fault::Corrupt } else { self.fault() }
    }
}
