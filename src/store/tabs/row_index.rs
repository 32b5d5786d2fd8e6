//! The row of each key in the data tab, as of the last read. Pure.
//!
//! In scope: the positions, rows with the key of another row, the last row with a key.
//! Out of scope: reading the tab (`store::load::reread`). Users move rows, so each position is only
//! a hint: a write by position carries an undo log (`store::upsert::undo_log`).

use std::collections::HashSet;

use serde_json::Value;

use crate::ledger::items::key::Fingerprint;
use crate::ledger::state::snapshot::Anomaly;
use crate::store::tabs::parse::format_cell;

/// Maximum number of duplicate keys that are reported one by one.
const MAX_LISTED: usize = 3;

/// The rows of a tab by key; 12 to 16 bytes per key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowIndex {
    rows: Vec<(u64, u32)>,
    last: u32,
    appended: HashSet<u64>,
    duplicated: Vec<u32>,
    duplicates: usize,
}

/// Reads a key column from the top down.
#[derive(Debug, Default)]
pub struct KeyColumnReader {
    index: RowIndex,
    row: u32,
}

impl KeyColumnReader {
    /// Takes the text of the next row's key cell. The first row is the header.
    pub fn read(&mut self, key: &str) {
        if self.row > 0 && !key.is_empty() {
            self.index.rows.push((hash_key(key), self.row));
            self.index.last = self.row;
        }
        self.row += 1;
    }

    /// Takes the next rows of a column that was read separately.
    pub fn read_column(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            self.read(&row.first().map(format_cell).unwrap_or_default());
        }
    }

    /// Skips blank rows up to this one (0-based, exclusive).
    pub fn skip_to(&mut self, row: u32) {
        self.row = self.row.max(row);
    }

    /// Returns the index. The topmost row of a key is its row.
    pub fn finish(self) -> RowIndex {
        let mut index = self.index;
        index.rows.sort_unstable();
        let duplicated = index.rows.windows(2).filter_map(|pair| match pair {
            [(first, _), (second, row)] if first == second => Some(*row),
            _ => None,
        });
        let mut duplicated: Vec<u32> = duplicated.collect();
        duplicated.sort_unstable();
        index.duplicates = duplicated.len();
        index.duplicated = duplicated.iter().take(MAX_LISTED).copied().collect();
        index.rows.dedup_by_key(|row| row.0);
        index.rows.shrink_to_fit();
        index
    }
}

impl RowIndex {
    /// The row of a key, 0-based.
    pub fn row(&self, key: &str) -> Option<u32> {
        let mark = hash_key(key);
        let at = self.rows.binary_search_by_key(&mark, |row| row.0).ok()?;
        self.rows.get(at).map(|row| row.1)
    }

    /// The first 64 bits of the fingerprint of each key with a row.
    pub fn key_hashes(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().map(|row| row.0)
    }

    /// The last row with a key, 0-based; 0, the header's, if there is none.
    pub fn last_row(&self) -> u32 {
        self.last
    }

    /// Records appended rows with these keys. Their positions are unknown.
    pub fn on_appended<'k>(&mut self, keys: impl Iterator<Item = &'k str>) {
        self.appended.extend(keys.map(hash_key));
    }

    /// Records rows inserted below the last one with a key.
    pub fn on_inserted(&mut self, rows: u32) {
        self.last = self.last.saturating_add(rows);
    }

    /// Whether this key got a row since the read, so that the tab must be read again before the key
    /// is written.
    pub fn is_behind(&self, key: &str) -> bool {
        self.appended.contains(&hash_key(key))
    }

    /// The anomalies of keys that occur in several rows.
    pub fn anomalies(&self, tab: &str) -> Vec<Anomaly> {
        let messages = self.duplicated.iter().map(|row| {
            format!("tab {tab}: row {} has the key of a row above it; only the upper one is kept up to date", row + 1)
        });
        let more = self.duplicates.saturating_sub(self.duplicated.len());
        let more = (more > 0).then(|| format!("tab {tab}: {more} more rows have a key of a row above them"));
        messages.chain(more).map(|message| Anomaly { message, is_blocking: false }).collect()
    }
}

/// 64 bits of a key. Two keys with the same bits share a hint, and the undo log distinguishes them.
fn hash_key(key: &str) -> u64 {
    Fingerprint::new(key).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(keys: &[&str]) -> RowIndex {
        let mut key_reader = KeyColumnReader::default();
        for key in keys {
            key_reader.read(key);
        }
        key_reader.finish()
    }

    #[test]
    fn a_key_is_found_in_its_topmost_row_and_the_header_is_no_key() {
        let index = index(&["id", "a", "", "b", "a", "id"]);
        assert_eq!([index.row("a"), index.row("b"), index.row("id"), index.row("")], [Some(1), Some(3), Some(5), None]);
        assert_eq!(index.last_row(), 5);
    }

    #[test]
    fn a_few_doubled_keys_are_named_and_the_others_counted() {
        let index = index(&["id", "a", "a", "a", "b", "b", "a"]);
        let messages: Vec<_> = index.anomalies("T").into_iter().map(|anomaly| anomaly.message).collect();
        assert_eq!(messages.len(), 4);
        assert_eq!(messages[0], "tab T: row 3 has the key of a row above it; only the upper one is kept up to date");
        assert_eq!(messages[3], "tab T: 1 more rows have a key of a row above them");
    }

    #[test]
    fn a_key_appended_since_is_not_sought_where_it_can_not_be() {
        let mut index = index(&["id", "a"]);
        index.on_appended(["b"].into_iter());
        assert!(index.is_behind("b") && !index.is_behind("a") && index.row("b").is_none());
    }
}
