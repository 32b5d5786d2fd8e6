//! The capacity of a spreadsheet, and a forecast of when it is full.
//!
//! In scope: the cell limit, the warning threshold, a forecast from the runs so far.
//! Out of scope: counting cells, and what one batch adds (`store::commit::cell_budget`).

use crate::runs::run::Run;
use sheetkeep_base::time::Timestamp;

/// Maximum number of cells in a spreadsheet (Google, "Files you can store in Google Drive").
pub const CELL_LIMIT: u64 = 10_000_000;
/// The share of the limit from which the user is warned, in percent.
const WARNING_PERCENT: u64 = 80;
/// Maximum number of latest runs in a forecast.
const FORECAST_RUNS: usize = 30;
/// The shortest history from which a date is forecast: three days.
const MIN_HISTORY_MS: u64 = 3 * 86_400_000;
/// A century; nothing later is forecast.
const MAX_FORECAST_MS: u64 = 100 * 365 * 86_400_000;

/// The fix, for messages.
pub const FIX: &str = "delete blank rows and unused columns and tabs, or continue in a new spreadsheet";

/// True if this number of cells needs a warning.
pub fn is_tight(cells: u64) -> bool {
    cells.saturating_mul(100) >= CELL_LIMIT * WARNING_PERCENT
}

/// Returns the warning for a nearly full spreadsheet, whose words change with each percent; `None`
/// otherwise.
pub fn warn_of_capacity(cells: u64) -> Option<String> {
    let percent = cells.saturating_mul(100) / CELL_LIMIT;
    is_tight(cells).then(|| format!("the spreadsheet has {percent} % of 10,000,000 cells, the most it takes: {FIX}"))
}

/// Returns the error for a batch that would pass the limit.
pub fn describe_capacity_error(cells: u64) -> String {
    format!("the spreadsheet would have {cells} cells, and takes 10,000,000: {FIX}")
}

/// The number of cells that a key and a run add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellCosts {
    /// Cells per done key, in thousandths.
    pub key_in_thousandths: u64,
    /// Cells of a run's own row.
    pub run: u64,
}

impl CellCosts {
    /// Computes the costs so far: `rows` of data with `columns` each came from `keys` rows of
    /// Processed, which have `cells_per_key` cells.
    pub fn new(rows: u64, columns: u64, keys: u64, cells_per_key: u64, run: u64) -> Self {
        let data = rows.saturating_mul(columns).saturating_mul(1_000).checked_div(keys).unwrap_or(0);
        Self { key_in_thousandths: data.saturating_add(cells_per_key.saturating_mul(1_000)), run }
    }
}

/// When a spreadsheet will be full if runs continue as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Cells that a run adds.
    pub cells_a_run: u64,
    /// Number of runs until the limit is reached.
    pub runs_left: u64,
    /// The expected time; `None` beyond a century, or if the runs cover less than three days.
    pub full_at: Option<Timestamp>,
}

/// Returns the forecast from a job's runs, oldest first. The first run most often processes a
/// backlog, so two are needed.
pub fn forecast_capacity(cells: u64, runs: &[Run], costs: CellCosts) -> Option<Forecast> {
    let seen = runs.get(runs.len().saturating_sub(FORECAST_RUNS + 1)..).unwrap_or_default();
    let (first, rest) = seen.split_first()?;
    let last = rest.last()?;
    let count = rest.len() as u64;
    let new: u64 = rest.iter().map(|run| run.counts.new).sum();
    let of_keys = new.saturating_mul(costs.key_in_thousandths) / 1_000;
    let cells_a_run = (of_keys / count).saturating_add(costs.run).max(1);
    let runs_left = CELL_LIMIT.saturating_sub(cells) / cells_a_run;
    let history_ms = last.started.ms_since(first.started);
    let rhythm_ms = history_ms / count;
    let ahead_ms = rhythm_ms.saturating_mul(runs_left);
    let full_at = (history_ms >= MIN_HISTORY_MS && ahead_ms < MAX_FORECAST_MS).then(|| last.started.add_ms(ahead_ms));
    Some(Forecast { cells_a_run, runs_left, full_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::runs::run::{Counts, RunStatus, Trigger};

    const DAY_MS: i64 = 86_400_000;

    fn run(day: i64, new: u64) -> Run {
        Run {
            status: RunStatus::Succeeded,
            counts: Counts { new, ..Counts::default() },
            ..Run::new(format!("r{day}"), "j".into(), Trigger::default(), Timestamp(day * DAY_MS))
        }
    }

    #[test]
    fn a_job_that_grows_every_day_says_when_the_spreadsheet_is_full() {
        let costs = CellCosts::new(2_000, 10, 1_000, 4, 21);
        assert_eq!(costs.key_in_thousandths, 24_000);
        let runs = [run(0, 500_000), run(2, 100), run(4, 300)];
        let forecast = forecast_capacity(9_000_000, &runs, costs).expect("two runs and more");
        assert_eq!((forecast.cells_a_run, forecast.runs_left), (200 * 24 + 21, 1_000_000 / (200 * 24 + 21)));
        assert_eq!(forecast.full_at, Some(Timestamp((4 + 2 * 207) * DAY_MS)));
    }

    #[test]
    fn less_than_three_days_are_no_ground_for_a_date() {
        let costs = CellCosts::new(2_000, 10, 1_000, 4, 21);
        let forecast =
            forecast_capacity(9_000_000, &[run(0, 500_000), run(1, 100), run(2, 300)], costs).expect("three runs");
        assert_eq!((forecast.runs_left > 0, forecast.full_at), (true, None));
    }

    #[test]
    fn one_run_or_none_is_no_ground_for_a_forecast() {
        let costs = CellCosts::new(0, 0, 0, 4, 21);
        assert_eq!(forecast_capacity(5, &[], costs), None);
        assert_eq!(forecast_capacity(5, &[run(0, 9)], costs), None);
    }

    #[test]
    fn a_far_date_is_unknown_and_a_full_sheet_has_no_runs_left() {
        let costs = CellCosts::new(0, 0, 0, 4, 21);
        let far = forecast_capacity(5, &[run(0, 0), run(1, 0)], costs).expect("two runs");
        assert_eq!((far.cells_a_run, far.full_at), (21, None));
        let full = forecast_capacity(CELL_LIMIT, &[run(0, 0), run(3, 0)], costs).expect("two runs");
        assert_eq!((full.runs_left, full.full_at), (0, Some(Timestamp(3 * DAY_MS))));
    }

    #[test]
    fn a_spreadsheet_is_reported_from_eighty_percent_on() {
        assert!(warn_of_capacity(7_999_999).is_none());
        let warning = warn_of_capacity(8_123_456).expect("it is tight");
        assert!(warning.contains("81 % of 10,000,000 cells") && warning.contains("delete blank rows"), "{warning}");
    }
}
