//! What waits for a commit, and what is under way in one.
//!
//! In scope: gathering settled items up to a bound, cutting a batch, putting things back. Out of scope: when to commit (`runner::run_loop`).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::ledger::commit::changes::{Commit, ItemResult};
use crate::ledger::item::item::Position;
use crate::ledger::lease::head::HeadId;
use crate::ledger::processed::low_watermark::SequenceNumber;

/// An item that is settled for this run and waits to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingItem {
    /// What is to be written.
    pub settled: ItemResult,
    /// Its place in the order of the source; no two items of a run share one.
    pub place: SequenceNumber,
    /// The record that it came from, should the service refuse what was made of it; none of a failure, which has it.
    pub record: Option<Arc<KeptRecord>>,
}

/// A record whose rows wait for a commit.
#[derive(Debug, PartialEq, Eq)]
pub struct KeptRecord {
    /// As JSON.
    pub json: Box<str>,
    /// Where it stood in the source.
    pub position: Position,
}

impl PendingItem {
    /// Rows that it takes up in a batch: those of data, or the one that tells of it.
    fn rows(&self) -> usize {
        self.settled.rows().max(1)
    }

    /// Bytes of the record that it came from.
    fn held(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.json.len())
    }
}

/// The places of items.
pub fn places(items: &[PendingItem]) -> HashSet<SequenceNumber> {
    items.iter().map(|waiting| waiting.place).collect()
}

/// Bytes of records that wait beside what was made of them; beyond that nothing more is read before a commit.
const MAX_HELD: usize = 8 << 20;

/// The queue before the next commit, bounded by weight and rows.
#[derive(Debug)]
pub struct CommitQueue {
    waiting: VecDeque<PendingItem>,
    weight: usize,
    rows: usize,
    held: usize,
    max_bytes: usize,
    max_rows: usize,
    opened_ms: Option<u64>,
}

impl CommitQueue {
    /// An empty queue whose batches hold at most so many bytes and rows.
    pub fn new(max_bytes: usize, max_rows: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            weight: 0,
            rows: 0,
            held: 0,
            max_bytes,
            max_rows: max_rows.max(1),
            opened_ms: None,
        }
    }

    /// Adds an item; `now_ms` is monotonic.
    pub fn push(&mut self, waiting: PendingItem, now_ms: u64) {
        self.measure(&waiting);
        self.opened_ms.get_or_insert(now_ms);
        self.waiting.push_back(waiting);
    }

    /// Puts items back in front.
    pub fn put_back(&mut self, items: Vec<PendingItem>, now_ms: u64) {
        for waiting in items.into_iter().rev() {
            self.measure(&waiting);
            self.waiting.push_front(waiting);
            self.opened_ms.get_or_insert(now_ms);
        }
    }

    /// Whether a whole batch waits, so that nothing more should be read before a commit.
    pub fn is_full(&self) -> bool {
        self.weight >= self.max_bytes || self.rows >= self.max_rows || self.held >= MAX_HELD
    }

    /// The columns of all rows that wait, as often as they come.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().flat_map(|waiting| waiting.settled.columns())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Since when something waits, monotonic milliseconds.
    pub fn opened_ms(&self) -> Option<u64> {
        self.opened_ms
    }

    /// Cuts the next batch: as much as fits, at least one item.
    pub fn cut(&mut self, now_ms: u64) -> Vec<PendingItem> {
        self.cut_at_most(usize::MAX, now_ms)
    }

    /// Cuts the next batch: as much as fits of the first `items`.
    pub fn cut_at_most(&mut self, items: usize, now_ms: u64) -> Vec<PendingItem> {
        let mut batch = Vec::new();
        let (mut weight, mut rows) = (0, 0);
        while let Some(next) = self.waiting.front().filter(|_| batch.len() < items) {
            (weight, rows) = (weight + next.settled.weight(), rows + next.rows());
            if !batch.is_empty() && (weight > self.max_bytes || rows > self.max_rows) {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        self.measure_all();
        self.opened_ms = (!self.waiting.is_empty()).then_some(now_ms);
        batch
    }

    /// Everything that waits, in order.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut PendingItem> {
        self.waiting.iter_mut()
    }

    /// Takes out the first item.
    pub fn take_first(&mut self) -> Option<PendingItem> {
        let first = self.waiting.pop_front();
        self.opened_ms = self.opened_ms.filter(|_| !self.waiting.is_empty());
        self.measure_all();
        first
    }

    /// Takes out the items of which `gone` is true: they are on the store already.
    pub fn take_out(&mut self, gone: impl Fn(&PendingItem) -> bool) -> Vec<PendingItem> {
        let (out, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting).into_iter().partition(gone);
        self.waiting = kept.into();
        self.opened_ms = self.opened_ms.filter(|_| !self.waiting.is_empty());
        self.measure_all();
        out
    }

    fn measure(&mut self, waiting: &PendingItem) {
        self.weight += waiting.settled.weight();
        self.rows += waiting.rows();
        self.held += waiting.held();
    }

    fn measure_all(&mut self) {
        self.weight = self.waiting.iter().map(|waiting| waiting.settled.weight()).sum();
        self.rows = self.waiting.iter().map(PendingItem::rows).sum();
        self.held = self.waiting.iter().map(PendingItem::held).sum();
    }
}

/// Drafts made from the present head, each with the items that it carries: any one of them may turn out to be applied.
#[derive(Debug, Default)]
pub struct InFlight {
    drafts: Vec<(Arc<Commit>, Vec<PendingItem>)>,
    returned: bool,
}

impl InFlight {
    /// Notes a draft.
    pub fn note(&mut self, commit: Arc<Commit>, items: Vec<PendingItem>) {
        self.drafts.push((commit, items));
    }

    /// The draft of this id was applied: returns it, its items, and the items of the newest draft that it did not hold.
    pub fn applied(&mut self, id: HeadId) -> Option<(Arc<Commit>, Vec<PendingItem>, Vec<PendingItem>)> {
        let mut drafts = std::mem::take(&mut self.drafts);
        let newest = drafts.last().map(|(commit, items)| (commit.to, items.clone()));
        let at = drafts.iter().position(|(commit, _)| commit.to == id)?;
        let (commit, items) = drafts.swap_remove(at);
        let held = places(&items);
        let left = match newest {
            Some((to, newest)) if to != id => {
                newest.into_iter().filter(|waiting| !held.contains(&waiting.place)).collect()
            }
            _ => Vec::new(),
        };
        Some((commit, items, left))
    }

    /// The items of the newest draft, to be drafted again; the draft itself stays noted, for it may still be applied.
    pub fn newest_items(&self) -> Vec<PendingItem> {
        self.drafts.last().map(|(_, items)| items.clone()).unwrap_or_default()
    }

    /// The items of the newest draft, to wait once more; it may still be applied, and then they have to be taken out again.
    pub fn return_newest(&mut self) -> Vec<PendingItem> {
        self.returned = true;
        self.newest_items()
    }

    /// Whether items of drafts that were not settled then wait once more; asked when one was applied.
    pub fn take_returned(&mut self) -> bool {
        std::mem::take(&mut self.returned)
    }

    /// Forgets all drafts: a foreign head was loaded, so none of them can be applied any more. The places of the items of those that
    /// were to be commit number `landed`.
    pub fn clear(&mut self, landed: Option<u64>) -> HashSet<SequenceNumber> {
        let drafts = std::mem::take(&mut self.drafts);
        let landed = drafts.iter().filter(|(commit, _)| Some(commit.to.commit) == landed);
        landed.flat_map(|(_, items)| places(items)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::item::item::Output;
    use crate::ledger::item::key::{Key, Version};
    use crate::ledger::processed::low_watermark::LowWatermark;

    fn waiting(low: &mut LowWatermark, key: &str) -> PendingItem {
        let key = Key::new(key).expect("a valid key");
        let settled = ItemResult::Done {
            key,
            version: Version::default(),
            known: false,
            output: Output::default(),
            closes: None,
        };
        PendingItem { settled, place: low.read(None), record: None }
    }

    #[test]
    fn a_batch_is_cut_at_its_bound_and_always_holds_one_item() {
        let mut low = LowWatermark::default();
        let mut queue = CommitQueue::new(1, 10);
        queue.push(waiting(&mut low, "a"), 5);
        queue.push(waiting(&mut low, "b"), 6);
        assert!(queue.is_full());
        assert_eq!(queue.cut(7).len(), 1);
        assert_eq!(queue.opened_ms(), Some(7));
        assert_eq!(queue.cut(8).len(), 1);
        assert!(queue.is_empty() && queue.opened_ms().is_none());
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
