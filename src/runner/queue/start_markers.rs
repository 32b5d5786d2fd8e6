//! At-most-once delivery: an item is marked on the sheet as begun before its steps start.
//!
//! In scope: items that wait for the commit that marks them, and marked items that wait for their
//! steps.
//! Out of scope: items of a run that vanished (`runner::records::in_doubt`).

use std::collections::VecDeque;

use crate::ledger::items::failure::Failure;
use crate::ledger::items::item::Item;
use crate::ledger::items::key::{Key, Version};
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::runner::queue::commit_queue::PendingItem;

/// Items that may be marked at one time. If a run vanishes, at most this many are in doubt.
pub const MAX_MARKED: usize = 20;
/// How long an item waits for others to be marked with it, in milliseconds.
const GATHER_MS: u64 = 100;

/// The version of a key, as it is marked.
pub type StartMarker = (Key, Version);

/// Items before their steps.
#[derive(Debug, Default)]
pub struct StartMarkers {
    waiting: Vec<(Item, SequenceNumber)>,
    opened_ms: Option<u64>,
    marked: VecDeque<(Item, SequenceNumber)>,
}

impl StartMarkers {
    /// Adds an item to be marked.
    pub fn push(&mut self, item: Item, sequence: SequenceNumber, now_ms: u64) {
        self.opened_ms.get_or_insert(now_ms);
        self.waiting.push((item, sequence));
    }

    /// Returns the number of items that wait for a mark or for their steps.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.marked.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns when the waiting items have to be marked; immediately if no others can join.
    pub fn due_ms(&self, is_alone: bool) -> Option<u64> {
        self.opened_ms.map(|opened| if is_alone { opened } else { opened.saturating_add(GATHER_MS) })
    }

    /// Moves the items that a commit shows as begun to the marked ones.
    pub fn record_begun(&mut self, begun: &[StartMarker]) {
        let is_shown =
            |(item, _): &(Item, SequenceNumber)| begun.iter().any(|(k, v)| *k == item.key && *v == item.version);
        let (shown, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting).into_iter().partition(is_shown);
        self.marked.extend(shown);
        self.opened_ms = self.opened_ms.filter(|_| !left.is_empty());
        self.waiting = left;
    }

    /// Returns the next item whose steps may start.
    pub fn pop_begun(&mut self) -> Option<(Item, SequenceNumber)> {
        self.marked.pop_front()
    }

    /// Removes all items, whose steps have not started. The next run takes them.
    pub fn give_up(&mut self) -> Vec<SequenceNumber> {
        self.opened_ms = None;
        let left = self.waiting.drain(..).chain(self.marked.drain(..));
        left.map(|(_, sequence)| sequence).collect()
    }
}

/// True if a result settles this marked item.
pub fn settles_marker(waiting: &PendingItem, (one, sequence): &(StartMarker, Option<SequenceNumber>)) -> bool {
    if let Some(sequence) = sequence {
        return *sequence == waiting.sequence;
    }
    let is_only_answer = waiting.settled.failure().is_some_and(Failure::is_only_answer);
    !is_only_answer && waiting.settled.is_of(&one.0, &one.1)
}
