//! A commit as the requests of one batch.
//!
//! In scope: requests in order, each with the part of the commit that it belongs to; cells with their formats.
//! Out of scope: which guard (`store::guard::head_guard` decides), sending (`store::spreadsheet::store`).

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

/// The requests of a batch, and the tabs as they will be once it is applied.
pub struct EncodedBatch {
    /// Requests in order.
    pub requests: Vec<Request>,
    /// To which part of the commit each belongs.
    pub parts: Vec<CommitPart>,
    /// Tabs once it is applied.
    pub tabs: Tabs,
    /// What it does to the data tab's rows; its requests are among the others.
    pub rows: RowRequests,
    /// What it takes out of tabs.
    pub removed: Option<RowDeletionBatch>,
}

/// What a commit is written down with.
#[derive(Debug, Clone, Copy)]
pub struct EncodeContext<'a> {
    /// The tabs that exist.
    pub tabs: &'a Tabs,
    /// Whether Failures and Runs are made again where they are gone.
    pub remakes: bool,
    /// What is known of the guard.
    pub proof: GuardSupport,
    /// What is known of the data tab's rows.
    pub footing: RowContext<'a>,
    /// Rows that a commit before took out and should not have.
    pub put_back: Option<&'a PendingRestores>,
    /// Rows that commits before took out.
    pub gone: &'a DeletedRows,
}

/// Writes a commit down.
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
    /// Columns that a data tab which people made has too few of for its header.
    missing_columns: usize,
    state_tab: Option<i32>,
    footing: RowContext<'a>,
    rows: RowRequests,
    put_back: Option<&'a PendingRestores>,
    removed: Option<RowDeletionBatch>,
}

impl BatchEncoder<'_> {
    /// The tabs as they will be, before anything is written: ids of tabs to be made are known beforehand, so that the state
    /// that the same batch writes can name them.
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
            // A tab that people made without a header keeps its place and its title.
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
            // A tab that people made may be narrower than its rows will be.
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

    /// Machine tabs that were gone, empty.
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
        // Before what holds these rows is made smaller.
        let put_back = self.put_back.map(|put_back| put_back.requests(&self.tabs)).unwrap_or_default();
        self.out.extend(put_back.into_iter().map(|request| (CommitPart::Layout, request)));
        self.columns();
        self.data();
        self.removed();
        self.processed();
        self.failures();
        self.runs();
    }

    /// New columns of the data tab, and marks on those that become the job's own.
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
        // Where a tab has changed, whoever asked looks again: no row is to blame.
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

/// A row of a machine tab: each cell in the column whose header names it, wherever people moved it.
fn by_header(tab: &Tab, columns: &[&str], cells: &[Cell], as_text: &[&str]) -> cell::CellRow {
    let placed = columns.iter().zip(cells).filter_map(|(column, cell)| {
        let format = as_text.contains(column).then_some(NumberKind::Text);
        tab.position(column).map(|at| (at, sent(cell, format)))
    });
    placed_row(placed)
}

/// The whole state over its whole area, so that nothing of an older one is left.
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
