//! Reads Processed row by row: which versions of which keys are done. Pure.
//!
//! In scope: count and checksum of the rows, rows under another column order, the order in which
//! versions were done.
//! Out of scope: pages (`store::load::paging`), the row order itself (`ledger::leases::row_order`),
//! the resulting index (`ledger::processed::processed_index`).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::ledger::items::key::{Fingerprint, Version};
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::leases::row_order::{CommitSequence, FirstCommits, read_run_cell};
use crate::ledger::processed::key_sums::KeySums;
use crate::ledger::processed::processed_set::{ProcessedSet, VersionTexts};
use crate::ledger::processed::row_gaps::GapKeys;
use crate::ledger::processed::version_history::VersionUse;
use crate::ledger::rows::row_codec::{PROCESSED, REVOCATION_STATE};
use crate::ledger::state::snapshot::{Anomaly, RowChecksum};
use crate::store::tabs::processed_column_order::{ColumnRecovery, is_in_other_columns};
use crate::store::tabs::schema::Tab;

/// Rows for which there is room in one step. A tab may have many more rows than it has keys.
const MAX_RESERVED: u32 = 2_000_000;

/// Reads Processed page by page. Each page is parsed on arrival and then appended to the earlier
/// ones.
#[derive(Debug, Default)]
pub struct ProcessedRows {
    again: ReprocessPolicy,
    positions: [usize; 4],
    rows: Vec<(Fingerprint, u64)>,
    /// The use of a version in each row; kept only if the order counts.
    version_uses: Vec<VersionUse>,
    /// Keys of which some rows were deleted.
    gaps: GapKeys,
    forgotten: Vec<(Fingerprint, u64)>,
    /// The commit order in each row; kept only if the order of versions counts.
    sequence: CommitSequence,
    /// Count and checksum of the rows read.
    pub found: RowChecksum,
    /// Sums over the keys of these rows, if one version of a key counts.
    key_sums: KeySums,
    /// The keys of rows without an order.
    unordered: Vec<Fingerprint>,
    /// The commit whose key texts are kept. `recent` holds them.
    keep_commit: Option<u64>,
    recent: BTreeSet<String>,
    /// The texts of the done versions of each key, in the order of the rows; `None` if only their
    /// hashes are kept.
    version_texts: Option<VersionTexts>,
    /// Rows with content but without a key.
    keyless: usize,
    /// Rows under an unknown column order.
    shifted: usize,
    /// Rows under a recovered column order.
    recovery: Arc<ColumnRecovery>,
}

impl ProcessedRows {
    /// Creates the reader for a tab with this header, which has all columns.
    pub fn new(tab: &Tab, again: ReprocessPolicy) -> Self {
        let positions = PROCESSED.map(|column| tab.position(column).unwrap_or(usize::MAX));
        Self { again, positions, ..Self::default() }
    }

    /// Sets the recovered column order of some rows.
    #[must_use]
    pub fn with_recovery(self, recovery: Arc<ColumnRecovery>) -> Self {
        Self { recovery, ..self }
    }

    /// Keeps the key texts of this commit.
    #[must_use]
    pub fn with_texts_of(mut self, commit: Option<u64>) -> Self {
        self.keep_commit = commit;
        self
    }

    /// Sets whether the texts of done versions are kept.
    #[must_use]
    pub fn with_version_texts(mut self, keeps_texts: bool) -> Self {
        self.version_texts = keeps_texts.then(VersionTexts::default);
        self
    }

    /// Reads rows, without the header row.
    pub fn read(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            let (texts, usual) = self.recovery.read_texts(row, self.positions);
            let is_shifted = usual && is_in_other_columns(row, self.positions);
            if texts.iter().all(String::is_empty) && !is_shifted {
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
            if is_shifted {
                self.shifted += 1;
                continue;
            }
            if key.is_empty() {
                self.keyless += 1;
                continue;
            }
            if self.keep_commit.is_some() && read_run_cell(run).1.map(|order| order.commit) == self.keep_commit {
                self.recent.insert(key.clone());
            }
            let entry = (Fingerprint::new(key), self.again.version_hash(&Version(version.clone())));
            if state == REVOCATION_STATE {
                self.forgotten.push(entry);
                continue;
            }
            self.rows.push(entry);
            if let Some(texts) = &mut self.version_texts {
                texts.entry(entry.0).or_default().push(version.clone());
            }
            if self.again == ReprocessPolicy::OnChange {
                self.sequence.push(run);
                self.version_uses.push(VersionUse::from_cell(run));
            }
        }
    }

    /// Reads rows and returns the reader.
    #[must_use]
    pub fn with_rows(mut self, rows: &[Vec<Value>]) -> Self {
        self.read(rows);
        self
    }

    /// Makes room for this many rows in one step: while a list doubles, both of its copies take
    /// room.
    pub fn reserve_rows(&mut self, rows: u32) {
        let rows = rows.min(MAX_RESERVED) as usize;
        self.rows.reserve_exact(rows);
        if self.again == ReprocessPolicy::OnChange {
            self.version_uses.reserve_exact(rows);
            self.sequence.reserve(rows);
        }
    }

    /// Appends a page that was read separately, below the rows read so far.
    pub fn append(&mut self, below: Self) {
        self.found.add_all(below.found);
        self.key_sums.add_all(&below.key_sums);
        self.unordered.extend(below.unordered);
        self.keyless += below.keyless;
        self.shifted += below.shifted;
        self.rows.extend(below.rows);
        self.version_uses.extend(below.version_uses);
        self.forgotten.extend(below.forgotten);
        self.recent.extend(below.recent);
        if let (Some(texts), Some(more)) = (&mut self.version_texts, below.version_texts) {
            for (key, versions) in more {
                texts.entry(key).or_default().extend(versions);
            }
        }
        self.sequence.append(below.sequence);
    }

    /// Sums over the keys read; `None` if each version of a key counts.
    pub fn key_sums(&self) -> Option<KeySums> {
        (self.again != ReprocessPolicy::EachVersion).then_some(self.key_sums)
    }

    /// Takes the sorted keys of rows without an order; empty if each version of a key counts.
    pub fn take_unordered(&mut self) -> Vec<Fingerprint> {
        let mut keys = std::mem::take(&mut self.unordered);
        keys.sort_unstable();
        keys
    }

    /// Whether the order of some keys' rows depends on Runs.
    pub fn has_doubt(&self) -> bool {
        self.sequence.has_doubt(self.rows.iter().map(|row| row.0))
    }

    /// Sorts the rows by the order in which they were done, however users sorted the tab. `known`
    /// are the first commits of runs, as far as read. Rows that are appended later count as later.
    pub fn sort_by_order(&mut self, known: &FirstCommits) {
        if self.again != ReprocessPolicy::OnChange {
            return;
        }
        let ranks = std::mem::take(&mut self.sequence).rank_rows(known);
        if ranks.is_sorted() {
            return;
        }
        let rows = std::mem::take(&mut self.rows).into_iter().zip(std::mem::take(&mut self.version_uses));
        let mut ranked: Vec<_> = ranks.into_iter().zip(rows).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        (self.rows, self.version_uses) = ranked.into_iter().map(|(_, row)| row).unzip();
    }

    /// Takes the key texts of the commit to keep.
    pub fn take_recent(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.recent)
    }

    /// Sets the keys of which some rows were deleted.
    #[must_use]
    pub fn with_gaps(self, gaps: GapKeys) -> Self {
        Self { gaps, ..self }
    }

    /// Marks the gaps of a predecessor spreadsheet as permanent, independent of later commit
    /// numbers.
    pub fn keep_gaps(&mut self, pruned: Option<u64>) {
        if let Some(pruned) = pruned {
            self.version_uses.iter_mut().for_each(|version_use| version_use.mark_gap(pruned));
        }
    }

    /// Returns the index of done keys, and the anomalies. Rows that were not sorted use their own
    /// order.
    pub fn finish_parse(mut self, tab: &Tab) -> (ProcessedSet, Vec<Anomaly>) {
        let mut anomalies = Vec::new();
        self.sort_by_order(&FirstCommits::default());
        if self.shifted > 0 {
            let message = format!(
                "tab {}: {} rows have their cells in other columns than its header says; perhaps columns were moved while a \
                 run was writing: move the cells back, or delete those rows to have their keys processed again",
                tab.title, self.shifted
            );
            anomalies.push(Anomaly { message, is_blocking: true });
        }
        if self.keyless > 0 {
            let message = format!("tab {}: {} rows have no key and were skipped", tab.title, self.keyless);
            anomalies.push(Anomaly { message, is_blocking: false });
        }
        let set = ProcessedSet::from_changes(self.again, self.rows, self.version_uses, self.forgotten, self.gaps);
        (set.with_version_texts(self.version_texts), anomalies)
    }
}
