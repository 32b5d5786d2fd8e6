//! How a job writes its rows, and when a done key is processed again.
//!
//! In scope: the two settings and their words, and the 64-bit hash of a version under each.
//! Out of scope: storing versions (`ledger::processed::processed_index`), finding a key's row (the
//! store).

use crate::items::key::Version;
use crate::values::version_order::rank_version;

/// The delivery guarantee of outside effects for one version of a key, if a run dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Once or more, with an unchanged idempotency key.
    #[default]
    AtLeastOnce,
    /// Once or never: an item is marked on the sheet before its steps start.
    AtMostOnce,
}

/// How rows are written to the data tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WriteMode {
    /// Below the last row.
    #[default]
    Append,
    /// One row per key: its cells are overwritten if it exists, otherwise the row is appended.
    Upsert,
}

impl WriteMode {
    /// Every mode with its word.
    pub const WORDS: [(&'static str, Self); 2] = [("append", Self::Append), ("upsert", Self::Upsert)];

    /// Returns the word used in job files and in the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Upsert => "upsert",
        }
    }

    /// Parses the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode)
    }
}

/// When an item is processed although its key is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReprocessPolicy {
    /// If this version is not done: each version is done once.
    #[default]
    EachVersion,
    /// If its version differs from the one that was done last.
    OnChange,
    /// If its version is newer than all done ones.
    OnNewer,
}

impl ReprocessPolicy {
    /// The words of the setting `order` in job files.
    pub const WORDS: [(&'static str, Self); 2] = [("any", Self::OnChange), ("newer", Self::OnNewer)];

    /// Returns a 64-bit hash of a version. Under `OnNewer` it grows with the version.
    pub fn version_hash(self, version: &Version) -> u64 {
        match self {
            Self::EachVersion | Self::OnChange => version.hash(),
            Self::OnNewer => rank_version(&version.0).unwrap_or(0),
        }
    }

    /// True if the policy can use the version: `OnNewer` needs a number or a timestamp.
    pub fn accepts(self, version: &Version) -> bool {
        self != Self::OnNewer || rank_version(&version.0).is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Version {
        Version(text.into())
    }

    #[test]
    fn every_mode_reads_back_from_its_word() {
        for (word, mode) in WriteMode::WORDS {
            assert_eq!((mode.as_str(), WriteMode::parse(word)), (word, Some(mode)));
        }
        assert_eq!(WriteMode::parse("mirror"), None);
    }

    #[test]
    fn moments_are_ordered_by_time_and_not_by_spelling() {
        let mark = |text| ReprocessPolicy::OnNewer.version_hash(&version(text));
        assert!(mark("2026-11-26T10:00:00+02:00") < mark("2026-11-26T09:00:00Z"));
        assert_eq!(mark("2026-11-26T10:00:00+01:00"), mark("2026-11-26T09:00:00Z"));
        assert!(mark("-2") < mark("-1") && mark("-1") < mark("0") && mark("9") < mark("10"));
    }

    #[test]
    fn a_version_without_an_order_is_taken_unless_order_matters() {
        for text in ["", "v2", "NaN", "inf", "yesterday"] {
            assert!(
                ReprocessPolicy::OnChange.accepts(&version(text)) && !ReprocessPolicy::OnNewer.accepts(&version(text)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn numbers_are_ordered_as_numbers(a in -1e15_f64..1e15, b in -1e15_f64..1e15) {
            let mark = |n: f64| ReprocessPolicy::OnNewer.version_hash(&version(&n.to_string()));
            prop_assert_eq!(a.partial_cmp(&b), Some(mark(a).cmp(&mark(b))));
        }
    }
}
