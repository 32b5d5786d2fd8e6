//! Content fingerprints that identify rows without a unique key. Pure.
//!
//! In scope: taking a fingerprint, comparing a row with it, its text form.
//! Out of scope: finding rows (`store::upsert::repair::location::rows`).
//!
//! A fingerprint covers constants only. The result of a formula may change by itself, and differs
//! in a copied row.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::ledger::items::key::hash_texts;
use crate::store::tabs::column_map::ColumnMap;
use crate::store::tabs::parse::format_cell;

/// Maximum length of a fingerprint's text. The service accepts 50,000 characters per cell.
const MAX_CHARS: usize = 45_000;

/// The contents of a row, column by column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowFingerprint {
    /// Hashes of the cells that are not blank.
    cells: BTreeMap<usize, u64>,
    /// Columns that the fingerprint does not cover.
    skipped: BTreeSet<usize>,
    /// The first of the columns at the end that it does not cover.
    end: Option<usize>,
}

/// The comparison of a row with a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FingerprintMatch {
    /// Cells with equal contents.
    pub equal: usize,
    /// Cells with other contents, including those that are blank in the fingerprint.
    pub different: usize,
}

impl FingerprintMatch {
    /// Whether all covered cells are equal.
    pub fn is_exact(self) -> bool {
        self.different == 0
    }

    /// Whether more cells are equal than different.
    pub fn is_close(self) -> bool {
        self.equal > self.different
    }

    /// A score that is higher for a better match.
    pub fn compute_score(self) -> i64 {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        count(self.equal) - count(self.different)
    }
}

impl RowFingerprint {
    /// The hashes of its cells, by column.
    pub fn hashes(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.cells.iter().map(|(at, hash)| (*at, *hash))
    }

    /// The hash of a column's cell; `None` if the cell is blank or not covered.
    pub fn hash_at(&self, column: usize) -> Option<u64> {
        self.cells.get(&column).copied()
    }

    /// Takes the fingerprint of a row without the columns for which `is_skipped` is true.
    pub fn new(row: &[Value], is_skipped: impl Fn(usize) -> bool) -> Self {
        let mut fingerprint = Self::default();
        for (at, cell) in row.iter().enumerate() {
            if is_skipped(at) {
                fingerprint.skipped.insert(at);
            } else if let Some(hash) = hash_contents(cell) {
                fingerprint.cells.insert(at, hash);
            }
        }
        fingerprint
    }

    /// Whether it covers a column, also as blank.
    pub fn is_covered(&self, column: usize) -> bool {
        !self.skipped.contains(&column) && self.end.is_none_or(|end| column < end)
    }

    /// The columns that it leaves out: their cells were computed.
    pub fn skipped_columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.skipped.iter().copied()
    }

    /// Whether it covers no cell with contents.
    pub fn is_blank(&self) -> bool {
        self.cells.is_empty()
    }

    /// The fingerprint after a write of this cell.
    #[must_use]
    pub fn with_cell(mut self, column: usize, cell: &Value) -> Self {
        self.skipped.remove(&column);
        match hash_contents(cell) {
            Some(hash) => self.cells.insert(column, hash),
            None => self.cells.remove(&column),
        };
        self
    }

    /// Maps the fingerprint to current columns; `width` is the number of columns there. It does not
    /// cover new columns.
    #[must_use]
    pub fn map_to(&self, map: &ColumnMap, width: usize) -> Self {
        let cells = self.cells.iter().filter_map(|(at, hash)| Some((map.get(*at)?, *hash))).collect();
        let covers = |at: &usize| {
            let origin = map.find_origin(*at);
            origin.is_some_and(|at| !self.skipped.contains(&at) && self.end.is_none_or(|end| at < end))
        };
        let skipped = (0..width).filter(|at| !covers(at)).collect();
        Self { cells, skipped, end: self.end.map(|end| end.max(width)) }
    }

    /// Compares a row with it, without the columns for which `is_skipped` is true.
    pub fn compare(&self, row: &[Value], is_skipped: impl Fn(usize) -> bool) -> FingerprintMatch {
        let mut likeness = FingerprintMatch::default();
        let covers = |at: usize| !self.skipped.contains(&at) && self.end.is_none_or(|end| at < end) && !is_skipped(at);
        for (at, hash) in self.cells.iter().filter(|(at, _)| covers(**at)) {
            if row.get(*at).and_then(hash_contents) == Some(*hash) {
                likeness.equal += 1;
            } else {
                likeness.different += 1;
            }
        }
        let more = row.iter().enumerate().filter(|(at, _)| !self.cells.contains_key(at) && covers(*at));
        likeness.different += more.filter(|(_, cell)| hash_contents(cell).is_some()).count();
        likeness
    }

    /// Formats it as text that `read` parses. The text of a very wide row covers only its first
    /// cells.
    pub fn to_text(&self) -> String {
        let cells = self.cells.iter().map(|(at, hash)| (*at, format!("{at}:{hash:012x} ")));
        let mut parts: Vec<_> = cells.chain(self.skipped.iter().map(|at| (*at, format!("{at}? ")))).collect();
        parts.sort_unstable();
        let (mut out, mut end) = (String::new(), self.end);
        for (at, part) in parts.into_iter().take_while(|(at, _)| self.end.is_none_or(|end| *at < end)) {
            if out.len() > MAX_CHARS {
                end = Some(at);
                break;
            }
            out.push_str(&part);
        }
        out.extend(end.map(|end| format!("{end}…")));
        out.trim_end().to_owned()
    }

    /// Parses the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fingerprint = Self::default();
        for part in text.split_whitespace() {
            if let Some((at, hash)) = part.split_once(':') {
                fingerprint.cells.insert(at.parse().ok()?, u64::from_str_radix(hash, 16).ok()?);
            } else if let Some(at) = part.strip_suffix('?') {
                fingerprint.skipped.insert(at.parse().ok()?);
            } else {
                fingerprint.end = Some(part.strip_suffix('…')?.parse().ok()?);
            }
        }
        Some(fingerprint)
    }
}

/// The hash of a cell's contents; `None` for a blank cell.
pub fn hash_contents(cell: &Value) -> Option<u64> {
    let text = format_cell(cell);
    if text.is_empty() {
        return None;
    }
    let digest = hash_texts(&[&text]);
    Some(digest.iter().take(6).fold(0, |hash, byte| hash << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(cells: &Value) -> Vec<Value> {
        cells.as_array().cloned().unwrap_or_default()
    }

    fn is_never(_: usize) -> bool {
        false
    }

    #[test]
    fn a_fingerprint_reads_back_and_identifies_its_row() {
        let fingerprint = RowFingerprint::new(&row(&json!(["", 10, "note", "=x"])), |at| at == 3);
        assert_eq!(RowFingerprint::parse(&fingerprint.to_text()), Some(fingerprint.clone()));
        assert!(fingerprint.compare(&row(&json!(["", 10, "note", "other"])), is_never).is_exact());
        assert_eq!(
            fingerprint.compare(&row(&json!(["k", 10, "note"])), is_never),
            FingerprintMatch { equal: 2, different: 1 },
            "more than it had"
        );
        assert_eq!(
            fingerprint.compare(&row(&json!(["", 11, "note"])), is_never),
            FingerprintMatch { equal: 1, different: 1 }
        );
        assert!(!fingerprint.compare(&[], is_never).is_close());
        assert!(RowFingerprint::default().compare(&[json!("")], is_never).is_exact(), "a blank row is a blank row");
    }

    #[test]
    fn a_print_follows_columns_and_says_nothing_of_new_ones() {
        let header = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let map = ColumnMap::new_between(&header("id n mine"), &header("new mine id n"), &[]);
        let fingerprint = RowFingerprint::new(&row(&json!(["", 10, "note"])), is_never).map_to(&map, 4);
        assert!(fingerprint.compare(&row(&json!(["whatever", "note", "", 10])), is_never).is_exact());
    }

    #[test]
    fn a_very_wide_row_keeps_a_print_of_its_first_cells() {
        let wide: Vec<Value> = (0..5_000).map(|n| json!(n)).collect();
        let read = RowFingerprint::parse(&RowFingerprint::new(&wide, is_never).to_text()).expect("a print");
        assert!(read.to_text().len() < 50_000 && read.compare(&wide, is_never).is_exact());
        assert!(!read.compare(&[vec![json!("x")], wide[1..].to_vec()].concat(), is_never).is_exact());
    }
}
