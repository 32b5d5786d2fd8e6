//! A run's information on its source as a whole: which record of each key counts, and which keys
//! are repeated.
//!
//! In scope: both ways of collecting it. Out of scope: the decision itself
//! (`ledger::items::source_survey`), comparing records (`ledger::items::repeated_keys`).

use crate::items::repeated_keys::{RepeatWatch, RepeatedKeys};
use crate::items::source_survey::RecordSelector;
use crate::items::write_mode::ReprocessPolicy;

/// A run's information on its source as a whole.
#[derive(Debug, Default)]
pub struct RecordSelection {
    /// Set after the survey, if one record of each key counts.
    pub selector: Option<RecordSelector>,
    /// Set if each version of a key counts.
    pub watch: Option<RepeatWatch>,
    /// The result of the watch.
    pub repeats: RepeatedKeys,
}

impl RecordSelection {
    /// Creates it before the first record of a source.
    pub fn new(reprocess_policy: ReprocessPolicy, is_rereadable: bool) -> Self {
        Self {
            watch: (reprocess_policy == ReprocessPolicy::EachVersion).then(|| RepeatWatch::new(is_rereadable)),
            ..Self::default()
        }
    }

    /// Returns the keys found so far that came more than once with different content.
    pub fn repeats(&self) -> &RepeatedKeys {
        self.selector.as_ref().map_or(&self.repeats, RecordSelector::repeats)
    }
}
