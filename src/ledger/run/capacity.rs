//! How full a spreadsheet is, and when it will be full.
//!
//! In scope: the limit of cells, from when on it is told, a forecast from the runs so far. Out of scope: counting cells, and what one
//! batch adds (`store::commit::cell_budget`).

use crate::ledger::run::run::Run;
use crate::time::Timestamp;

/// Cells that a spreadsheet holds at most (Google, "Files you can store in Google Drive").
pub const CELL_LIMIT: u64 = 10_000_000;
/// From this share of the limit on, in percent, people are told.
const TIGHT_PERCENT: u64 = 80;
/// Runs that a forecast looks at: the last ones.
const RUNS_SEEN: usize = 30;
/// A century; what lies beyond it is no forecast.
const FAR_MS: u64 = 100 * 365 * 86_400_000;

/// What makes room, in words.
pub const MEND: &str = "delete blank rows and unused columns and tabs, or continue in a new spreadsheet";

/// Whether so many cells are to be told of.
pub fn is_tight(cells: u64) -> bool {
    cells.saturating_mul(100) >= CELL_LIMIT * TIGHT_PERCENT
}

/// What is told of a spreadsheet that is nearly full; nothing of one that is not.
pub fn crowded(cells: u64) -> Option<String> {
    let tenths = cells.saturating_mul(1_000) / CELL_LIMIT;
    is_tight(cells)
        .then(|| format!("the spreadsheet has {cells} of 10,000,000 cells ({}.{} %): {MEND}", tenths / 10, tenths % 10))
}

/// What a batch that would pass the limit is told.
pub fn passed(cells: u64) -> String {
    format!("the spreadsheet would have {cells} cells, and takes 10,000,000: {MEND}")
}

/// What a key costs and what a run costs, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellCosts {
    /// Thousandths of a cell for a key that becomes done.
    pub key_in_thousandths: u64,
    /// Cells of a run's own row.
    pub run: u64,
}

impl CellCosts {
    /// What keys have cost so far: `rows` of data with `columns` each came of `keys` rows of Processed, which have `beside` cells.
    pub fn of(rows: u64, columns: u64, keys: u64, beside: u64, run: u64) -> Self {
        let data = rows.saturating_mul(columns).saturating_mul(1_000).checked_div(keys).unwrap_or(0);
        Self { key_in_thousandths: data.saturating_add(beside.saturating_mul(1_000)), run }
    }
}

/// When a spreadsheet will be full, should runs go on as they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Cells that a run adds.
    pub cells_a_run: u64,
    /// Runs until the limit is reached.
    pub runs_left: u64,
    /// When that will be; none in this century, or where runs have no rhythm.
    pub full_at: Option<Timestamp>,
}

/// The forecast from a job's runs, oldest first. The first of them most often brought what had piled up, so that two are needed.
pub fn forecast(cells: u64, runs: &[Run], prices: CellCosts) -> Option<Forecast> {
    let seen = runs.get(runs.len().saturating_sub(RUNS_SEEN + 1)..).unwrap_or_default();
    let (first, rest) = seen.split_first()?;
    let last = rest.last()?;
    let count = rest.len() as u64;
    let new: u64 = rest.iter().map(|run| run.counts.new).sum();
    let of_keys = new.saturating_mul(prices.key_in_thousandths) / 1_000;
    let cells_a_run = (of_keys / count).saturating_add(prices.run).max(1);
    let runs_left = CELL_LIMIT.saturating_sub(cells) / cells_a_run;
    let rhythm_ms = last.started.since(first.started) / count;
    let ahead_ms = rhythm_ms.saturating_mul(runs_left);
    let full_at = (rhythm_ms > 0 && ahead_ms < FAR_MS).then(|| last.started.plus(ahead_ms));
    Some(Forecast { cells_a_run, runs_left, full_at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::run::run::{Counts, RunStatus, Trigger};

    const DAY_MS: i64 = 86_400_000;

    fn run(day: i64, new: u64) -> Run {
        Run {
            id: format!("r{day}"),
            job: "j".into(),
            trigger: Trigger::default(),
            started: Timestamp(day * DAY_MS),
            finished: None,
            status: RunStatus::Succeeded,
            counts: Counts { new, ..Counts::default() },
            calls: 0,
            first_commit: 0,
            last_commit: 0,
            host: String::new(),
            version: String::new(),
            message: String::new(),
        }
    }

    #[test]
    fn a_job_that_grows_every_day_says_when_the_spreadsheet_is_full() {
        let prices = CellCosts::of(2_000, 10, 1_000, 4, 21);
        assert_eq!(prices.key_in_thousandths, 24_000);
        let runs = [run(0, 500_000), run(1, 100), run(2, 300)];
        let told = forecast(9_000_000, &runs, prices).expect("two runs and more");
        assert_eq!((told.cells_a_run, told.runs_left), (200 * 24 + 21, 1_000_000 / (200 * 24 + 21)));
        assert_eq!(told.full_at, Some(Timestamp((2 + 207) * DAY_MS)));
    }

    #[test]
    fn one_run_or_none_is_no_ground_for_a_forecast() {
        let prices = CellCosts::of(0, 0, 0, 4, 21);
        assert_eq!(forecast(5, &[], prices), None);
        assert_eq!(forecast(5, &[run(0, 9)], prices), None);
    }

    #[test]
    fn what_lies_beyond_a_century_has_no_date_and_a_full_spreadsheet_has_no_run_left() {
        let prices = CellCosts::of(0, 0, 0, 4, 21);
        let far = forecast(5, &[run(0, 0), run(1, 0)], prices).expect("two runs");
        assert_eq!((far.cells_a_run, far.full_at), (21, None));
        let full = forecast(CELL_LIMIT, &[run(0, 0), run(1, 0)], prices).expect("two runs");
        assert_eq!((full.runs_left, full.full_at), (0, Some(Timestamp(DAY_MS))));
    }

    #[test]
    fn a_spreadsheet_is_told_of_from_eighty_percent_on() {
        assert!(crowded(7_999_999).is_none());
        let told = crowded(8_123_456).expect("it is tight");
        assert!(told.contains("8123456 of 10,000,000 cells (81.2 %)") && told.contains("delete blank rows"), "{told}");
    }
}
