//! Selects which records of the source are processed, and collects the report on repeated keys.
//!
//! In scope: one record compared with the others of its key.
//! Out of scope: whether a version is done (`ledger::processed::processed_index`), reading the
//! source twice (`runner::input::source_passes`).

use serde_json::Value;

use crate::ledger::items::failure::{hash_failure, shorten_error};
use crate::ledger::items::item::Position;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::items::record_selection::RecordSelection;
use crate::ledger::items::repeated_keys::{RepeatComparison, RepeatedKeys, hash_content};
use crate::ledger::items::source_survey::{RecordSelector, RecordUse, SourceSurvey};
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::runs::event::Event;
use crate::ledger::values::columns::quote_name;
use crate::ledger::values::version_order::{RankKind, explain_unordered_version};
use crate::runner::queue::commit_queue::PendingItem;
use crate::runner::records::intake::{FailedItem, Intake};
use crate::time::Timestamp;

impl Intake {
    /// Takes the survey of the source: from now on one record of each key counts.
    pub fn use_survey(&mut self, survey: SourceSurvey) {
        let index = &self.index;
        self.selection.selector = Some(survey.into_selector(|fingerprint| index.newest_version(fingerprint)));
    }

    /// Handles the end of the source. Returns what to compare in one more pass.
    pub fn on_source_read(&mut self) -> Option<RepeatComparison> {
        let (comparison, repeats) = self.selection.watch.take()?.end();
        self.selection.repeats = repeats;
        comparison
    }

    /// Takes the result of the comparison.
    pub fn on_compared(&mut self, repeats: RepeatedKeys) {
        self.selection.repeats = repeats;
    }

    /// True if the source did not change between its two passes.
    pub fn is_same_source(&self) -> bool {
        self.selection.selector.as_ref().is_none_or(RecordSelector::matches_survey)
    }

    /// Counts a record without a usable key or version.
    pub(super) fn select_nameless(&mut self) {
        if let Some(selector) = &mut self.selection.selector {
            selector.add_nameless();
        }
    }

    /// Takes a failure of a record whose version has no order. Failures holds one row per key: if
    /// another record of the key has it, this failure is only counted and reported.
    pub(super) fn fail_unordered(
        &mut self,
        failed: FailedItem<'_>,
        sequence: SequenceNumber,
        now: Timestamp,
    ) -> Option<PendingItem> {
        let error_hash = hash_failure(failed.step, &shorten_error(&failed.error));
        let hash = self.index.policy().version_hash(&failed.version);
        if self
            .index
            .prior_failure(&failed.key)
            .is_none_or(|prior| prior.is_recorded(hash, error_hash) || prior.requested.is_some())
        {
            return self.record_failure(failed, sequence, now);
        }
        self.counts.failed += 1;
        self.watermark.settle(sequence);
        let FailedItem { key, step, error, position, .. } = failed;
        (self.events)(Event::ItemFailed { key, position, step: step.to_owned(), error });
        None
    }

    /// True if the record counts. The error is the reason why its version has no order.
    pub(super) fn select_record(
        &mut self,
        key: &Key,
        version: &Version,
        position: &Position,
        body: &Value,
    ) -> Result<bool, String> {
        let RecordSelection { selector, watch, .. } = &mut self.selection;
        if let Some(watch) = watch {
            watch.add(key, version, position, body);
        }
        let sifted = match selector {
            Some(selector) if self.index.policy().accepts(version) => {
                selector.decide(key, version, position, || hash_content(body))
            }
            Some(selector) => {
                selector.add_unordered(key);
                RecordUse::Counts
            }
            None => RecordUse::Counts,
        };
        match (self.explain_missing_order(key, version), sifted) {
            (Some(why), _) => Err(why),
            (None, RecordUse::Unordered(kind)) => Err(explain_unlike_version(version, kind)),
            (None, RecordUse::Counts) => Ok(true),
            (None, RecordUse::Superseded) => Ok(false),
        }
    }

    /// Returns why a version can't be ordered against the done version of its key, if the policy
    /// needs an order.
    pub(super) fn explain_missing_order(&self, key: &Key, version: &Version) -> Option<String> {
        let again = self.index.policy();
        if !again.accepts(version) {
            return Some(explain_unordered_version(&version.0));
        }
        let done = RankKind::from_rank(self.index.newest_version(key.fingerprint()))
            .filter(|_| again == ReprocessPolicy::OnNewer)?;
        (RankKind::from_rank(again.version_hash(version)) != Some(done)).then(|| explain_unlike_version(version, done))
    }
}

fn explain_unlike_version(version: &Version, kind: RankKind) -> String {
    let own = match kind {
        RankKind::Number => RankKind::Timestamp,
        RankKind::Timestamp => RankKind::Number,
    };
    format!(
        "the version {} is {}, and the key's other versions are not: each of them is {}, so that order = \"newer\" can't compare them; \
         give all records one form of version, and use run --force if the form has changed",
        quote_name(&version.0),
        own.as_words(),
        kind.as_words()
    )
}
