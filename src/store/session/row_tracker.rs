//! Tracks the data tab's rows between commits.
//!
//! In scope: key positions, the undo log of the last commit, misplaced writes, planned repairs.
//! Pure.
//! Out of scope: the reads (`store::load::reread`, `store::load::loader`), the requests
//! (`store::commit::row_writer`).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::grid::{format_column_letters, quote_title};
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::state::snapshot::{Anomaly, State};
use crate::store::commit::append_position::AppendPosition;
use crate::store::commit::row_plan::{RowContext, Scratch};
use crate::store::commit::row_writer::RowRequests;
use crate::store::tabs::load_plan::LoadPlan;
use crate::store::tabs::parse;
use crate::store::tabs::row_index::{KeyColumnReader, RowIndex};
use crate::store::tabs::schema::{Tab, Tabs};
use crate::store::upsert::repair::location::image::TabImage;
use crate::store::upsert::repair::planning::check::{CellCheck, describe_mismatches};
use crate::store::upsert::repair::planning::plan::plan;
use crate::store::upsert::repair::row_repair::RowRepair;
use crate::store::upsert::undo_log::{HEADER_ROW, HeaderFormulas, RowImages, UndoFinding, UndoLog};

/// Reads of the key positions, with a pause between them, after which a done key that is not found
/// counts as one without a row.
const CONFIRMING_READS: u32 = 2;

/// The known rows of the data tab.
#[derive(Debug, Clone, Default)]
pub struct RowTracker {
    index: Option<RowIndex>,
    /// Reads of the key positions since the last append.
    reads: u32,
    /// Whether users' own cells reach the last row of the grid.
    has_cells_in_last_row: bool,
    /// Whether cells that are not the job's may exist below the last key.
    is_prepared: bool,
    /// The number of rows in the grid, when it was read.
    rows: u32,
    /// Where new rows go, once read.
    append_position: Option<AppendPosition>,
    scratch: Option<Scratch>,
    pending_verification: Option<PendingVerification>,
    finding: Option<UndoFinding>,
    repairs: Vec<RowRepair>,
    /// The formulas of the header when the repair was planned.
    header_formulas: HeaderFormulas,
    /// What the rows must show after the repair.
    checks: Vec<CellCheck>,
    /// The header of the key column when the repair was planned.
    key_column: Option<String>,
    /// What a repair could not fix, as messages for the user.
    unrepaired: Vec<String>,
    /// Rows overwritten so far.
    updated: u64,
}

/// An undo log that was not checked yet.
#[derive(Debug, Clone)]
pub struct PendingVerification {
    /// The undo log of the applied batch.
    pub undo_log: UndoLog,
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
        needs_pause: bool,
    },
    /// Where new rows go, in a tab where users may have prepared rows.
    AppendPosition,
    /// All rows, because some need a repair.
    Rows,
}

impl RowTracker {
    /// Creates the tracker of a user's tab in which the job never wrote. `filled`: its last row has
    /// cells. `prepared`: any row below the header has cells.
    pub fn for_foreign_tab(rows: u32, has_cells_in_last_row: bool, is_prepared: bool) -> Self {
        Self { rows, has_cells_in_last_row, is_prepared: has_cells_in_last_row || is_prepared, ..Self::default() }
    }

    /// Creates the tracker from a load: the last row of the grid, and the column in which keys were
    /// expected.
    pub fn read(
        load_plan: &LoadPlan<'_>,
        tabs: &Tabs,
        state: &State,
        mode: WriteMode,
        bottom: &[Vec<Value>],
        keys: &[Vec<Value>],
    ) -> Self {
        let key = tabs.data.as_ref().zip(state.key_column.as_deref()).and_then(|(tab, name)| tab.position(name));
        let last = bottom.first().map_or(&[][..], Vec::as_slice);
        let keyless = key.is_none_or(|at| last.get(at).map(parse::format_cell).unwrap_or_default().is_empty());
        let filled = load_plan.data.is_some_and(|tab| tab.rows > 1) && !last.is_empty() && keyless;
        let read = load_plan.find_keyed_tab(mode).filter(|_| key == Some(0)).map(|_| {
            let mut key_reader = KeyColumnReader::default();
            key_reader.read_column(keys);
            key_reader.finish()
        });
        let has_users_columns = tabs.data.as_ref().is_some_and(|tab| {
            let there = tab.positions();
            tab.width > state.columns.iter().filter(|name| there.contains_key(name.as_str())).count()
        });
        let (reads, rows) = (u32::from(read.is_some()), load_plan.data.map_or(0, |tab| tab.rows));
        Self {
            reads,
            index: read,
            has_cells_in_last_row: filled,
            is_prepared: filled || has_users_columns,
            rows,
            ..Self::default()
        }
    }

    /// Takes the undo log of the head's commit, as loaded from the scratch rows of the state tab.
    /// `done` are the keys that this commit processed.
    pub fn take_undo_log(&mut self, state_tab: i32, undo_log: Option<(UndoLog, RowImages)>, done: &BTreeSet<String>) {
        let Some((undo_log, images)) = undo_log else { return };
        self.scratch = Some(measure_scratch(state_tab, &undo_log));
        let appended = undo_log.find_appended_keys(done.iter().map(String::as_str));
        self.finding = Some(undo_log.evaluate(images, || appended)).filter(|finding| !finding.needs_no_repair());
    }

    /// Carries the counters over from the tracker before a reload.
    #[must_use]
    pub fn with_counters_of(mut self, before: &Self) -> Self {
        self.updated = before.updated;
        self
    }

    /// Rows overwritten so far.
    pub fn updated_rows(&self) -> u64 {
        self.updated
    }

    /// The anomalies to report to the user.
    pub fn anomalies(&self, tab: &str) -> Vec<Anomaly> {
        let mut anomalies = self.index.as_ref().map(|index| index.anomalies(tab)).unwrap_or_default();
        if let Some(finding) = &self.finding {
            let rows = finding.count_rows_to_repair();
            let message =
                format!("tab {tab}: {rows} rows were moved while the previous run wrote them, and are repaired now");
            anomalies.push(Anomaly { message, is_blocking: false });
        }
        anomalies
    }

    /// Returns what must be read before the rows of these keys are written. Each key comes with
    /// `true` if it was done before.
    #[expect(clippy::needless_pass_by_value, reason = "an iterator is handed over")]
    pub fn choose_required_read<'k>(
        &self,
        mode: WriteMode,
        keys: impl Iterator<Item = (&'k str, bool)> + Clone,
    ) -> RequiredRead {
        if self.finding.is_some() {
            return if self.repairs.is_empty() { RequiredRead::Rows } else { RequiredRead::Nothing };
        }
        let mut has_new_rows = keys.clone().next().is_some();
        if mode == WriteMode::Upsert && has_new_rows {
            let Some(index) = &self.index else { return RequiredRead::Positions { needs_pause: false } };
            let is_missing =
                keys.clone().any(|(key, known)| index.row(key).is_none() && (known || index.is_behind(key)));
            if is_missing && self.reads < CONFIRMING_READS {
                return RequiredRead::Positions { needs_pause: self.reads > 0 };
            }
            has_new_rows = keys.clone().any(|(key, _)| index.row(key).is_none());
        }
        if has_new_rows && self.is_prepared && self.append_position.is_none() {
            RequiredRead::AppendPosition
        } else {
            RequiredRead::Nothing
        }
    }

    /// Another run's commit replaced the scratch rows. That run repairs what they showed.
    pub fn drop_pending(&mut self) {
        self.pending_verification = None;
    }

    /// Takes the key positions that were read.
    pub fn use_index(&mut self, index: RowIndex) {
        self.reads += 1;
        self.index = Some(index);
    }

    /// The first 64 bits of the fingerprint of each key with a row, as far as the load read them.
    pub fn key_prefixes(&self) -> impl Iterator<Item = u64> {
        self.index.iter().flat_map(RowIndex::key_hashes)
    }

    /// The number of grid rows, and whether users' cells reach the last one, as of the read.
    pub fn grid_rows(&self) -> (u32, bool) {
        (self.rows, self.has_cells_in_last_row)
    }

    /// Takes the position of new rows that was read.
    pub fn set_append_position(&mut self, append_position: AppendPosition) {
        self.append_position = Some(append_position);
    }

    /// The misplaced writes for which a repair must be planned.
    pub fn finding(&self) -> Option<&UndoFinding> {
        self.finding.as_ref()
    }

    /// Plans the repair from all rows of the tab. Clears the finding if nothing is left to repair.
    /// An error lists, as messages for the user, rows that could each be the one that was hit.
    pub fn plan_repair(&mut self, image: &TabImage<'_>) -> Result<(), Vec<String>> {
        let Some(finding) = &self.finding else { return Ok(()) };
        self.append_position = None;
        let planned = plan(finding, image);
        if !planned.ambiguous.is_empty() {
            return Err(planned.ambiguous);
        }
        (self.repairs, self.checks) = (planned.repairs, planned.checks);
        self.unrepaired.extend(planned.unrepaired);
        self.header_formulas = image.header_formulas();
        self.key_column = image.tab.header.get(image.key).cloned();
        let mut key_reader = KeyColumnReader::default();
        for row in image.rows {
            key_reader.read(&row.get(image.key).map(parse::format_cell).unwrap_or_default());
        }
        self.index = Some(key_reader.finish());
        if self.repairs.is_empty() {
            self.finding = None;
        }
        Ok(())
    }

    /// The position of the key column of the last repair in the current tab.
    pub fn key_position(&self, tab: &Tab) -> Option<usize> {
        tab.position(self.key_column.as_deref()?)
    }

    /// Whether repaired rows wait for a check.
    pub fn has_checks(&self) -> bool {
        self.finding.is_none() && self.pending_verification.is_none() && !self.checks.is_empty()
    }

    /// Takes the repaired rows as read again; `None` if they could not be read.
    pub fn check_repairs(&mut self, image: Option<&TabImage<'_>>) {
        let checks = std::mem::take(&mut self.checks);
        match image {
            Some(image) => self.unrepaired.extend(describe_mismatches(&checks, image)),
            None => self
                .unrepaired
                .push("the repaired rows could not be verified, because the tab was changed again".into()),
        }
    }

    /// Takes the messages about what repairs could not fix. Each is returned once.
    pub fn take_unrepaired(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unrepaired)
    }

    /// Where new rows go, below every key of any read.
    fn current_append_position(&self) -> Option<AppendPosition> {
        let last = self.index.as_ref().map_or(0, RowIndex::last_row);
        self.append_position.map(|append_position| append_position.move_below(last))
    }

    /// The row context for the next batch.
    pub fn make_row_context(&self, mode: WriteMode) -> RowContext<'_> {
        RowContext {
            mode,
            index: self.index.as_ref(),
            append_position: self.current_append_position().unwrap_or_default(),
            repairs: &self.repairs,
            header_formulas: if self.repairs.is_empty() { &[] } else { &self.header_formulas },
            own_columns: &[],
            scratch: self.scratch,
        }
    }

    /// Updates the tracker for an applied batch. `title` is that of the tab with the new state.
    pub fn on_applied(&mut self, rows: &RowRequests, title: &str) {
        let append_position = self.current_append_position();
        if let Some(index) = &mut self.index {
            let recreated = rows.undo_log.iter().flat_map(|undo_log| &undo_log.recreated);
            let new: Vec<&str> =
                rows.appended.iter().chain(&rows.filled_row_keys).chain(recreated).map(String::as_str).collect();
            index.on_inserted(rows.inserted_below);
            if !new.is_empty() {
                self.reads = 0;
            }
            index.on_appended(new.into_iter());
        }
        self.append_position = append_position;
        if let Some(append_position) = &mut self.append_position {
            append_position.advance(rows.inserted_below);
        }
        self.updated += rows.updated;
        (self.finding, self.repairs) = (None, Vec::new());
        self.scratch = rows.scratch;
        self.pending_verification = rows.undo_log.clone().map(|undo_log| PendingVerification {
            undo_log,
            title: title.to_owned(),
            appended: rows.appended.clone(),
        });
    }

    /// Updates the tracker for a batch that was only prepared. The spreadsheet does not have its
    /// rows, so nothing is verified, and no further read can find them.
    pub fn on_simulated(&mut self, mode: WriteMode) {
        self.pending_verification = None;
        self.reads = CONFIRMING_READS;
        if mode == WriteMode::Upsert {
            self.index.get_or_insert_default();
        }
    }

    /// True if the last read found a row of this key.
    pub fn has_row(&self, key: &str) -> bool {
        self.index.as_ref().is_some_and(|index| index.row(key).is_some())
    }

    /// The undo log that waits for verification.
    pub fn pending_verification(&self) -> Option<&PendingVerification> {
        self.pending_verification.as_ref()
    }

    /// Takes the header and the keys that the batch's own response returned.
    pub fn check_response(&mut self, header: &[String], keys: &[String]) {
        if self.pending_verification.as_ref().is_some_and(|pending| pending.undo_log.is_proven_hit(header, keys)) {
            self.pending_verification = None;
        }
    }

    /// Checks the undo log from the scratch rows. Returns `false` if they do not belong to this
    /// batch.
    pub fn check_undo_log(&mut self, rows: &[Vec<Value>]) -> bool {
        let Some(pending_verification) = self.pending_verification.take() else { return true };
        let Some((undo_log, images)) = UndoLog::parse(rows, pending_verification.undo_log.head) else {
            self.pending_verification = Some(pending_verification);
            return false;
        };
        let finding = undo_log.evaluate(images, || pending_verification.appended);
        self.finding = Some(finding).filter(|finding| !finding.needs_no_repair());
        true
    }

    /// The number of misplaced rows that need a repair.
    pub fn misplaced_rows(&self) -> u64 {
        self.finding.as_ref().map_or(0, UndoFinding::count_rows_to_repair)
    }
}

/// The minimum size of a state tab that contains this undo log.
fn measure_scratch(tab: i32, undo_log: &UndoLog) -> Scratch {
    Scratch { tab, rows: undo_log.count_needed_rows(), columns: undo_log.columns(), margin: undo_log.margin() }
}

impl PendingVerification {
    /// The ranges that the batch's response must return: the header and the keys as found.
    pub fn make_ranges(title: &str, undo_log: &UndoLog) -> Vec<String> {
        let margin = undo_log.margin() as usize;
        let (first, last) = (format_column_letters(margin), format_column_letters(margin + undo_log.width - 1));
        let header = format!("{}!{first}{row}:{last}{row}", quote_title(title), row = HEADER_ROW + 1);
        let (from, to) = (
            undo_log.first_target_row + 1,
            undo_log.first_target_row + u32::try_from(undo_log.targets.len()).unwrap_or(u32::MAX),
        );
        let keys = (to >= from).then(|| parse::make_column_range(title, margin + undo_log.key, from, Some(to)));
        std::iter::once(header).chain(keys).collect()
    }
}
