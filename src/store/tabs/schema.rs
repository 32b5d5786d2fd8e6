//! The layout of a job's spreadsheet: tabs by id, columns by header text, the state by fixed cells.
//! Pure.
//!
//! In scope: titles, ids and grids of the tabs that a job creates, headers and columns, metadata of
//! the store in the state tab. Out of scope: the guard (`store::guard::head_guard`), the meaning of
//! a row (`ledger::state::state_codec`), JSON (`store::commit::encoder`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::ledger::leases::head::HeadId;
use crate::ledger::rows::row_codec::{self, PROCESSED as PROCESSED_COLUMNS};
use crate::ledger::rows::tab_kind::TabKind;
use crate::port::store::TabIds;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::tabs::processed_column_order::ColumnRecovery;

/// Columns that Failures must have. Its last column was added later, and a tab without it still
/// works.
pub const FAILURES_NEEDED: &[&str] = row_codec::FAILURES.split_last().expect("it has columns").1;

/// The title of the tab with a row per run.
pub const RUNS_TITLE: &str = "Runs";
/// Rows of a new tab. Appends make it grow.
pub const FIRST_ROWS: u32 = 100;

/// A tab and its columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tab {
    /// The id, which survives a rename.
    pub id: i32,
    /// The title, as last read.
    pub title: String,
    /// The texts of its header row, in order. A column with an empty text has no name.
    pub header: Vec<String>,
    /// The number of columns in its grid; 0 if not known.
    pub width: usize,
    /// Other names of columns. One is the job's name of a column whose header a user changed. The
    /// other is the displayed form of a header that is a date or a number. Each with the current
    /// text.
    pub aliases: Vec<(String, String)>,
    /// Rows of a tab of keys under another column order than the header's.
    pub recovery: Arc<ColumnRecovery>,
}

impl Tab {
    /// The position of a column, 0-based.
    pub fn position(&self, column: &str) -> Option<usize> {
        let at = |name: &str| self.header.iter().position(|text| text == name);
        at(column).or_else(|| self.aliases.iter().filter(|(own, _)| own == column).find_map(|(_, text)| at(text)))
    }

    /// The positions of all columns, for many lookups.
    pub fn positions(&self) -> HashMap<&str, usize> {
        let mut all = HashMap::with_capacity(self.header.len());
        for (at, text) in self.header.iter().enumerate() {
            all.entry(text.as_str()).or_insert(at);
        }
        for (own, text) in &self.aliases {
            if let Some(at) = all.get(text.as_str()).copied() {
                all.entry(own.as_str()).or_insert(at);
            }
        }
        all
    }

    /// The name of the column at this position: the job's own name if it has one.
    pub fn name(&self, at: usize) -> String {
        let text = self.header.get(at).cloned().unwrap_or_default();
        self.aliases.iter().find(|(_, now)| *now == text).map_or(text, |(own, _)| own.clone())
    }

    /// The names of all columns with a name, with the job's own names where it has them.
    pub fn columns(&self) -> Vec<String> {
        (0..self.header.len()).map(|at| self.name(at)).filter(|name| !name.is_empty()).collect()
    }

    /// A name that two columns share.
    pub fn duplicate(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.header.iter().filter(|text| !text.is_empty()).find(|text| !seen.insert(text.as_str())).map(String::as_str)
    }

    /// The first of `wanted` that the header lacks.
    pub fn missing_column<'a>(&self, wanted: &[&'a str]) -> Option<&'a str> {
        wanted.iter().copied().find(|column| self.position(column).is_none())
    }
}

/// The tab Jobs as last read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobsTab {
    /// Nothing is written there: it is switched off, or not usable. Its id, if the state records
    /// one.
    Unused(Option<i32>),
    /// There is no such tab: the next commit makes it and appends the job's row.
    Missing {
        /// Whether that commit also sets hourly recalculation.
        recalculates: bool,
        /// What the row has in `owner`.
        owner: Option<String>,
    },
    /// It lacks the job's row, which the next commit appends.
    WithoutRow {
        /// The tab with its header.
        tab: Tab,
        /// What the row has in `owner`.
        owner: Option<String>,
    },
    /// It has the job's row. Its id.
    Complete(i32),
}

impl Default for JobsTab {
    fn default() -> Self {
        Self::Unused(None)
    }
}

impl JobsTab {
    /// The id of the tab, as far as known.
    pub fn id(&self) -> Option<i32> {
        match self {
            Self::Unused(id) => *id,
            Self::Missing { .. } => None,
            Self::WithoutRow { tab, .. } => Some(tab.id),
            Self::Complete(id) => Some(*id),
        }
    }
}

/// The existing tabs of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tabs {
    /// The tab `Processed <job>`.
    pub processed: Option<Tab>,
    /// The tab `Failures <job>`.
    pub failures: Option<Tab>,
    /// The tab `Runs`.
    pub runs: Option<Tab>,
    /// The data tab.
    pub data: Option<Tab>,
    /// The tab Jobs, which all jobs share.
    pub jobs: JobsTab,
}

impl Tabs {
    /// Whether the columns of Processed are complete and unique.
    pub fn keys_are_readable(&self) -> bool {
        self.processed
            .as_ref()
            .is_some_and(|tab| tab.missing_column(&PROCESSED_COLUMNS).is_none() && tab.duplicate().is_none())
    }

    /// Whether the columns of Failures are complete and unique.
    pub fn failures_are_readable(&self) -> bool {
        self.failures
            .as_ref()
            .is_some_and(|tab| tab.missing_column(FAILURES_NEEDED).is_none() && tab.duplicate().is_none())
    }

    /// The ids of the tabs that people look at.
    pub fn ids(&self) -> TabIds {
        let id = |tab: &Option<Tab>| tab.as_ref().map(|tab| tab.id);
        TabIds { runs: id(&self.runs), failures: id(&self.failures), jobs: self.jobs.id() }
    }

    /// The tab of this kind.
    pub fn tab(&self, kind: TabKind) -> Option<&Tab> {
        match kind {
            TabKind::Processed => self.processed.as_ref(),
            TabKind::Failures => self.failures.as_ref(),
            TabKind::Runs => self.runs.as_ref(),
            TabKind::Data => self.data.as_ref(),
        }
    }
}

/// Derives the id of a tab that a commit creates from its head. A resend of the commit has the same
/// id, and the service refuses a late copy because the id is taken.
pub fn derive_tab_id(head: HeadId, kind: TabKind) -> i32 {
    let salt = match kind {
        TabKind::Processed => 1_u64,
        TabKind::Failures => 2,
        TabKind::Runs => 3,
        TabKind::Data => 4,
    };
    derive_id(head, salt)
}

/// Derives the id of the tab Jobs that a commit creates, likewise.
pub fn derive_jobs_id(head: HeadId) -> i32 {
    derive_id(head, 5)
}

/// Derives a positive number from a head and a salt, for ids that a commit chooses.
pub fn derive_id(head: HeadId, salt: u64) -> i32 {
    let mixed = (head.nonce ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33;
    i32::try_from(mixed).unwrap_or(i32::MAX).max(1)
}

/// The store's own fields in the state tab, beside the ledger's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreMetadata {
    /// The known support for the named-range guard.
    pub support: GuardSupport,
    /// The id of the Processed tab.
    pub processed: Option<i32>,
    /// The id of the Failures tab.
    pub failures: Option<i32>,
    /// The id of the data tab.
    pub data: Option<i32>,
    /// The id of the Runs tab. All jobs share the tab, but each records it.
    pub runs: Option<i32>,
    /// The id of the Jobs tab, likewise.
    pub jobs: Option<i32>,
}

const GUARD_FIELD: &str = "guard";
const PROCESSED_FIELD: &str = "tab id processed";
const FAILURES_FIELD: &str = "tab id failures";
const DATA_FIELD: &str = "tab id data";
const RUNS_FIELD: &str = "tab id runs";
const JOBS_FIELD: &str = "tab id jobs";

impl StoreMetadata {
    /// Creates the metadata for these tabs.
    pub fn new(support: GuardSupport, tabs: &Tabs) -> Self {
        let id = |tab: &Option<Tab>| tab.as_ref().map(|tab| tab.id);
        let [processed, failures, data, runs] = [&tabs.processed, &tabs.failures, &tabs.data, &tabs.runs].map(id);
        Self { support, processed, failures, data, runs, jobs: tabs.jobs.id() }
    }

    /// Formats the metadata as name-text pairs.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let id = |id: Option<i32>| id.map(|id| id.to_string()).unwrap_or_default();
        let mut pairs = vec![
            (GUARD_FIELD.to_owned(), self.support.as_str().to_owned()),
            (PROCESSED_FIELD.to_owned(), id(self.processed)),
            (FAILURES_FIELD.to_owned(), id(self.failures)),
            (DATA_FIELD.to_owned(), id(self.data)),
            (RUNS_FIELD.to_owned(), id(self.runs)),
        ];
        pairs.extend(self.jobs.map(|jobs| (JOBS_FIELD.to_owned(), jobs.to_string())));
        pairs
    }

    /// Parses the metadata. A text that can't be parsed counts as unknown.
    pub fn read(pairs: &HashMap<String, String>) -> Self {
        let text = |name: &str| pairs.get(name).map_or("", String::as_str);
        let id = |name: &str| text(name).parse().ok();
        let [processed, failures, data, runs, jobs] =
            [PROCESSED_FIELD, FAILURES_FIELD, DATA_FIELD, RUNS_FIELD, JOBS_FIELD].map(id);
        Self { support: GuardSupport::parse(text(GUARD_FIELD)), processed, failures, data, runs, jobs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tab(header: &[&str]) -> Tab {
        Tab { id: 1, title: "T".into(), header: header.iter().map(|&text| text.to_owned()).collect(), ..Tab::default() }
    }

    #[test]
    fn columns_are_found_by_their_text_wherever_people_moved_them() {
        let tab = tab(&["mine", "", "key", "state"]);
        assert_eq!(tab.position("key"), Some(2));
        assert_eq!(tab.columns(), ["mine", "key", "state"]);
        assert_eq!(tab.missing_column(&["key", "run"]), Some("run"));
    }

    #[test]
    fn a_doubled_header_is_noticed_and_blank_ones_are_not() {
        assert_eq!(tab(&["a", "", "", "a"]).duplicate(), Some("a"));
        assert_eq!(tab(&["a", "", ""]).duplicate(), None);
    }

    #[test]
    fn ids_of_a_commit_differ_by_role_and_agree_among_copies() {
        let head = HeadId { commit: 0, nonce: 42 };
        let ids: Vec<_> = [TabKind::Processed, TabKind::Failures, TabKind::Runs, TabKind::Data]
            .map(|kind| derive_tab_id(head, kind))
            .into();
        let mut distinct = ids.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 4);
        assert_eq!(ids[0], derive_tab_id(head, TabKind::Processed));
    }

    #[test]
    fn metadata_reads_back() {
        let store_metadata = StoreMetadata {
            support: GuardSupport::Name,
            processed: Some(5),
            failures: Some(6),
            data: None,
            runs: Some(7),
            jobs: Some(8),
        };
        assert_eq!(StoreMetadata::read(&store_metadata.pairs().into_iter().collect()), store_metadata);
    }
}
