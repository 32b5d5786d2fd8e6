//! Reading a job off a spreadsheet: what the cells say, put together. Pure but for what it is handed.
//!
//! In scope: which ranges to ask for, reading them, blemishes. Out of scope: asking (`store::spreadsheet::store`), whether what was read
//! belongs together (`ledger::state::snapshot`).

use std::collections::HashMap;

use serde_json::Value;

use crate::grid::{Cell, column_letters, quoted};
use crate::ledger::columns::coerce::cell_text;
use crate::ledger::columns::columns::header_text;
use crate::ledger::item::failure::{FailureState, IN_DOUBT, RequestedAction, failure_hash};
use crate::ledger::item::key::{Fingerprint, Version};
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::ledger::lease::row_order::{RowOrder, read_run_cell};
use crate::ledger::processed::processed_index::PriorFailure;
use crate::ledger::run::run::is_run_cell;
use crate::ledger::state::snapshot::Anomaly;
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::tabs::schema::Tab;
use crate::time::Timestamp;

/// Rows of Processed that one call reads; a million keys are then 20 calls in all, metadata included.
pub const PAGE_ROWS: u32 = 55_000;
/// Rows of Failures that one call reads: each may hold a long error, and an answer has a bound.
pub const FAILURE_PAGE_ROWS: u32 = 5_000;
/// Columns that are read of a machine tab at first; more only if people moved columns beyond them.
const KEY_SEARCH_COLUMNS: usize = 12;
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
    wanted.iter().filter_map(|column| tab.position(column)).max().map_or(KEY_SEARCH_COLUMNS, |last| last + 1)
}

/// The texts of a header row; people's formats don't matter, spaces around a name do not count.
pub fn header(rows: &[Vec<Value>]) -> Vec<String> {
    rows.first().map(|row| row.iter().map(|cell| header_text(&text(cell)).to_owned()).collect()).unwrap_or_default()
}

/// The state tab's pairs.
pub fn pairs(rows: &[Vec<Value>]) -> HashMap<String, String> {
    rows.iter().filter_map(|row| Some((text(row.first()?), row.get(1).map(text).unwrap_or_default()))).collect()
}

/// A cell's value as the text that a person would say it is.
pub fn text(cell: &Value) -> String {
    cell_text(cell)
}

/// The cell of a row in the column of this name.
pub fn cell_in(tab: &Tab, cells: &[Value], name: &str) -> Cell {
    match tab.position(name).and_then(|at| cells.get(at)) {
        Some(Value::Number(number)) => number.as_f64().map_or(Cell::Empty, Cell::Number),
        Some(cell) if !text(cell).is_empty() => Cell::text(text(cell)),
        _ => Cell::Empty,
    }
}

/// Whether a row of Failures says how a failure stands, but not where the header says, which reads `state` there.
pub fn is_failure_beside(row: &[Value], state: &str) -> bool {
    let is_word = |text: &str| FailureState::ALL.iter().any(|state| state.as_str() == text);
    !is_word(state) && row.iter().any(|cell| is_word(&text(cell))) && row.iter().any(|cell| is_run_cell(&text(cell)))
}

/// Columns of Failures that a load needs.
pub const FAILURES_READ: [&str; 11] = [
    "key",
    "step",
    "error",
    "attempts",
    "first_seen (UTC)",
    "last_seen (UTC)",
    "state",
    "version",
    "action",
    "answered",
    "run",
];

/// The order of a key's rows, whatever the order in which people have sorted the tab: that of their commits. Rows of earlier versions,
/// which have none, come before all others, by when each was written, the tries that it tells, and only then where it stands.
type FailurePlace = (Option<RowOrder>, Timestamp, u64, u32);

/// Failures, read page by page: of each key the newest row, and what people ask for.
#[derive(Debug, Default)]
pub struct FailureRows {
    again: ReprocessPolicy,
    positions: [usize; 11],
    known: HashMap<Fingerprint, FailureHistory>,
    keyless: Vec<u32>,
    /// Rows whose cells stand in other columns than the header says.
    shifted: usize,
    /// Rows whose action is neither of the two words, with what it is.
    strange: Vec<(u32, String)>,
    read: u32,
}

/// What the rows of one key tell.
#[derive(Debug)]
struct FailureHistory {
    newest: (FailurePlace, PriorFailure),
    action: Option<(FailurePlace, RequestedAction)>,
    answer: Option<(FailurePlace, RequestedAction)>,
}

impl FailureRows {
    /// For a tab with this header, which has all columns.
    pub fn of(tab: &Tab, again: ReprocessPolicy) -> Self {
        let positions = FAILURES_READ.map(|column| tab.position(column).unwrap_or(usize::MAX));
        Self { again, positions, ..Self::default() }
    }

    /// Reads rows from the top down, the header row not among them. A page may end early: `to` is the row that it was asked to.
    pub fn read(&mut self, rows: &[Vec<Value>], to: u32) {
        for (n, row) in (self.read + 2..).zip(rows) {
            self.read_row(n, row);
        }
        self.read = to.saturating_sub(1);
    }

    /// Reads rows that wait to be put back; they go by the number of the header (`put_back::WAITING`), where nothing of theirs is found.
    pub fn read_misplaced(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            self.read_row(1, row);
        }
    }

    fn read_row(&mut self, number: u32, row: &[Value]) {
        let cell = |n: usize| self.positions.get(n).and_then(|&at| row.get(at));
        let [key, step, error, state, version, action, answered, run] =
            [0, 1, 2, 6, 7, 8, 9, 10].map(|n| cell(n).map(text).unwrap_or_default());
        if is_failure_beside(row, &state) {
            self.shifted += 1;
            return;
        }
        if key.is_empty() {
            if self.keyless.len() < TOLD && row.iter().any(|cell| !text(cell).is_empty()) {
                self.keyless.push(number);
            }
            return;
        }
        let moment = |n: usize| cell(n).and_then(Value::as_f64).map_or(Timestamp::default(), Timestamp::from_serial);
        let attempts = cell(3).and_then(Value::as_f64).map_or(1, whole);
        let order = (read_run_cell(&run).1, moment(5), attempts, number);
        let tried = PriorFailure {
            attempts,
            first_seen: moment(4),
            last_seen: moment(5),
            version: self.again.version_hash(&Version(version)),
            error: failure_hash(&step, &error),
            state: FailureState::from_cell(&state),
            in_doubt: step == IN_DOUBT,
            requested: None,
            row: number,
        };
        let typed = RequestedAction::parse(&action);
        if typed.is_none() && !action.trim().is_empty() && self.strange.len() < TOLD {
            self.strange.push((number, action.chars().take(40).collect()));
        }
        let told = self.known.entry(Fingerprint::new(&key)).or_insert_with(|| FailureHistory {
            newest: (order, tried),
            action: None,
            answer: None,
        });
        if order >= told.newest.0 {
            told.newest = (order, tried);
        }
        let later = |kept: Option<(FailurePlace, RequestedAction)>, new: Option<RequestedAction>| match (kept, new) {
            (Some(kept), Some(_)) if kept.0 > order => Some(kept),
            (_, Some(new)) => Some((order, new)),
            (kept, None) => kept,
        };
        told.action = later(told.action, typed);
        told.answer = later(told.answer, RequestedAction::parse(&answered));
    }

    /// Failures that are not closed, and what was odd.
    pub fn finish(self, tab: &Tab) -> (HashMap<Fingerprint, PriorFailure>, Vec<Anomaly>) {
        let blemish = |message| Anomaly { message, blocking: false };
        let keyless =
            self.keyless.iter().map(|row| format!("tab {}: row {row} has no key and was passed over", tab.title));
        let strange = self.strange.iter().map(|(row, action)| {
            format!("tab {}: row {row} has \"{action}\" for an action, and retry or skip is understood", tab.title)
        });
        let shifted = (self.shifted > 0).then(|| {
            format!(
                "tab {}: {} rows have their cells in other columns than its header says, as when columns are moved while a run is \
                 writing, and were passed over: what still fails is told again; delete them",
                tab.title, self.shifted
            )
        });
        let odd = keyless.chain(strange).chain(shifted).map(blemish).collect();
        let open = self.known.into_iter().filter_map(|(key, told)| Some((key, told.standing()?)));
        (open.collect(), odd)
    }
}

impl FailureHistory {
    /// The failure as its rows together tell it; none where it is closed. Of several actions the one in the newest row counts, unless a
    /// later row says that this very word was answered.
    fn standing(self) -> Option<PriorFailure> {
        let (_, tried) = self.newest;
        if tried.state == FailureState::Recovered {
            return None;
        }
        let answered = |order: FailurePlace, asked: RequestedAction| {
            self.answer.is_some_and(|(at, word)| at > order && word == asked)
        };
        let pending = self.action.filter(|(order, asked)| !answered(*order, *asked));
        Some(match pending {
            Some(((_, _, _, row), asked)) => PriorFailure { requested: Some(asked), row, ..tried },
            None => tried,
        })
    }
}

/// Why a tab can't be used as it is, if it can't: a header that lost a column, or has it twice.
pub fn unusable(tab: &Tab, wanted: &[&str]) -> Option<Anomaly> {
    let blocked = |message| Some(Anomaly { message, blocking: true });
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
mod tests;
