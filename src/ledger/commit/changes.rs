//! One atomic batch, before it is written in any store's language.
//!
//! In scope: what a commit carries, the size of it, and what a store may answer. Out of scope: what becomes of it (`ledger::commit::commit_machine`),
//! and how a store guards it (`store::guard::head_guard`).

use std::collections::{HashMap, HashSet};

use crate::ledger::commit::row_deletion::RowDeletion;
use crate::ledger::item::failure::Failure;
use crate::ledger::item::item::Output;
use crate::ledger::item::key::{Key, Version};
use crate::ledger::item::write_mode::WriteMode;
use crate::ledger::lease::head::HeadId;
use crate::ledger::lease::lease::Fence;
use crate::ledger::lease::row_order::{RowOrder, run_cell};
use crate::ledger::rows::row_codec::{DONE, FORGOTTEN};
use crate::ledger::run::run::Run;
use crate::ledger::state::snapshot::State;

/// What a commit does beside carrying its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitKind {
    /// The first commit of a job on a store: it makes what the store needs, and claims the first term.
    Init,
    /// One more commit within a lease term.
    Advance,
    /// The first commit of a lease term: the fence grows, and the state moves, so that every writer of an older term is refused.
    Claim,
    /// As an advance, but the state moves: for a store whose lighter guard turned out not to work.
    Relocate,
}

/// One item as a commit carries it.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemResult {
    /// It was processed.
    Done {
        /// The key.
        key: Key,
        /// The version.
        version: Version,
        /// Whether another version was done before, so that the key should have rows already.
        known: bool,
        /// Its rows.
        output: Output,
        /// The failure that this closes, if it had failed before.
        closes: Option<Box<Failure>>,
    },
    /// It could not be processed; or it stays in Failures in another state, because somebody asked for that.
    Failed(Box<Failure>),
    /// It was done, and is to be done again: somebody asked for that.
    Revoked {
        /// The key.
        key: Key,
        /// The version.
        version: Version,
    },
    /// No item, but rows that nobody needs any more, which are taken out of their tabs together.
    Removed(Vec<RowDeletion>),
}

impl ItemResult {
    /// A rough size in bytes on the wire, its key's row included.
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
            // What is taken out is read back.
            Self::Removed(rows) => rows.iter().map(|row| 4 * ROW_FRAME + row.bytes as usize).sum(),
        }
    }

    /// Rows of data that it brings.
    pub fn rows(&self) -> usize {
        match self {
            Self::Done { output, .. } => output.len(),
            Self::Failed(_) | Self::Revoked { .. } | Self::Removed(_) => 0,
        }
    }

    /// The columns of its rows, as often as they come.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let output = match self {
            Self::Done { output, .. } => Some(output),
            Self::Failed(_) | Self::Revoked { .. } | Self::Removed(_) => None,
        };
        let rows = output.into_iter().flat_map(|output| output.tables.iter().flat_map(|(_, rows)| rows));
        rows.flat_map(|row| row.cells.iter().map(|(name, _)| name.as_str()))
    }

    /// The row of Failures that it brings.
    pub fn told(&self) -> Option<&Failure> {
        match self {
            Self::Done { closes, .. } => closes.as_deref(),
            Self::Failed(failure) => Some(failure),
            Self::Revoked { .. } | Self::Removed(_) => None,
        }
    }

    fn told_mut(&mut self) -> Option<&mut Failure> {
        match self {
            Self::Done { closes, .. } => closes.as_deref_mut(),
            Self::Failed(failure) => Some(failure),
            Self::Revoked { .. } | Self::Removed(_) => None,
        }
    }

    /// Versions that become done: the item's own, and that of the failure from whose mended record it came.
    pub fn done(&self) -> impl Iterator<Item = (&Key, &Version)> {
        let (own, mended) = match self {
            Self::Done { key, version, closes, .. } => {
                let other = closes.as_deref().filter(|closed| (&closed.key, &closed.version) != (key, version));
                (Some((key, version)), other.map(|closed| (&closed.key, &closed.version)))
            }
            Self::Failed(_) | Self::Revoked { .. } | Self::Removed(_) => (None, None),
        };
        own.into_iter().chain(mended)
    }

    /// What it adds to Processed: key, version and the word for its state.
    pub fn processed(&self) -> impl Iterator<Item = (&Key, &Version, &'static str)> {
        let forgotten = match self {
            Self::Revoked { key, version } => Some((key, version, FORGOTTEN)),
            Self::Done { .. } | Self::Failed(_) | Self::Removed(_) => None,
        };
        self.done().map(|(key, version)| (key, version, DONE)).chain(forgotten)
    }

    /// Whether it settles this version of a key.
    pub fn is_of(&self, of: &Key, at: &Version) -> bool {
        match self {
            Self::Done { key, version, .. } | Self::Revoked { key, version } => (key, version) == (of, at),
            Self::Failed(failure) => (&failure.key, &failure.version) == (of, at),
            Self::Removed(_) => false,
        }
    }

    /// The key, where it is about one.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Done { key, .. } | Self::Revoked { key, .. } => Some(key),
            Self::Failed(failure) => Some(&failure.key),
            Self::Removed(_) => None,
        }
    }

    /// The rows that it takes out.
    pub fn removals(&self) -> &[RowDeletion] {
        match self {
            Self::Removed(rows) => rows,
            Self::Done { .. } | Self::Failed(_) | Self::Revoked { .. } => &[],
        }
    }
}

/// A tab of rows that a commit makes because it is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTable {
    /// Its title.
    pub tab: String,
    /// Its columns.
    pub columns: Vec<String>,
}

/// What a commit adds to the store, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Tabs to make first.
    pub tables: Vec<NewTable>,
    /// Columns that the data tab gets, to the right of the others.
    pub columns: Vec<String>,
    /// Items that were settled: rows, keys and failures.
    pub settled: Vec<ItemResult>,
    /// Runs that are over: this one in its last commit, a crashed one in the commit that buries it.
    pub runs: Vec<Run>,
}

impl Changes {
    /// Keys that become done.
    pub fn keys(&self) -> usize {
        self.settled.iter().filter(|one| matches!(one, ItemResult::Done { .. })).count()
    }

    /// Rows that they add to Processed in this commit: key, version, the word for the state, and the text of the cell `run`.
    pub fn processed<'a>(
        &'a self,
        run: &'a str,
        term: Fence,
        commit: u64,
    ) -> impl Iterator<Item = (&'a Key, &'a Version, &'static str, String)> {
        let mut turns: HashMap<&Key, u32> = HashMap::new();
        self.settled.iter().flat_map(move |one| {
            // Two versions of a key that one item settles have one order: neither follows the other.
            let mut last: Option<(&Key, u32)> = None;
            let rows = one.processed().map(|(key, version, word)| {
                let same = last.filter(|(of, _)| *of == key);
                let turn = same.map_or_else(|| turn_of(&mut turns, key), |(_, turn)| turn);
                last = Some((key, turn));
                (key, version, word, run_cell(run, Some(RowOrder { commit, turn, term })))
            });
            rows.collect::<Vec<_>>()
        })
    }

    /// Rows of Failures say with which commit they came, so that the last one of a key is known by that.
    pub fn give_order(&mut self, term: Fence, commit: u64) {
        let mut turns: HashMap<Key, u32> = HashMap::new();
        for failure in self.settled.iter_mut().filter_map(ItemResult::told_mut) {
            let turn = turns.entry(failure.key.clone()).or_default();
            failure.order = Some(RowOrder { commit, turn: *turn, term });
            *turn += 1;
        }
    }

    /// Rows that are taken out.
    pub fn removals(&self) -> Vec<RowDeletion> {
        self.settled.iter().flat_map(ItemResult::removals).copied().collect()
    }

    /// Rows of data.
    pub fn rows(&self) -> usize {
        self.settled.iter().map(ItemResult::rows).sum()
    }

    /// The job's own columns once these changes are applied: those so far, then each that these changes make or write; of a tab that the
    /// job makes, all of them.
    pub fn owned_columns(&self, mut columns: Vec<String>) -> Vec<String> {
        let made = self.tables.iter().flat_map(|table| table.columns.iter());
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

    /// Rows of data that stay: where a key has one row, only the last of several versions does.
    pub fn kept_rows(&self, mode: WriteMode) -> usize {
        match mode {
            WriteMode::Append => self.rows(),
            WriteMode::Upsert => {
                let with_rows = self.settled.iter().filter(|one| one.rows() > 0);
                with_rows.filter_map(ItemResult::key).collect::<HashSet<_>>().len()
            }
        }
    }
}

/// How many rows of this key came before.
fn turn_of<'k>(turns: &mut HashMap<&'k Key, u32>, key: &'k Key) -> u32 {
    let turn = turns.entry(key).or_default();
    *turn += 1;
    *turn - 1
}

impl Commit {
    /// Rows that it adds to Processed: key, version, the word for the state, and the text of the cell `run`.
    pub fn processed(&self) -> impl Iterator<Item = (&Key, &Version, &'static str, String)> {
        self.changes.processed(&self.run, self.state.lease.fence, self.to.commit)
    }
}

/// One atomic batch: valid only while `from` is the head.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// The head it was made from; none for the first commit of a job.
    pub from: Option<HeadId>,
    /// The head it sets.
    pub to: HeadId,
    /// What it does beside.
    pub kind: CommitKind,
    /// The run that drafted it.
    pub run: String,
    /// The state as it will be, the new head in it.
    pub state: State,
    /// What it adds.
    pub changes: Changes,
}

/// Which part of a batch a store refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommitPart {
    /// The guard: the head moved on, or this very batch was applied before.
    Guard,
    /// A tab that could not be made or found.
    Layout,
    /// What the items brought: rows, keys, failures.
    Content,
    /// Something else.
    Other,
}

/// What became of a commit, as far as the store's answer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitReply {
    /// It is on the store, whole.
    Applied,
    /// It was refused whole.
    Refused {
        /// Which part.
        part: CommitPart,
        /// What the store said.
        why: String,
    },
    /// It is too large for one batch; nothing was applied.
    TooLarge,
    /// It was never carried out: a quota, a refused token, no connection.
    NotExecuted {
        /// Whether it may pass by itself.
        fault: crate::fault::Fault,
        /// What happened.
        why: String,
    },
    /// The store was proved not to guard: nothing was applied, and nothing may be written here.
    Unsafe {
        /// What was proved.
        why: String,
    },
    /// Nobody knows yet.
    Lost {
        /// What happened.
        why: String,
    },
}
