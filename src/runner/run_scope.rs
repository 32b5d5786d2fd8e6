//! What a run takes: the source, failures, both, or only prepared changes.
//!
//! In scope: which failures are retried, and whether the source is read.
//! Out of scope: reading them in order (`runner::input::input_queue`).

use std::collections::HashSet;

use crate::ledger::items::failure::{FailureState, RequestedAction};
use crate::ledger::items::key::{Fingerprint, Key};
use crate::ledger::processed::prior_failure::PriorFailure;
use crate::ledger::processed::processed_index::ProcessedIndex;

/// Maximum number of failures that one run retries by itself. Requested retries have no limit.
const MAX_FAILURES: usize = 600;

/// What a run takes: whether it reads the source, and which failures it retries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RunScope {
    /// The source, and failures that are open or requested.
    #[default]
    Default,
    /// Neither the source nor any failure.
    None,
    /// Like `None`, for a run that revokes keys: a marker in the state stays until the reprocess is
    /// complete.
    Reprocess,
    /// All failures that are not skipped; of the source only their records.
    FailuresOnly,
    /// These failures; of the source only their records.
    Selected(Vec<Key>, RequestedAction),
}

impl RunScope {
    /// True if the whole source is processed.
    pub fn reads_source(&self) -> bool {
        *self == Self::Default
    }

    /// True if only records of requested failures are taken from the source.
    pub fn filters_source(&self) -> bool {
        matches!(self, Self::FailuresOnly | Self::Selected(_, RequestedAction::Retry))
    }

    /// True if items are processed, not only prepared changes.
    pub fn processes_items(&self) -> bool {
        !matches!(self, Self::None | Self::Reprocess)
    }

    /// Returns the first requested key that has no failure.
    pub fn find_unknown_key(&self, index: &ProcessedIndex) -> Option<&Key> {
        match self {
            Self::Default | Self::None | Self::Reprocess | Self::FailuresOnly => None,
            Self::Selected(keys, _) => keys.iter().find(|key| index.prior_failure(key).is_none()),
        }
    }

    /// Marks the failures to retry or skip in the index, and returns the rows to read.
    pub fn select_failures(&self, index: &mut ProcessedIndex) -> Vec<(Fingerprint, u32)> {
        match self {
            Self::Default => {}
            Self::None | Self::Reprocess => return Vec::new(),
            Self::FailuresOnly => {
                let skipped = index.failures().into_iter().filter(|(_, prior)| is_skipped(prior)).map(|(key, _)| key);
                let skipped: HashSet<_> = skipped.collect();
                index.request_action(RequestedAction::Retry, |key| !skipped.contains(&key));
            }
            Self::Selected(keys, answer) => {
                let wanted: HashSet<_> = keys.iter().map(Key::fingerprint).collect();
                index.request_action(*answer, |key| wanted.contains(&key));
                let these = index.failures().into_iter().filter(|(key, _)| wanted.contains(key));
                return these.map(|(key, prior)| (key, prior.row)).collect();
            }
        }
        let all = index.failures();
        let requested = all.iter().filter(|(_, prior)| prior.requested.is_some() || prior.awaits_answer());
        let open = all.iter().filter(|(key, prior)| {
            let is_chosen = prior.requested.is_some() || prior.awaits_answer();
            let waits = !is_chosen && prior.state == FailureState::Open;
            self.reads_source() && waits && !index.has_fingerprint(*key)
        });
        requested.chain(open.take(MAX_FAILURES)).map(|(key, prior)| (*key, prior.row)).collect()
    }
}

fn is_skipped(prior: &PriorFailure) -> bool {
    prior.state == FailureState::Skipped && prior.requested != Some(RequestedAction::Retry)
}
