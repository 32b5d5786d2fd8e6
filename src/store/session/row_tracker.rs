//! Tracks the data tab's rows between commits.
//!
//! In scope: key positions, the undo log of the last commit, misplaced writes, planned repairs.
//! Pure.
//! Out of scope: the reads (`store::load::reread`, `store::load::loader`), the requests
//! (`store::commit::row_writer`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::grid::{column_letters, quoted};
use crate::ledger::item::write_mode::WriteMode;
use crate::ledger::state::snapshot::{Anomaly, State};
use crate::store::commit::append_position::AppendPosition;
use crate::store::commit::row_writer::{RowContext, RowRequests, Scratch};
use crate::store::tabs::load_plan::LoadPlan;
use crate::store::tabs::parse;
use crate::store::tabs::row_index::{KeyColumnReader, RowIndex};
use crate::store::tabs::schema::{Tab, Tabs};
use crate::store::upsert::repair::check::{CellCheck, said_of};
use crate::store::upsert::repair::image::TabImage;
use crate::store::upsert::repair::plan::plan;
use crate::store::upsert::repair::row_repair::RowRepair;
use crate::store::upsert::undo_log::{HEADER_ROW, RowImages, UndoFinding, UndoLog};

/// Reads of the key positions, with a pause between them, after which a done key that is not found
/// counts as one without a row.
const SAME_READS: u32 = 2;

/// The known rows of the data tab.
#[derive(Debug, Clone, Default)]
pub struct RowTracker {
    index: Option<RowIndex>,
    /// Reads of the key positions since the last append.
    reads: u32,
    /// Whether users' own cells reach the last row of the grid.
    filled: bool,
    /// Whether cells that are not the job's may exist below the last key.
    prepared: bool,
    /// The number of rows in the grid, when it was read.
    rows: u32,
    /// Where new rows go, once read.
    below: Option<AppendPosition>,
    scratch: Option<Scratch>,
    unseen: Option<PendingVerification>,
    finding: Option<UndoFinding>,
    repairs: Vec<RowRepair>,
    /// What the rows must show after the repair.
    checks: Vec<CellCheck>,
    /// The header of the key column when the repair was planned.
    key_column: Option<String>,
    /// What a repair could not fix, as messages for the user.
    left: Vec<String>,
    /// Rows overwritten so far.
    updated: u64,
}

/// An undo log that was not checked yet.
#[derive(Debug, Clone)]
pub struct PendingVerification {
    /// The undo log of the applied batch.
    pub witness: UndoLog,
    /// The title of the state tab that holds its scratch rows.
    pub title: String,
    appended: Vec<String>,
}

/// The read that a commit needs before it can be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredRead {
    /// Everything needed is known.
    Nothing,
    /// The key positions.
    Positions {
        /// Whether to wait first, because this read confirms a recent one.
        pause: bool,
    },
    /// Where new rows go, in a tab where users may have prepared rows.
    Below,
    /// All rows, because some need a repair.
    Rows,
}

impl RowTracker {
    /// Creates the tracker of a user's tab in which the job never wrote. `filled`: its last row has
    /// cells. `prepared`: any row below the header has cells.
    pub fn of_strange_rows(rows: u32, filled: bool, prepared: bool) -> Self {
        Self { rows, filled, prepared: filled || prepared, ..Self::default() }
    }

    /// Creates the tracker from a load: the last row of the grid, and the column in which keys were
    /// expected.
    pub fn read(
        reach: &LoadPlan<'_>,
        tabs: &Tabs,
        state: &State,
        mode: WriteMode,
        bottom: &[Vec<Value>],
        keys: &[Vec<Value>],
    ) -> Self {
        let key = tabs.data.as_ref().zip(state.key_column.as_deref()).and_then(|(tab, name)| tab.position(name));
        let last = bottom.first().map_or(&[][..], Vec::as_slice);
        let keyless = key.is_none_or(|at| last.get(at).map(parse::text).unwrap_or_default().is_empty());
        let filled = reach.data.is_some_and(|tab| tab.rows > 1) && !last.is_empty() && keyless;
        let read = reach.keyed(mode).filter(|_| key == Some(0)).map(|_| {
            let mut indexing = KeyColumnReader::default();
            indexing.read_column(keys);
            indexing.finish()
        });
        let theirs = tabs.data.as_ref().is_some_and(|tab| {
            let there = tab.positions();
            tab.width > state.columns.iter().filter(|name| there.contains_key(name.as_str())).count()
        });
        let (reads, rows) = (u32::from(read.is_some()), reach.data.map_or(0, |tab| tab.rows));
        Self { reads, index: read, filled, prepared: filled || theirs, rows, ..Self::default() }
    }

    /// Takes the undo log of the head's commit, as loaded from the scratch rows of the state tab.
    /// `done` are the keys that this commit processed.
    pub fn see(&mut self, state_tab: i32, witness: Option<(UndoLog, RowImages)>, done: &BTreeSet<String>) {
        let Some((witness, seen)) = witness else { return };
        self.scratch = Some(scratch_of(state_tab, &witness));
        let appended = witness.keys_appended(done.iter().map(String::as_str));
        self.finding = Some(witness.finding(seen, || appended)).filter(|finding| !finding.is_clean());
    }

    /// Carries the counters over from the tracker before a reload.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        self.updated = before.updated;
        self
    }

    /// Rows overwritten so far.
    pub fn updated(&self) -> u64 {
        self.updated
    }

    /// The anomalies to report to the user.
    pub fn blemishes(&self, tab: &str) -> Vec<Anomaly> {
        let mut told = self.index.as_ref().map(|index| index.blemishes(tab)).unwrap_or_default();
        if let Some(finding) = &self.finding {
            let rows = finding.rows();
            let message =
                format!("tab {tab}: {rows} rows were moved while the previous run wrote them, and are repaired now");
            told.push(Anomaly { message, blocking: false });
        }
        told
    }

    /// Returns what must be read before the rows of these keys are written. Each key comes with
    /// `true` if it was done before.
    #[expect(clippy::needless_pass_by_value, reason = "an iterator is handed over")]
    pub fn need<'k>(&self, mode: WriteMode, keys: impl Iterator<Item = (&'k str, bool)> + Clone) -> RequiredRead {
        if self.finding.is_some() {
            return if self.repairs.is_empty() { RequiredRead::Rows } else { RequiredRead::Nothing };
        }
        let mut fresh = keys.clone().next().is_some();
        if mode == WriteMode::Upsert && fresh {
            let Some(index) = &self.index else { return RequiredRead::Positions { pause: false } };
            let missing = keys.clone().any(|(key, known)| index.row(key).is_none() && (known || index.is_behind(key)));
            if missing && self.reads < SAME_READS {
                return RequiredRead::Positions { pause: self.reads > 0 };
            }
            fresh = keys.clone().any(|(key, _)| index.row(key).is_none());
        }
        if fresh && self.prepared && self.below.is_none() { RequiredRead::Below } else { RequiredRead::Nothing }
    }

    /// Another run's commit replaced the scratch rows. That run repairs what they showed.
    pub fn leave_to_others(&mut self) {
        self.unseen = None;
    }

    /// Takes the key positions that were read.
    pub fn stand_on(&mut self, index: RowIndex) {
        self.reads += 1;
        self.index = Some(index);
    }

    /// The first 64 bits of the fingerprint of each key with a row, as far as the load read them.
    pub fn keyed(&self) -> impl Iterator<Item = u64> {
        self.index.iter().flat_map(RowIndex::marks)
    }

    /// The number of grid rows, and whether users' cells reach the last one, as of the read.
    pub fn grid(&self) -> (u32, bool) {
        (self.rows, self.filled)
    }

    /// Takes the position of new rows that was read.
    pub fn goes_below(&mut self, below: AppendPosition) {
        self.below = Some(below);
    }

    /// The misplaced writes for which a repair must be planned.
    pub fn finding(&self) -> Option<&UndoFinding> {
        self.finding.as_ref()
    }

    /// Plans the repair from all rows of the tab. Clears the finding if nothing is left to repair.
    /// An error lists, as messages for the user, rows that could each be the one that was hit.
    pub fn repair(&mut self, image: &TabImage<'_>) -> Result<(), Vec<String>> {
        let Some(finding) = &self.finding else { return Ok(()) };
        self.below = None;
        let planned = plan(finding, image);
        if !planned.unknown.is_empty() {
            return Err(planned.unknown);
        }
        (self.repairs, self.checks) = (planned.repairs, planned.checks);
        self.left.extend(planned.left);
        self.key_column = image.tab.header.get(image.key).cloned();
        let mut indexing = KeyColumnReader::default();
        for row in image.rows {
            indexing.read(&row.get(image.key).map(parse::text).unwrap_or_default());
        }
        self.index = Some(indexing.finish());
        if self.repairs.is_empty() {
            self.finding = None;
        }
        Ok(())
    }

    /// The position of the key column of the last repair in the current tab.
    pub fn key_of(&self, tab: &Tab) -> Option<usize> {
        tab.position(self.key_column.as_deref()?)
    }

    /// Whether repaired rows wait for a check.
    pub fn has_checks(&self) -> bool {
        self.finding.is_none() && self.unseen.is_none() && !self.checks.is_empty()
    }

    /// Takes the repaired rows as read again; `None` if they could not be read.
    pub fn checked(&mut self, image: Option<&TabImage<'_>>) {
        let checks = std::mem::take(&mut self.checks);
        match image {
            Some(image) => self.left.extend(said_of(&checks, image)),
            None => self
                .left
                .push("the repaired rows could not be looked at once more, because the tab was changed again".into()),
        }
    }

    /// Takes the messages about what repairs could not fix. Each is returned once.
    pub fn take_left(&mut self) -> Vec<String> {
        std::mem::take(&mut self.left)
    }

    /// Where new rows go, below every key of any read.
    fn below_keys(&self) -> Option<AppendPosition> {
        let last = self.index.as_ref().map_or(0, RowIndex::last);
        self.below.map(|below| below.under(last))
    }

    /// The row context for the next batch.
    pub fn footing(&self, mode: WriteMode) -> RowContext<'_> {
        RowContext {
            mode,
            index: self.index.as_ref(),
            below: self.below_keys().unwrap_or_default(),
            repairs: &self.repairs,
            owned: &[],
            scratch: self.scratch,
        }
    }

    /// Updates the tracker for an applied batch. `title` is that of the tab with the new state.
    pub fn applied(&mut self, rows: &RowRequests, title: &str) {
        let below = self.below_keys();
        if let Some(index) = &mut self.index {
            index.appended(rows.appended.iter().chain(&rows.filled).map(String::as_str));
            index.grown(rows.grown);
            if !rows.appended.is_empty() || !rows.filled.is_empty() {
                self.reads = 0;
            }
        }
        self.below = below;
        if let Some(below) = &mut self.below {
            below.grown(rows.grown);
        }
        self.updated += rows.updated;
        (self.finding, self.repairs) = (None, Vec::new());
        self.scratch = rows.scratch;
        self.unseen = rows.witness.clone().map(|witness| PendingVerification {
            witness,
            title: title.to_owned(),
            appended: rows.appended.clone(),
        });
    }

    /// The undo log that waits for verification.
    pub fn unseen(&self) -> Option<&PendingVerification> {
        self.unseen.as_ref()
    }

    /// Takes the header and the keys that the batch's own response returned.
    pub fn answered(&mut self, header: &[String], keys: &[String]) {
        if self.unseen.as_ref().is_some_and(|unseen| unseen.witness.is_clean(header, keys)) {
            self.unseen = None;
        }
    }

    /// Checks the undo log from the scratch rows. Returns `false` if they do not belong to this
    /// batch.
    pub fn looked(&mut self, rows: &[Vec<Value>]) -> bool {
        let Some(unseen) = self.unseen.take() else { return true };
        let Some((witness, seen)) = UndoLog::read(rows, unseen.witness.head) else {
            self.unseen = Some(unseen);
            return false;
        };
        let finding = witness.finding(seen, || unseen.appended);
        self.finding = Some(finding).filter(|finding| !finding.is_clean());
        true
    }

    /// The number of misplaced rows that need a repair.
    pub fn astray(&self) -> u64 {
        self.finding.as_ref().map_or(0, UndoFinding::rows)
    }
}

/// The minimum size of a state tab that contains this undo log.
fn scratch_of(tab: i32, witness: &UndoLog) -> Scratch {
    Scratch { tab, rows: witness.rows(), columns: witness.columns(), margin: witness.margin() }
}

impl PendingVerification {
    /// The ranges that the batch's response must return: the header and the keys as found.
    pub fn ranges(title: &str, witness: &UndoLog) -> Vec<String> {
        let margin = witness.margin() as usize;
        let (first, last) = (column_letters(margin), column_letters(margin + witness.width - 1));
        let header = format!("{}!{first}{row}:{last}{row}", quoted(title), row = HEADER_ROW + 1);
        let (from, to) = (witness.base + 1, witness.base + u32::try_from(witness.targets.len()).unwrap_or(u32::MAX));
        let keys = (to >= from).then(|| parse::column_range(title, margin + witness.key, from, Some(to)));
        std::iter::once(header).chain(keys).collect()
    }
}
