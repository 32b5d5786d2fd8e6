//! The contents of the sheet at one moment, read without the product's client, and what the rows
//! should be.

use std::collections::{BTreeMap, BTreeSet};

use sheetkeep::ledger::items::write_mode::WriteMode;
use sheetkeep::ledger::leases::head::HeadId;

/// What the person writes into the key's column of a row of hers, where a stop asks for a text.
pub const OWN_ROW_TEXT: &str = "a row of mine";

/// How exactly the rows of the data tab are checked while people edit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CheckLevel {
    /// Rows and keys are as expected.
    #[default]
    Exact,
    /// The same, but what a write by position hit by mistake may be missing or there twice. The
    /// state tab must still keep it.
    ExactOrInUndoLog,
    /// Of each key there are as many rows as there should be, whatever they contain; or they are
    /// kept there.
    KeysOrInUndoLog,
    /// Not at all: columns move, rows are deleted.
    Unchecked,
}

/// The mark of the head, and the state that has to belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedHead {
    pub head: HeadId,
    pub state_head: String,
    pub fence: u64,
    /// The run that holds the lease.
    pub holder: Option<String>,
}

/// A row of Failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedFailure {
    pub key: String,
    pub version: String,
    pub error: String,
    pub is_open: bool,
}

/// A row of Runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedRun {
    pub run: String,
    pub status: String,
    pub new: u64,
}

/// What is there.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// None before the first commit, and where the head is lost.
    pub job_head: Option<ObservedHead>,
    /// Tabs of the job are there, and no head.
    pub is_head_lost: bool,
    /// Key and content of the data tab's rows that have a key.
    pub rows: Vec<(String, String)>,
    /// The cells of rows that are kept on the state tab, as a batch found and left them.
    pub undo_rows: Vec<BTreeSet<String>>,
    /// Key, version and run.
    pub processed: Vec<(String, String, String)>,
    pub failures: Vec<ObservedFailure>,
    pub runs: Vec<ObservedRun>,
}

/// What has to be there when all is quiet.
pub struct ExpectedEnd<'a> {
    /// Every version of every key that was to be done.
    pub due_versions: &'a BTreeSet<(String, u64)>,
    /// Keys that fail, with the version that does.
    pub failing_versions: &'a BTreeMap<String, u64>,
    /// Keys whose rows a person deleted at some time.
    pub deleted_keys: &'a BTreeSet<String>,
    /// What the run that ended last is called.
    pub last_run: &'a str,
}

/// The values of a row of a key.
pub fn row_text(key: &str, version: u64, part: u64) -> String {
    format!("{key} at {version}, part {part}")
}

/// Rows that a key yields; some of them several, where rows are appended.
pub fn count_rows(key: &str, mode: WriteMode) -> u64 {
    let many = mode == WriteMode::Append && key.ends_with(['3', '6', '9']);
    if many { 2 } else { 1 }
}

/// The rows that belong to these keys and versions, in order.
pub fn list_expected_rows<'a>(done: impl Iterator<Item = (&'a str, u64)>, mode: WriteMode) -> Vec<(String, String)> {
    let mut versions: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (key, version) in done {
        versions.entry(key).or_default().insert(version);
    }
    let mut rows = Vec::new();
    for (key, versions) in versions {
        let kept = if mode == WriteMode::Upsert { versions.len() - 1 } else { 0 };
        for version in versions.into_iter().skip(kept) {
            rows.extend((0..count_rows(key, mode)).map(|part| (key.to_owned(), row_text(key, version, part))));
        }
    }
    rows.sort();
    rows
}
