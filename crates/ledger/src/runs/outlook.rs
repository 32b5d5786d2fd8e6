//! What a run's row says about the time after it: when the next run is due, and what is left.
//!
//! In scope: the values, and their cells in Runs. Out of scope: computing the next due time
//! (`runner::outlook`), the formulas that read the cells (`store::tabs::jobs`).

use crate::grid::Cell;
use sheetkeep_base::time::Timestamp;

/// Columns of Runs that hold the outlook. They came after the others: a tab without them still
/// works.
pub const OUTLOOK: [&str; 6] =
    ["next_due", "failures_open", "cells_left", "utc_offset", "next_due_local", "late_local"];

/// The word in `next_due` of a job without a schedule.
pub const NEVER_DUE: &str = "none";

const HOUR_MS: f64 = 3_600_000.0;

/// What a run leaves behind, as of its end. Nothing is known of what is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RunOutlook {
    /// When the next run is due.
    pub next_due: NextDue,
    /// Failures that are open.
    pub open_failures: Option<u64>,
    /// Cells that the spreadsheet has room for.
    pub cells_left: Option<u64>,
    /// How far the spreadsheet's clock is ahead of UTC at the start of the run, in milliseconds.
    pub utc_offset_ms: Option<i64>,
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

impl RunOutlook {
    /// Returns the cells, in the order of `OUTLOOK`.
    #[expect(clippy::cast_precision_loss, reason = "counts and offsets are far below 2^53")]
    pub fn cells(&self) -> [Cell; 6] {
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
        [due, count(self.open_failures), count(self.cells_left), offset, due_local, late_local]
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
        Self { next_due, open_failures: count("failures_open"), cells_left: count("cells_left"), utc_offset_ms: offset }
    }
}
