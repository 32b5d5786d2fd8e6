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

use crate::grid::{Figure, column_letters, quoted};
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
    pub fn formula(&self, column: &str) -> Option<ShownFormula> {
        let last = || self.last_run(&[]);
        let number = |text: Option<String>| Some(ShownFormula { text: format!("={}", text?), figure: None });
        let time =
            |text: Option<String>| Some(ShownFormula { text: format!("={}", text?), figure: Some(Figure::DateTime) });
        let start = |started: String| time(Some(self.local_start(&started)));
        match column {
            "state" => number(self.of_run(&last()?, "status")),
            "last run" => start(last()?),
            "last success" => start(self.last_run(&[("status", RunStatus::Succeeded.as_str())])?),
            "last change" => start(self.newest(&[("new", ">0")])?),
            "next due" => time(self.if_number(&self.newest(&[("next_due", "<>")])?, "next_due_local", |due| due)),
            "overdue" => number(self.overdue()),
            "read" | "new" | "failed" => number(self.of_run(&last()?, column)),
            "failures open" => number(self.of_newest("failures_open")),
            "cells left" => number(self.of_newest("cells_left")),
            "held" => number(self.of_newest("held")),
            _ => None,
        }
    }

    /// Whether the next run is late, unless the job is paused.
    fn overdue(&self) -> Option<String> {
        let newest = self.newest(&[("next_due", "<>")])?;
        let is_late = |late: String| match self.is_paused() {
            Some(paused) => format!("IF({paused};\"no\";IF(NOW()>{late};\"yes\";\"no\"))"),
            None => format!("IF(NOW()>{late};\"yes\";\"no\")"),
        };
        self.if_number(&newest, "late_local", is_late)
    }

    /// Whether `paused` has a tick, or a text that does not mean no (`ledger::runs::job_requests`).
    fn is_paused(&self) -> Option<String> {
        let cell = self.own("paused")?;
        Some(format!(
            "OR(N({cell})<>0;AND(ISTEXT({cell});ISERROR(FIND(\"|\"&LOWER(TRIM({cell}))&\"|\";\"||no|n|false|off|0|-|\"))))"
        ))
    }

    /// The cell of this row in a column of Jobs.
    fn own(&self, column: &str) -> Option<String> {
        let letters = column_letters(self.jobs.position(column)?);
        Some(format!("INDEX(${letters}:${letters};ROW())"))
    }

    /// A whole column of Runs.
    fn column(&self, name: &str) -> Option<String> {
        let letters = column_letters(self.runs.position(name)?);
        Some(format!("{}!${letters}:${letters}", quoted(&self.runs.title)))
    }

    /// When the newest of the job's rows that meet the criteria started, in UTC; 0 if there is
    /// none.
    fn newest(&self, criteria: &[(&str, &str)]) -> Option<String> {
        let (starts, job, own) = (self.column("started")?, self.column("job")?, self.own("job")?);
        let criterion = |(column, text): &(&str, &str)| Some(format!(";{};\"{text}\"", self.column(column)?));
        let criteria: String = criteria.iter().map(criterion).collect::<Option<_>>()?;
        Some(format!("MAXIFS({starts};{job};{own}{criteria})"))
    }

    /// The same of rows that record runs of the job.
    fn last_run(&self, criteria: &[(&str, &str)]) -> Option<String> {
        let not_run = NOT_RUN.map(|status| ("status", format!("<>{status}")));
        let maintenance = MAINTENANCE.map(|trigger| ("trigger", format!("<>{trigger}")));
        let mut all: Vec<(&str, &str)> = criteria.to_vec();
        let others = not_run.iter().filter(|_| criteria.is_empty()).chain(&maintenance);
        all.extend(others.map(|(column, criterion)| (*column, criterion.as_str())));
        self.newest(&all)
    }

    /// The cell of a column of Runs, in the job's row that started at `started`.
    fn in_row(&self, started: &str, column: &str) -> Option<String> {
        let (job, starts, own) = (self.column("job")?, self.column("started")?, self.own("job")?);
        let row = format!("SUMPRODUCT(MAX(({job}={own})*({starts}={started})*ROW({starts})))");
        Some(format!("INDEX({};{row})", self.column(column)?))
    }

    fn of_run(&self, started: &str, column: &str) -> Option<String> {
        let cell = self.in_row(started, column)?;
        Some(format!("IF({started}=0;\"\";{cell})"))
    }

    fn of_newest(&self, column: &str) -> Option<String> {
        self.of_run(&self.newest(&[(column, "<>")])?, column)
    }

    /// The start by the spreadsheet's clock. Rows of earlier versions lack the offset and show UTC.
    fn local_start(&self, started: &str) -> String {
        let offset = self.in_row(started, "utc_offset").map_or_else(String::new, |cell| format!("+N({cell})/24"));
        format!("IF({started}=0;\"\";{started}{offset})")
    }

    fn if_number(&self, started: &str, column: &str, shown: impl Fn(String) -> String) -> Option<String> {
        let cell = self.in_row(started, column)?;
        let shown = shown(cell.clone());
        Some(format!("IF({started}=0;\"\";IF(ISNUMBER({cell});{shown};\"\"))"))
    }
}
