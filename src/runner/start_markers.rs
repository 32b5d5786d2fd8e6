//! At most once: an item is marked on the sheet as begun before its steps begin.
//!
//! In scope: items that wait for the commit that marks them, and those that are marked and wait for their steps. Out of scope: what
//! becomes of one whose run vanished (`runner::intake`).

use std::collections::VecDeque;

use crate::ledger::item::item::Item;
use crate::ledger::item::key::{Key, Version};
use crate::ledger::processed::low_watermark::SequenceNumber;
use crate::runner::commit_queue::PendingItem;

/// Items that may be marked at one time: as many are in doubt, at most, when a run vanishes.
pub const MAX_MARKED: usize = 20;
/// An item waits this long for others to be marked with it, in milliseconds.
const GATHER_MS: u64 = 100;

/// A version of a key, as it is marked.
pub type StartMarker = (Key, Version);

/// Items on their way to their steps.
#[derive(Debug, Default)]
pub struct StartMarkers {
    waiting: Vec<(Item, SequenceNumber)>,
    opened_ms: Option<u64>,
    marked: VecDeque<(Item, SequenceNumber)>,
}

impl StartMarkers {
    /// An item is to be marked.
    pub fn push(&mut self, item: Item, place: SequenceNumber, now_ms: u64) {
        self.opened_ms.get_or_insert(now_ms);
        self.waiting.push((item, place));
    }

    /// Items on their way.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.marked.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When those that wait are to be marked; at once where nothing more can join them.
    pub fn due_ms(&self, alone: bool) -> Option<u64> {
        self.opened_ms.map(|opened| if alone { opened } else { opened.saturating_add(GATHER_MS) })
    }

    /// A commit is on the sheet that shows these as begun.
    pub fn shown(&mut self, begun: &[StartMarker]) {
        let is_shown =
            |(item, _): &(Item, SequenceNumber)| begun.iter().any(|(k, v)| *k == item.key && *v == item.version);
        let (shown, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting).into_iter().partition(is_shown);
        self.marked.extend(shown);
        self.opened_ms = self.opened_ms.filter(|_| !left.is_empty());
        self.waiting = left;
    }

    /// The next item whose steps may begin.
    pub fn pop(&mut self) -> Option<(Item, SequenceNumber)> {
        self.marked.pop_front()
    }

    /// Items whose steps have not begun are left to the next run: they are not begun after all.
    pub fn give_up(&mut self) -> Vec<SequenceNumber> {
        self.opened_ms = None;
        let left = self.waiting.drain(..).chain(self.marked.drain(..));
        left.map(|(_, place)| place).collect()
    }
}

/// Whether an item settles one that the sheet shows as begun.
pub fn settles(waiting: &PendingItem, (one, place): &(StartMarker, Option<SequenceNumber>)) -> bool {
    match place {
        Some(place) => *place == waiting.place,
        None => waiting.settled.is_of(&one.0, &one.1),
    }
}
