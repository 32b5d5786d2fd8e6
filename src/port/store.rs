//! The port for the store of a job's state: any store that can refuse a commit whose head has
//! moved, such as a spreadsheet.

use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::fault::Fault;
use crate::ledger::commit::changes::{Commit, CommitResult};
use crate::ledger::commit::commit_resolution::HeadStatus;
use crate::ledger::items::failure::{StoredFailure, record_hash_of};
use crate::ledger::items::key::Fingerprint;
use crate::ledger::state::snapshot::{LoadReport, RowChecksum};
use crate::machine::MachineError;

/// A durable store with one guarded write.
pub trait Store: Send + Sync {
    /// Reads everything that a run needs, the head strictly before the rest, until it is
    /// consistent.
    fn load(&self) -> BoxFuture<'_, Result<LoadReport, StoreError>>;

    /// Reads the head only.
    fn read_head(&self) -> BoxFuture<'_, Result<HeadStatus, StoreError>>;

    /// Applies a commit as a whole if its `from` is still the head, or refuses it as a whole; or
    /// the outcome is unknown. The same commit may be sent again: it is applied at most once.
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, CommitResult>;

    /// Returns the misplaced rows: a concurrent edit moved rows or columns during the last commit.
    /// The next commit repairs them. Called after a load and after each applied commit.
    fn misplaced_writes(&self) -> BoxFuture<'_, Result<MisplacedWrites, StoreError>> {
        Box::pin(std::future::ready(Ok(MisplacedWrites::default())))
    }

    /// Reads failures with their records, to retry them: those of the last load in these rows,
    /// identified by the fingerprints of their keys. A row that was moved since is left out; the
    /// next load finds it.
    fn read_failures<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<StoredFailure>, StoreError>>;

    /// Returns the hashes of the records of such failures (`failure::record_hash`), if they are
    /// stored.
    fn read_record_hashes<'a>(
        &'a self,
        rows: &'a [(Fingerprint, u32)],
    ) -> BoxFuture<'a, Result<Vec<(Fingerprint, String)>, StoreError>> {
        Box::pin(async move {
            let kept = self.read_failures(rows).await?.into_iter();
            let hashes = kept.filter_map(|kept| {
                let hash = record_hash_of(&kept.failure.payload, kept.failure.has_whole_record)?;
                Some((kept.failure.key.fingerprint(), hash))
            });
            Ok(hashes.collect())
        })
    }

    /// Returns the calls so far.
    fn usage(&self) -> CallUsage;

    /// Returns the ids of the tabs that people look at, as last read or written; none of a store
    /// without tabs.
    fn tab_ids(&self) -> TabIds {
        TabIds::default()
    }
}

/// The ids of the tabs that people look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TabIds {
    /// The tab Runs.
    pub runs: Option<i32>,
    /// The tab of the job's failures.
    pub failures: Option<i32>,
    /// The tab Jobs.
    pub jobs: Option<i32>,
}

/// Rows that a concurrent edit misplaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MisplacedWrites {
    /// Number of rows that were written to a wrong place, or deleted wrongly and have to be
    /// restored.
    pub rows: u64,
    /// The correction of the checksum of Processed, for rows that were subtracted but still exist;
    /// returned once.
    pub checksum_correction: RowChecksum,
    /// What a repair could not fix, as messages; returned once.
    pub left: Vec<String>,
}

/// Calls to the service behind a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallUsage {
    /// Calls that the service counts as reads, retries included.
    pub reads: u64,
    /// Calls that the service counts as writes, retries included.
    pub writes: u64,
    /// Attempts after the first one of a call.
    pub retries: u64,
    /// Calls that were answered with 429.
    pub throttled: u64,
    /// True after two consecutive 429s although this process made few calls: another program uses
    /// the same quota.
    pub is_quota_shared: bool,
    /// Rows that were overwritten, not appended.
    pub updated: u64,
    /// Cells that the spreadsheet has room for; `None` if it is not known, or there is no limit.
    pub cells_left: Option<u64>,
}

/// Why a store can't be read. Its text completes "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The service or the network is down, or a quota is exhausted.
    #[error("{why}")]
    Unavailable {
        /// The error, and what to do.
        why: String,
        /// `Transient`, `Throttled` or `Machine`.
        fault: Fault,
    },
    /// Something other than the service answered.
    #[error("{why}")]
    ForeignResponse {
        /// The content found, and what to do.
        why: String,
    },
    /// This machine refuses something that reading needs.
    #[error("continue: {error}")]
    Machine {
        /// What the machine refuses.
        error: MachineError,
    },
    /// The store does not exist.
    #[error("{why}")]
    Missing {
        /// What was not found, and what to do.
        why: String,
    },
    /// Access is denied.
    #[error("{why}")]
    Denied {
        /// What was refused, and what to do.
        why: String,
    },
    /// A proxy stopped the call, so the service received nothing.
    #[error("{why}")]
    Proxy {
        /// The proxy, what it did, and the variable that sets it.
        why: String,
        /// `Denied` if the proxy refuses, `Inconsistent` if its response is not one of a proxy, else
        /// `Transient`.
        fault: Fault,
    },
    /// The content is not what this tool wrote, or not what the job file defines.
    #[error("continue with this sheet: {why}")]
    Inconsistent {
        /// Tab, row or field, and what to do.
        why: String,
    },
    /// The service does not behave as the protocol requires.
    #[error("{why}")]
    NoWorkingGuard {
        /// The result of the capability probe.
        why: String,
    },
    /// A spreadsheet that the job has left, and whose keys count, can't be read.
    #[error("read the earlier spreadsheet {spreadsheet}, whose keys count: {}", .error.describe_cause())]
    Predecessor {
        /// The id of that spreadsheet.
        spreadsheet: String,
        /// Why it can't be read.
        error: Box<StoreError>,
    },
}

impl StoreError {
    /// Returns the class of the error.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unavailable { fault, .. } | Self::Proxy { fault, .. } => *fault,
            // The login page of a network disappears after a login.
            Self::ForeignResponse { .. } => Fault::Transient,
            Self::Machine { .. } => Fault::Machine,
            Self::Denied { .. } => Fault::Denied,
            Self::Missing { .. } | Self::Inconsistent { .. } | Self::NoWorkingGuard { .. } => Fault::Inconsistent,
            Self::Predecessor { error, .. } => error.fault(),
        }
    }

    /// True if a proxy is the cause.
    pub fn is_proxy_error(&self) -> bool {
        match self {
            Self::Predecessor { error, .. } => error.is_proxy_error(),
            error => matches!(error, Self::Proxy { .. }),
        }
    }

    /// Returns the error as a statement, for a text that names the failed action itself.
    pub fn describe_cause(&self) -> String {
        match self {
            Self::Machine { error } => error.to_string(),
            Self::Inconsistent { why } => why.clone(),
            Self::Predecessor { spreadsheet, error } => {
                format!("the earlier spreadsheet {spreadsheet}, whose keys count: {}", error.describe_cause())
            }
            error => error.to_string(),
        }
    }

    /// Returns the class of the error after it has ended a run: a page in the service's place does
    /// not disappear by itself.
    pub fn final_fault(&self) -> Fault {
        match self {
            Self::ForeignResponse { .. } => Fault::Inconsistent,
            Self::Predecessor { error, .. } => error.final_fault(),
            error => error.fault(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_error_repeats_no_action() {
        let inner = StoreError::Inconsistent { why: "tab Orders has two columns \"id\"".into() };
        assert_eq!(inner.to_string(), "continue with this sheet: tab Orders has two columns \"id\"");
        let outer = StoreError::Predecessor { spreadsheet: "1Old".into(), error: Box::new(inner) };
        let cause = "the earlier spreadsheet 1Old, whose keys count: tab Orders has two columns \"id\"";
        assert_eq!(outer.describe_cause(), cause);
        assert_eq!(outer.to_string(), format!("read {cause}"));
    }
}
