//! What a run's row contains about the time after it: when the next run is due, and what is left.
//!
//! In scope: the values, and their cells in Runs. Out of scope: computing the next due time
//! (`runner::schedule::next_due`), the formulas that read the cells (`store::tabs::jobs`).

use crate::grid::Cell;
use crate::runs::held_changes::HeldCode;
use sheetkeep_base::time::Timestamp;

/// Columns of Runs that hold the end state. They came after the others: a tab without them still
/// works.
pub const END_STATE: [&str; 7] =
    ["next_due", "failures_open", "cells_left", "utc_offset", "next_due_local", "late_local", "held"];

/// The word in `next_due` of a job without a schedule.
pub const NEVER_DUE: &str = "none";

/// The word in `held` of a job that could hold changes back, and holds none.
const NOTHING_HELD: &str = "no";

const HOUR_MS: f64 = 3_600_000.0;

/// What a run leaves behind, as of its end. Nothing is known of what is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RunEndState {
    /// When the next run is due.
    pub next_due: NextDue,
    /// Failures that are open.
    pub open_failures: Option<u64>,
    /// Cells that the spreadsheet has room for.
    pub cells_left: Option<u64>,
    /// How far the spreadsheet's clock is ahead of UTC at the start of the run, in milliseconds.
    pub utc_offset_ms: Option<i64>,
    /// What it holds back.
    pub held: HeldRows,
}

/// The changes of existing rows that a run leaves for a person to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HeldRows {
    /// The job holds nothing back, or nothing is known.
    #[default]
    Unknown,
    /// There are none.
    None,
    /// Rows that would change.
    Rows {
        /// The number of rows that would change.
        changes: u64,
        /// The number of all rows.
        keys: u64,
        /// The code by which a person approves exactly these.
        code: HeldCode,
    },
}

impl HeldRows {
    fn cell(self) -> Cell {
        match self {
            Self::Unknown => Cell::Empty,
            Self::None => Cell::text(NOTHING_HELD),
            Self::Rows { changes, keys, code } => {
                Cell::text(format!("{changes} of {keys} rows would change: write {code} in approve"))
            }
        }
    }

    fn read(cell: &Cell) -> Self {
        let Cell::Text(text) = cell else { return Self::Unknown };
        if text == NOTHING_HELD {
            return Self::None;
        }
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            [changes, "of", keys, .., code, "in", "approve"] => {
                let parsed = (changes.parse().ok(), keys.parse().ok(), HeldCode::parse(code));
                let (Some(changes), Some(keys), Some(code)) = parsed else { return Self::Unknown };
                Self::Rows { changes, keys, code }
            }
            _ => Self::Unknown,
        }
    }
}

/// When the next run of a job is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NextDue {
    /// This run changes nothing about it: it was not the run of an occurrence.
    #[default]
    Unknown,
    /// The job has no schedule.
    Never,
    /// A schedule names the time.
    At {
        /// When the run is due, in UTC.
        due: Timestamp,
        /// What the spreadsheet's clock shows then, in milliseconds since 1970 began on that clock.
        due_local_ms: i64,
        /// What that clock shows when the run is late, likewise.
        late_local_ms: i64,
    },
}

impl RunEndState {
    /// Returns the cells, in the order of `END_STATE`.
    #[expect(clippy::cast_precision_loss, reason = "counts and offsets are far below 2^53")]
    pub fn cells(&self) -> [Cell; 7] {
        let count = |n: Option<u64>| n.map_or(Cell::Empty, |n| Cell::Number(n as f64));
        let offset = self.utc_offset_ms.map_or(Cell::Empty, |ms| Cell::Number(ms as f64 / HOUR_MS));
        let (due, due_local, late_local) = match self.next_due {
            NextDue::Unknown => (Cell::Empty, Cell::Empty, Cell::Empty),
            NextDue::Never => (Cell::text(NEVER_DUE), Cell::Empty, Cell::Empty),
            NextDue::At { due, due_local_ms, late_local_ms } => {
                let [due_local, late_local] = [due_local_ms, late_local_ms].map(|ms| Timestamp(ms).serial());
                (Cell::DateTime(due.serial()), Cell::DateTime(due_local), Cell::DateTime(late_local))
            }
        };
        [due, count(self.open_failures), count(self.cells_left), offset, due_local, late_local, self.held.cell()]
    }

    /// Reads the cells; `cell` returns the value in a column.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what is held exactly")]
    pub fn read(cell: impl Fn(&str) -> Cell) -> Self {
        let number = |name: &str| match cell(name) {
            Cell::Number(n) => Some(n),
            _ => None,
        };
        let count = |name: &str| number(name).map(|n| n.clamp(0.0, 9e15) as u64);
        let next_due = match (cell("next_due"), number("next_due_local"), number("late_local")) {
            (Cell::Number(days), Some(due_local), Some(late_local)) => {
                let [due, due_local, late_local] = [days, due_local, late_local].map(Timestamp::from_serial);
                NextDue::At { due, due_local_ms: due_local.0, late_local_ms: late_local.0 }
            }
            (Cell::Text(word), ..) if word == NEVER_DUE => NextDue::Never,
            _ => NextDue::Unknown,
        };
        let offset = number("utc_offset").map(|hours| (hours.clamp(-48.0, 48.0) * HOUR_MS).round() as i64);
        Self {
            next_due,
            open_failures: count("failures_open"),
            cells_left: count("cells_left"),
            utc_offset_ms: offset,
            held: HeldRows::read(&cell("held")),
        }
    }
}
