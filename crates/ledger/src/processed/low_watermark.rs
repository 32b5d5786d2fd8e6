//! The position in the source as a low watermark: it never passes an item that is not settled.
//!
//! In scope: the watermark itself. Out of scope: the meaning of a cursor to a source.

use std::collections::{BTreeMap, HashSet};

/// The low watermark over items in reading order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LowWatermark {
    next: u64,
    open: BTreeMap<u64, PendingSequence>,
    watermark: Option<String>,
    /// Set once an item is left to a later run: nothing after it counts.
    is_stopped: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PendingSequence {
    cursor: Option<String>,
    is_settled: bool,
}

/// An item's position in reading order, used to settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNumber(u64);

impl LowWatermark {
    /// Creates a watermark that starts where an earlier run ended.
    pub fn new(watermark: Option<String>) -> Self {
        Self { watermark, ..Self::default() }
    }

    /// Adds an item. Its cursor, if the source gave one, counts once it and all items before it are
    /// settled.
    pub fn add(&mut self, cursor: Option<String>) -> SequenceNumber {
        let sequence = self.next;
        self.next += 1;
        if !self.is_stopped {
            self.open.insert(sequence, PendingSequence { cursor, is_settled: false });
        }
        SequenceNumber(sequence)
    }

    /// Leaves the item that was added last to a later run: the watermark never passes it, so that
    /// run reads it again. What comes after it is not kept in memory.
    pub fn leave_to_next_run(&mut self, sequence: SequenceNumber) {
        self.is_stopped = self.is_stopped || self.open.contains_key(&sequence.0);
    }

    /// Settles an item: done or in Failures on the store, or skipped.
    pub fn settle(&mut self, sequence: SequenceNumber) {
        if let Some(waiting) = self.open.get_mut(&sequence.0) {
            waiting.is_settled = true;
        }
        while let Some(first) = self.open.first_entry() {
            if !first.get().is_settled {
                break;
            }
            if let Some(cursor) = first.remove().cursor {
                self.watermark = Some(cursor);
            }
        }
    }

    /// Returns the watermark to write if the commit settles these sequence numbers. Does not settle
    /// them: the commit may be refused, and only a part of it drafted again.
    pub fn watermark_after(&self, sequences: &HashSet<SequenceNumber>) -> Option<&str> {
        let settled = self
            .open
            .iter()
            .take_while(|(at, waiting)| waiting.is_settled || sequences.contains(&SequenceNumber(**at)));
        settled.filter_map(|(_, waiting)| waiting.cursor.as_deref()).last().or(self.watermark.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn invariant_8_the_cursor_never_passes_an_unsettled_item(order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle()) {
            let mut low = LowWatermark::default();
            let sequences: Vec<_> = (0..12).map(|n| low.add(Some(n.to_string()))).collect();
            let mut settled = [false; 12];
            for at in order {
                settled[at] = true;
                let unbroken = settled.iter().take_while(|done| **done).count();
                let expected = unbroken.checked_sub(1).map(|n| n.to_string());
                let before = low.clone();
                prop_assert_eq!(low.watermark_after(&HashSet::from([sequences[at]])), expected.as_deref(), "in a draft");
                prop_assert_eq!(&low, &before, "a draft settles nothing");
                low.settle(sequences[at]);
                prop_assert_eq!(low.watermark_after(&HashSet::new()), expected.as_deref(), "on the store");
            }
        }
    }

    #[test]
    fn an_item_that_is_left_stops_the_mark_for_good() {
        let mut low = LowWatermark::new(Some("page 3".into()));
        let [first, left] = ["page 4", "page 5"].map(|page| low.add(Some(page.into())));
        low.leave_to_next_run(left);
        let after: Vec<_> = (6..100).map(|page| low.add(Some(format!("page {page}")))).collect();
        assert_eq!(low.watermark_after(&after.iter().copied().collect()), Some("page 3"));
        for sequence in after {
            low.settle(sequence);
        }
        low.settle(first);
        assert_eq!(low.watermark_after(&HashSet::new()), Some("page 4"));
        assert_eq!(low.open.len(), 1, "what comes after is not kept");
    }

    #[test]
    fn items_without_a_cursor_leave_the_mark_where_it_was() {
        let mut low = LowWatermark::new(Some("page 3".into()));
        let sequence = low.add(None);
        low.settle(sequence);
        assert_eq!(low.watermark_after(&HashSet::new()), Some("page 3"));
    }
}
