//! Encodes a commit as the requests of one batch.
//!
//! In scope: the requests in order, each with its part of the commit; cells with their formats.
//! Out of scope: the choice of the guard (`store::guard::strategy`), its steps
//! (`store::guard::head_guard`), sending (`store::spreadsheet::send_commit`).
//!
//! The state comes before the changes: its tab holds the undo log, to which writes of the changes
//! copy rows. The service applies a batch as a whole, so no reader sees one without the other.

use crate::grid::Cell;
use crate::ledger::commit::changes::{Commit, CommitPart, ItemResult};
use crate::ledger::items::failure::Failure;
use crate::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS, encode_failure_row, encode_processed_row, run_row};
use crate::ledger::rows::tab_kind::TabKind;
use crate::ledger::rows::tab_kind::{name_failures_tab, name_processed_tab};
use crate::ledger::state::state_codec::encode_state;
use crate::sheets_client::types::cell::{self, CellFormat, NumberKind};
use crate::sheets_client::types::request_objects::{Dimension, GridProperties, GridRange, SheetProperties};
use crate::sheets_client::types::requests::Request;
use crate::store::commit::deletion::{DeletedRows, RowDeletionBatch};
use crate::store::commit::jobs_row;
use crate::store::commit::own_columns::{self, OwnColumns};
use crate::store::commit::restore::PendingRestores;
use crate::store::commit::row_plan::RowContext;
use crate::store::commit::row_writer::{RowRequests, encode_rows, remove_scratch};
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::guard::head_guard::{BatchStep, STATE_ROWS};
use crate::store::tabs::cells::{VALUE, VALUE_AND_FORMAT, VALUE_AND_NUMBER, build_cell_row, to_cell_data};
use crate::store::tabs::requests::{convert_index, put};
use crate::store::tabs::schema::{
    FIRST_ROWS, JobsTab, RUNS_TITLE, StoreMetadata, Tab, Tabs, derive_jobs_id, derive_tab_id,
};

/// The requests of a batch, and the tabs after it.
pub struct EncodedBatch {
    /// The requests in order.
    pub requests: Vec<Request>,
    /// The commit part of each request.
    pub parts: Vec<CommitPart>,
    /// The positions of requests that concern only the tab Jobs. The batch is complete without
    /// them.
    pub jobs_requests: Vec<usize>,
    /// The tabs after the batch.
    pub tabs: Tabs,
    /// The effect on the data tab's rows. Its requests are part of `requests`.
    pub rows: RowRequests,
    /// The rows that the batch deletes.
    pub deletion: Option<RowDeletionBatch>,
}

/// What the encoder needs beside the commit.
#[derive(Debug, Clone, Copy)]
pub struct EncodeContext<'a> {
    /// The existing tabs.
    pub tabs: &'a Tabs,
    /// Whether the batch recreates missing Failures and Runs tabs.
    pub recreates_tabs: bool,
    /// The support for the named-range guard.
    pub support: GuardSupport,
    /// The known rows of the data tab.
    pub row_context: RowContext<'a>,
    /// Rows that an earlier commit deleted by mistake.
    pub pending_restores: Option<&'a PendingRestores>,
    /// Rows that earlier commits deleted.
    pub deleted_rows: &'a DeletedRows,
}

/// Encodes a commit.
pub fn encode(commit: &Commit, batch_steps: &[BatchStep], context: EncodeContext<'_>) -> EncodedBatch {
    let EncodeContext { tabs, recreates_tabs: recreates, support, row_context, pending_restores, deleted_rows } =
        context;
    let has_data_tab = tabs.data.is_some();
    let state_tab = batch_steps.iter().find_map(|step| match step {
        BatchStep::WriteState { tab } => Some(*tab),
        _ => None,
    });
    let rows = RowRequests::default();
    let deletion = RowDeletionBatch::new(commit.to, commit.changes.removals(), tabs, deleted_rows);
    let mut encoder = BatchEncoder {
        commit,
        out: Vec::new(),
        tabs: tabs.clone(),
        jobs: tabs.jobs.clone(),
        jobs_requests: Vec::new(),
        has_data_tab,
        missing_columns: 0,
        state_tab,
        row_context,
        rows,
        pending_restores,
        deletion,
    };
    encoder.plan_tabs(recreates);
    let store_metadata = StoreMetadata::new(support, &encoder.tabs);
    for step in batch_steps {
        encoder.push_step(step, &store_metadata);
    }
    let (parts, requests) = encoder.out.into_iter().unzip();
    let BatchEncoder { jobs_requests, tabs, rows, deletion, .. } = encoder;
    EncodedBatch { requests, parts, jobs_requests, tabs, rows, deletion }
}

struct BatchEncoder<'a> {
    commit: &'a Commit,
    out: Vec<(CommitPart, Request)>,
    tabs: Tabs,
    /// The tab Jobs before the batch.
    jobs: JobsTab,
    jobs_requests: Vec<usize>,
    has_data_tab: bool,
    /// Columns that a data tab made by a user lacks for its header.
    missing_columns: usize,
    state_tab: Option<i32>,
    row_context: RowContext<'a>,
    rows: RowRequests,
    pending_restores: Option<&'a PendingRestores>,
    deletion: Option<RowDeletionBatch>,
}

impl BatchEncoder<'_> {
    /// Plans the tabs after the batch. The ids of new tabs are derived first, so that the state in
    /// the same batch can name them.
    fn plan_tabs(&mut self, recreates_tabs: bool) {
        let (to, job) = (self.commit.to, &self.commit.state.job);
        let made = |kind, title: String, header: &[&str]| Tab {
            id: derive_tab_id(to, kind),
            title,
            header: header.iter().map(|&text| text.to_owned()).collect(),
            ..Tab::default()
        };
        if self.commit.from.is_none() {
            self.tabs.processed = Some(made(TabKind::Processed, name_processed_tab(job), &PROCESSED));
            self.tabs.failures = Some(made(TabKind::Failures, name_failures_tab(job), &FAILURES));
            self.tabs.runs.get_or_insert_with(|| made(TabKind::Runs, RUNS_TITLE.to_owned(), &RUNS));
        }
        if recreates_tabs && self.commit.from.is_some() {
            let (failures, runs) = (&mut self.tabs.failures, &mut self.tabs.runs);
            failures.get_or_insert_with(|| made(TabKind::Failures, name_failures_tab(job), &FAILURES));
            runs.get_or_insert_with(|| made(TabKind::Runs, RUNS_TITLE.to_owned(), &RUNS));
        }
        match &self.jobs {
            JobsTab::Missing { .. } => self.tabs.jobs = JobsTab::Complete(derive_jobs_id(to)),
            JobsTab::WithoutRow { tab, .. } => self.tabs.jobs = JobsTab::Complete(tab.id),
            JobsTab::Unused(_) | JobsTab::Complete(_) => {}
        }
        if let Some(new) = self.commit.changes.new_tabs.first() {
            // A user's tab without a header keeps its id and title.
            let existing = self.tabs.data.take();
            self.missing_columns = existing.as_ref().map_or(0, |tab| new.columns.len().saturating_sub(tab.width));
            let tab = existing.unwrap_or_else(|| made(TabKind::Data, new.tab.clone(), &[]));
            self.tabs.data = Some(Tab { width: tab.width.max(new.columns.len()), header: new.columns.clone(), ..tab });
        }
    }

    fn push_step(&mut self, step: &BatchStep, store_metadata: &StoreMetadata) {
        let request = match step {
            BatchStep::MakeTabs => return self.create_job_tabs(),
            BatchStep::Changes => return self.push_changes(),
            BatchStep::WriteState { tab } => Some(write_state(*tab, self.commit, store_metadata)),
            other => other.make_request(),
        };
        let Some(request) = request else { return };
        self.out.push((CommitPart::Guard, request));
    }

    fn create_job_tabs(&mut self) {
        let runs_made = self.tabs.runs.clone().filter(|tab| tab.id == derive_tab_id(self.commit.to, TabKind::Runs));
        let tabs = [self.tabs.processed.clone(), self.tabs.failures.clone(), runs_made];
        for tab in tabs.into_iter().flatten() {
            self.create_tab(&tab, false);
        }
    }

    fn create_tab(&mut self, tab: &Tab, exists: bool) {
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
            let length = convert_index(self.missing_columns);
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
    fn recreate_tabs(&mut self) {
        let made = |tab: &Tab, kind| tab.id == derive_tab_id(self.commit.to, kind);
        let failures = self.tabs.failures.clone().filter(|tab| made(tab, TabKind::Failures));
        let runs = self.tabs.runs.clone().filter(|tab| made(tab, TabKind::Runs));
        for tab in failures.into_iter().chain(runs).filter(|_| self.commit.from.is_some()) {
            self.create_tab(&tab, false);
        }
    }

    fn push_changes(&mut self) {
        self.recreate_tabs();
        self.push_runs_columns();
        if let (false, Some(tab)) = (self.commit.changes.new_tabs.is_empty(), self.tabs.data.clone()) {
            self.create_tab(&tab, self.has_data_tab);
        }
        // Before the state tab shrinks and drops these rows.
        let pending_restores = self
            .pending_restores
            .map(|pending_restores| pending_restores.make_requests(&self.tabs))
            .unwrap_or_default();
        self.out.extend(pending_restores.into_iter().map(|request| (CommitPart::Layout, request)));
        self.push_columns();
        self.push_data();
        self.push_deletion();
        self.push_processed();
        self.push_failures();
        self.push_runs();
        self.push_jobs();
    }

    /// Adds to Runs what the formulas of Jobs read, in the batch that makes Jobs: only one job can.
    fn push_runs_columns(&mut self) {
        let (JobsTab::Missing { .. }, Some(runs)) = (&self.jobs, &mut self.tabs.runs) else { return };
        let requests = jobs_row::add_runs_columns(runs);
        self.push_jobs_requests(requests);
    }

    fn push_jobs(&mut self) {
        let (id, job) = (derive_jobs_id(self.commit.to), &self.commit.state.job);
        let Some(runs) = &self.tabs.runs else { return };
        let requests = jobs_row::make_requests(&self.jobs, id, job, runs);
        self.push_jobs_requests(requests);
    }

    fn push_jobs_requests(&mut self, requests: Vec<Request>) {
        self.jobs_requests.extend(self.out.len()..self.out.len() + requests.len());
        self.out.extend(requests.into_iter().map(|request| (CommitPart::Layout, request)));
    }

    /// Adds columns to the data tab, and developer metadata to columns that become the job's own.
    fn push_columns(&mut self) {
        let Some(tab) = &mut self.tabs.data else { return };
        self.out
            .extend(own_columns::add_new_columns(tab, self.commit).into_iter().map(|new| (CommitPart::Layout, new)));
        let state = &self.commit.state;
        let own = OwnColumns { job: &state.job, tab: &state.definition.tab, columns: &state.columns };
        let marks = own_columns::mark_own_columns(self.commit.to, tab, &own, self.row_context.own_columns);
        self.out.extend(marks.into_iter().map(|mark| (CommitPart::Layout, mark)));
    }

    fn push_data(&mut self) {
        let (Some(tab), Some(state_tab)) = (self.tabs.data.clone(), self.state_tab) else { return };
        let new = !self.commit.changes.new_tabs.is_empty();
        let mut rows = encode_rows(self.commit, &tab, new, state_tab, self.row_context);
        self.out.append(&mut rows.requests);
        let left = self.row_context.scratch.filter(|scratch| scratch.tab == state_tab);
        if left.is_some() && rows.undo_log.is_none() {
            self.out.push((CommitPart::Content, remove_scratch(state_tab)));
        }
        self.rows = rows;
    }

    fn push_deletion(&mut self) {
        let (Some(deletion), Some(state_tab)) = (&self.deletion, self.state_tab) else { return };
        let requests = deletion.make_requests(&self.tabs, state_tab);
        self.rows.scratch = Some(deletion.measure_scratch(state_tab));
        // If a tab has changed, the caller reads again: no row is to blame.
        self.out.extend(requests.into_iter().map(|request| (CommitPart::Layout, request)));
    }

    fn push_processed(&mut self) {
        let Some(tab) = self.tabs.processed.clone() else { return };
        let rows = self.commit.processed_entries().map(|(key, version, word, run)| {
            let cells = encode_processed_row(key, version, word, &run).map(Cell::text);
            encode_row_by_header(&tab, &PROCESSED, &cells, &["key", "version"])
        });
        let rows = rows.collect();
        self.push_rows(tab.id, rows, VALUE_AND_NUMBER);
    }

    fn push_failures(&mut self) {
        let Some(tab) = self.tabs.failures.clone() else { return };
        let failures = self.commit.changes.settled.iter().filter_map(ItemResult::failure);
        let row = |failure: &Failure| {
            encode_row_by_header(&tab, &FAILURES, &encode_failure_row(failure), &["key", "version", "payload"])
        };
        let rows = failures.map(row).collect();
        self.push_rows(tab.id, rows, VALUE_AND_NUMBER);
    }

    fn push_runs(&mut self) {
        let Some(tab) = self.tabs.runs.clone() else { return };
        let rows = self
            .commit
            .changes
            .runs
            .iter()
            .map(|run| encode_row_by_header(&tab, &RUNS, &run_row(run), &["run"]))
            .collect();
        self.push_rows(tab.id, rows, VALUE_AND_NUMBER);
    }

    fn push_rows(&mut self, sheet_id: i32, rows: Vec<cell::CellRow>, fields: &'static str) {
        if !rows.is_empty() {
            self.out.push((CommitPart::Content, Request::AppendCells { sheet_id, rows, fields: fields.into() }));
        }
    }
}

/// Encodes a row of a machine tab. Each cell goes to the column of its header, wherever users moved
/// it.
fn encode_row_by_header(tab: &Tab, columns: &[&str], cells: &[Cell], as_text: &[&str]) -> cell::CellRow {
    let placed = columns.iter().zip(cells).filter_map(|(column, cell)| {
        let format = as_text.contains(column).then_some(NumberKind::Text);
        tab.position(column).map(|at| (at, to_cell_data(cell, format)))
    });
    build_cell_row(placed)
}

/// Encodes the state over its full area, so that nothing of an older state remains.
fn write_state(tab: i32, commit: &Commit, store_metadata: &StoreMetadata) -> Request {
    let title = ("sheetkeep keeps this job's state here".to_owned(), "whoever edits this tab stops the job".to_owned());
    let pairs = std::iter::once(title).chain(encode_state(&commit.state)).chain(store_metadata.pairs());
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
