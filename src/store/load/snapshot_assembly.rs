//! Reads the tabs of a job and puts what was read together to a snapshot.
//!
//! In scope: which tab is which after a rename, the order of the parts, what a manual edit changes.
//! Out of scope: when the parts belong together (`store::load::loader`), the meaning of cells
//! (`store::tabs::parse`).

use std::collections::HashMap;

use serde_json::Value;

use crate::ledger::items::key::Fingerprint;
use crate::ledger::leases::row_order::FirstCommits;
use crate::ledger::processed::key_sums::KeySums;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::processed::row_gaps::GapKeys;
use crate::ledger::rows::header_search::FirstRows;
use crate::ledger::rows::row_codec::RUNS_NEEDED;
use crate::ledger::rows::tab_kind::TabKind;
use crate::ledger::rows::tab_kind::{name_failures_tab, name_processed_tab};
use crate::ledger::runs::capacity::warn_of_capacity;
use crate::ledger::runs::job_requests::JobRequests;
use crate::ledger::state::snapshot::{Anomaly, LoadReport, RowChecksum, Snapshot, State};
use crate::ledger::state::state_codec::read_state;
use crate::port::store::StoreError;
use crate::sheets_client::types::response_types::{SpreadsheetInfo, TabInfo};
use crate::store::commit::cell_budget::CellBudget;
use crate::store::commit::restore::{self, DeletionLog, PendingRestores};
use crate::store::guard::head_guard::StateLocation;
use crate::store::load::loader::{LoadResult, Loader};
use crate::store::load::missing_keys::{MissingKeys, record_missing_keys};
use crate::store::session::row_tracker::RowTracker;
use crate::store::tabs::error::{
    LoadError, check_consistent, describe_inconsistency, describe_unreadable_deletion_log, report_reordered_rows,
};
use crate::store::tabs::jobs::find_jobs_tab;
use crate::store::tabs::load_plan::{
    LoadConditions, LoadPlan, MissingTabPolicy, check_tabs, has_never_written, list_data_tabs, make_tab,
};
use crate::store::tabs::parse;
use crate::store::tabs::schema::{FAILURES_NEEDED, RUNS_TITLE, StoreMetadata, Tabs};
use crate::store::upsert::undo_log::UndoLog;

/// The parts of a snapshot as read, before the consistency check.
pub(super) struct LoadedParts {
    pub(super) state: State,
    /// Sums over the keys of the rows found.
    pub(super) key_sums: Option<KeySums>,
    /// The keys of rows without an order, sorted.
    pub(super) unordered: Vec<Fingerprint>,
    pub(super) store_metadata: StoreMetadata,
    pub(super) found: RowChecksum,
    pub(super) tabs: Tabs,
    pub(super) row_tracker: RowTracker,
    pub(super) pending_restores: Option<PendingRestores>,
    pub(super) index: ProcessedIndex,
    pub(super) deleted_columns: Vec<String>,
    pub(super) anomalies: Vec<Anomaly>,
    pub(super) unmoved: Option<String>,
    pub(super) first: Option<FirstRows>,
    /// What people ask in the tab Jobs, and the warnings about it.
    pub(super) requests: (JobRequests, Vec<String>),
}

impl Loader {
    /// Reads the tabs of a job, at most twice: the first guess goes by title, and the state names
    /// them by id.
    pub(super) async fn read_tabs<'m>(
        &self,
        metadata: &'m SpreadsheetInfo,
        location: &StateLocation,
    ) -> Result<LoadedParts, LoadError> {
        let by_title = |title: &str| metadata.tabs.iter().find(|tab| tab.title == title);
        let by_id = |id: i32| metadata.tabs.iter().find(|tab| tab.sheet_id == id);
        let state = by_id(location.tab);
        let mut plan = LoadPlan {
            processed: by_title(&name_processed_tab(&self.job)),
            failures: by_title(&name_failures_tab(&self.job)),
            data: by_title(&self.data_tab),
            runs: by_title(RUNS_TITLE),
            jobs: self.jobs.as_ref().and_then(|_| find_jobs_tab(metadata, None)),
        };
        // The first guess goes by title, so that one call reads everything. The ids in the state
        // then confirm the tabs. A renamed tab costs one more call.
        for _ in 0..2 {
            let read = self.read_values(&plan.make_ranges(location, state, self.mode)).await?;
            let pairs = parse::parse_pairs(read.first().map_or(&[][..], Vec::as_slice));
            let store_metadata = StoreMetadata::read(&pairs);
            let data_by_id = store_metadata.data.and_then(by_id);
            // A tab that a user or another job's repair recreated is found by its title.
            let by_title_if_usable = |info: Option<&'m TabInfo>, header: usize, columns: &[&str]| {
                let header = read.get(header).map_or(&[][..], Vec::as_slice);
                info.filter(|info| parse::check_header(&make_tab(info, header), columns).is_none())
            };
            let resolved = LoadPlan {
                processed: store_metadata.processed.and_then(by_id),
                failures: store_metadata
                    .failures
                    .and_then(by_id)
                    .or_else(|| by_title_if_usable(plan.failures, 2, FAILURES_NEEDED)),
                data: match has_never_written(&pairs) {
                    // If no row exists yet, the job file determines the tab.
                    Some(tab) => by_title(&self.data_tab).or(data_by_id.filter(|_| tab == self.data_tab)),
                    None => data_by_id.or(if store_metadata.data.is_none() { plan.data } else { None }),
                },
                runs: match store_metadata.runs {
                    Some(id) => by_id(id).or_else(|| by_title_if_usable(plan.runs, 4, RUNS_NEEDED)),
                    None => plan.runs,
                },
                jobs: self.jobs.as_ref().and_then(|_| find_jobs_tab(metadata, store_metadata.jobs)),
            };
            if resolved.ids() != plan.ids() {
                plan = resolved;
                continue;
            }
            let first = read.len().saturating_sub(plan.make_jobs_ranges().len());
            let found = (plan.jobs, store_metadata.jobs);
            let jobs = self.read_jobs_tab(metadata, found, read.get(first..).unwrap_or_default()).await?;
            let values = read.into_iter().skip(1).collect();
            let mut parts =
                self.assemble_snapshot(location, &plan, &pairs, store_metadata, values, &metadata.tabs).await?;
            (parts.tabs.jobs, parts.requests) = (jobs.tab, (jobs.requests, jobs.warnings));
            return Ok(parts);
        }
        Err(describe_inconsistency().into())
    }

    /// Puts together what was read, in the order of the ranges. The rows are parsed only if the
    /// tabs can be used.
    async fn assemble_snapshot(
        &self,
        location: &StateLocation,
        plan: &LoadPlan<'_>,
        pairs: &HashMap<String, String>,
        store_metadata: StoreMetadata,
        values: Vec<Vec<Vec<Value>>>,
        there: &[TabInfo],
    ) -> Result<LoadedParts, LoadError> {
        let state = read_state(pairs).map_err(|error| StoreError::Inconsistent { why: error.to_string() })?;
        check_consistent(&state, &self.job, location)?;
        let mut values = values.into_iter();
        let mut next = || values.next().unwrap_or_default();
        let headers = [(); 4].map(|()| next());
        let mut tabs = plan.make_tabs(&headers);
        let [_, _, header, _] = headers;
        let (processed_rows, failure_rows) = (next(), next());
        let (bottom, keys, scratch) = (next(), next(), next());
        let never = has_never_written(pairs).is_some();
        let known = LoadConditions { missing: self.missing, was_never_written: never, there };
        let mut anomalies = check_tabs(&self.job, &self.data_tab, &tabs, &store_metadata, known);
        let mut deleted_columns = Vec::new();
        let mut first = None;
        let mut blocked = anomalies.iter().any(|anomaly| anomaly.is_blocking);
        if blocked && let Some(anomaly) = self.find_moved_machine_header(plan, &tabs).await? {
            anomalies.insert(0, anomaly);
        }
        if let (false, true, Some(info)) = (blocked, never, plan.data) {
            let rows = self.read_first_rows(info).await?;
            let refused = self.explain_header_refusal(&rows).await;
            anomalies.extend(refused.map(|message| Anomaly { message, is_blocking: true }));
            first = Some(rows);
            blocked = anomalies.iter().any(|anomaly| anomaly.is_blocking);
        } else if state.columns.is_empty() && state.key_column.is_none() {
            // Keys are done, but none of them has a row.
            first = tabs.data.as_ref().map(|tab| FirstRows::new(&*tab.title, vec![tab.header.clone()]));
        }
        if let (false, Some(tab)) = (blocked, &mut tabs.data) {
            self.add_displayed_headers(tab, header.first().map_or(&[][..], Vec::as_slice), &state.columns).await?;
            let found = self.find_own_columns(tab, plan.data, &state.columns).await?;
            deleted_columns = found.deleted_columns;
            anomalies.extend(found.anomalies);
            // Rows from before the state recorded columns: the job may own any column.
            let unknown = state.columns.is_empty() && state.processed.count > 0;
            anomalies.extend(parse::check_header(tab, &[]).filter(|_| unknown));
        }
        let can_read_on = self.missing == MissingTabPolicy::ReadOthers && tabs.keys_are_readable();
        let is_blocked = anomalies.iter().any(|anomaly| anomaly.is_blocking);
        let mut parts = LoadedParts {
            key_sums: state.key_sums,
            unordered: Vec::new(),
            store_metadata,
            found: state.processed,
            state,
            tabs,
            row_tracker: RowTracker::default(),
            pending_restores: None,
            index: ProcessedIndex::default(),
            deleted_columns,
            anomalies,
            unmoved: None,
            first,
            requests: <(JobRequests, Vec<String>)>::default(),
        };
        if !is_blocked || can_read_on {
            let rows = [processed_rows, failure_rows, bottom, keys, scratch];
            self.add_rows(&mut parts, location, plan, rows).await?;
        }
        Ok(parts)
    }

    /// Adds what the rows contain: keys, failures, rows to be restored, and where the data rows
    /// are. `rows` are those of `Processed` and `Failures`, the bottom of the data tab, its key
    /// column, and the scratch rows.
    async fn add_rows(
        &self,
        parts: &mut LoadedParts,
        location: &StateLocation,
        plan: &LoadPlan<'_>,
        rows: [Vec<Vec<Value>>; 5],
    ) -> Result<(), LoadError> {
        let LoadedParts { state, tabs, anomalies, .. } = parts;
        let [processed_rows, failure_rows, bottom, keys, scratch] = rows;
        let (mut processed, failures) =
            (tabs.processed.clone().unwrap_or_default(), tabs.failures.clone().unwrap_or_default());
        let undo_log = UndoLog::parse(&scratch, location.head);
        let moved_log = undo_log.as_ref().filter(|(undo_log, images)| undo_log.has_moved_columns(&images.header));
        let keep_commit = moved_log.map(|(undo_log, _)| undo_log.head.commit);
        // Rows to be restored count as present.
        let pending_restores = match restore::parse(&scratch, location.head, location.tab) {
            DeletionLog::Unreadable => return Err(describe_unreadable_deletion_log(&location.title).into()),
            log => log.pending_restores(),
        };
        let expected =
            Some(state.processed).filter(|_| pending_restores.is_none() && state.head == Some(location.head));
        let mut done = self.read_keys(&mut processed, plan.processed, processed_rows, keep_commit, expected).await?;
        anomalies.extend(report_reordered_rows(&processed));
        tabs.processed = Some(processed.clone());
        let mut open = self.read_failures(&failures, plan.failures, failure_rows).await?;
        if let Some(waiting) = &pending_restores {
            state.processed.add_all(waiting.compute_checksum_correction());
            done.read(&waiting.arrange_rows(TabKind::Processed, &processed));
            open.read_pending(&waiting.arrange_rows(TabKind::Failures, &failures));
        }
        let (found, key_sums, unordered) = (done.found, done.key_sums(), done.take_unordered());
        let mut row_tracker = RowTracker::read(plan, tabs, state, self.mode, &bottom, &keys);
        row_tracker.take_undo_log(location.tab, undo_log, &done.take_recent());
        anomalies.extend(pending_restores.as_ref().map(PendingRestores::make_anomaly));
        anomalies.extend(row_tracker.anomalies(&self.data_tab));
        if done.has_doubt() {
            done.sort_by_order(&self.read_first_commits(state, tabs.runs.as_ref()).await?);
        }
        done.sort_by_order(&FirstCommits::default());
        let (reported, unmoved) = self.read_predecessors(state, &mut done).await?;
        anomalies.extend(reported);
        // Of which keys people have deleted rows is known only once all is read.
        let gaps = if found == state.processed { state.gaps.clone() } else { GapKeys::any_key() };
        let (done, reported) = done.with_gaps(gaps).finish_parse(&processed);
        anomalies.extend(reported);
        let (open, reported) = open.finish_parse(&failures);
        anomalies.extend(reported);
        parts.index = ProcessedIndex::new(done, open).with_suppressed_counts(state.suppressed_failures.clone());
        (parts.found, parts.key_sums, parts.unordered) = (found, key_sums, unordered);
        (parts.row_tracker, parts.pending_restores, parts.unmoved) = (row_tracker, pending_restores, unmoved);
        Ok(())
    }

    /// Makes the result of a load from its parts, once they are known to belong together.
    pub(super) fn load_result(
        &self,
        metadata: &SpreadsheetInfo,
        location: StateLocation,
        read: LoadedParts,
        manually_edited: Option<Anomaly>,
    ) -> LoadResult {
        let LoadedParts {
            mut state,
            key_sums,
            unordered,
            store_metadata,
            found,
            tabs,
            row_tracker,
            pending_restores,
            index,
            deleted_columns,
            mut anomalies,
            unmoved,
            first,
            requests: (requests, warnings),
        } = read;
        if manually_edited.is_some() {
            record_missing_keys(
                &mut state,
                MissingKeys { found, key_sums, unordered: &unordered, index: &index, row_tracker: &row_tracker },
                location.head.commit,
            );
        }
        anomalies.extend(manually_edited);
        state.key_sums = key_sums;
        let index = index.with_keys_to_reprocess(state.keys_to_reprocess.clone()).with_gaps(state.gaps.clone());
        let title = tabs.processed.as_ref().map_or("Processed", |tab| tab.title.as_str());
        let notes = state.keys_to_reprocess.notes(title);
        anomalies.extend(notes.into_iter().map(|message| Anomaly { message, is_blocking: false }));
        let cell_budget = CellBudget::from_metadata(metadata);
        anomalies
            .extend(warn_of_capacity(cell_budget.count_cells()).map(|message| Anomaly { message, is_blocking: false }));
        // After people's hands, further counting continues from what is there.
        let stored = std::mem::replace(&mut state.processed, found);
        let (head, data_tabs) = (location.head, list_data_tabs(&self.data_tab, &tabs));
        let snapshot = Snapshot {
            state,
            stored_checksum: stored,
            head,
            processed_index: index,
            data_tabs: data_tabs.clone(),
            data_tab_title: tabs.data.as_ref().map(|tab| tab.title.clone()),
            deleted_columns,
            anomalies,
            active_predecessor: unmoved,
        };
        let loaded = LoadReport {
            first_rows: first,
            requests,
            warnings,
            ..self.make_load_report(metadata, Some(snapshot), data_tabs)
        };
        LoadResult {
            loaded,
            location: Some(location),
            support: store_metadata.support,
            tabs,
            row_tracker,
            pending_restores,
            cell_budget,
        }
    }
}
