//! What a run knows of its source as a whole: which record of each key counts, and which keys came more than once.
//!
//! In scope: holding the two ways of knowing it. Out of scope: the judgement itself (`ledger::item::source_survey`), comparing records
//! (`ledger::item::repeated_keys`).

use crate::ledger::item::repeated_keys::{RepeatWatch, RepeatedKeys};
use crate::ledger::item::source_survey::RecordSelector;
use crate::ledger::item::write_mode::ReprocessPolicy;

/// What a run knows of its source as a whole.
#[derive(Debug, Default)]
pub struct RecordSelection {
    /// Where one record of each key counts; known once the source was surveyed.
    pub sieve: Option<RecordSelector>,
    /// Where each version of a key counts.
    pub watch: Option<RepeatWatch>,
    /// What the watch has come to.
    pub repeats: RepeatedKeys,
}

impl RecordSelection {
    /// What is known before the first record of a source that can be read again, or not.
    pub fn new(again: ReprocessPolicy, rereadable: bool) -> Self {
        Self { watch: (again == ReprocessPolicy::EachVersion).then(|| RepeatWatch::new(rereadable)), ..Self::default() }
    }

    /// Keys that came more than once with different content, as far as is known.
    pub fn repeats(&self) -> &RepeatedKeys {
        self.sieve.as_ref().map_or(&self.repeats, RecordSelector::repeats)
    }
}
