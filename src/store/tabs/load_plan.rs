//! Which tabs one load reads, and whether they can be used.
//!
//! In scope: the ranges of one call, what stops a run before any write. Out of scope: calling (`store::load::loader`).

use std::collections::HashMap;

use serde_json::Value;

use crate::google::shape::TabInfo as Seen;
use crate::grid::quoted;
use crate::ledger::item::write_mode::WriteMode;
use crate::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS};
use crate::ledger::state::snapshot::Anomaly;
use crate::ledger::state::state_codec::read_state;
use crate::store::guard::head_guard::{self, STATE_ROWS, StateLocation};
use crate::store::tabs::parse;
use crate::store::tabs::schema::{FAILURES_NEEDED, RUNS_TITLE, StoreMetadata, Tab, Tabs};

/// Which tabs are read.
pub struct LoadPlan<'a> {
    /// The keyed tab.
    pub processed: Option<&'a Seen>,
    /// Failures.
    pub failures: Option<&'a Seen>,
    /// The data tab.
    pub data: Option<&'a Seen>,
    /// Runs.
    pub runs: Option<&'a Seen>,
}

/// What a load does that misses a machine tab, or can't use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingTab {
    /// It reads no further, and stops the run.
    #[default]
    Stops,
    /// Failures and Runs are made again, empty, by the next commit.
    Remade,
    /// Nobody writes: what is there is read.
    ReadOn,
}

/// Columns read of a machine tab at first.
pub const NEAR: usize = 12;

impl LoadPlan<'_> {
    /// Their ids.
    pub fn ids(&self) -> [Option<i32>; 4] {
        [self.processed, self.failures, self.data, self.runs].map(|tab| tab.map(|tab| tab.sheet_id))
    }

    /// The state first; then four headers, two tabs' rows, the data tab's last row, its keys where they are likely to stand, and the
    /// scratch rows of the state tab, which is `state`. What is not there or not needed is asked of the state tab's first cell, so
    /// that answers stay in their places.
    pub fn ranges(&self, place: &StateLocation, state: Option<&Seen>, mode: WriteMode) -> Vec<String> {
        let nothing = || format!("{}!A1", quoted(&place.title));
        let headers = [self.processed, self.failures, self.data, self.runs]
            .map(|tab| tab.map_or_else(nothing, |tab| parse::header_range(&tab.title)));
        let pages = [(self.processed, parse::PAGE_ROWS), (self.failures, parse::FAILURE_PAGE_ROWS)];
        let rows = pages.map(|(tab, page)| {
            tab.map_or_else(nothing, |tab| {
                let columns = NEAR.min(usize::try_from(tab.columns).unwrap_or(NEAR)).max(1);
                parse::rows_range(&tab.title, 1, first_page(tab, page), columns)
            })
        });
        let bottom = self.data.map_or_else(nothing, |tab| parse::whole_rows_range(&tab.title, tab.rows, tab.rows));
        let keys = self.keyed(mode).map_or_else(nothing, |tab| parse::column_range(&tab.title, 0, 1, None));
        let scratch = state.filter(|tab| tab.rows > STATE_ROWS).map_or_else(nothing, |tab| {
            let columns = usize::try_from(tab.columns).unwrap_or(NEAR);
            parse::rows_range(&tab.title, STATE_ROWS + 1, tab.rows, columns)
        });
        let state = std::iter::once(parse::state_range(&place.title));
        state.chain(headers).chain(rows).chain([bottom, keys, scratch]).collect()
    }

    /// These tabs with their header rows as read, in the order of `ids`.
    pub fn tabs(&self, headers: &[Vec<Vec<Value>>; 4]) -> Tabs {
        let [processed, failures, data, runs] = headers;
        let tab = |seen: Option<&Seen>, header: &[Vec<Value>]| seen.map(|seen| seen_tab(seen, header));
        Tabs {
            processed: tab(self.processed, processed),
            failures: tab(self.failures, failures),
            data: tab(self.data, data),
            runs: tab(self.runs, runs),
        }
    }

    /// The data tab, if its keys are read with everything else: one call takes no more of them than of Processed.
    pub fn keyed(&self, mode: WriteMode) -> Option<&Seen> {
        self.data.filter(|tab| mode == WriteMode::Upsert && (1..=parse::PAGE_ROWS).contains(&tab.rows))
    }
}

/// The last row of the first page that is read of a tab, of `page` rows at most.
pub fn first_page(tab: &Seen, page: u32) -> u32 {
    tab.rows.clamp(1, page)
}

/// A tab with its header as read.
pub fn seen_tab(seen: &Seen, header: &[Vec<Value>]) -> Tab {
    let width = usize::try_from(seen.columns).unwrap_or_default();
    Tab { id: seen.sheet_id, title: seen.title.clone(), header: parse::header(header), width, ..Tab::default() }
}

/// Tabs of rows with their columns, once they have a header. A tab that people renamed goes by the name that the job knows.
pub fn tables_of(data_tab: &str, tabs: &Tabs) -> Vec<(String, Vec<String>)> {
    tabs.data.iter().filter(|tab| !tab.columns().is_empty()).map(|tab| (data_tab.to_owned(), tab.columns())).collect()
}

/// What has to be known beside the tabs to tell what stops a run.
#[derive(Debug, Clone, Copy)]
pub struct LoadConditions<'a> {
    /// What becomes of machine tabs that are gone.
    pub missing: MissingTab,
    /// Whether the data tab holds no row of the job's yet.
    pub never_written: bool,
    /// All tabs of the spreadsheet.
    pub there: &'a [Seen],
}

impl LoadConditions<'_> {
    fn has_tab(&self, title: &str) -> bool {
        self.there.iter().any(|tab| tab.title == title)
    }
}

/// What is told of a tab of people's that has the name of one of the job's.
fn taken(title: &str) -> String {
    format!(
        "tab {title} is gone, and another tab has its name, which lacks its columns: rename that one, then restore the tab from the \
         file's version history, or have an empty one made with sheetkeep fsck --repair=tabs --yes JOB.toml"
    )
}

/// What is told of a tab Runs that was there before the first job; nothing where it has some of its columns.
pub fn not_ours(runs: &Tab) -> Option<Anomaly> {
    let none = RUNS.iter().all(|column| runs.position(column).is_none());
    none.then(|| Anomaly {
        message: format!(
            "tab {RUNS_TITLE} exists, but it is not the one in which jobs record their runs: rename it, and the job makes its own"
        ),
        blocking: true,
    })
}

/// What is told of a tab that a repair makes again.
fn gone_and_remade(title: &str) -> String {
    format!(
        "tab {title} is gone: restore it from the file's version history, or have an empty one made with \
         sheetkeep fsck --repair=tabs --yes JOB.toml"
    )
}

/// Which of the tabs that a repair makes again are gone.
pub fn gone_tabs(job: &str, tabs: &Tabs) -> Vec<String> {
    let failures = tabs.failures.is_none().then(|| head_guard::failures_title(job));
    failures.into_iter().chain(tabs.runs.is_none().then(|| RUNS_TITLE.to_owned())).collect()
}

/// What is wrong with the header of Failures.
fn failures_anomaly(tab: &Tab) -> Option<Anomaly> {
    let (mark, needed) = (FAILURES.last()?, FAILURES_NEEDED);
    parse::unusable(tab, needed).or_else(|| {
        tab.lacks(&[mark]).map(|mark| Anomaly {
            message: format!(
                "tab {} has no column \"{mark}\", so a record that you correct there is only noticed with retry beside it: write that word after its last header",
                tab.title
            ),
            blocking: false,
        })
    })
}

/// The data tab as the job called it when it last ran, if it has never written a row there. Of a state that can't be read nothing is known.
pub(crate) fn has_never_written(pairs: &HashMap<String, String>) -> Option<String> {
    let state = read_state(pairs).ok()?;
    (state.columns.is_empty() && state.processed.count == 0).then_some(state.definition.tab)
}

/// What stops a run before any write.
pub fn blocking(
    job: &str,
    data_tab: &str,
    tabs: &Tabs,
    notes: &StoreMetadata,
    known: LoadConditions<'_>,
) -> Vec<Anomaly> {
    let gone = |title: String| Anomaly {
        message: format!("tab {title} is gone: restore it from the file's version history"),
        blocking: true,
    };
    let remade = |title: String| match known.has_tab(&title) {
        true => Some(Anomaly { message: taken(&title), blocking: true }),
        false if known.missing == MissingTab::Remade => None,
        false => Some(Anomaly { message: gone_and_remade(&title), blocking: true }),
    };
    let mut blemishes = Vec::new();
    match &tabs.processed {
        None => blemishes.push(gone(head_guard::processed_title(job))),
        Some(tab) => blemishes.extend(parse::unusable(tab, &PROCESSED)),
    }
    match &tabs.failures {
        None => blemishes.extend(remade(head_guard::failures_title(job))),
        Some(tab) => blemishes.extend(failures_anomaly(tab)),
    }
    match &tabs.runs {
        None => blemishes.extend(remade(RUNS_TITLE.to_owned())),
        Some(tab) => blemishes.extend(parse::unusable(tab, &RUNS)),
    }
    match &tabs.data {
        None if notes.data.is_some() && !known.never_written => blemishes.push(gone(data_tab.to_owned())),
        // What became of its columns is told by those who know which are the job's (`store::commit::own_columns`).
        None | Some(_) => {}
    }
    blemishes
}
