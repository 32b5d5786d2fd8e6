//! The tabs and ranges of one load, and whether the tabs are usable.
//!
//! In scope: the ranges of one call, problems that stop a run before any write.
//! Out of scope: the call (`store::load::loader`).

use std::collections::HashMap;

use serde_json::Value;

use crate::grid::quote_title;
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS_NEEDED};
use crate::ledger::rows::tab_kind::{name_failures_tab, name_processed_tab};
use crate::ledger::state::snapshot::Anomaly;
use crate::ledger::state::state_codec::read_state;
use crate::sheets_client::types::response_types::TabInfo;
use crate::store::guard::head_guard::{STATE_ROWS, StateLocation};
use crate::store::tabs::jobs::make_jobs_ranges;
use crate::store::tabs::parse;
use crate::store::tabs::schema::{FAILURES_NEEDED, RUNS_TITLE, StoreMetadata, Tab, Tabs};

/// The tabs that a load reads; `None` for a missing one.
pub struct LoadPlan<'a> {
    /// The Processed tab.
    pub processed: Option<&'a TabInfo>,
    /// The Failures tab.
    pub failures: Option<&'a TabInfo>,
    /// The data tab.
    pub data: Option<&'a TabInfo>,
    /// The Runs tab.
    pub runs: Option<&'a TabInfo>,
    /// The Jobs tab.
    pub jobs: Option<&'a TabInfo>,
}

/// How a load treats a missing or unusable machine tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingTabPolicy {
    /// Stop reading, and stop the run.
    #[default]
    StopRun,
    /// Let the next commit recreate Failures and Runs, empty.
    Recreate,
    /// Read the tabs that exist; the caller does not write.
    ReadOthers,
}

/// The number of columns that the first read of a machine tab covers.
pub const FIRST_READ_COLUMNS: usize = 12;

impl LoadPlan<'_> {
    /// The ids of the tabs: Processed, Failures, data, Runs, Jobs.
    pub fn ids(&self) -> [Option<i32>; 5] {
        [self.processed, self.failures, self.data, self.runs, self.jobs].map(|tab| tab.map(|tab| tab.sheet_id))
    }

    /// The ranges of the load's call, in order: the state, four headers, rows of Processed and
    /// Failures. Then the data tab's last row and first column (for keys), and the scratch rows of
    /// `state`, the state tab. Last comes the tab Jobs, if there is one.
    ///
    /// A missing or unneeded range is replaced by the state tab's A1, so that the response indices
    /// stay aligned.
    pub fn make_ranges(&self, location: &StateLocation, state: Option<&TabInfo>, mode: WriteMode) -> Vec<String> {
        let nothing = || format!("{}!A1", quote_title(&location.title));
        let headers = [self.processed, self.failures, self.data, self.runs]
            .map(|tab| tab.map_or_else(nothing, |tab| parse::make_header_range(&tab.title)));
        let pages = [(self.processed, parse::PAGE_ROWS), (self.failures, parse::FAILURE_PAGE_ROWS)];
        let rows = pages.map(|(tab, page)| {
            tab.map_or_else(nothing, |tab| {
                let columns = FIRST_READ_COLUMNS.min(usize::try_from(tab.columns).unwrap_or(FIRST_READ_COLUMNS)).max(1);
                parse::make_rows_range(&tab.title, 1, find_first_page_end(tab, page), columns)
            })
        });
        let bottom = self.data.map_or_else(nothing, |tab| parse::make_whole_rows_range(&tab.title, tab.rows, tab.rows));
        let keys =
            self.find_keyed_tab(mode).map_or_else(nothing, |tab| parse::make_column_range(&tab.title, 0, 1, None));
        let scratch = state.filter(|tab| tab.rows > STATE_ROWS).map_or_else(nothing, |tab| {
            let columns = usize::try_from(tab.columns).unwrap_or(FIRST_READ_COLUMNS);
            parse::make_rows_range(&tab.title, STATE_ROWS + 1, tab.rows, columns)
        });
        let state = std::iter::once(parse::make_state_range(&location.title));
        state.chain(headers).chain(rows).chain([bottom, keys, scratch]).chain(self.make_jobs_ranges()).collect()
    }

    /// The ranges of the tab Jobs, the last ones of the call.
    pub fn make_jobs_ranges(&self) -> Vec<String> {
        self.jobs.map(|tab| make_jobs_ranges(tab, None)).unwrap_or_default()
    }

    /// The tabs with their header rows as read, in the order of `ids`.
    pub fn make_tabs(&self, headers: &[Vec<Vec<Value>>; 4]) -> Tabs {
        let [processed, failures, data, runs] = headers;
        let tab = |info: Option<&TabInfo>, header: &[Vec<Value>]| info.map(|info| make_tab(info, header));
        Tabs {
            processed: tab(self.processed, processed),
            failures: tab(self.failures, failures),
            data: tab(self.data, data),
            runs: tab(self.runs, runs),
            ..Tabs::default()
        }
    }

    /// The data tab, if its keys fit into the same call: no more of them than of Processed.
    pub fn find_keyed_tab(&self, mode: WriteMode) -> Option<&TabInfo> {
        self.data.filter(|tab| mode == WriteMode::Upsert && (1..=parse::PAGE_ROWS).contains(&tab.rows))
    }
}

/// The last row of a tab's first page, which has at most `page` rows.
pub fn find_first_page_end(tab: &TabInfo, page: u32) -> u32 {
    tab.rows.clamp(1, page)
}

/// A tab with its header as read.
pub fn make_tab(info: &TabInfo, header: &[Vec<Value>]) -> Tab {
    let width = usize::try_from(info.columns).unwrap_or_default();
    Tab { id: info.sheet_id, title: info.title.clone(), header: parse::parse_header(header), width, ..Tab::default() }
}

/// Data tabs with their columns, once they have a header. A renamed tab is listed under the job's
/// name for it.
pub fn list_data_tabs(data_tab: &str, tabs: &Tabs) -> Vec<(String, Vec<String>)> {
    tabs.data.iter().filter(|tab| !tab.columns().is_empty()).map(|tab| (data_tab.to_owned(), tab.columns())).collect()
}

/// The conditions, beside the tabs, that decide what stops a run.
#[derive(Debug, Clone, Copy)]
pub struct LoadConditions<'a> {
    /// How to treat missing machine tabs.
    pub missing: MissingTabPolicy,
    /// Whether the job has not written any data row yet.
    pub was_never_written: bool,
    /// All tabs of the spreadsheet.
    pub there: &'a [TabInfo],
}

impl LoadConditions<'_> {
    fn has_tab(&self, title: &str) -> bool {
        self.there.iter().any(|tab| tab.title == title)
    }
}

/// The message for a user's tab with the title of a missing machine tab.
fn describe_taken_title(title: &str) -> String {
    format!(
        "tab {title} is gone, and another tab has its name, but not its columns: rename that one; then restore the tab from the \
         file's version history, or let sheetkeep fsck --repair=tabs --yes JOB.toml make an empty one"
    )
}

/// The anomaly for a Runs tab from before the first job; `None` if it has some of the columns.
pub fn report_foreign_runs_tab(runs: &Tab) -> Option<Anomaly> {
    let none = RUNS_NEEDED.iter().all(|column| runs.position(column).is_none());
    none.then(|| Anomaly {
        message: format!(
            "tab {RUNS_TITLE} exists, but it is not the one in which jobs record their runs: rename it, and the job makes its own"
        ),
        is_blocking: true,
    })
}

/// The message for a missing tab that a repair can recreate.
fn describe_recreatable_tab(title: &str) -> String {
    format!(
        "tab {title} is gone: restore it from the file's version history, or have an empty one made with \
         sheetkeep fsck --repair=tabs --yes JOB.toml"
    )
}

/// The titles of missing tabs that a repair can recreate.
pub fn list_missing_tabs(job: &str, tabs: &Tabs) -> Vec<String> {
    let failures = tabs.failures.is_none().then(|| name_failures_tab(job));
    failures.into_iter().chain(tabs.runs.is_none().then(|| RUNS_TITLE.to_owned())).collect()
}

/// The anomaly in the header of Failures, if any.
fn find_failures_anomaly(tab: &Tab) -> Option<Anomaly> {
    let (mark, needed) = (FAILURES.last()?, FAILURES_NEEDED);
    parse::check_header(tab, needed).or_else(|| {
        tab.missing_column(&[mark]).map(|mark| Anomaly {
            message: format!(
                "tab {} has no column \"{mark}\", so a record that you correct there is only noticed with retry beside it; write that word after its last header",
                tab.title
            ),
            is_blocking: false,
        })
    })
}

/// The title of the data tab in the state, if the job has never written a row there. `None` also if
/// the state can't be parsed.
pub(crate) fn has_never_written(pairs: &HashMap<String, String>) -> Option<String> {
    let state = read_state(pairs).ok()?;
    (state.columns.is_empty() && state.processed.count == 0).then_some(state.definition.tab)
}

/// The anomalies that stop a run before any write, and others about its tabs.
pub fn check_tabs(
    job: &str,
    data_tab: &str,
    tabs: &Tabs,
    store_metadata: &StoreMetadata,
    known: LoadConditions<'_>,
) -> Vec<Anomaly> {
    let missing_tab = |title: String| Anomaly {
        message: format!("tab {title} is gone: restore it from the file's version history"),
        is_blocking: true,
    };
    let recreatable_tab = |title: String| match known.has_tab(&title) {
        true => Some(Anomaly { message: describe_taken_title(&title), is_blocking: true }),
        false if known.missing == MissingTabPolicy::Recreate => None,
        false => Some(Anomaly { message: describe_recreatable_tab(&title), is_blocking: true }),
    };
    let mut anomalies = Vec::new();
    match &tabs.processed {
        None => anomalies.push(missing_tab(name_processed_tab(job))),
        Some(tab) => anomalies.extend(parse::check_header(tab, &PROCESSED)),
    }
    match &tabs.failures {
        None => anomalies.extend(recreatable_tab(name_failures_tab(job))),
        Some(tab) => anomalies.extend(find_failures_anomaly(tab)),
    }
    match &tabs.runs {
        None => anomalies.extend(recreatable_tab(RUNS_TITLE.to_owned())),
        Some(tab) => anomalies.extend(parse::check_header(tab, RUNS_NEEDED)),
    }
    match &tabs.data {
        None if store_metadata.data.is_some() && !known.was_never_written => {
            anomalies.push(missing_tab(data_tab.to_owned()));
        }
        // `store::commit::own_columns` checks the job's columns.
        None | Some(_) => {}
    }
    anomalies
}
