//! Results that wait for a commit, and drafts in flight.
//!
//! In scope: the bounded queue of settled items, cutting a batch, putting items back.
//! Out of scope: when to commit (`runner::run_loop`).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::ledger::commit::changes::{Commit, ItemResult};
use crate::ledger::items::item::Position;
use crate::ledger::leases::head::HeadId;
use crate::ledger::processed::low_watermark::SequenceNumber;

/// A settled item that waits for a commit.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingItem {
    /// The result to write.
    pub settled: ItemResult,
    /// Its sequence number in the order of the source, unique within a run.
    pub sequence: SequenceNumber,
    /// The record that it was made from, in case the service refuses the result; `None` for a
    /// failure, which holds it itself.
    pub record: Option<Arc<KeptRecord>>,
}

/// A record whose rows wait for a commit.
#[derive(Debug, PartialEq, Eq)]
pub struct KeptRecord {
    /// The record as JSON.
    pub json: Box<str>,
    /// Its position in the source.
    pub position: Position,
}

impl PendingItem {
    /// Returns the rows that it adds to a batch: data rows, or one row of another tab.
    fn count_rows(&self) -> usize {
        self.settled.count_rows().max(1)
    }

    /// Returns the size of its record in bytes.
    fn record_bytes(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.json.len())
    }
}

/// Returns the sequence numbers of the items.
pub fn collect_sequence_numbers(items: &[PendingItem]) -> HashSet<SequenceNumber> {
    items.iter().map(|waiting| waiting.sequence).collect()
}

/// Bytes of records that may be held beside their results. Beyond that nothing is read before a
/// commit.
const MAX_RECORD_BYTES: usize = 8 << 20;

/// The queue of the next commits, bounded by weight and rows.
#[derive(Debug)]
pub struct CommitQueue {
    waiting: VecDeque<PendingItem>,
    weight: usize,
    rows: usize,
    record_bytes: usize,
    max_bytes: usize,
    max_rows: usize,
    waiting_since_ms: Option<u64>,
}

impl CommitQueue {
    /// Creates an empty queue whose batches hold at most this many bytes and rows.
    pub fn new(max_bytes: usize, max_rows: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            weight: 0,
            rows: 0,
            record_bytes: 0,
            max_bytes,
            max_rows: max_rows.max(1),
            waiting_since_ms: None,
        }
    }

    /// Appends an item; `now_ms` is monotonic.
    pub fn push(&mut self, waiting: PendingItem, now_ms: u64) {
        self.add_size(&waiting);
        self.waiting_since_ms.get_or_insert(now_ms);
        self.waiting.push_back(waiting);
    }

    /// Puts items back in front.
    pub fn put_back(&mut self, items: Vec<PendingItem>, now_ms: u64) {
        for waiting in items.into_iter().rev() {
            self.add_size(&waiting);
            self.waiting.push_front(waiting);
            self.waiting_since_ms.get_or_insert(now_ms);
        }
    }

    /// True if a whole batch is queued, so that nothing more should be read before a commit.
    pub fn is_full(&self) -> bool {
        self.weight >= self.max_bytes || self.rows >= self.max_rows || self.record_bytes >= MAX_RECORD_BYTES
    }

    /// Returns the column names of all queued rows, with repetitions.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().flat_map(|waiting| waiting.settled.columns())
    }

    /// True if nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns since when the queue is not empty, in monotonic milliseconds.
    pub fn waiting_since_ms(&self) -> Option<u64> {
        self.waiting_since_ms
    }

    /// Cuts the next batch: as much as fits, at least one item.
    pub fn cut(&mut self, now_ms: u64) -> Vec<PendingItem> {
        self.cut_at_most(usize::MAX, now_ms)
    }

    /// Cuts the next batch: as many of the first `items` as fit.
    pub fn cut_at_most(&mut self, items: usize, now_ms: u64) -> Vec<PendingItem> {
        let mut batch = Vec::new();
        let (mut weight, mut rows) = (0, 0);
        while let Some(next) = self.waiting.front().filter(|_| batch.len() < items) {
            (weight, rows) = (weight + next.settled.weight(), rows + next.count_rows());
            if !batch.is_empty() && (weight > self.max_bytes || rows > self.max_rows) {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        self.recount_rows();
        self.waiting_since_ms = (!self.waiting.is_empty()).then_some(now_ms);
        batch
    }

    /// Returns all queued items in order.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut PendingItem> {
        self.waiting.iter_mut()
    }

    /// Removes and returns the first item.
    pub fn pop_first(&mut self) -> Option<PendingItem> {
        let first = self.waiting.pop_front();
        self.waiting_since_ms = self.waiting_since_ms.filter(|_| !self.waiting.is_empty());
        self.recount_rows();
        first
    }

    /// Removes and returns the items that match `gone`: they are applied already.
    pub fn remove_matching(&mut self, gone: impl Fn(&PendingItem) -> bool) -> Vec<PendingItem> {
        let (out, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting).into_iter().partition(gone);
        self.waiting = kept.into();
        self.waiting_since_ms = self.waiting_since_ms.filter(|_| !self.waiting.is_empty());
        self.recount_rows();
        out
    }

    fn add_size(&mut self, waiting: &PendingItem) {
        self.weight += waiting.settled.weight();
        self.rows += waiting.count_rows();
        self.record_bytes += waiting.record_bytes();
    }

    fn recount_rows(&mut self) {
        self.weight = self.waiting.iter().map(|waiting| waiting.settled.weight()).sum();
        self.rows = self.waiting.iter().map(PendingItem::count_rows).sum();
        self.record_bytes = self.waiting.iter().map(PendingItem::record_bytes).sum();
    }
}

/// Drafts based on the present head, each with its items. Any one of them may turn out to be
/// applied.
#[derive(Debug, Default)]
pub struct InFlightDrafts {
    drafts: Vec<(Arc<Commit>, Vec<PendingItem>)>,
    was_requeued: bool,
}

impl InFlightDrafts {
    /// Adds a draft.
    pub fn record_draft(&mut self, commit: Arc<Commit>, items: Vec<PendingItem>) {
        self.drafts.push((commit, items));
    }

    /// Takes the applied draft. Returns it, its items, and the items of the newest draft that it
    /// did not carry.
    pub fn take_applied(&mut self, id: HeadId) -> Option<(Arc<Commit>, Vec<PendingItem>, Vec<PendingItem>)> {
        let mut drafts = std::mem::take(&mut self.drafts);
        let newest = drafts.last().map(|(commit, items)| (commit.to, items.clone()));
        let at = drafts.iter().position(|(commit, _)| commit.to == id)?;
        let (commit, items) = drafts.swap_remove(at);
        let held = collect_sequence_numbers(&items);
        let left = match newest {
            Some((to, newest)) if to != id => {
                newest.into_iter().filter(|waiting| !held.contains(&waiting.sequence)).collect()
            }
            _ => Vec::new(),
        };
        Some((commit, items, left))
    }

    /// Returns the items of the newest draft for a redraft. The draft stays, because it may still
    /// be applied.
    pub fn newest_items(&self) -> Vec<PendingItem> {
        self.drafts.last().map(|(_, items)| items.clone()).unwrap_or_default()
    }

    /// Returns the items of the newest draft to the queue. If the draft is applied after all, they
    /// have to be removed again.
    pub fn requeue_newest(&mut self) -> Vec<PendingItem> {
        self.was_requeued = true;
        self.newest_items()
    }

    /// True if items of unsettled drafts were returned to the queue; resets the flag.
    pub fn take_requeued(&mut self) -> bool {
        std::mem::take(&mut self.was_requeued)
    }

    /// Removes all drafts: a foreign head was loaded, so none of them can be applied any more.
    /// Returns the sequence numbers of the items in drafts of commit number `applied_commit`.
    pub fn discard_drafts_and_list_applied(&mut self, applied_commit: Option<u64>) -> HashSet<SequenceNumber> {
        let drafts = std::mem::take(&mut self.drafts);
        let applied = drafts.iter().filter(|(commit, _)| Some(commit.to.commit) == applied_commit);
        applied.flat_map(|(_, items)| collect_sequence_numbers(items)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::items::item::Output;
    use crate::ledger::items::key::{Key, Version};
    use crate::ledger::processed::low_watermark::LowWatermark;

    fn waiting(low: &mut LowWatermark, key: &str) -> PendingItem {
        let key = Key::new(key).expect("a valid key");
        let settled = ItemResult::Done {
            key,
            version: Version::default(),
            may_have_rows: false,
            output: Output::default(),
            closes: None,
        };
        PendingItem { settled, sequence: low.add(None), record: None }
    }

    #[test]
    fn a_batch_is_cut_at_its_bound_and_always_holds_one_item() {
        let mut low = LowWatermark::default();
        let mut queue = CommitQueue::new(1, 10);
        queue.push(waiting(&mut low, "a"), 5);
        queue.push(waiting(&mut low, "b"), 6);
        assert!(queue.is_full());
        assert_eq!(queue.cut(7).len(), 1);
        assert_eq!(queue.waiting_since_ms(), Some(7));
        assert_eq!(queue.cut(8).len(), 1);
        assert!(queue.is_empty() && queue.waiting_since_ms().is_none());
    }

    #[test]
    fn what_is_put_back_comes_first_and_in_order() {
        let mut low = LowWatermark::default();
        let mut queue = CommitQueue::new(1_000_000, 1);
        let back = vec![waiting(&mut low, "a"), waiting(&mut low, "b")];
        queue.push(waiting(&mut low, "c"), 1);
        queue.put_back(back, 2);
        let order: Vec<_> =
            (0..3).flat_map(|n| queue.cut(n)).map(|w| w.settled.key().expect("an item").to_string()).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }
}
