//! Where each key's row stands in the data tab, as last read. Pure.
//!
//! In scope: the positions, rows that people gave a key that another row has, the last row with a key.
//! Out of scope: reading the tab (`store::load::loader`), and trusting a position: people move rows, so each is a hint, and whoever writes
//! by it has a witness (`store::upsert::undo_log`).

use std::collections::HashSet;

use serde_json::Value;

use crate::ledger::item::key::Fingerprint;
use crate::ledger::state::snapshot::Anomaly;
use crate::store::tabs::parse::text;

/// Doubled keys that are told one by one.
const TOLD: usize = 3;

/// The rows of a tab by key; 12 to 16 bytes a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowIndex {
    rows: Vec<(u64, u32)>,
    last: u32,
    appended: HashSet<u64>,
    doubled: Vec<u32>,
    doubles: usize,
}

/// Reads a key column from the top down.
#[derive(Debug, Default)]
pub struct KeyColumnReader {
    index: RowIndex,
    row: u32,
}

impl KeyColumnReader {
    /// The text of the next row's key cell; the header row is the first one.
    pub fn read(&mut self, key: &str) {
        if self.row > 0 && !key.is_empty() {
            self.index.rows.push((mark(key), self.row));
            self.index.last = self.row;
        }
        self.row += 1;
    }

    /// The next rows of a column that was read by itself.
    pub fn read_column(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            self.read(&row.first().map(text).unwrap_or_default());
        }
    }

    /// Rows without content follow, up to this one (from 0, not within).
    pub fn skip_to(&mut self, row: u32) {
        self.row = self.row.max(row);
    }

    /// The index; of a key's rows the topmost is its row.
    pub fn finish(self) -> RowIndex {
        let mut index = self.index;
        index.rows.sort_unstable();
        let doubled = index.rows.windows(2).filter_map(|pair| match pair {
            [(first, _), (second, row)] if first == second => Some(*row),
            _ => None,
        });
        let mut doubled: Vec<u32> = doubled.collect();
        doubled.sort_unstable();
        index.doubles = doubled.len();
        index.doubled = doubled.iter().take(TOLD).copied().collect();
        index.rows.dedup_by_key(|row| row.0);
        index.rows.shrink_to_fit();
        index
    }
}

impl RowIndex {
    /// The row of a key, from 0.
    pub fn row(&self, key: &str) -> Option<u32> {
        let mark = mark(key);
        let at = self.rows.binary_search_by_key(&mark, |row| row.0).ok()?;
        self.rows.get(at).map(|row| row.1)
    }

    /// The first 64 bits of the fingerprint of each key that has a row.
    pub fn marks(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().map(|row| row.0)
    }

    /// The last row that has a key, from 0; 0, the header's, where none has.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// Rows with these keys were appended since; where they stand is not known.
    pub fn appended<'k>(&mut self, keys: impl Iterator<Item = &'k str>) {
        self.appended.extend(keys.map(mark));
    }

    /// Rows were inserted below the last one with a key.
    pub fn grown(&mut self, rows: u32) {
        self.last = self.last.saturating_add(rows);
    }

    /// Whether this key got a row since the tab was read, so that it has to be read again before the key is written.
    pub fn is_behind(&self, key: &str) -> bool {
        self.appended.contains(&mark(key))
    }

    /// What people should know of keys that stand in several rows.
    pub fn blemishes(&self, tab: &str) -> Vec<Anomaly> {
        let told = self.doubled.iter().map(|row| {
            format!("tab {tab}: row {} has the key of a row above it; only the upper one is kept up to date", row + 1)
        });
        let more = self.doubles.saturating_sub(self.doubled.len());
        let more = (more > 0).then(|| format!("tab {tab}: {more} more rows have a key of a row above them"));
        told.chain(more).map(|message| Anomaly { message, blocking: false }).collect()
    }
}

/// 64 bits of a key: two keys that share them would share a hint, and the witness tells them apart.
fn mark(key: &str) -> u64 {
    Fingerprint::new(key).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(keys: &[&str]) -> RowIndex {
        let mut indexing = KeyColumnReader::default();
        for key in keys {
            indexing.read(key);
        }
        indexing.finish()
    }

    #[test]
    fn a_key_is_found_in_its_topmost_row_and_the_header_is_no_key() {
        let index = index(&["id", "a", "", "b", "a", "id"]);
        assert_eq!([index.row("a"), index.row("b"), index.row("id"), index.row("")], [Some(1), Some(3), Some(5), None]);
        assert_eq!(index.last(), 5);
    }

    #[test]
    fn a_few_doubled_keys_are_named_and_the_others_counted() {
        let index = index(&["id", "a", "a", "a", "b", "b", "a"]);
        let told: Vec<_> = index.blemishes("T").into_iter().map(|blemish| blemish.message).collect();
        assert_eq!(told.len(), 4);
        assert_eq!(told[0], "tab T: row 3 has the key of a row above it; only the upper one is kept up to date");
        assert_eq!(told[3], "tab T: 1 more rows have a key of a row above them");
    }

    #[test]
    fn a_key_that_was_appended_since_is_not_looked_for_where_it_can_not_be() {
        let mut index = index(&["id", "a"]);
        index.appended(["b"].into_iter());
        assert!(index.is_behind("b") && !index.is_behind("a") && index.row("b").is_none());
    }
}
