//! Reading a job off a spreadsheet: what the cells say, put together. Pure but for what it is handed.
//!
//! In scope: which ranges to ask for, reading them, blemishes. Out of scope: asking (`store::sheets`), whether what was read
//! belongs together (`ledger::snapshot`).

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use crate::grid::{column_letters, quoted};
use crate::ledger::book::{DoneSet, Tried};
use crate::ledger::cast::number_text;
use crate::ledger::failure::{FailureState, failure_mark};
use crate::ledger::key::{Fingerprint, Version};
use crate::ledger::mode::Again;
use crate::ledger::rows::{DONE, PROCESSED};
use crate::ledger::snapshot::{Blemish, Tally};
use crate::store::guard::STATE_ROWS;
use crate::store::layout::Tab;
use crate::time::Timestamp;

/// Rows of Processed that one call reads; a million keys are then 20 calls in all, metadata included.
pub const PAGE_ROWS: u32 = 55_000;
/// Rows of Failures that one call reads: each may hold a long error, and an answer has a bound.
pub const FAILURE_PAGE_ROWS: u32 = 5_000;
/// Columns that are read of a machine tab at first; more only if people moved columns beyond them.
const NEAR_COLUMNS: usize = 12;
/// Blemishes of one sort that are told one by one.
const TOLD: usize = 3;

/// The range with the state's names and texts.
pub fn state_range(title: &str) -> String {
    format!("{}!A1:B{STATE_ROWS}", quoted(title))
}

/// The range of a header row, as wide as the tab.
pub fn header_range(title: &str) -> String {
    format!("{}!1:1", quoted(title))
}

/// The range of rows `from` to `to` (1-based, both within) of a machine tab, `columns` wide.
pub fn rows_range(title: &str, from: u32, to: u32, columns: usize) -> String {
    format!("{}!A{from}:{}{to}", quoted(title), column_letters(columns.saturating_sub(1)))
}

/// The range of one column's rows `from` to `to` (1-based, both within); to the end of the grid, wherever it is by then, where
/// there is no `to`.
pub fn column_range(title: &str, column: usize, from: u32, to: Option<u32>) -> String {
    let letters = column_letters(column);
    let to = to.map(|to| to.to_string()).unwrap_or_default();
    format!("{}!{letters}{from}:{letters}{to}", quoted(title))
}

/// The range of whole rows `from` to `to` (1-based, both within).
pub fn whole_rows_range(title: &str, from: u32, to: u32) -> String {
    format!("{}!{from}:{to}", quoted(title))
}

/// How many columns of a tab hold all of `wanted`.
pub fn width(tab: &Tab, wanted: &[&str]) -> usize {
    wanted.iter().filter_map(|column| tab.position(column)).max().map_or(NEAR_COLUMNS, |last| last + 1)
}

/// The texts of a header row; people's formats don't matter, spaces around a name do not count.
pub fn header(rows: &[Vec<Value>]) -> Vec<String> {
    rows.first().map(|row| row.iter().map(|cell| text(cell).trim().to_owned()).collect()).unwrap_or_default()
}

/// The state tab's pairs.
pub fn pairs(rows: &[Vec<Value>]) -> HashMap<String, String> {
    rows.iter().filter_map(|row| Some((text(row.first()?), row.get(1).map(text).unwrap_or_default()))).collect()
}

/// A cell's value as the text that a person would say it is.
pub fn text(cell: &Value) -> String {
    match cell {
        Value::String(text) => text.clone(),
        Value::Number(number) => number_text(number),
        Value::Bool(true) => "TRUE".to_owned(),
        Value::Bool(false) => "FALSE".to_owned(),
        _ => String::new(),
    }
}

/// Processed, read page by page.
#[derive(Debug, Default)]
pub struct ProcessedRows {
    again: Again,
    positions: [usize; 4],
    rows: Vec<(Fingerprint, u64)>,
    /// Count and sum of what was read.
    pub found: Tally,
    /// How many of the last keys are kept as texts, and these.
    keep: usize,
    recent: VecDeque<String>,
    /// Rows with content but no key.
    keyless: usize,
    /// Rows whose cells stand in other columns than the header says.
    shifted: usize,
}

impl ProcessedRows {
    /// For a tab with this header, which has all columns.
    pub fn of(tab: &Tab, again: Again) -> Self {
        let positions = PROCESSED.map(|column| tab.position(column).unwrap_or(usize::MAX));
        Self { again, positions, ..Self::default() }
    }

    /// Keeps the texts of the last keys.
    #[must_use]
    pub fn keeping(mut self, last: usize) -> Self {
        self.keep = last;
        self
    }

    /// Reads rows, the header row not among them.
    pub fn read(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            let texts = self.positions.map(|at| row.get(at).map(text).unwrap_or_default());
            if texts.iter().all(String::is_empty) {
                continue;
            }
            let [key, version, state, run] = &texts;
            self.found.add(&[key, version, state, run]);
            if state != DONE && row.iter().any(|cell| cell.as_str() == Some(DONE)) {
                self.shifted += 1;
                continue;
            }
            if key.is_empty() {
                self.keyless += 1;
                continue;
            }
            if self.keep > 0 {
                if self.recent.len() == self.keep {
                    self.recent.pop_front();
                }
                self.recent.push_back(key.clone());
            }
            self.rows.push((Fingerprint::of(key), self.again.mark(&Version(version.clone()))));
        }
    }

    /// The texts of the last keys, as many as were asked for.
    pub fn recent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.recent).into()
    }

    /// The processed set, and what was odd.
    pub fn finish(self, tab: &Tab) -> (DoneSet, Vec<Blemish>) {
        let mut blemishes = Vec::new();
        if self.shifted > 0 {
            let message = format!(
                "tab {}: {} rows have their cells in other columns than its header says, as when columns are moved while a run \
                 is writing: put the cells back, or delete those rows to have their keys done again",
                tab.title, self.shifted
            );
            blemishes.push(Blemish { message, blocking: true });
        }
        if self.keyless > 0 {
            let message = format!("tab {}: {} rows have no key and were passed over", tab.title, self.keyless);
            blemishes.push(Blemish { message, blocking: false });
        }
        (DoneSet::from_rows(self.again, self.rows), blemishes)
    }
}

/// Columns of Failures that a load needs.
pub const FAILURES_READ: [&str; 7] = ["key", "step", "error", "attempts", "first_seen (UTC)", "state", "version"];

/// Failures, read page by page: open ones by key, of which the last row counts.
#[derive(Debug, Default)]
pub struct FailureRows {
    again: Again,
    positions: [usize; 7],
    open: HashMap<Fingerprint, Tried>,
    odd: Vec<usize>,
    read: usize,
}

impl FailureRows {
    /// For a tab with this header, which has all columns.
    pub fn of(tab: &Tab, again: Again) -> Self {
        let positions = FAILURES_READ.map(|column| tab.position(column).unwrap_or(usize::MAX));
        Self { again, positions, ..Self::default() }
    }

    /// Reads rows from the top down, the header row not among them. A page may end early: `to` is the row that it was asked to.
    pub fn read(&mut self, rows: &[Vec<Value>], to: u32) {
        for (n, row) in (self.read + 2..).zip(rows) {
            self.read_row(n, row);
        }
        self.read = usize::try_from(to).unwrap_or(usize::MAX).saturating_sub(1);
    }

    fn read_row(&mut self, number: usize, row: &[Value]) {
        let cell = |n: usize| self.positions.get(n).and_then(|&at| row.get(at));
        let [key, step, error, state, version] = [0, 1, 2, 5, 6].map(|n| cell(n).map(text).unwrap_or_default());
        if key.is_empty() {
            if self.odd.len() < TOLD && row.iter().any(|cell| !text(cell).is_empty()) {
                self.odd.push(number);
            }
            return;
        }
        let print = Fingerprint::of(&key);
        if state == FailureState::Recovered.word() {
            self.open.remove(&print);
            return;
        }
        let attempts = cell(3).and_then(Value::as_f64).map_or(1, whole);
        let first_seen = cell(4).and_then(Value::as_f64).map_or(Timestamp::default(), Timestamp::from_serial);
        let version = self.again.mark(&Version(version));
        self.open.insert(print, Tried { attempts, first_seen, version, error: failure_mark(&step, &error) });
    }

    /// Open failures, and what was odd.
    pub fn finish(self, tab: &Tab) -> (HashMap<Fingerprint, Tried>, Vec<Blemish>) {
        let told = self.odd.iter().map(|row| Blemish {
            message: format!("tab {}: row {row} has no key and was passed over", tab.title),
            blocking: false,
        });
        let told = told.collect();
        (self.open, told)
    }
}

/// Why a tab can't be used as it is, if it can't: a header that lost a column, or has it twice.
pub fn unusable(tab: &Tab, wanted: &[&str]) -> Option<Blemish> {
    let blocked = |message| Some(Blemish { message, blocking: true });
    if let Some(column) = tab.lacks(wanted) {
        let title = &tab.title;
        return blocked(format!(
            "tab {title} has lost its column \"{column}\": write that word back into its header row"
        ));
    }
    let doubled = tab.doubled()?;
    blocked(format!("tab {} has two columns named \"{doubled}\": rename one of them", tab.title))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, clamped to what a u64 holds exactly"
)]
fn whole(number: f64) -> u64 {
    number.clamp(0.0, 9e15) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ledger::rows::FAILURES;

    fn tab(header: &[&str]) -> Tab {
        Tab {
            id: 1,
            title: "Processed j".into(),
            header: header.iter().map(|&text| text.to_owned()).collect(),
            ..Tab::default()
        }
    }

    fn row(values: &Value) -> Vec<Value> {
        values.as_array().cloned().unwrap_or_default()
    }

    #[test]
    fn reordered_columns_and_blank_rows_change_neither_count_nor_sum() {
        let mut plain = ProcessedRows::of(&tab(&PROCESSED), Again::Every);
        plain.read(&[row(&json!(["a", "1", "done", "r"])), row(&json!(["b", "", "done", "r"]))]);
        let mut moved = ProcessedRows::of(&tab(&["mine", "run", "state", "version", "key"]), Again::Every);
        moved.read(&[
            row(&json!(["x", "r", "done", "", "b"])),
            row(&json!([])),
            row(&json!(["", "r", "done", "1", "a"])),
        ]);
        assert_eq!(plain.found, moved.found);
    }

    #[test]
    fn rows_that_stand_beside_their_columns_stop_the_run_and_a_note_does_not() {
        let tab = tab(&["", "key", "version", "state", "run"]);
        for (written, blocking) in [
            (json!(["a", "1", "done", "r"]), true),
            (json!(["", "", "a", "1", "done", "r"]), true),
            (json!(["", "a", "1", "done", "r"]), false),
            (json!(["a note", "", "", "", ""]), false),
            (json!(["", "", "a note", "", ""]), false),
        ] {
            let mut rows = ProcessedRows::of(&tab, Again::Every);
            rows.read(&[row(&written)]);
            let (_, blemishes) = rows.finish(&tab);
            assert_eq!(blemishes.iter().any(|blemish| blemish.blocking), blocking, "{written}");
        }
    }

    #[test]
    fn a_key_that_a_person_retyped_as_a_number_is_still_that_key() {
        let mut rows = ProcessedRows::of(&tab(&PROCESSED), Again::Every);
        rows.read(&[row(&json!([42, "", "done", "r"]))]);
        let (done, _) = rows.finish(&tab(&PROCESSED));
        assert!(done.knows(Fingerprint::of("42")));
    }

    #[test]
    fn the_last_row_of_a_failure_counts_and_a_recovered_one_is_closed() {
        let failures_tab = tab(&FAILURES);
        let rows = [
            row(&json!(["a", "s", "e1", 1, 45_000.5, 45_000.5, "r", "open"])),
            row(&json!(["a", "s", "e2", 2, 45_000.5, 45_001.5, "r", "open"])),
            row(&json!(["b", "s", "e", 1, 45_000.5, 45_000.5, "r", "open"])),
            row(&json!(["b", "", "", 2, 45_000.5, 45_002.5, "r", "recovered"])),
        ];
        let mut read = FailureRows::of(&failures_tab, Again::Every);
        read.read(&rows[..3], 4);
        read.read(&rows[3..], 8);
        let (open, odd) = read.finish(&failures_tab);
        assert!(odd.is_empty() && open.len() == 1);
        let tried = open[&Fingerprint::of("a")];
        assert_eq!((tried.attempts, tried.error), (2, failure_mark("s", "e2")));
    }

    proptest! {
        #[test]
        fn invariant_6_whatever_people_typed_reading_never_fails_hard(cells in prop::collection::vec(prop::collection::vec(any_cell(), 0..8), 0..8)) {
            let mut rows = ProcessedRows::of(&tab(&PROCESSED), Again::Every);
            rows.read(&cells);
            let _ = rows.finish(&tab(&PROCESSED));
            let mut failures = FailureRows::of(&tab(&FAILURES), Again::Every);
            failures.read(&cells, 9);
            let _ = failures.finish(&tab(&FAILURES));
            let _ = pairs(&cells);
        }
    }

    fn any_cell() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ]
    }
}
