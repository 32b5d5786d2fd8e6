//! Encodes a commit as the requests of one batch.
//!
//! In scope: the requests in order, each with its part of the commit; cells with their formats.
//! Out of scope: the choice of the guard (`store::guard::head_guard`), sending
//! (`store::spreadsheet::store`).

use crate::google::types::cell::{self, CellFormat, NumberKind};
use crate::google::types::requests::{Dimension, GridProperties, GridRange, Request, SheetProperties};
use crate::grid::Cell;
use crate::ledger::commit::changes::{Commit, CommitPart, ItemResult};
use crate::ledger::commit::row_deletion::TabKind;
use crate::ledger::item::failure::Failure;
use crate::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS, failure_row, processed_row, run_row};
use crate::ledger::state::state_codec::state_pairs;
use crate::store::commit::deletion::{DeletedRows, RowDeletionBatch};
use crate::store::commit::own_columns::{self, OwnColumns};
use crate::store::commit::restore::PendingRestores;
use crate::store::commit::row_writer::{RowContext, RowRequests, data_rows, without_scratch};
use crate::store::guard::head_guard::{GuardRequest, GuardSupport, STATE_ROWS, failures_title, processed_title};
use crate::store::tabs::cells::{VALUE, VALUE_AND_FORMAT, VALUE_AND_NUMBER, placed_row, sent};
use crate::store::tabs::requests::{index, put};
use crate::store::tabs::schema::{FIRST_ROWS, RUNS_TITLE, StoreMetadata, Tab, Tabs, made_id};

/// The requests of a batch, and the tabs after it.
pub struct EncodedBatch {
    /// The requests in order.
    pub requests: Vec<Request>,
    /// The commit part of each request.
    pub parts: Vec<CommitPart>,
    /// The tabs after the batch.
    pub tabs: Tabs,
    /// The effect on the data tab's rows. Its requests are part of `requests`.
    pub rows: RowRequests,
    /// The rows that the batch deletes.
    pub removed: Option<RowDeletionBatch>,
}

/// What the encoder needs beside the commit.
#[derive(Debug, Clone, Copy)]
pub struct EncodeContext<'a> {
    /// The existing tabs.
    pub tabs: &'a Tabs,
    /// Whether the batch recreates missing Failures and Runs tabs.
    pub remakes: bool,
    /// The support for the named-range guard.
    pub proof: GuardSupport,
    /// The known rows of the data tab.
    pub footing: RowContext<'a>,
    /// Rows that an earlier commit deleted by mistake.
    pub put_back: Option<&'a PendingRestores>,
    /// Rows that earlier commits deleted.
    pub gone: &'a DeletedRows,
}

/// Encodes a commit.
pub fn encode(commit: &Commit, ops: &[GuardRequest], ground: EncodeContext<'_>) -> EncodedBatch {
    let EncodeContext { tabs, remakes, proof, footing, put_back, gone } = ground;
    let data_stands = tabs.data.is_some();
    let state_tab = ops.iter().find_map(|op| match op {
        GuardRequest::WriteState { tab } => Some(*tab),
        _ => None,
    });
    let rows = RowRequests::default();
    let removed = RowDeletionBatch::of(commit.to, commit.changes.removals(), tabs, gone);
    let mut writing = BatchEncoder {
        commit,
        out: Vec::new(),
        tabs: tabs.clone(),
        data_stands,
        missing_columns: 0,
        state_tab,
        footing,
        rows,
        put_back,
        removed,
    };
    writing.plan_tables(remakes);
    let notes = StoreMetadata::of(proof, &writing.tabs);
    for op in ops {
        writing.op(op, &notes);
    }
    let (parts, requests) = writing.out.into_iter().unzip();
    EncodedBatch { requests, parts, tabs: writing.tabs, rows: writing.rows, removed: writing.removed }
}

struct BatchEncoder<'a> {
    commit: &'a Commit,
    out: Vec<(CommitPart, Request)>,
    tabs: Tabs,
    data_stands: bool,
    /// Columns that a data tab made by a user lacks for its header.
    missing_columns: usize,
    state_tab: Option<i32>,
    footing: RowContext<'a>,
    rows: RowRequests,
    put_back: Option<&'a PendingRestores>,
    removed: Option<RowDeletionBatch>,
}

impl BatchEncoder<'_> {
    /// Plans the tabs after the batch. The ids of new tabs are derived first, so that the state in
    /// the same batch can name them.
    fn plan_tables(&mut self, remakes: bool) {
        let (to, job) = (self.commit.to, &self.commit.state.job);
        let made = |role, title: String, header: &[&str]| Tab {
            id: made_id(to, role),
            title,
            header: header.iter().map(|&text| text.to_owned()).collect(),
            ..Tab::default()
        };
        if self.commit.from.is_none() {
            self.tabs.processed = Some(made(TabKind::Processed, processed_title(job), &PROCESSED));
            self.tabs.failures = Some(made(TabKind::Failures, failures_title(job), &FAILURES));
            self.tabs.runs.get_or_insert_with(|| made(TabKind::Runs, RUNS_TITLE.to_owned(), &RUNS));
        }
        if remakes && self.commit.from.is_some() {
            let (failures, runs) = (&mut self.tabs.failures, &mut self.tabs.runs);
            failures.get_or_insert_with(|| made(TabKind::Failures, failures_title(job), &FAILURES));
            runs.get_or_insert_with(|| made(TabKind::Runs, RUNS_TITLE.to_owned(), &RUNS));
        }
        if let Some(new) = self.commit.changes.tables.first() {
            // A user's tab without a header keeps its id and title.
            let stands = self.tabs.data.take();
            self.missing_columns = stands.as_ref().map_or(0, |tab| new.columns.len().saturating_sub(tab.width));
            let tab = stands.unwrap_or_else(|| made(TabKind::Data, new.tab.clone(), &[]));
            self.tabs.data = Some(Tab { width: tab.width.max(new.columns.len()), header: new.columns.clone(), ..tab });
        }
    }

    fn op(&mut self, op: &GuardRequest, notes: &StoreMetadata) {
        let request = match op {
            GuardRequest::MakeTabs => return self.make_tabs(),
            GuardRequest::Changes => return self.changes(),
            GuardRequest::WriteState { tab } => Some(write_state(*tab, self.commit, notes)),
            guarding => guarding.request(),
        };
        let Some(request) = request else { return };
        self.out.push((CommitPart::Guard, request));
    }

    fn make_tabs(&mut self) {
        let runs_made = self.tabs.runs.clone().filter(|tab| tab.id == made_id(self.commit.to, TabKind::Runs));
        let tabs = [self.tabs.processed.clone(), self.tabs.failures.clone(), runs_made];
        for tab in tabs.into_iter().flatten() {
            self.make(&tab, false);
        }
    }

    fn make(&mut self, tab: &Tab, exists: bool) {
        if !exists {
            let columns = u32::try_from(tab.header.len()).unwrap_or(u32::MAX);
            let grid =
                GridProperties { row_count: Some(FIRST_ROWS), column_count: Some(columns), frozen_row_count: Some(1) };
            let properties = SheetProperties {
                sheet_id: Some(tab.id),
                title: Some(tab.title.clone()),
                grid_properties: Some(grid),
                ..SheetProperties::default()
            };
            self.out.push((CommitPart::Layout, Request::AddSheet { properties }));
        } else if self.missing_columns > 0 {
            // A user's tab may be narrower than its rows will be.
            let length = index(self.missing_columns);
            let wider = Request::AppendDimension { sheet_id: tab.id, dimension: Dimension::Columns, length };
            self.out.push((CommitPart::Layout, wider));
        }
        let header = tab
            .header
            .iter()
            .map(|text| cell::CellData::text(&**text).with_format(CellFormat::bold()))
            .collect::<Vec<_>>();
        self.out.push((CommitPart::Layout, put(tab.id, 0, 0, vec![header.into()], VALUE_AND_FORMAT)));
    }

    /// Recreates missing machine tabs, empty.
    fn remake(&mut self) {
        let made = |tab: &Tab, role| tab.id == made_id(self.commit.to, role);
        let failures = self.tabs.failures.clone().filter(|tab| made(tab, TabKind::Failures));
        let runs = self.tabs.runs.clone().filter(|tab| made(tab, TabKind::Runs));
        for tab in failures.into_iter().chain(runs).filter(|_| self.commit.from.is_some()) {
            self.make(&tab, false);
        }
    }

    fn changes(&mut self) {
        self.remake();
        if let (false, Some(tab)) = (self.commit.changes.tables.is_empty(), self.tabs.data.clone()) {
            self.make(&tab, self.data_stands);
        }
        // Before the state tab shrinks and drops these rows.
        let put_back = self.put_back.map(|put_back| put_back.requests(&self.tabs)).unwrap_or_default();
        self.out.extend(put_back.into_iter().map(|request| (CommitPart::Layout, request)));
        self.columns();
        self.data();
        self.removed();
        self.processed();
        self.failures();
        self.runs();
    }

    /// Adds columns to the data tab, and developer metadata to columns that become the job's own.
    fn columns(&mut self) {
        let Some(tab) = &mut self.tabs.data else { return };
        self.out.extend(own_columns::added(tab, self.commit).into_iter().map(|new| (CommitPart::Layout, new)));
        let state = &self.commit.state;
        let own = OwnColumns { job: &state.job, tab: &state.definition.tab, columns: &state.columns };
        let marks = own_columns::marks(self.commit.to, tab, &own, self.footing.owned);
        self.out.extend(marks.into_iter().map(|mark| (CommitPart::Layout, mark)));
    }

    fn data(&mut self) {
        let (Some(tab), Some(state_tab)) = (self.tabs.data.clone(), self.state_tab) else { return };
        let new = !self.commit.changes.tables.is_empty();
        let mut rows = data_rows(self.commit, &tab, new, state_tab, self.footing);
        self.out.append(&mut rows.requests);
        let left = self.footing.scratch.filter(|scratch| scratch.tab == state_tab);
        if left.is_some() && rows.witness.is_none() {
            self.out.push((CommitPart::Content, without_scratch(state_tab)));
        }
        self.rows = rows;
    }

    fn removed(&mut self) {
        let (Some(removed), Some(state_tab)) = (&self.removed, self.state_tab) else { return };
        let requests = removed.requests(&self.tabs, state_tab);
        self.rows.scratch = Some(removed.scratch(state_tab));
        // If a tab has changed, the caller reads again: no row is to blame.
        self.out.extend(requests.into_iter().map(|request| (CommitPart::Layout, request)));
    }

    fn processed(&mut self) {
        let Some(tab) = self.tabs.processed.clone() else { return };
        let rows = self.commit.processed().map(|(key, version, word, run)| {
            let cells = processed_row(key, version, word, &run).map(Cell::text);
            by_header(&tab, &PROCESSED, &cells, &["key", "version"])
        });
        let rows = rows.collect();
        self.append(tab.id, rows, VALUE_AND_NUMBER);
    }

    fn failures(&mut self) {
        let Some(tab) = self.tabs.failures.clone() else { return };
        let failures = self.commit.changes.settled.iter().filter_map(ItemResult::told);
        let row = |failure: &Failure| by_header(&tab, &FAILURES, &failure_row(failure), &["key", "version", "payload"]);
        let rows = failures.map(row).collect();
        self.append(tab.id, rows, VALUE_AND_NUMBER);
    }

    fn runs(&mut self) {
        let Some(tab) = self.tabs.runs.clone() else { return };
        let rows = self.commit.changes.runs.iter().map(|run| by_header(&tab, &RUNS, &run_row(run), &["run"])).collect();
        self.append(tab.id, rows, VALUE_AND_NUMBER);
    }

    fn append(&mut self, sheet_id: i32, rows: Vec<cell::CellRow>, fields: &'static str) {
        if !rows.is_empty() {
            self.out.push((CommitPart::Content, Request::AppendCells { sheet_id, rows, fields: fields.into() }));
        }
    }
}

/// Encodes a row of a machine tab. Each cell goes to the column of its header, wherever users moved
/// it.
fn by_header(tab: &Tab, columns: &[&str], cells: &[Cell], as_text: &[&str]) -> cell::CellRow {
    let placed = columns.iter().zip(cells).filter_map(|(column, cell)| {
        let format = as_text.contains(column).then_some(NumberKind::Text);
        tab.position(column).map(|at| (at, sent(cell, format)))
    });
    placed_row(placed)
}

/// Encodes the state over its full area, so that nothing of an older state remains.
fn write_state(tab: i32, commit: &Commit, notes: &StoreMetadata) -> Request {
    let title = ("sheetkeep keeps this job's state here".to_owned(), "whoever edits this tab stops the job".to_owned());
    let pairs = std::iter::once(title).chain(state_pairs(&commit.state)).chain(notes.pairs());
    let text = |text: String| if text.is_empty() { cell::CellData::blank() } else { cell::CellData::text(text) };
    let rows = pairs.map(|(name, value)| vec![text(name), text(value)].into()).collect();
    let range = GridRange {
        sheet_id: tab,
        start_row_index: Some(0),
        end_row_index: Some(STATE_ROWS),
        start_column_index: Some(0),
        end_column_index: Some(2),
    };
    Request::UpdateCells { rows, fields: VALUE.into(), start: None, range: Some(range) }
}
