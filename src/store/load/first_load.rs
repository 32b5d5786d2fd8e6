//! The load of a spreadsheet on which the job has never run.
//!
//! In scope: existing tabs, whether the job may use them, and what users prepared in the data tab.
//! Out of scope: later loads (`store::load::loader`), closer header checks
//! (`store::load::header_check`).

use serde_json::Value;

use crate::ledger::rows::row_codec::RUNS_NEEDED;
use crate::ledger::rows::tab_kind::{name_failures_tab, name_processed_tab};
use crate::ledger::state::snapshot::LoadReport;
use crate::port::store::StoreError;
use crate::sheets_client::types::response_types::{SpreadsheetInfo, TabInfo};
use crate::store::commit::cell_budget::CellBudget;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::guard::head_guard;
use crate::store::load::header_check::{make_first_rows, make_first_rows_range};
use crate::store::load::loader::{LoadResult, Loader};
use crate::store::session::row_tracker::RowTracker;
use crate::store::tabs::error::LoadError;
use crate::store::tabs::jobs::{find_jobs_tab, make_jobs_ranges};
use crate::store::tabs::load_plan::{list_data_tabs, make_tab, report_foreign_runs_tab};
use crate::store::tabs::parse;
use crate::store::tabs::schema::{RUNS_TITLE, StoreMetadata, Tabs};

impl Loader {
    /// Rejects a tab whose title differs only in case from one that the job has to create. Google
    /// treats such titles as equal.
    fn check_titles_unique(&self, metadata: &SpreadsheetInfo) -> Result<(), StoreError> {
        let (processed, failures) = (name_processed_tab(&self.job), name_failures_tab(&self.job));
        let wanted = [processed.as_str(), failures.as_str(), RUNS_TITLE, self.data_tab.as_str()];
        let same = |a: &str, b: &str| a != b && a.to_lowercase() == b.to_lowercase();
        let similar =
            wanted.iter().find_map(|title| Some((title, metadata.tabs.iter().find(|tab| same(&tab.title, title))?)));
        similar.map_or(Ok(()), |(title, tab)| {
            let there = &tab.title;
            let why = format!("tab \"{there}\" is there, and \"{title}\" differs from it only in case: rename the tab, the job or [sheet] tab");
            Err(StoreError::Inconsistent { why })
        })
    }

    /// Rejects a data tab that belongs to another job. `others` are state tabs with their cells.
    fn check_not_owned<'m>(
        &self,
        data: Option<&TabInfo>,
        others: impl Iterator<Item = (&'m TabInfo, Vec<Vec<Value>>)>,
    ) -> Result<(), StoreError> {
        for (other, rows) in others {
            let owned = StoreMetadata::read(&parse::parse_pairs(&rows)).data;
            if owned.is_some() && owned == data.map(|tab| tab.sheet_id) {
                let (job, ..) = head_guard::read_title(&other.title).unwrap_or_default();
                let tab = &self.data_tab;
                let why = format!("tab {tab} belongs to job {job}: give this job another tab in [sheet] tab");
                return Err(StoreError::Inconsistent { why });
            }
        }
        Ok(())
    }

    /// Loads a spreadsheet on which the job has never run.
    pub(super) async fn load_uninitialized(&self, metadata: &SpreadsheetInfo) -> Result<LoadResult, LoadError> {
        self.check_titles_unique(metadata)?;
        let data = metadata.tabs.iter().find(|tab| tab.title == self.data_tab);
        let runs = metadata.tabs.iter().find(|tab| tab.title == RUNS_TITLE);
        let others: Vec<_> = match data {
            Some(_) => metadata.tabs.iter().filter(|tab| head_guard::read_title(&tab.title).is_some()).collect(),
            None => Vec::new(),
        };
        let headers =
            data.map(make_first_rows_range).into_iter().chain(runs.map(|tab| parse::make_header_range(&tab.title)));
        let jobs = self.jobs.as_ref().and_then(|_| find_jobs_tab(metadata, None));
        let bottom = data.map(|tab| parse::make_whole_rows_range(&tab.title, tab.rows, tab.rows));
        let jobs_ranges = jobs.map(|tab| make_jobs_ranges(tab, None)).unwrap_or_default();
        let states = others.iter().map(|tab| parse::make_state_range(&tab.title));
        let ranges: Vec<_> = bottom.into_iter().chain(headers).chain(jobs_ranges.clone()).chain(states).collect();
        let mut read = self.read_values(&ranges).await?.into_iter();
        let bottom = data.and_then(|_| read.next());
        let top = data.and_then(|_| read.next()).unwrap_or_default();
        let runs_header = runs.and_then(|_| read.next()).unwrap_or_default();
        let jobs_read: Vec<_> = read.by_ref().take(jobs_ranges.len()).collect();
        let jobs = self.read_jobs_tab(metadata, (jobs, None), &jobs_read).await?;
        let mut tabs = Tabs {
            data: data.map(|info| make_tab(info, &top)),
            runs: runs.map(|info| make_tab(info, &runs_header)),
            jobs: jobs.tab,
            ..Tabs::default()
        };
        self.check_not_owned(data, others.iter().copied().zip(read))?;
        if let Some(anomaly) = tabs.runs.as_ref().and_then(|tab| parse::check_header(tab, RUNS_NEEDED)) {
            let below = match runs {
                Some(info) => self.find_moved_header(info, RUNS_NEEDED).await?,
                None => None,
            };
            let ours = tabs.runs.as_ref().and_then(report_foreign_runs_tab);
            return Err(StoreError::Inconsistent { why: below.or(ours).unwrap_or(anomaly).message }.into());
        }
        if let Some(tab) = &mut tabs.data {
            self.add_displayed_headers(tab, top.first().map_or(&[][..], Vec::as_slice), &[]).await?;
        }
        let first = data.map(|info| make_first_rows(&info.title, &top));
        if let Some(first) = &first
            && let Some(why) = self.explain_header_refusal(first).await
        {
            return Err(StoreError::Inconsistent { why }.into());
        }
        let data_tabs = list_data_tabs(&self.data_tab, &tabs);
        let loaded = LoadReport {
            first_rows: first,
            requests: jobs.requests,
            warnings: jobs.warnings,
            ..self.make_load_report(metadata, None, data_tabs)
        };
        let rows = data.map_or(0, |tab| tab.rows);
        let filled = rows > 1 && bottom.is_some_and(|rows| !rows.is_empty());
        let row_tracker = RowTracker::for_foreign_tab(rows, filled, top.len() > 1);
        let (pending_restores, cell_budget) = (None, CellBudget::from_metadata(metadata));
        let (location, support) = (None, GuardSupport::Unknown);
        Ok(LoadResult { loaded, location, support, tabs, row_tracker, pending_restores, cell_budget })
    }
}
