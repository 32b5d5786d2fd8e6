//! At most once: an item is marked on the sheet as begun before its steps begin.
//!
//! In scope: items that wait for the commit that marks them, and those that are marked and wait for their steps. Out of scope: what
//! becomes of one whose run vanished (`runner::intake`).

use std::collections::VecDeque;

use crate::ledger::cursor::Place;
use crate::ledger::item::Item;
use crate::ledger::key::{Key, Version};
use crate::runner::batch::Waiting;

/// Items that may be marked at one time: as many are in doubt, at most, when a run vanishes.
pub const MAX_MARKED: usize = 20;
/// An item waits this long for others to be marked with it, in milliseconds.
const GATHER_MS: u64 = 100;

/// A version of a key, as it is marked.
pub type Begun = (Key, Version);

/// Items on their way to their steps.
#[derive(Debug, Default)]
pub struct Marks {
    waiting: Vec<(Item, Place)>,
    opened_ms: Option<u64>,
    marked: VecDeque<(Item, Place)>,
}

impl Marks {
    /// An item is to be marked.
    pub fn push(&mut self, item: Item, place: Place, now_ms: u64) {
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
    pub fn shown(&mut self, begun: &[Begun]) {
        let is_shown = |(item, _): &(Item, Place)| begun.iter().any(|(k, v)| *k == item.key && *v == item.version);
        let (shown, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting).into_iter().partition(is_shown);
        self.marked.extend(shown);
        self.opened_ms = self.opened_ms.filter(|_| !left.is_empty());
        self.waiting = left;
    }

    /// The next item whose steps may begin.
    pub fn pop(&mut self) -> Option<(Item, Place)> {
        self.marked.pop_front()
    }

    /// Items whose steps have not begun are left to the next run: they are not begun after all.
    pub fn give_up(&mut self) -> Vec<Place> {
        self.opened_ms = None;
        let left = self.waiting.drain(..).chain(self.marked.drain(..));
        left.map(|(_, place)| place).collect()
    }
}

/// Whether an item settles one that the sheet shows as begun.
pub fn settles(waiting: &Waiting, (one, place): &(Begun, Option<Place>)) -> bool {
    match place {
        Some(place) => *place == waiting.place,
        None => waiting.settled.is_of(&one.0, &one.1),
    }
}
