//! Selects which records of the source are processed, and collects the report on repeated keys.
//!
//! In scope: one record compared with the others of its key.
//! Out of scope: whether a version is done (`ledger::processed::processed_index`), reading the
//! source twice (`runner::source_passes`).

use serde_json::Value;

use crate::ledger::columns::columns::quote;
use crate::ledger::columns::version_order::{RankKind, why_unordered};
use crate::ledger::item::failure::{failure_mark, shortened};
use crate::ledger::item::item::Position;
use crate::ledger::item::key::{Key, Version};
use crate::ledger::item::record_selection::RecordSelection;
use crate::ledger::item::repeated_keys::{Comparison, RepeatedKeys, content_mark};
use crate::ledger::item::source_survey::{RecordSelector, RecordUse, SourceSurvey};
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::ledger::run::event::Event;
use crate::runner::commit_queue::PendingItem;
use crate::runner::intake::{Failed, Intake};
use crate::time::Timestamp;

impl Intake {
    /// Takes the survey of the source: from now on one record of each key counts.
    pub fn sift_by(&mut self, survey: SourceSurvey) {
        let book = &self.book;
        self.sifting.sieve = Some(survey.sieve(|print| book.newest(print)));
    }

    /// Handles the end of the source. Returns what to compare in one more pass.
    pub fn source_read(&mut self) -> Option<Comparison> {
        let (comparison, repeats) = self.sifting.watch.take()?.end();
        self.sifting.repeats = repeats;
        comparison
    }

    /// Takes the result of the comparison.
    pub fn compared(&mut self, repeats: RepeatedKeys) {
        self.sifting.repeats = repeats;
    }

    /// True if the source did not change between its two passes.
    pub fn source_is_same(&self) -> bool {
        self.sifting.sieve.as_ref().is_none_or(RecordSelector::is_same)
    }

    /// Counts a record without a usable key or version.
    pub(super) fn sift_nameless(&mut self) {
        if let Some(sieve) = &mut self.sifting.sieve {
            sieve.see_nameless();
        }
    }

    /// Takes a failure of a record whose version has no order. Failures holds one row per key: if
    /// another record of the key has it, this failure is only counted and reported.
    pub(super) fn fail_unordered(
        &mut self,
        failed: Failed<'_>,
        place: SequenceNumber,
        now: Timestamp,
    ) -> Option<PendingItem> {
        let told = failure_mark(failed.step, &shortened(&failed.error));
        let mark = self.book.again().mark(&failed.version);
        if self.book.tried(&failed.key).is_none_or(|tried| tried.tells(mark, told) || tried.asked.is_some()) {
            return self.fail(failed, place, now);
        }
        self.counts.failed += 1;
        self.low.settle(place);
        let Failed { key, step, error, position, .. } = failed;
        (self.events)(Event::ItemFailed { key, place: position, step: step.to_owned(), error });
        None
    }

    /// True if the record counts. The error is the reason why its version has no order.
    pub(super) fn sift(
        &mut self,
        key: &Key,
        version: &Version,
        place: &Position,
        body: &Value,
    ) -> Result<bool, String> {
        let RecordSelection { sieve, watch, .. } = &mut self.sifting;
        if let Some(watch) = watch {
            watch.see(key, version, place, body);
        }
        let sifted = match sieve {
            Some(sieve) if self.book.again().takes(version) => sieve.judge(key, version, place, || content_mark(body)),
            Some(sieve) => {
                sieve.see_unordered(key);
                RecordUse::Counts
            }
            None => RecordUse::Counts,
        };
        match (self.unordered(key, version), sifted) {
            (Some(why), _) => Err(why),
            (None, RecordUse::Unordered(kind)) => Err(unlike(version, kind)),
            (None, RecordUse::Counts) => Ok(true),
            (None, RecordUse::Passed) => Ok(false),
        }
    }

    /// Returns why a version can't be ordered against the done version of its key, if the policy
    /// needs an order.
    pub(super) fn unordered(&self, key: &Key, version: &Version) -> Option<String> {
        let again = self.book.again();
        if !again.takes(version) {
            return Some(why_unordered(&version.0));
        }
        let done = RankKind::of(self.book.newest(key.fingerprint())).filter(|_| again == ReprocessPolicy::OnNewer)?;
        (RankKind::of(again.mark(version)) != Some(done)).then(|| unlike(version, done))
    }
}

fn unlike(version: &Version, kind: RankKind) -> String {
    let own = match kind {
        RankKind::Number => RankKind::Moment,
        RankKind::Moment => RankKind::Number,
    };
    format!(
        "the version {} is {}, and the key's other versions are not: each of them is {}, so that order = \"newer\" can't compare them; \
         give all records one form of version, and use run --force if the form has changed",
        quote(&version.0),
        own.words(),
        kind.words()
    )
}
