//! The formulas of a row of Jobs. Pure.
//!
//! In scope: their texts, and how each result is shown.
//! Out of scope: the columns and people's cells (`store::tabs::jobs`).
//!
//! A formula finds its job in its own row, by `INDEX(column; ROW())`, and the job's rows of Runs by
//! whole columns. It names no row number, so it stays right when people sort either tab, or insert
//! rows and columns.
//!
//! The formulas work in every locale: `;` separates arguments, and there are no decimals and no
//! words of a locale. They use functions that Google Sheets and `LibreOffice` both have.

use crate::grid::{Figure, format_column_letters, quote_title};
use crate::ledger::runs::run::RunStatus;
use crate::store::tabs::schema::Tab;

/// Triggers in Runs of commands that maintain a job. They do not count as its runs.
const MAINTENANCE: [&str; 4] = ["fsck", "prune", "reset", "rollover"];
/// Statuses in Runs of occurrences that did not run.
const NOT_RUN: [&str; 2] = ["skipped", "missed"];

/// The formulas of one job's row, for these headers of Jobs and Runs.
pub struct RowFormulas<'a> {
    jobs: &'a Tab,
    runs: &'a Tab,
}

/// A formula, and how its result is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownFormula {
    /// The text, with its `=`.
    pub text: String,
    /// How a number is shown; `None` for a plain number or a text.
    pub figure: Option<Figure>,
}

impl<'a> RowFormulas<'a> {
    /// Creates the formulas for these two tabs.
    pub fn new(jobs: &'a Tab, runs: &'a Tab) -> Self {
        Self { jobs, runs }
    }

    /// Returns the formula of a column of Jobs. `None` for people's cells, and where Runs lacks a
    /// column that it reads.
    pub fn make_formula(&self, column: &str) -> Option<ShownFormula> {
        let last = || self.find_last_run(&[]);
        let number = |text: Option<String>| Some(ShownFormula { text: format!("={}", text?), figure: None });
        let time =
            |text: Option<String>| Some(ShownFormula { text: format!("={}", text?), figure: Some(Figure::DateTime) });
        let start = |started: String| time(Some(self.make_local_start(&started)));
        match column {
            "state" => number(self.look_up_in_run(&last()?, "status")),
            "last run" => start(last()?),
            "last success" => start(self.find_last_run(&[("status", RunStatus::Succeeded.as_str())])?),
            "last change" => start(self.find_newest(&[("new", ">0")])?),
            "next due" => {
                time(self.wrap_number(&self.find_newest(&[("next_due", "<>")])?, "next_due_local", |due| due))
            }
            "overdue" => number(self.make_overdue()),
            "read" | "new" | "failed" => number(self.look_up_in_run(&last()?, column)),
            "failures open" => number(self.look_up_in_newest("failures_open")),
            "cells left" => number(self.look_up_in_newest("cells_left")),
            "held" => number(self.look_up_in_newest("held")),
            _ => None,
        }
    }

    /// Whether the next run is late, unless the job is paused.
    fn make_overdue(&self) -> Option<String> {
        let newest = self.find_newest(&[("next_due", "<>")])?;
        let is_late = |late: String| match self.is_paused() {
            Some(paused) => format!("IF({paused};\"no\";IF(NOW()>{late};\"yes\";\"no\"))"),
            None => format!("IF(NOW()>{late};\"yes\";\"no\")"),
        };
        self.wrap_number(&newest, "late_local", is_late)
    }

    /// Whether `paused` has a tick, or a text that does not mean no (`ledger::runs::job_requests`).
    fn is_paused(&self) -> Option<String> {
        let cell = self.own_cell("paused")?;
        Some(format!(
            "OR(N({cell})<>0;AND(ISTEXT({cell});ISERROR(FIND(\"|\"&LOWER(TRIM({cell}))&\"|\";\"||no|n|false|off|0|-|\"))))"
        ))
    }

    /// The cell of this row in a column of Jobs.
    fn own_cell(&self, column: &str) -> Option<String> {
        let letters = format_column_letters(self.jobs.position(column)?);
        Some(format!("INDEX(${letters}:${letters};ROW())"))
    }

    /// A whole column of Runs.
    fn runs_column(&self, name: &str) -> Option<String> {
        let letters = format_column_letters(self.runs.position(name)?);
        Some(format!("{}!${letters}:${letters}", quote_title(&self.runs.title)))
    }

    /// When the newest of the job's rows that meet the criteria started, in UTC; 0 if there is
    /// none.
    fn find_newest(&self, criteria: &[(&str, &str)]) -> Option<String> {
        let (starts, job, own) = (self.runs_column("started")?, self.runs_column("job")?, self.own_cell("job")?);
        let criterion = |(column, text): &(&str, &str)| Some(format!(";{};\"{text}\"", self.runs_column(column)?));
        let criteria: String = criteria.iter().map(criterion).collect::<Option<_>>()?;
        Some(format!("MAXIFS({starts};{job};{own}{criteria})"))
    }

    /// When the newest such row that records a run of the job started.
    fn find_last_run(&self, criteria: &[(&str, &str)]) -> Option<String> {
        let not_run = NOT_RUN.map(|status| ("status", format!("<>{status}")));
        let maintenance = MAINTENANCE.map(|trigger| ("trigger", format!("<>{trigger}")));
        let mut all: Vec<(&str, &str)> = criteria.to_vec();
        let others = not_run.iter().filter(|_| criteria.is_empty()).chain(&maintenance);
        all.extend(others.map(|(column, criterion)| (*column, criterion.as_str())));
        self.find_newest(&all)
    }

    /// The cell of a column of Runs, in the job's row that started at `started`.
    fn look_up_in_row(&self, started: &str, column: &str) -> Option<String> {
        let (job, starts, own) = (self.runs_column("job")?, self.runs_column("started")?, self.own_cell("job")?);
        let row = format!("SUMPRODUCT(MAX(({job}={own})*({starts}={started})*ROW({starts})))");
        Some(format!("INDEX({};{row})", self.runs_column(column)?))
    }

    fn look_up_in_run(&self, started: &str, column: &str) -> Option<String> {
        let cell = self.look_up_in_row(started, column)?;
        Some(format!("IF({started}=0;\"\";{cell})"))
    }

    fn look_up_in_newest(&self, column: &str) -> Option<String> {
        self.look_up_in_run(&self.find_newest(&[(column, "<>")])?, column)
    }

    /// The start by the spreadsheet's clock. Rows of earlier versions lack the offset and show UTC.
    fn make_local_start(&self, started: &str) -> String {
        let offset =
            self.look_up_in_row(started, "utc_offset").map_or_else(String::new, |cell| format!("+N({cell})/24"));
        format!("IF({started}=0;\"\";{started}{offset})")
    }

    fn wrap_number(&self, started: &str, column: &str, shown: impl Fn(String) -> String) -> Option<String> {
        let cell = self.look_up_in_row(started, column)?;
        let shown = shown(cell.clone());
        Some(format!("IF({started}=0;\"\";IF(ISNUMBER({cell});{shown};\"\"))"))
    }
}
