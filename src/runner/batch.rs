//! What waits for a commit, and what is under way in one.
//!
//! In scope: gathering settled items up to a bound, cutting a batch, putting things back. Out of scope: when to commit (`runner::pass`).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crate::ledger::commit::{Commit, Settled};
use crate::ledger::cursor::Place;
use crate::ledger::head::HeadId;
use crate::ledger::key::Key;

/// An item that is settled for this run and waits to be written down.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// What is to be written.
    pub settled: Settled,
    /// Its place in the order of the source.
    pub place: Place,
}

/// The queue before the next commit, bounded by weight and rows.
#[derive(Debug)]
pub struct Queue {
    waiting: VecDeque<Waiting>,
    weight: usize,
    max_bytes: usize,
    max_rows: usize,
    opened_ms: Option<u64>,
}

impl Queue {
    /// An empty queue whose batches hold at most so many bytes and rows.
    pub fn new(max_bytes: usize, max_rows: usize) -> Self {
        Self { waiting: VecDeque::new(), weight: 0, max_bytes, max_rows: max_rows.max(1), opened_ms: None }
    }

    /// Adds an item; `now_ms` is monotonic.
    pub fn push(&mut self, waiting: Waiting, now_ms: u64) {
        self.weight += waiting.settled.weight();
        self.opened_ms.get_or_insert(now_ms);
        self.waiting.push_back(waiting);
    }

    /// Puts items back in front.
    pub fn put_back(&mut self, items: Vec<Waiting>, now_ms: u64) {
        for waiting in items.into_iter().rev() {
            self.weight += waiting.settled.weight();
            self.waiting.push_front(waiting);
        }
        self.opened_ms.get_or_insert(now_ms);
    }

    /// Whether a whole batch waits, so that nothing more should be read before a commit.
    pub fn is_full(&self) -> bool {
        self.weight >= self.max_bytes || self.waiting.len() >= self.max_rows
    }

    /// The columns of all rows that wait, as often as they come.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let outputs = self.waiting.iter().filter_map(|waiting| match &waiting.settled {
            Settled::Done { output, .. } => Some(output),
            Settled::Failed(_) => None,
        });
        let rows = outputs.flat_map(|output| output.tables.iter().flat_map(|(_, rows)| rows));
        rows.flat_map(|row| row.cells.iter().map(|(name, _)| name.as_str()))
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
    pub fn cut(&mut self, now_ms: u64) -> Vec<Waiting> {
        let mut batch = Vec::new();
        let mut weight = 0;
        while let Some(next) = self.waiting.front() {
            let more = next.settled.weight();
            if !batch.is_empty() && (weight + more > self.max_bytes || batch.len() >= self.max_rows) {
                break;
            }
            weight += more;
            batch.extend(self.waiting.pop_front());
        }
        self.weight = self.weight.saturating_sub(weight);
        self.opened_ms = (!self.waiting.is_empty()).then_some(now_ms);
        batch
    }

    /// Takes out items whose keys are in `gone`: an earlier draft that held them was applied after all.
    pub fn remove(&mut self, gone: &HashSet<Key>) {
        self.waiting.retain(|waiting| !gone.contains(waiting.settled.key()));
        self.weight = self.waiting.iter().map(|waiting| waiting.settled.weight()).sum();
    }
}

/// Drafts made from the present head, each with the items that it carries: any one of them may turn out to be applied.
#[derive(Debug, Default)]
pub struct Outstanding {
    drafts: Vec<(Arc<Commit>, Vec<Waiting>)>,
}

impl Outstanding {
    /// Notes a draft.
    pub fn note(&mut self, commit: Arc<Commit>, items: Vec<Waiting>) {
        self.drafts.push((commit, items));
    }

    /// The draft of this id was applied: returns it, its items, and the items of the newest draft that it did not hold.
    pub fn applied(&mut self, id: HeadId) -> Option<(Arc<Commit>, Vec<Waiting>, Vec<Waiting>)> {
        let mut drafts = std::mem::take(&mut self.drafts);
        let newest = drafts.last().map(|(commit, items)| (commit.to, items.clone()));
        let at = drafts.iter().position(|(commit, _)| commit.to == id)?;
        let (commit, items) = drafts.swap_remove(at);
        let held: HashSet<&Key> = items.iter().map(|waiting| waiting.settled.key()).collect();
        let left = match newest {
            Some((to, newest)) if to != id => {
                newest.into_iter().filter(|waiting| !held.contains(waiting.settled.key())).collect()
            }
            _ => Vec::new(),
        };
        Some((commit, items, left))
    }

    /// The items of the newest draft, to be drafted again; the draft itself stays noted, for it may still be applied.
    pub fn newest_items(&self) -> Vec<Waiting> {
        self.drafts.last().map(|(_, items)| items.clone()).unwrap_or_default()
    }

    /// Forgets all drafts: a foreign head was loaded, so none of them can be applied any more.
    pub fn clear(&mut self) {
        self.drafts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::cursor::LowWater;
    use crate::ledger::item::Output;
    use crate::ledger::key::Version;

    fn waiting(low: &mut LowWater, key: &str) -> Waiting {
        let key = Key::new(key).expect("a valid key");
        let settled = Settled::Done { key, version: Version::default(), output: Output::default(), closes: None };
        Waiting { settled, place: low.read(None) }
    }

    #[test]
    fn a_batch_is_cut_at_its_bound_and_always_holds_one_item() {
        let mut low = LowWater::default();
        let mut queue = Queue::new(1, 10);
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
        let mut low = LowWater::default();
        let mut queue = Queue::new(1_000_000, 1);
        let back = vec![waiting(&mut low, "a"), waiting(&mut low, "b")];
        queue.push(waiting(&mut low, "c"), 1);
        queue.put_back(back, 2);
        let order: Vec<_> = (0..3).flat_map(|n| queue.cut(n)).map(|w| w.settled.key().to_string()).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }
}
