//! What the check of rows and keys reports.
//!
//! In scope: the findings, their counts, the ways to repair them. Out of scope: finding them
//! (`app::inspect::fsck`), how they are printed (`cli::commands::maintain::fsck`).

/// A kind of inconsistency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiscrepancyKind {
    /// A done key has no data row.
    Missing,
    /// A key has more data rows than it can have.
    DuplicateRows,
    /// A data row's key is not done.
    UnknownRow,
    /// A key is done twice in the same version, according to Processed.
    ProcessedTwice,
}

impl DiscrepancyKind {
    /// Returns the name, for people and for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::DuplicateRows => "duplicate rows",
            Self::UnknownRow => "unknown rows",
            Self::ProcessedTwice => "processed twice",
        }
    }
}

/// One disagreement between the data tab and `Processed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// The kind of inconsistency.
    pub what: DiscrepancyKind,
    /// The key; `None` if its row was moved before the key could be read.
    pub key: Option<String>,
    /// The tab with the affected rows.
    pub tab: String,
    /// The affected rows, with the header as 1.
    pub rows: Vec<u32>,
}

/// Processed compared with what runs wrote there, by count and checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedRows {
    /// The tab's title.
    pub tab: String,
    /// Rows that runs wrote.
    pub written: u64,
    /// Rows that exist. If the number is the same, the rows differ.
    pub found: u64,
}

/// The result of the check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsckReport {
    /// Keys that are done.
    pub keys: u64,
    /// Data rows with a key.
    pub rows: u64,
    /// Data rows without a key, which no run has written.
    pub keyless: u64,
    /// The difference between Processed and the state, if Processed was edited since the last
    /// commit.
    pub edited: Option<EditedRows>,
    /// The number of findings of each kind.
    pub counts: Vec<(DiscrepancyKind, u64)>,
    /// The first findings of each kind.
    pub findings: Vec<Discrepancy>,
    /// Missing machine tabs that can be recreated.
    pub missing_tabs: Vec<String>,
    /// Messages about manual edits that the loader met.
    pub anomalies: Vec<String>,
}

impl FsckReport {
    /// Returns whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.missing_tabs.is_empty() && self.is_consistent()
    }

    /// Returns whether rows and keys are consistent.
    pub fn is_consistent(&self) -> bool {
        self.edited.is_none() && self.counts.iter().all(|(_, count)| *count == 0)
    }

    /// Returns the number of findings of a kind.
    pub fn count(&self, what: DiscrepancyKind) -> u64 {
        self.counts.iter().find(|(one, _)| *one == what).map_or(0, |(_, count)| *count)
    }
}

/// A way to repair findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Recreate missing machine tabs, empty.
    Tabs,
    /// Revoke keys without a row, so that they are processed again.
    Reprocess,
    /// Record the keys of unknown rows as done.
    Accept,
}

impl Repair {
    /// Returns the name, for people and for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tabs => "tabs",
            Self::Reprocess => "reprocess",
            Self::Accept => "accept",
        }
    }
}
