//! Encodes the rows of the data tab: appended, inserted, or rewritten in place, with their
//! undo log. Pure.
//!
//! In scope: the order of requests, merging of neighbouring rows and columns.
//! Out of scope: which of these a row is (`store::commit::row_plan`), the other parts of a batch
//! (`store::commit::encoder`), reading the undo log
//! (`store::upsert::undo_log`), planning repairs (`store::upsert::repair::planning::plan`).
//!
//! ```text
//!  1. header row       ─copy─▶ scratch
//!  2. rows as found    ─copy─▶ scratch
//!  3. write cells
//!  4. rows as written  ─copy─▶ scratch
//!  5. append
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use crate::grid::Row;
use crate::ledger::commit::changes::{Commit, CommitPart, ItemResult};
use crate::sheets_client::types::cell::{self, NumberKind};
use crate::sheets_client::types::request_objects::PasteType;
use crate::sheets_client::types::requests::Request;
use crate::store::commit::append_position::group_columns;
use crate::store::commit::row_plan::{
    PlannedWrite, RowContext, RowPlan, RowPlanner, Scratch, WriteContent, find_written_rows, group_neighbouring_writes,
};
use crate::store::guard::head_guard::{STATE_COLUMNS, STATE_ROWS};
use crate::store::tabs::cells::{VALUE, VALUE_AND_NUMBER, build_cell_row, to_cell_data};
use crate::store::tabs::requests::{
    convert_index, copy_cells, copy_rows, make_grid_range, make_row_range, put, resize_grid,
};
use crate::store::tabs::row_index::RowIndex;
use crate::store::tabs::schema::Tab;
use crate::store::upsert::repair::row_repair::{CellCopy, CellSource, RowRepair};
use crate::store::upsert::undo_log::{HEADER_ROW, RowPredicate, UndoLog, shorten_key_hash};

/// The effect of a batch on the data tab.
#[derive(Debug, Default)]
pub struct RowRequests {
    /// The requests in order, each with its commit part.
    pub requests: Vec<(CommitPart, Request)>,
    /// The undo log to check after the batch.
    pub undo_log: Option<UndoLog>,
    /// Keys of appended or inserted rows, one per row.
    pub appended: Vec<String>,
    /// Keys of blank rows that the batch fills, one per row.
    pub filled_row_keys: Vec<String>,
    /// The number of rows that items overwrite.
    pub updated: u64,
    /// The number of rows inserted or filled below the last key.
    pub inserted_below: u32,
    /// The grid of the state tab after the batch, if it has scratch rows.
    pub scratch: Option<Scratch>,
}

/// Returns the requests for a commit's rows. `new`: the batch itself creates the tab, so that no
/// user can have edited it. `state_tab` has the state once the batch is applied.
pub fn encode_rows(
    commit: &Commit,
    tab: &Tab,
    is_new: bool,
    state_tab: i32,
    row_context: RowContext<'_>,
) -> RowRequests {
    let planner = RowPlanner::new(commit, tab, row_context);
    let RowPlan { writes, updated, filled_row_keys, appended, new_rows } = planner.plan();
    let inserted_below = convert_index(filled_row_keys.len());
    let out = RowRequests { appended, filled_row_keys, updated, inserted_below, ..RowRequests::default() };
    let mut encoder = RowWriter { planner, tab, state_tab, out };
    let recreated: Vec<_> = row_context.repairs.iter().filter(|repair| repair.row.is_none()).collect();
    if writes.is_empty() && new_rows.is_empty() && recreated.is_empty() {
        return encoder.out;
    }
    if !is_new || !writes.is_empty() {
        encoder.write_over(&writes, &new_rows, &recreated);
    }
    encoder.append_or_insert(&new_rows, &recreated);
    encoder.out
}

struct RowWriter<'a> {
    planner: RowPlanner<'a>,
    tab: &'a Tab,
    state_tab: i32,
    out: RowRequests,
}

impl<'a> RowWriter<'a> {
    /// Writes the undo log, with the row writes between its two halves (pre-images and
    /// post-images).
    fn write_over(&mut self, writes: &[PlannedWrite<'a>], fresh: &[&Row], recreated: &[&RowRepair]) {
        let row_context = self.planner.row_context;
        let items = writes.iter().filter(|write| !matches!(write.what, WriteContent::Repair(_)));
        let mut own: BTreeSet<usize> = items.flat_map(|write| write.target.columns.iter().copied()).collect();
        own.extend(
            fresh.iter().flat_map(|row| row.cells.iter().filter_map(|(name, _)| self.planner.find_column(name))),
        );
        own.extend(self.planner.find_key_column());
        let mut written_columns = own.clone();
        written_columns.extend(row_context.repairs.iter().flat_map(RowRepair::columns));
        // A repair also restores cells of users' columns, which stay theirs.
        let is_own = |at: usize, name: &String| own.contains(&at) || row_context.own_columns.contains(name);
        let own_name = |at: usize| Some(self.tab.name(at)).filter(|name| is_own(at, name)).unwrap_or_default();
        let previous = row_context.scratch.filter(|scratch| scratch.tab == self.state_tab);
        let lowest = previous.map_or(0, |scratch| scratch.rows);
        let last = writes.last().map_or(0, |write| write.target.row);
        let header = self.tab.header.clone();
        let width = UndoLog::choose_width(header.len().max(self.tab.width));
        let undo_log = UndoLog {
            head: self.planner.commit.to,
            key: self.planner.find_key_column().unwrap_or_default(),
            names: written_columns.iter().map(|at| own_name(*at)).collect(),
            written_columns: written_columns.into_iter().collect(),
            appended: fresh.len() + recreated.len(),
            recreated: recreated.iter().filter_map(|repair| repair.key().map(str::to_owned)).collect(),
            processed_rows: self.planner.commit.changes.count_keys(),
            appended_per_key: self.count_appended_rows(writes),
            width,
            first_target_row: UndoLog::choose_base(last, width, lowest),
            header,
            header_formulas: row_context.header_formulas.to_vec(),
            is_repair: !row_context.repairs.is_empty(),
            targets: writes.iter().map(|write| write.target.clone()).collect(),
        };
        let columns =
            undo_log.columns().max(previous.map_or(STATE_COLUMNS, |scratch| scratch.columns)).max(STATE_COLUMNS);
        let margin = undo_log.margin();
        let scratch = Scratch { tab: self.state_tab, rows: undo_log.count_needed_rows(), columns, margin };
        self.out.scratch = Some(scratch);
        self.out.requests.push((CommitPart::Content, resize_grid(scratch.tab, scratch.rows, scratch.columns)));
        self.write_log_texts(&undo_log);
        self.copy_header(&undo_log);
        let runs = group_neighbouring_writes(writes);
        for run in &runs {
            let to = (undo_log.pre_image_row(run.start), undo_log.pre_image_values_row(run.start));
            self.copy_to_log(&find_written_rows(writes, run), &undo_log, to, PasteType::Formula);
        }
        self.write(writes, &undo_log);
        let kind = if undo_log.is_repair { PasteType::Formula } else { PasteType::Values };
        for run in &runs {
            let to = (undo_log.post_image_row(run.start), undo_log.post_image_values_row(run.start));
            self.copy_to_log(&find_written_rows(writes, run), &undo_log, to, kind);
        }
        self.out.undo_log = Some(undo_log);
    }

    /// Copies rows to the undo log, from its row `to.0` on. The log of a repair also gets the
    /// values that they show, from `to.1` on.
    fn copy_to_log(&mut self, rows: &Range<u32>, undo_log: &UndoLog, to: (u32, u32), kind: PasteType) {
        let margin = undo_log.margin();
        let copied = self.copy_to_scratch(rows, (to.0, margin), kind);
        self.out.requests.push((CommitPart::Layout, copied));
        if undo_log.is_repair {
            let shown = self.copy_to_scratch(rows, (to.1, margin), PasteType::Values);
            self.out.requests.push((CommitPart::Layout, shown));
        }
    }

    /// Copies the header row as found: its texts and, if the undo log of a repair keeps them, its
    /// formulas.
    fn copy_header(&mut self, undo_log: &UndoLog) {
        let margin = undo_log.margin();
        let header = self.copy_to_scratch(&(0..1), (HEADER_ROW, margin), PasteType::Values);
        self.out.requests.push((CommitPart::Layout, header));
        if let Some(row) = undo_log.formulas_row() {
            let formulas = self.copy_to_scratch(&(0..1), (row, margin), PasteType::Formula);
            self.out.requests.push((CommitPart::Layout, formulas));
        }
    }

    /// Counts the appended rows per key, if different from the default: one, or none for a key
    /// whose row is overwritten.
    fn count_appended_rows(&self, writes: &[PlannedWrite<'a>]) -> HashMap<String, usize> {
        let hit: HashSet<&str> = writes.iter().filter_map(|write| write.target.key()).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for one in &self.planner.commit.changes.settled {
            if let ItemResult::Done { key, .. } = one {
                counts.insert(key.as_str(), 0);
            }
        }
        for key in &self.out.appended {
            *counts.entry(key).or_default() += 1;
        }
        let odd = counts.into_iter().filter(|(key, count)| *count != usize::from(!hit.contains(key)));
        odd.map(|(key, count)| (shorten_key_hash(key), count)).collect()
    }

    fn write_log_texts(&mut self, undo_log: &UndoLog) {
        let texts = undo_log.make_scratch_texts();
        for run in texts.chunk_by(|(a, _), (b, _)| a + 1 == *b) {
            let Some((first, _)) = run.first() else { continue };
            let text = |text: &String| {
                if text.is_empty() { cell::CellData::blank() } else { cell::CellData::text(text.as_str()) }
            };
            let rows = run.iter().map(|(_, texts)| texts.iter().map(text).collect::<Vec<_>>().into()).collect();
            self.out.requests.push((CommitPart::Content, put(self.state_tab, *first, 0, rows, VALUE)));
        }
    }

    /// Copies whole rows to scratch rows. The service takes as many cells as needed from the given
    /// cell on.
    fn copy_to_scratch(&self, rows: &Range<u32>, to: (u32, u32), paste_type: PasteType) -> Request {
        copy_rows((self.tab.id, rows), (self.state_tab, to.0, to.1), paste_type)
    }

    fn write(&mut self, writes: &[PlannedWrite<'a>], undo_log: &UndoLog) {
        let mut at = 0;
        for group in writes.chunk_by(|a, b| b.follows_row(a)) {
            if let Some(PlannedWrite { what: WriteContent::Repair(repair), target }) = group.first() {
                self.repair_row(repair, target.row, Some((undo_log.pre_image_row(at), undo_log.margin())));
            } else {
                self.write_cells(group);
            }
            at += group.len();
        }
    }

    /// Writes neighbouring rows with the same columns, one request per block of columns.
    fn write_cells(&mut self, group: &[PlannedWrite<'a>]) {
        let Some(first) = group.first() else { return };
        for block in group_columns(&first.target.columns) {
            let cells = |write: &PlannedWrite<'a>| match &write.what {
                WriteContent::Cells(cells) | WriteContent::NewRow(cells) => {
                    let within = cells.iter().filter(|(column, _)| block.contains(column));
                    within.map(|(_, cell)| cell.clone()).collect::<Vec<_>>()
                }
                WriteContent::Repair(_) => Vec::new(),
            };
            let rows = group.iter().map(|write| cells(write).into()).collect();
            let fields = if matches!(first.what, WriteContent::NewRow(_)) { VALUE_AND_NUMBER } else { VALUE };
            let request = put(self.tab.id, first.target.row, convert_index(block.start), rows, fields);
            self.out.requests.push((CommitPart::Content, request));
        }
    }

    /// Repairs a row. `found` is the scratch row with its pre-image, and the number of columns
    /// before its cells.
    fn repair_row(&mut self, repair: &RowRepair, row: u32, found: Option<(u32, u32)>) {
        for block in group_columns(&repair.clears) {
            let area = make_grid_range(self.tab.id, row..row + 1, convert_index(block.start)..convert_index(block.end));
            let clear = Request::UpdateCells { rows: Vec::new(), fields: VALUE.into(), start: None, range: Some(area) };
            self.out.requests.push((CommitPart::Layout, clear));
        }
        let mut copies = repair.copies.clone();
        copies.sort_by_key(|copy| copy.to);
        let next = |a: &CellCopy, b: &CellCopy| a.source == b.source && a.to + 1 == b.to && a.from + 1 == b.from;
        for run in copies.chunk_by(next) {
            let Some(first) = run.first() else { continue };
            let from = match (&first.source, self.planner.row_context.scratch, found) {
                (CellSource::Undo(row), Some(scratch), _) => (scratch.tab, *row, scratch.margin),
                (CellSource::SameRow, _, Some((row, margin))) => (self.state_tab, row, margin),
                (CellSource::Formula(formula), ..) => {
                    let rows = vec![vec![cell::CellData::formula(formula.as_str()); run.len()].into()];
                    self.out
                        .requests
                        .push((CommitPart::Layout, put(self.tab.id, row, convert_index(first.to), rows, VALUE)));
                    continue;
                }
                _ => continue,
            };
            let left = from.2 + convert_index(first.from);
            let source = (from.0, from.1..from.1 + 1, left..left + convert_index(run.len()));
            let request = copy_cells(source, (self.tab.id, row, convert_index(first.to)), PasteType::Formula);
            self.out.requests.push((CommitPart::Layout, request));
        }
    }

    /// Writes rows without a position: below everything, or inserted above the job's own cells at
    /// the end of the grid. An inserted row is new, so it overwrites nothing.
    fn append_or_insert(&mut self, fresh: &[&Row], recreated: &[&RowRepair]) {
        let last = self
            .planner
            .row_context
            .index
            .map_or(0, RowIndex::last_row)
            .max(self.planner.row_context.append_position.last);
        let mut at = last + 1 + convert_index(self.out.filled_row_keys.len());
        if self.planner.row_context.append_position.inserts && !fresh.is_empty() {
            self.insert(at, convert_index(fresh.len()));
            self.write_inserted(at, fresh);
            at += convert_index(fresh.len());
        } else if !fresh.is_empty() {
            let rows = fresh.iter().map(|row| build_cell_row(self.planner.encode_cells(row))).collect();
            let request = Request::AppendCells { sheet_id: self.tab.id, rows, fields: VALUE_AND_NUMBER.into() };
            self.out.requests.push((CommitPart::Content, request));
        }
        if recreated.is_empty() {
            return;
        }
        self.insert(at, convert_index(recreated.len()));
        for (row, repair) in (at..).zip(recreated) {
            if let (Some(column), RowPredicate::Key(key)) = (self.planner.find_key_column(), &repair.expect) {
                let key = to_cell_data(&crate::grid::Cell::text(key.as_str()), Some(NumberKind::Text));
                let request = put(self.tab.id, row, convert_index(column), vec![vec![key].into()], VALUE_AND_NUMBER);
                self.out.requests.push((CommitPart::Layout, request));
            }
            self.repair_row(repair, row, None);
        }
    }

    fn insert(&mut self, at: u32, rows: u32) {
        // Do not inherit the header row's format.
        let range = make_row_range(self.tab.id, at..at + rows);
        let request = Request::InsertDimension { range, inherit_from_before: at > 1 };
        self.out.requests.push((CommitPart::Layout, request));
        self.out.inserted_below += rows;
    }

    /// Writes inserted rows, without users' columns.
    fn write_inserted(&mut self, at: u32, fresh: &[&Row]) {
        let rows: Vec<HashMap<usize, cell::CellData>> =
            fresh.iter().map(|row| self.planner.encode_cells(row).collect()).collect();
        let mut columns: Vec<usize> = rows.iter().flat_map(|row| row.keys().copied()).collect();
        columns.sort_unstable();
        columns.dedup();
        for block in group_columns(&columns) {
            let cell = |row: &HashMap<usize, cell::CellData>, column| row.get(&column).cloned().unwrap_or_default();
            let rows = rows.iter().map(|row| block.clone().map(|column| cell(row, column)).collect::<Vec<_>>().into());
            let request = put(self.tab.id, at, convert_index(block.start), rows.collect(), VALUE_AND_NUMBER);
            self.out.requests.push((CommitPart::Content, request));
        }
    }
}

/// Shrinks the state tab to remove the previous commit's scratch rows.
pub fn remove_scratch(state_tab: i32) -> Request {
    resize_grid(state_tab, STATE_ROWS, STATE_COLUMNS)
}
