//! Items shown as begun on the sheet, and items of an earlier run with unknown outcome.
//!
//! In scope: which items the next commit shows as begun, and how a doubt is reported.
//! Out of scope: when their steps start (`runner::queue::start_markers`).

use crate::ledger::commit::changes::ItemResult;
use crate::ledger::items::failure::IN_DOUBT as DELIVERY;
use crate::ledger::items::item::Item;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::runner::queue::commit_queue::PendingItem;
use crate::runner::queue::start_markers::{StartMarker, settles_marker};
use crate::runner::records::intake::{FailedItem, Intake};
use crate::time::Timestamp;

/// The error text of an item that was begun at most once.
const IN_DOUBT: &str = "in doubt: an earlier run began it, or was about to, and ended without a result. See whether it \
                        happened; then write retry, to do it, or skip";

impl Intake {
    /// Adds an item to be marked as begun.
    pub fn mark_begun(&mut self, item: &Item, sequence: SequenceNumber) {
        self.begun.push(((item.key.clone(), item.version.clone()), Some(sequence)));
    }

    /// Returns the items that the sheet shows as begun after a commit of these items.
    pub fn list_begun(&self, items: &[PendingItem]) -> Vec<StartMarker> {
        let open = self.begun.iter().filter(|one| !items.iter().any(|waiting| settles_marker(waiting, one)));
        open.map(|(one, _)| one.clone()).collect()
    }

    /// Removes items that were not begun after all, or had no result.
    pub fn unmark_begun(&mut self, sequences: &[SequenceNumber]) {
        self.begun.retain(|(_, sequence)| sequence.is_none_or(|sequence| !sequences.contains(&sequence)));
    }

    /// True if an earlier run had begun the item, and its outcome is unknown.
    pub fn is_in_doubt(&self, key: &Key, version: &Version) -> bool {
        self.in_doubt.iter().any(|(k, v)| (k, v) == (key, version))
    }

    /// Removes a doubt: the result of an earlier run settles it.
    pub fn clear_doubt(&mut self, key: &str, version: &str) {
        self.in_doubt.retain(|(k, v)| k.as_str() != key || v.0 != version);
    }

    /// Reports the doubts about items that the source does not yield.
    pub fn report_remaining_doubts(&mut self, now: Timestamp) -> Vec<PendingItem> {
        let doubts = std::mem::take(&mut self.in_doubt);
        let failures = doubts.into_iter().filter_map(|(key, version)| {
            if self.index.is_done(&key, &version) {
                self.begun.retain(|((k, v), _)| (k, v) != (&key, &version));
                return None;
            }
            self.counts.read += 1;
            let sequence = self.watermark.add(None);
            self.index.admit(&key, &version);
            self.fail_in_doubt(key, version, None, "not seen again".to_owned(), sequence, now)
        });
        failures.collect()
    }

    /// Reports an item that an earlier run had begun at most once: the user has to find out whether
    /// it happened.
    pub(super) fn fail_in_doubt(
        &mut self,
        key: Key,
        version: Version,
        record: Option<&[u8]>,
        position: String,
        sequence: SequenceNumber,
        now: Timestamp,
    ) -> Option<PendingItem> {
        let error = IN_DOUBT.to_owned();
        let limit = std::mem::replace(&mut self.max_attempts, 1);
        let record_or_none = record.unwrap_or_default();
        let waiting = self.record_failure(
            FailedItem { key, version, step: DELIVERY, error, record: record_or_none, position },
            sequence,
            now,
        );
        self.max_attempts = limit;
        waiting.map(|mut waiting| {
            if let (None, ItemResult::Failed(failure)) = (record, &mut waiting.settled) {
                (failure.payload, failure.has_whole_record) =
                    (vec!["the source does not yield it any more".to_owned()], false);
            }
            waiting
        })
    }
}
