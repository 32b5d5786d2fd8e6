//! Processed, read row by row: which versions of which keys are done. Pure.
//!
//! In scope: count and sum of the rows, rows that are laid otherwise, the order in which versions were done. Out of scope: pages
//! (`store::load::paging`), what an order is (`ledger::lease::row_order`), what follows from it (`ledger::processed::processed_index`).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::ledger::item::key::{Fingerprint, Version};
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::ledger::lease::row_order::{CommitSequence, FirstCommits, read_run_cell};
use crate::ledger::processed::key_sums::KeySums;
use crate::ledger::processed::processed_index::ProcessedSet;
use crate::ledger::processed::row_gaps::Gaps;
use crate::ledger::processed::version_history::VersionUse;
use crate::ledger::rows::row_codec::{FORGOTTEN, PROCESSED};
use crate::ledger::state::snapshot::{Anomaly, RowChecksum};
use crate::store::tabs::column_recovery::{ColumnRecovery, is_beside};
use crate::store::tabs::schema::Tab;

/// Processed, read page by page: each by itself as soon as it comes, and then put below those before it.
#[derive(Debug, Default)]
pub struct ProcessedRows {
    again: ReprocessPolicy,
    positions: [usize; 4],
    rows: Vec<(Fingerprint, u64)>,
    /// What each row says of the doing that wrote it, where the order counts.
    doings: Vec<VersionUse>,
    /// Of which keys not all rows are left.
    gaps: Gaps,
    forgotten: Vec<(Fingerprint, u64)>,
    /// What each row says of its order, where the order counts in which versions were done.
    sequence: CommitSequence,
    /// Count and sum of what was read.
    pub found: RowChecksum,
    /// The keys of these rows as sums, where one version of a key counts.
    key_sums: KeySums,
    /// The keys of those of them that carry no order.
    unordered: Vec<Fingerprint>,
    /// The commit whose keys are kept as texts, and these.
    keep: Option<u64>,
    recent: BTreeSet<String>,
    /// Rows with content but no key.
    keyless: usize,
    /// Rows whose cells stand in other columns than the header says, and nobody knows in which.
    shifted: usize,
    /// Rows of which it is known.
    laid: Arc<ColumnRecovery>,
}

impl ProcessedRows {
    /// For a tab with this header, which has all columns.
    pub fn of(tab: &Tab, again: ReprocessPolicy) -> Self {
        let positions = PROCESSED.map(|column| tab.position(column).unwrap_or(usize::MAX));
        Self { again, positions, ..Self::default() }
    }

    /// Reads these rows as they are laid.
    #[must_use]
    pub fn laying(self, laid: Arc<ColumnRecovery>) -> Self {
        Self { laid, ..self }
    }

    /// Keeps the texts of the keys that this commit made done.
    #[must_use]
    pub fn keeping(mut self, commit: Option<u64>) -> Self {
        self.keep = commit;
        self
    }

    /// Reads rows, the header row not among them.
    pub fn read(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            let (texts, usual) = self.laid.texts(row, self.positions);
            let beside = usual && is_beside(row, self.positions);
            if texts.iter().all(String::is_empty) && !beside {
                continue;
            }
            let [key, version, state, run] = &texts;
            self.found.add(&[key, version, state, run]);
            if self.again != ReprocessPolicy::EachVersion {
                self.key_sums.add(Fingerprint::new(key));
                if read_run_cell(run).1.is_none() {
                    self.unordered.push(Fingerprint::new(key));
                }
            }
            if beside {
                self.shifted += 1;
                continue;
            }
            if key.is_empty() {
                self.keyless += 1;
                continue;
            }
            if self.keep.is_some() && read_run_cell(run).1.map(|order| order.commit) == self.keep {
                self.recent.insert(key.clone());
            }
            let entry = (Fingerprint::new(key), self.again.version_hash(&Version(version.clone())));
            if state == FORGOTTEN {
                self.forgotten.push(entry);
                continue;
            }
            self.rows.push(entry);
            if self.again == ReprocessPolicy::OnChange {
                self.sequence.push(run);
                self.doings.push(VersionUse::from_cell(run));
            }
        }
    }

    /// The same, once it has read these rows.
    #[must_use]
    pub fn reading(mut self, rows: &[Vec<Value>]) -> Self {
        self.read(rows);
        self
    }

    /// Takes in a page that was read by itself, the one below the rows read so far.
    pub fn append(&mut self, below: Self) {
        self.found.add_all(below.found);
        self.key_sums.add_all(&below.key_sums);
        self.unordered.extend(below.unordered);
        self.keyless += below.keyless;
        self.shifted += below.shifted;
        self.rows.extend(below.rows);
        self.doings.extend(below.doings);
        self.forgotten.extend(below.forgotten);
        self.recent.extend(below.recent);
        self.sequence.append(below.sequence);
    }

    /// The keys of what was read as sums; none where each version of a key counts.
    pub fn key_sums(&self) -> Option<KeySums> {
        (self.again != ReprocessPolicy::EachVersion).then_some(self.key_sums)
    }

    /// The keys of what was read that carries no order, sorted; taken once. None where each version of a key counts.
    pub fn unordered(&mut self) -> Vec<Fingerprint> {
        let mut keys = std::mem::take(&mut self.unordered);
        keys.sort_unstable();
        keys
    }

    /// Whether Runs has to say in which order runs have done some of the keys.
    pub fn has_doubt(&self) -> bool {
        self.sequence.has_doubt(self.rows.iter().map(|row| row.0))
    }

    /// Puts the rows in the order in which they were done, whatever the order in which people have sorted the tab; `known` are the first
    /// commits of runs, as far as they were asked for. Rows that are taken in later count as later.
    pub fn put_in_order(&mut self, known: &FirstCommits) {
        if self.again != ReprocessPolicy::OnChange {
            return;
        }
        let ranks = std::mem::take(&mut self.sequence).ranks(known);
        if ranks.is_sorted() {
            return;
        }
        let rows = std::mem::take(&mut self.rows).into_iter().zip(std::mem::take(&mut self.doings));
        let mut ranked: Vec<_> = ranks.into_iter().zip(rows).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        (self.rows, self.doings) = ranked.into_iter().map(|(_, row)| row).unzip();
    }

    /// The keys of the commit that was asked for.
    pub fn recent(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.recent)
    }

    /// The same, of a tab in which not all rows of these keys are left.
    #[must_use]
    pub fn with_gaps(self, gaps: Gaps) -> Self {
        Self { gaps, ..self }
    }

    /// Of a spreadsheet that the job has left: what is missing there is missing for good, whatever the numbers of later commits.
    pub fn keep_gaps(&mut self, pruned: Option<u64>) {
        if let Some(pruned) = pruned {
            self.doings.iter_mut().for_each(|doing| doing.mark_gap(pruned));
        }
    }

    /// The processed set, and what was odd. Rows that were not put in order go by what they say themselves.
    pub fn finish(mut self, tab: &Tab) -> (ProcessedSet, Vec<Anomaly>) {
        let mut blemishes = Vec::new();
        self.put_in_order(&FirstCommits::default());
        if self.shifted > 0 {
            let message = format!(
                "tab {}: {} rows have their cells in other columns than its header says, as when columns are moved while a run \
                 is writing: put the cells back, or delete those rows to have their keys done again",
                tab.title, self.shifted
            );
            blemishes.push(Anomaly { message, blocking: true });
        }
        if self.keyless > 0 {
            let message = format!("tab {}: {} rows have no key and were passed over", tab.title, self.keyless);
            blemishes.push(Anomaly { message, blocking: false });
        }
        (ProcessedSet::from_changes(self.again, self.rows, &self.doings, self.forgotten, self.gaps), blemishes)
    }
}
