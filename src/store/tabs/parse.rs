//! Parses ranges and cells of a job's spreadsheet: state, failures, headers. Pure.
//!
//! In scope: the notation of ranges, parsing, anomalies.
//! Out of scope: the calls (`store::load::loader`), the consistency check
//! (`ledger::state::snapshot`).

use std::collections::HashMap;

use serde_json::Value;

use crate::grid::{Cell, format_column_letters, quote_title};
use crate::ledger::items::failure::{ActionAnswer, FailureState, IN_DOUBT, RequestedAction, hash_failure};
use crate::ledger::items::key::{Fingerprint, Version};
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::leases::row_order::{RowOrder, read_run_cell};
use crate::ledger::processed::prior_failure::PriorFailure;
use crate::ledger::runs::run::is_run_cell;
use crate::ledger::state::snapshot::Anomaly;
use crate::ledger::values::coerce::format_cell_value;
use crate::ledger::values::columns::trim_header;
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::tabs::schema::Tab;
use crate::time::Timestamp;

/// Rows of Processed per call. A million keys take 20 calls in all, including the metadata.
pub const PAGE_ROWS: u32 = 55_000;
/// Rows of Failures per call: each may hold a long error, and a response is limited.
pub const FAILURE_PAGE_ROWS: u32 = 5_000;
/// Default width of a read if a machine tab lacks the wanted columns.
const KEY_SEARCH_COLUMNS: usize = 12;
/// Maximum number of anomalies of one kind that are reported one by one.
const MAX_LISTED: usize = 3;
/// Maximum number of characters of a text in `action` that is reported.
const MAX_ACTION_CHARS: usize = 40;

/// The range with the state's names and texts.
pub fn make_state_range(title: &str) -> String {
    format!("{}!A1:B{STATE_ROWS}", quote_title(title))
}

/// The range of a header row, as wide as the tab.
pub fn make_header_range(title: &str) -> String {
    format!("{}!1:1", quote_title(title))
}

/// The range of rows `from` to `to` (1-based, inclusive) of a machine tab, `columns` wide.
pub fn make_rows_range(title: &str, from: u32, to: u32, columns: usize) -> String {
    format!("{}!A{from}:{}{to}", quote_title(title), format_column_letters(columns.saturating_sub(1)))
}

/// The range of one column's rows `from` to `to` (1-based, inclusive). Without `to`, it reaches the
/// end of the grid, even if that grows.
pub fn make_column_range(title: &str, column: usize, from: u32, to: Option<u32>) -> String {
    let letters = format_column_letters(column);
    let to = to.map(|to| to.to_string()).unwrap_or_default();
    format!("{}!{letters}{from}:{letters}{to}", quote_title(title))
}

/// The range of whole rows `from` to `to` (1-based, inclusive).
pub fn make_whole_rows_range(title: &str, from: u32, to: u32) -> String {
    format!("{}!{from}:{to}", quote_title(title))
}

/// The number of columns up to the last of `wanted`.
pub fn count_columns(tab: &Tab, wanted: &[&str]) -> usize {
    wanted.iter().filter_map(|column| tab.position(column)).max().map_or(KEY_SEARCH_COLUMNS, |last| last + 1)
}

/// The texts of a header row. Formats and surrounding spaces do not matter.
pub fn parse_header(rows: &[Vec<Value>]) -> Vec<String> {
    rows.first()
        .map(|row| row.iter().map(|cell| trim_header(&format_cell(cell)).to_owned()).collect())
        .unwrap_or_default()
}

/// The name-text pairs of the state tab.
pub fn parse_pairs(rows: &[Vec<Value>]) -> HashMap<String, String> {
    rows.iter()
        .filter_map(|row| Some((format_cell(row.first()?), row.get(1).map(format_cell).unwrap_or_default())))
        .collect()
}

/// The text of a cell's value.
pub fn format_cell(cell: &Value) -> String {
    format_cell_value(cell)
}

/// The cell of a row in the column with this name.
pub fn find_cell(tab: &Tab, cells: &[Value], name: &str) -> Cell {
    match tab.position(name).and_then(|at| cells.get(at)) {
        Some(Value::Number(number)) => number.as_f64().map_or(Cell::Empty, Cell::Number),
        Some(cell) if !format_cell(cell).is_empty() => Cell::text(format_cell(cell)),
        _ => Cell::Empty,
    }
}

/// Whether a row of Failures has a failure state and a run, but not in the header's columns.
/// `state` is the text in the header's state column.
pub fn is_failure_in_other_columns(row: &[Value], state: &str) -> bool {
    let is_word = |text: &str| FailureState::ALL.iter().any(|state| state.as_str() == text);
    !is_word(state)
        && row.iter().any(|cell| is_word(&format_cell(cell)))
        && row.iter().any(|cell| is_run_cell(&format_cell(cell)))
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

/// The order of a key's rows, however users sorted the tab: that of their commits. Rows of earlier
/// sheetkeep versions have no commit order and come first, by timestamp, attempts and row number.
type FailurePlace = (Option<RowOrder>, Timestamp, u64, u32);

/// Reads Failures page by page: the newest row of each key, and the actions that users requested.
#[derive(Debug, Default)]
pub struct FailureRows {
    reprocess_policy: ReprocessPolicy,
    positions: [usize; 11],
    known: HashMap<Fingerprint, FailureHistory>,
    keyless: Vec<u32>,
    /// Rows whose cells are in other columns than the header's.
    shifted: usize,
    read: u32,
}

/// The rows of one key so far.
#[derive(Debug)]
struct FailureHistory {
    newest: (FailurePlace, PriorFailure),
    action: Option<(FailurePlace, RequestedAction)>,
    answer: Option<(FailurePlace, RequestedAction)>,
    /// The newest text that is not an action.
    unknown: Option<(FailurePlace, String)>,
    /// The newest row that answers such a text, or closes the failure.
    unknown_until: Option<FailurePlace>,
}

impl FailureRows {
    /// Creates the reader for a tab with this header, which has all columns.
    pub fn new(tab: &Tab, reprocess_policy: ReprocessPolicy) -> Self {
        let positions = FAILURES_READ.map(|column| tab.position(column).unwrap_or(usize::MAX));
        Self { reprocess_policy, positions, ..Self::default() }
    }

    /// Reads rows from the top down, without the header row. A page may end early: `to` is the last
    /// row requested.
    pub fn read(&mut self, rows: &[Vec<Value>], to: u32) {
        for (n, row) in (self.read + 2..).zip(rows) {
            self.read_row(n, row);
        }
        self.read = to.saturating_sub(1);
    }

    /// Reads rows that wait to be restored. They get the header's row number
    /// (`restore::PENDING_ROW`), in which no failure is found.
    pub fn read_pending(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            self.read_row(1, row);
        }
    }

    fn read_row(&mut self, number: u32, row: &[Value]) {
        let cell = |n: usize| self.positions.get(n).and_then(|&at| row.get(at));
        let [key, step, error, state, version, action, answered, run] =
            [0, 1, 2, 6, 7, 8, 9, 10].map(|n| cell(n).map(format_cell).unwrap_or_default());
        if is_failure_in_other_columns(row, &state) {
            self.shifted += 1;
            return;
        }
        if key.is_empty() {
            if self.keyless.len() < MAX_LISTED && row.iter().any(|cell| !format_cell(cell).is_empty()) {
                self.keyless.push(number);
            }
            return;
        }
        let timestamp = |n: usize| cell(n).and_then(Value::as_f64).map_or(Timestamp::default(), Timestamp::from_serial);
        let attempts = cell(3).and_then(Value::as_f64).map_or(1, round_to_whole);
        let order = (read_run_cell(&run).1, timestamp(5), attempts, number);
        let failure = PriorFailure {
            attempts,
            first_seen: timestamp(4),
            last_seen: timestamp(5),
            version: self.reprocess_policy.version_hash(&Version(version)),
            error: hash_failure(&step, &error),
            state: FailureState::from_cell(&state),
            is_in_doubt: step == IN_DOUBT,
            requested: None,
            has_unknown_action: false,
            row: number,
        };
        let history = self.known.entry(Fingerprint::new(&key)).or_insert_with(|| FailureHistory {
            newest: (order, failure),
            action: None,
            answer: None,
            unknown: None,
            unknown_until: None,
        });
        if order >= history.newest.0 {
            history.newest = (order, failure);
        }
        let later = |kept: Option<(FailurePlace, RequestedAction)>, new: Option<RequestedAction>| match (kept, new) {
            (Some(kept), Some(_)) if kept.0 > order => Some(kept),
            (_, Some(new)) => Some((order, new)),
            (kept, None) => kept,
        };
        let answered = ActionAnswer::parse(&answered);
        let taken = match answered {
            Some(ActionAnswer::Accepted(action)) => Some(action),
            Some(ActionAnswer::NotUnderstood) | None => None,
        };
        let typed = RequestedAction::parse(&action);
        history.action = later(history.action, typed);
        history.answer = later(history.answer, taken);
        let is_unknown = typed.is_none() && !action.trim().is_empty();
        if is_unknown && history.unknown.as_ref().is_none_or(|(at, _)| *at < order) {
            history.unknown = Some((order, action.trim().chars().take(MAX_ACTION_CHARS).collect()));
        }
        if answered == Some(ActionAnswer::NotUnderstood) || failure.state == FailureState::Recovered {
            history.unknown_until = history.unknown_until.max(Some(order));
        }
    }

    /// Returns the failures that are not closed, and the anomalies.
    pub fn finish_parse(self, tab: &Tab) -> (HashMap<Fingerprint, PriorFailure>, Vec<Anomaly>) {
        let anomaly = |message| Anomaly { message, is_blocking: false };
        let keyless = self.keyless.iter().map(|row| format!("tab {}: row {row} has no key and was skipped", tab.title));
        let open = |history: &&FailureHistory| history.newest.1.state != FailureState::Recovered;
        let mut unknown: Vec<_> =
            self.known.values().filter(open).filter_map(FailureHistory::find_unknown_action).collect();
        unknown.sort_unstable();
        let unknown_actions = unknown.into_iter().take(MAX_LISTED).map(|(row, action)| {
            format!("tab {}: row {row} has \"{action}\" as its action, but only retry and skip are valid", tab.title)
        });
        let shifted = (self.shifted > 0).then(|| {
            format!(
                "tab {}: {} rows have their cells in other columns than its header says; perhaps columns were moved while a run \
                 was writing; the rows were skipped: items that still fail are recorded again; delete these rows",
                tab.title, self.shifted
            )
        });
        let reported = keyless.chain(unknown_actions).chain(shifted).map(anomaly).collect();
        let open = self.known.into_iter().filter_map(|(key, history)| Some((key, history.into_open_failure()?)));
        (open.collect(), reported)
    }
}

impl FailureHistory {
    /// Combines a key's rows into one failure; `None` if it is closed. Of several actions the
    /// newest counts, unless a later row records the response to the same action.
    fn into_open_failure(self) -> Option<PriorFailure> {
        let (_, failure) = self.newest;
        if failure.state == FailureState::Recovered {
            return None;
        }
        let answered = |order: FailurePlace, asked: RequestedAction| {
            self.answer.is_some_and(|(at, word)| at > order && word == asked)
        };
        let pending = self.action.filter(|(order, asked)| !answered(*order, *asked));
        let has_unknown_action = self.find_unknown_action().is_some();
        Some(match pending {
            Some(((_, _, _, row), asked)) => {
                PriorFailure { requested: Some(asked), row, has_unknown_action, ..failure }
            }
            None => PriorFailure { has_unknown_action, ..failure },
        })
    }

    /// Returns the row and the text that is not an action, unless a later row answers it or closes
    /// the failure.
    fn find_unknown_action(&self) -> Option<(u32, &str)> {
        let ((order, text), until) = (self.unknown.as_ref()?, self.unknown_until);
        until.is_none_or(|until| until < *order).then_some((order.3, text.as_str()))
    }
}

/// The anomaly of an unusable header: a column is missing, or occurs twice.
pub fn check_header(tab: &Tab, wanted: &[&str]) -> Option<Anomaly> {
    let blocked = |message| Some(Anomaly { message, is_blocking: true });
    if let Some(column) = tab.missing_column(wanted) {
        let title = &tab.title;
        return blocked(format!(
            "tab {title} has lost its column \"{column}\": write that word back into its header row"
        ));
    }
    let duplicated = tab.duplicate()?;
    blocked(format!("tab {} has two columns named \"{duplicated}\": rename one of them", tab.title))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count, clamped to what a u64 holds exactly"
)]
fn round_to_whole(number: f64) -> u64 {
    number.clamp(0.0, 9e15) as u64
}

#[cfg(test)]
mod tests;
