//! What a store knows of the data tab's rows from one commit to the next.
//!
//! In scope: positions, the witness of the last commit, what it found, what has to be repaired. Pure.
//! Out of scope: reading any of it (`store::load::reread`, `store::load::loader`), the requests (`store::commit::row_writer`).

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

/// Reads of the positions, a pause between them, after which a key that was done and is not there counts as one without a row.
const SAME_READS: u32 = 2;

/// The rows of the data tab, as far as they are known.
#[derive(Debug, Clone, Default)]
pub struct RowTracker {
    index: Option<RowIndex>,
    /// Reads of the positions since rows were appended.
    reads: u32,
    /// Whether people's own cells reach the last row of the grid.
    filled: bool,
    /// Whether something may stand below the last key that is not the job's.
    prepared: bool,
    /// Rows of the grid when it was read.
    rows: u32,
    /// Where new rows go, once that was looked at.
    below: Option<AppendPosition>,
    scratch: Option<Scratch>,
    unseen: Option<PendingVerification>,
    finding: Option<UndoFinding>,
    repairs: Vec<RowRepair>,
    /// What the rows have to show once they are repaired.
    checks: Vec<CellCheck>,
    /// The header of the column of keys, when a repair was planned.
    key_column: Option<String>,
    /// What a repair left as it is, in words for people.
    left: Vec<String>,
    /// Rows written over so far.
    updated: u64,
}

/// A witness that was not looked at yet.
#[derive(Debug, Clone)]
pub struct PendingVerification {
    /// The witness.
    pub witness: UndoLog,
    /// The title of the state tab that holds its scratch rows.
    pub title: String,
    appended: Vec<String>,
}

/// What a commit needs to know of the rows before it can be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredRead {
    /// Nothing.
    Nothing,
    /// Where keys stand; at once, or when what was read a moment ago must be confirmed, after a pause.
    Positions {
        /// Whether to wait first.
        pause: bool,
    },
    /// Where new rows go, in a tab in which people may have prepared some.
    Below,
    /// All rows, because some have to be put right.
    Rows,
}

impl RowTracker {
    /// A tab of so many rows that people made before the job ever ran; `filled` if it has cells in its last row, `prepared` if it has some in
    /// any below the header.
    pub fn of_strange_rows(rows: u32, filled: bool, prepared: bool) -> Self {
        Self { rows, filled, prepared: filled || prepared, ..Self::default() }
    }

    /// What a load shows: the last row of the grid, and the keys where they were likely to stand.
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

    /// The witness of the head's commit, as a load found it in the scratch rows of the state tab.
    /// `done` are the keys that this commit made done.
    pub fn see(&mut self, state_tab: i32, witness: Option<(UndoLog, RowImages)>, done: &BTreeSet<String>) {
        let Some((witness, seen)) = witness else { return };
        self.scratch = Some(scratch_of(state_tab, &witness));
        let appended = witness.keys_appended(done.iter().map(String::as_str));
        self.finding = Some(witness.finding(seen, || appended)).filter(|finding| !finding.is_clean());
    }

    /// The same, counting on from what was known before a load.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        self.updated = before.updated;
        self
    }

    /// Rows written over so far.
    pub fn updated(&self) -> u64 {
        self.updated
    }

    /// What people should know.
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

    /// What has to be read before these keys' rows are written; each key with whether it was done before.
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

    /// Another commit has taken the scratch rows away: what they showed is its run's to put right.
    pub fn leave_to_others(&mut self) {
        self.unseen = None;
    }

    /// Positions were read.
    pub fn stand_on(&mut self, index: RowIndex) {
        self.reads += 1;
        self.index = Some(index);
    }

    /// The first 64 bits of the fingerprint of each key that has a row, as far as the load read them.
    pub fn keyed(&self) -> impl Iterator<Item = u64> {
        self.index.iter().flat_map(RowIndex::marks)
    }

    /// Rows of the grid and whether its last one holds something of people's, as they were when it was read.
    pub fn grid(&self) -> (u32, bool) {
        (self.rows, self.filled)
    }

    /// It was looked where new rows go.
    pub fn goes_below(&mut self, below: AppendPosition) {
        self.below = Some(below);
    }

    /// The finding that a repair is to be planned for.
    pub fn finding(&self) -> Option<&UndoFinding> {
        self.finding.as_ref()
    }

    /// All rows were read: what is to be repaired. Where nothing is left to be, that is that. An error says, in words for people, which rows
    /// could each be the one that was hit.
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

    /// Where the last repair found the column of keys, in the tab as it is now.
    pub fn key_of(&self, tab: &Tab) -> Option<usize> {
        tab.position(self.key_column.as_deref()?)
    }

    /// Whether rows were repaired, and are to be looked at once more.
    pub fn has_checks(&self) -> bool {
        self.finding.is_none() && self.unseen.is_none() && !self.checks.is_empty()
    }

    /// The repaired rows were read once more, or could not be.
    pub fn checked(&mut self, image: Option<&TabImage<'_>>) {
        let checks = std::mem::take(&mut self.checks);
        match image {
            Some(image) => self.left.extend(said_of(&checks, image)),
            None => self
                .left
                .push("the repaired rows could not be looked at once more, because the tab was changed again".into()),
        }
    }

    /// What repairs left as it is; said once.
    pub fn take_left(&mut self) -> Vec<String> {
        std::mem::take(&mut self.left)
    }

    /// Where new rows go, below every key that any read has shown.
    fn below_keys(&self) -> Option<AppendPosition> {
        let last = self.index.as_ref().map_or(0, RowIndex::last);
        self.below.map(|below| below.under(last))
    }

    /// What the next batch goes by.
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

    /// A batch was applied that did this to the rows, its state now in the tab of this title.
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

    /// The witness that nobody has looked at yet.
    pub fn unseen(&self) -> Option<&PendingVerification> {
        self.unseen.as_ref()
    }

    /// The batch's own answer shows the header and the keys that it found.
    pub fn answered(&mut self, header: &[String], keys: &[String]) {
        if self.unseen.as_ref().is_some_and(|unseen| unseen.witness.is_clean(header, keys)) {
            self.unseen = None;
        }
    }

    /// The scratch rows were read: what the witness found. `false` where they are not this batch's.
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

    /// Rows that have to be put right.
    pub fn astray(&self) -> u64 {
        self.finding.as_ref().map_or(0, UndoFinding::rows)
    }
}

/// At least so large is a state tab in which this witness was found.
fn scratch_of(tab: i32, witness: &UndoLog) -> Scratch {
    Scratch { tab, rows: witness.rows(), columns: witness.columns(), margin: witness.margin() }
}

impl PendingVerification {
    /// What the batch's answer has to show: the header and the keys as found.
    pub fn ranges(title: &str, witness: &UndoLog) -> Vec<String> {
        let margin = witness.margin() as usize;
        let (first, last) = (column_letters(margin), column_letters(margin + witness.width - 1));
        let header = format!("{}!{first}{row}:{last}{row}", quoted(title), row = HEADER_ROW + 1);
        let (from, to) = (witness.base + 1, witness.base + u32::try_from(witness.targets.len()).unwrap_or(u32::MAX));
        let keys = (to >= from).then(|| parse::column_range(title, margin + witness.key, from, Some(to)));
        std::iter::once(header).chain(keys).collect()
    }
}
