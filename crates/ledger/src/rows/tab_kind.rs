//! The kinds of tabs of a job, the words for them on the sheet, and the titles of its own tabs.

/// The kinds of tabs that a job has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TabKind {
    /// The tab of processed keys.
    Processed,
    /// The tab of failures.
    Failures,
    /// The tab of runs.
    Runs,
    /// A data tab.
    Data,
}

impl TabKind {
    /// Every kind, in the order of their headers in the undo log of a deletion.
    pub const ALL: [Self; 4] = [Self::Processed, Self::Failures, Self::Runs, Self::Data];

    /// Returns the word that is stored on the sheet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Failures => "failures",
            Self::Runs => "runs",
            Self::Data => "data",
        }
    }

    /// Parses the stored word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The title of the job's Processed tab.
pub fn name_processed_tab(job: &str) -> String {
    format!("Processed {job}")
}

/// The title of the job's Failures tab.
pub fn name_failures_tab(job: &str) -> String {
    format!("Failures {job}")
}
