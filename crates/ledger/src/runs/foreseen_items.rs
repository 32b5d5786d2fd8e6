//! The items that a run will process, as its forecast found them: 8 bytes an item.
//!
//! A file that is overwritten between the forecast and the run may hold the same keys with other
//! contents. So the run asks of each change whether the forecast saw it, with this version.

use crate::runs::held_changes::ChangeHash;

/// Keys with the versions to which they go, while they are collected.
#[derive(Debug, Default)]
pub struct ItemsInView {
    hashes: Vec<u64>,
}

/// The items that a forecast saw, once all are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForeseenItems {
    hashes: Vec<u64>,
}

impl ItemsInView {
    /// Adds an item.
    pub fn add(&mut self, item: ChangeHash) {
        self.hashes.push(item.prefix());
    }

    /// Returns the items as a set.
    pub fn into_set(mut self) -> ForeseenItems {
        self.hashes.sort_unstable();
        self.hashes.shrink_to_fit();
        ForeseenItems { hashes: self.hashes }
    }
}

impl ForeseenItems {
    /// Returns whether the forecast saw this item. Of a million items, one in 10^13 others counts as
    /// seen by chance.
    pub fn contains(&self, item: ChangeHash) -> bool {
        self.hashes.binary_search(&item.prefix()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::key::Fingerprint;

    #[test]
    fn a_key_is_foreseen_in_the_version_that_was_read() {
        let item = |key, version| ChangeHash::new(Fingerprint(key, 0), version);
        let mut view = ItemsInView::default();
        for seen in [item(3, 1), item(1, 1), item(2, 7)] {
            view.add(seen);
        }
        let foreseen = view.into_set();
        assert!([item(1, 1), item(2, 7), item(3, 1)].into_iter().all(|item| foreseen.contains(item)));
        assert!(![item(1, 2), item(4, 1), item(2, 1)].into_iter().any(|item| foreseen.contains(item)));
    }
}
