//! One atomic batch, independent of any store's format.
//!
//! In scope: what a commit carries, its size, and the possible results in a store.
//! Out of scope: the outcome of a commit (`ledger::commit::commit_machine`), and how a store guards
//! it (`store::guard::head_guard`).

use std::collections::{HashMap, HashSet};

use crate::commit::row_deletion::RowDeletion;
use crate::items::failure::Failure;
use crate::items::item::Output;
use crate::items::key::{Key, Version};
use crate::items::write_mode::WriteMode;
use crate::leases::head::HeadId;
use crate::leases::lease::Fence;
use crate::leases::row_order::{RowOrder, run_cell};
use crate::rows::row_codec::{DONE, REVOCATION_STATE};
use crate::runs::run::Run;
use crate::state::snapshot::State;

/// What a commit does besides applying its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitKind {
    /// The first commit of a job on a store: it creates what the store needs and claims the first
    /// term.
    Init,
    /// A commit within a lease term.
    Advance,
    /// The first commit of a lease term: the fence grows and the state moves, so that writers of
    /// older terms are refused.
    Claim,
    /// The state moves, because the guard by name does not work here. It may also be a claim.
    Relocate,
}

/// The result of one item, as a commit carries it.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemResult {
    /// The item was processed.
    Done {
        /// The item's key.
        key: Key,
        /// The version that was processed.
        version: Version,
        /// True if another version was done before, so that the key may already have rows.
        may_have_rows: bool,
        /// The rows that the steps returned.
        output: Output,
        /// The failure that this result closes, if the key had one.
        closes: Option<Box<Failure>>,
    },
    /// Processing failed; or the failure changes its state because the user asked for it.
    Failed(Box<Failure>),
    /// A done version is revoked, so that it is processed again. The user asked for it.
    Revoked {
        /// The item's key.
        key: Key,
        /// The version that is revoked.
        version: Version,
    },
    /// No item: obsolete rows, deleted together from their tabs.
    Removed(Vec<RowDeletion>),
}

impl ItemResult {
    /// Returns the approximate size in bytes on the wire, including the row of Processed.
    pub fn weight(&self) -> usize {
        const ROW_FRAME: usize = 260;
        match self {
            Self::Done { key, version, output, .. } => {
                ROW_FRAME + key.as_str().len() + version.0.len() + output.weight()
            }
            Self::Failed(failure) => {
                2 * ROW_FRAME + failure.payload.iter().map(String::len).sum::<usize>() + failure.error.len()
            }
            Self::Revoked { key, version } => ROW_FRAME + key.as_str().len() + version.0.len(),
            // Deleted rows are read back.
            Self::Removed(rows) => rows.iter().map(|row| 4 * ROW_FRAME + row.bytes as usize).sum(),
        }
    }

    /// Returns the number of data rows.
    pub fn count_rows(&self) -> usize {
        match self {
            Self::Done { output, .. } => output.len(),
            Self::Failed(_) | Self::Revoked { .. } | Self::Removed(_) => 0,
        }
    }

    /// Returns the column names of its rows, with repetitions.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let output = match self {
            Self::Done { output, .. } => Some(output),
            Self::Failed(_) | Self::Revoked { .. } | Self::Removed(_) => None,
        };
        let rows = output.into_iter().flat_map(|output| output.tabs.iter().flat_map(|(_, rows)| rows));
        rows.flat_map(|row| row.cells.iter().map(|(name, _)| name.as_str()))
    }

    /// Returns the row that it adds to Failures.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Done { closes, .. } => closes.as_deref(),
            Self::Failed(failure) => Some(failure),
            Self::Revoked { .. } | Self::Removed(_) => None,
        }
    }

    fn failure_mut(&mut self) -> Option<&mut Failure> {
        match self {
            Self::Done { closes, .. } => closes.as_deref_mut(),
            Self::Failed(failure) => Some(failure),
            Self::Revoked { .. } | Self::Removed(_) => None,
        }
    }

    /// Returns the versions that become done: its own, and the closed failure's if the user edited
    /// that record.
    pub fn done_versions(&self) -> impl Iterator<Item = (&Key, &Version)> {
        let (own, closed_version) = match self {
            Self::Done { key, version, closes, .. } => {
                let other = closes.as_deref().filter(|closed| (&closed.key, &closed.version) != (key, version));
                (Some((key, version)), other.map(|closed| (&closed.key, &closed.version)))
            }
            Self::Failed(_) | Self::Revoked { .. } | Self::Removed(_) => (None, None),
        };
        own.into_iter().chain(closed_version)
    }

    /// Returns what it adds to Processed: key, version and state word.
    pub fn processed_entries(&self) -> impl Iterator<Item = (&Key, &Version, &'static str)> {
        let revoked = match self {
            Self::Revoked { key, version } => Some((key, version, REVOCATION_STATE)),
            Self::Done { .. } | Self::Failed(_) | Self::Removed(_) => None,
        };
        self.done_versions().map(|(key, version)| (key, version, DONE)).chain(revoked)
    }

    /// True if it settles this version of the key.
    pub fn is_of(&self, of: &Key, at: &Version) -> bool {
        match self {
            Self::Done { key, version, .. } | Self::Revoked { key, version } => (key, version) == (of, at),
            Self::Failed(failure) => (&failure.key, &failure.version) == (of, at),
            Self::Removed(_) => false,
        }
    }

    /// Returns the key; `None` for deletions.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Done { key, .. } | Self::Revoked { key, .. } => Some(key),
            Self::Failed(failure) => Some(&failure.key),
            Self::Removed(_) => None,
        }
    }

    /// Returns the rows that it deletes.
    pub fn removals(&self) -> &[RowDeletion] {
        match self {
            Self::Removed(rows) => rows,
            Self::Done { .. } | Self::Failed(_) | Self::Revoked { .. } => &[],
        }
    }
}

/// A data tab that a commit creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTab {
    /// The tab's title.
    pub tab: String,
    /// The tab's columns, from left to right.
    pub columns: Vec<String>,
}

/// Everything that a commit adds to the store, atomically.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Tabs to create first.
    pub new_tabs: Vec<NewTab>,
    /// Columns to add to the data tab, to the right of the existing ones.
    pub columns: Vec<String>,
    /// Results of items: rows, keys and failures.
    pub settled: Vec<ItemResult>,
    /// Runs that ended: this one in its last commit, a crashed one in the commit that closes it.
    pub runs: Vec<Run>,
}

impl Changes {
    /// Returns the number of keys that become done.
    pub fn count_keys(&self) -> usize {
        self.settled.iter().filter(|one| matches!(one, ItemResult::Done { .. })).count()
    }

    /// Returns the rows for Processed: key, version, state word, and the text of the cell `run`.
    pub fn processed_entries<'a>(
        &'a self,
        run: &'a str,
        term: Fence,
        commit: u64,
    ) -> impl Iterator<Item = (&'a Key, &'a Version, &'static str, String)> {
        let mut rows_so_far: HashMap<&Key, u32> = HashMap::new();
        self.settled.iter().flat_map(move |one| {
            // If one item settles two versions of a key, both get the same order: neither follows
            // the other.
            let mut last: Option<(&Key, u32)> = None;
            let rows = one.processed_entries().map(|(key, version, word)| {
                let same = last.filter(|(of, _)| *of == key);
                let earlier_rows =
                    same.map_or_else(|| count_earlier_rows(&mut rows_so_far, key), |(_, earlier)| earlier);
                last = Some((key, earlier_rows));
                (key, version, word, run_cell(run, Some(RowOrder { commit, earlier_rows, term })))
            });
            rows.collect::<Vec<_>>()
        })
    }

    /// Numbers the rows of Failures with their commit, so that the newest row of a key can be
    /// identified.
    pub fn assign_order(&mut self, term: Fence, commit: u64) {
        let mut rows_so_far: HashMap<Key, u32> = HashMap::new();
        for failure in self.settled.iter_mut().filter_map(ItemResult::failure_mut) {
            let earlier_rows = rows_so_far.entry(failure.key.clone()).or_default();
            failure.order = Some(RowOrder { commit, earlier_rows: *earlier_rows, term });
            *earlier_rows += 1;
        }
    }

    /// Returns the rows to delete.
    pub fn removals(&self) -> Vec<RowDeletion> {
        self.settled.iter().flat_map(ItemResult::removals).copied().collect()
    }

    /// Returns the number of data rows.
    pub fn count_rows(&self) -> usize {
        self.settled.iter().map(ItemResult::count_rows).sum()
    }

    /// Returns the job's own columns after these changes: the present ones, then each that is
    /// created or written. All columns of a tab that the job creates are its own.
    pub fn owned_columns(&self, mut columns: Vec<String>) -> Vec<String> {
        let made = self.new_tabs.iter().flat_map(|table| table.columns.iter());
        let written = self.settled.iter().flat_map(ItemResult::columns);
        let mut known: HashSet<String> = columns.iter().cloned().collect();
        for name in made.chain(&self.columns).map(String::as_str).chain(written) {
            if !known.contains(name) {
                known.insert(name.to_owned());
                columns.push(name.to_owned());
            }
        }
        columns
    }

    /// Returns the number of data rows that remain: with upsert, only the last of several versions
    /// of a key does.
    pub fn remaining_rows(&self, mode: WriteMode) -> usize {
        match mode {
            WriteMode::Append => self.count_rows(),
            WriteMode::Upsert => {
                let with_rows = self.settled.iter().filter(|one| one.count_rows() > 0);
                with_rows.filter_map(ItemResult::key).collect::<HashSet<_>>().len()
            }
        }
    }
}

/// Returns the number of earlier rows of this key, and counts one more.
fn count_earlier_rows<'k>(rows_so_far: &mut HashMap<&'k Key, u32>, key: &'k Key) -> u32 {
    let earlier_rows = rows_so_far.entry(key).or_default();
    *earlier_rows += 1;
    *earlier_rows - 1
}

impl Commit {
    /// Returns the rows for Processed: key, version, state word, and the text of the cell `run`.
    pub fn processed_entries(&self) -> impl Iterator<Item = (&Key, &Version, &'static str, String)> {
        self.changes.processed_entries(&self.run, self.state.lease.fence, self.to.commit)
    }
}

/// One atomic batch, valid only while `from` is the head.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The head that it was drafted from; `None` for the first commit of a job.
    pub from: Option<HeadId>,
    /// The head that it sets.
    pub to: HeadId,
    /// What it does besides applying the changes.
    pub kind: CommitKind,
    /// The id of the run that drafted it.
    pub run: String,
    /// The state after the commit, including the new head.
    pub state: State,
    /// The changes to apply.
    pub changes: Changes,
}

/// The part of a batch that a store refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitPart {
    /// The guard: the head moved, or this same batch was applied before.
    Guard,
    /// A request that depends on tabs or positions, not on an item: a tab, a mark, a deletion, or a
    /// scratch copy.
    Layout,
    /// The content of the items: rows, keys, failures.
    Content,
    /// Any other part.
    Other,
}

/// What the store's response proves about a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitResult {
    /// Applied as a whole.
    Applied,
    /// Refused as a whole.
    Refused {
        /// The refused part.
        part: CommitPart,
        /// The store's message.
        why: String,
    },
    /// Too large for one batch; nothing was applied.
    TooLarge,
    /// Not executed: a quota, a refused token, no connection.
    NotExecuted {
        /// The class of the error: whether it may pass by itself.
        fault: sheetkeep_base::fault::Fault,
        /// True if a proxy is the cause, so that the service received nothing.
        is_proxy_error: bool,
        /// The error message.
        why: String,
    },
    /// The store has no working guard: nothing was applied, and nothing may be written here.
    NoWorkingGuard {
        /// What the capability probe found.
        why: String,
    },
    /// The outcome is unknown.
    ResponseLost {
        /// The error message.
        why: String,
    },
}
