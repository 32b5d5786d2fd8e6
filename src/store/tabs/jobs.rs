//! The tab Jobs: a row for each job of the spreadsheet, made of formulas over Runs and of people's
//! cells. Pure.
//!
//! In scope: its columns, whether a tab is it, the job's row, what people ask there.
//! Out of scope: the formulas (`store::tabs::jobs_formulas`), the requests that make the tab and
//! append the row (`store::commit::jobs_row`), the calls (`store::load`).
//!
//! All jobs of a spreadsheet share the tab, and no guard protects it. So a job appends its row once
//! and writes no row by position.

use std::ops::Range;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::grid::{format_column_letters, quote_title};
use crate::ledger::runs::job_requests::{JobRequests, is_clear_pause, is_formula_error, trim_request};
use crate::sheets_client::types::response_types::{SpreadsheetInfo, TabInfo};
use crate::store::tabs::parse::{format_cell, make_header_range, parse_header};
use crate::store::tabs::schema::{JobsTab, Tab};
use crate::time::Timestamp;

/// The title of the tab.
pub const JOBS_TITLE: &str = "Jobs";
/// Columns of the tab, in order.
pub const JOBS: [&str; 18] = [
    "job",
    "state",
    "last run",
    "last success",
    "last change",
    "next due",
    "overdue",
    "read",
    "new",
    "failed",
    "failures open",
    "cells left",
    "owner",
    "paused",
    "silence until",
    "run now",
    "approve",
    "held",
];
/// Columns that a tab must have to count as the tab of jobs.
const REQUIRED_COLUMNS: [&str; 3] = ["job", "overdue", "paused"];
/// Rows of the tab that are read. A spreadsheet holds far fewer jobs.
const MAX_ROWS: u32 = 2_000;
/// Characters of a person's text that a message quotes.
const MAX_SHOWN: usize = 40;
/// Columns with what people ask, and the job.
const READ: [&str; 5] = ["job", "paused", "silence until", "run now", "approve"];

/// How a job uses the tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobsView {
    /// Whether the job sets hourly recalculation when it makes the tab, where the spreadsheet
    /// recalculates on changes only.
    pub recalculates: bool,
    /// What the row has in `owner` at first.
    pub owner: Option<String>,
}

/// What was read of the tab.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobsReading {
    /// The tab, with what is left to write.
    pub tab: JobsTab,
    /// What people ask of the job.
    pub requests: JobRequests,
    /// Warnings for people.
    pub warnings: Vec<String>,
}

/// Finds the tab by the id that the state records, or else by its title. Google treats titles that
/// differ only in case as equal.
pub fn find_jobs_tab(metadata: &SpreadsheetInfo, id: Option<i32>) -> Option<&TabInfo> {
    let by_id = id.and_then(|id| metadata.tabs.iter().find(|tab| tab.sheet_id == id));
    by_id.or_else(|| metadata.tabs.iter().find(|tab| tab.title.to_lowercase() == JOBS_TITLE.to_lowercase()))
}

/// The ranges of the tab that are read: the header, and the columns at these positions. Formulas
/// are not read, because each would be computed. Without positions, those of a tab whose columns
/// people have not moved. None for a chart, which has no cells.
pub fn make_jobs_ranges(tab: &TabInfo, positions: Option<&[usize]>) -> Vec<String> {
    if tab.rows == 0 {
        return Vec::new();
    }
    let last = tab.rows.min(MAX_ROWS);
    let columns = read_blocks(tab, positions).into_iter().map(|block| {
        let (first, end) = (format_column_letters(block.start), format_column_letters(block.end - 1));
        format!("{}!{first}1:{end}{last}", quote_title(&tab.title))
    });
    std::iter::once(make_header_range(&tab.title)).chain(columns).collect()
}

/// Blocks of neighbouring columns that are read, within the grid.
fn read_blocks(tab: &TabInfo, positions: Option<&[usize]>) -> Vec<Range<usize>> {
    let usual = READ.map(|name| JOBS.iter().position(|column| *column == name).unwrap_or_default());
    let width = usize::try_from(tab.columns).unwrap_or(usize::MAX);
    let inside: Vec<usize> = positions.unwrap_or(&usual).iter().copied().filter(|position| *position < width).collect();
    let neighbours = inside.chunk_by(|left, right| left + 1 == *right);
    neighbours.filter_map(|block| Some(*block.first()?..block.last()? + 1)).collect()
}

/// Puts together what was read of these ranges: the header row, then the rows, blank where a column
/// was not read.
pub fn join_jobs_rows(tab: &TabInfo, positions: Option<&[usize]>, read: &[Vec<Vec<Value>>]) -> Vec<Vec<Value>> {
    let mut read = read.iter();
    let mut rows: Vec<Vec<Value>> = read.next().and_then(|rows| rows.first()).cloned().into_iter().collect();
    for (block, cells) in read_blocks(tab, positions).into_iter().zip(read) {
        for (at, cells) in cells.iter().enumerate().skip(1) {
            if rows.len() <= at {
                rows.resize_with(at + 1, Vec::new);
            }
            if let Some(row) = rows.get_mut(at) {
                row.resize(block.start.max(row.len()), Value::Null);
                row.extend(cells.iter().cloned());
            }
        }
    }
    rows
}

/// Returns the positions to read if people have moved columns; `None` if what was read is all, or
/// the tab is not one of jobs.
pub fn find_moved_columns(tab: &TabInfo, header_row: &[Vec<Value>]) -> Option<Vec<usize>> {
    let texts = parse_header(header_row);
    let position = |name: &&str| texts.iter().position(|text| text == name);
    REQUIRED_COLUMNS.iter().all(|name| position(name).is_some()).then_some(())?;
    let mut positions: Vec<usize> = READ.iter().filter_map(position).collect();
    positions.sort_unstable();
    let read = read_blocks(tab, None);
    let is_read = |at: &usize| read.iter().any(|block| block.contains(at));
    (!positions.iter().all(is_read)).then_some(positions)
}

/// Reads the tab. `info` is the tab if there is one, `rows` its cells; `id` is the one that the
/// state records.
pub fn read_jobs(
    job: &str,
    view: Option<&JobsView>,
    metadata: &SpreadsheetInfo,
    (info, id): (Option<&TabInfo>, Option<i32>),
    rows: &[Vec<Value>],
) -> JobsReading {
    let unused = |warning: Option<String>| JobsReading {
        tab: JobsTab::Unused(id),
        warnings: warning.into_iter().collect(),
        ..JobsReading::default()
    };
    let Some(view) = view else { return unused(None) };
    let owner = view.owner.clone();
    let Some(info) = info else {
        let recalculates = view.recalculates && recalculates_on_change(metadata);
        return JobsReading { tab: JobsTab::Missing { recalculates, owner }, ..JobsReading::default() };
    };
    let width = usize::try_from(info.columns).unwrap_or_default();
    let tab = Tab { id: info.sheet_id, title: info.title.clone(), header: parse_header(rows), width, ..Tab::default() };
    if let Some(warning) = explain_unusable_tab(&tab, id == Some(info.sheet_id)) {
        return unused(Some(warning));
    }
    let at = tab.position("job").unwrap_or_default();
    let is_own = |row: &&Vec<Value>| row.get(at).is_some_and(|cell| format_cell(cell).trim() == job);
    let own: Vec<&Vec<Value>> = rows.iter().skip(1).filter(is_own).collect();
    let zone = TimeZone::get(&metadata.time_zone).unwrap_or(TimeZone::UTC);
    let requests = read_requests(&tab, &own, &zone);
    let mut warnings = Vec::new();
    let title = &tab.title;
    if own.len() > 1 {
        warnings.push(format!(
            "tab {title}: job {job} has {} rows: delete all but one; until then a pause in any of them counts",
            own.len()
        ));
    }
    if own.is_empty() && info.rows > MAX_ROWS {
        let message =
            format!("tab {title} has more than {MAX_ROWS} rows, and job {job} adds no row: delete blank ones");
        return JobsReading { tab: JobsTab::Unused(id), requests, warnings: vec![message] };
    }
    let tab = if own.is_empty() { JobsTab::WithoutRow { tab, owner } } else { JobsTab::Complete(tab.id) };
    JobsReading { tab, requests, warnings }
}

/// Whether formulas are recalculated on changes only, which is the default.
fn recalculates_on_change(metadata: &SpreadsheetInfo) -> bool {
    !["MINUTE", "HOUR"].contains(&metadata.auto_recalc.as_str())
}

/// Why a tab is not used. `is_own`: the state records that a job made it.
fn explain_unusable_tab(tab: &Tab, is_own: bool) -> Option<String> {
    let title = &tab.title;
    if let Some(column) = tab.missing_column(&REQUIRED_COLUMNS) {
        return Some(if is_own {
            format!("tab {title} has lost its column \"{column}\": write that word back into its header row")
        } else {
            format!(
                "tab {title} is not the one in which jobs show their state, and is left alone; rename it, and the job \
                 makes its own, or set [jobs] tab = false"
            )
        });
    }
    let twice = JOBS.iter().find(|name| tab.header.iter().filter(|text| text == *name).count() > 1)?;
    Some(format!("tab {title} has two columns named \"{twice}\": rename one of them"))
}

/// What people ask in the rows of the job, usually one. Of several rows the order does not matter,
/// so that sorting changes nothing.
fn read_requests(tab: &Tab, own: &[&Vec<Value>], zone: &TimeZone) -> JobRequests {
    let cells = |name: &str| {
        let at = tab.position(name);
        own.iter().filter_map(move |row| row.get(at?)).filter(|cell| !format_cell(cell).trim().is_empty())
    };
    let asked = |name: &str| cells(name).filter_map(|cell| trim_request(&format_cell(cell)));
    let is_unclear_pause = |word: &String| !is_clear_pause(word);
    let pauses = asked("paused").filter(is_unclear_pause);
    let pauses = pauses
        .map(|word| describe_unclear_cell(tab, "paused", &word, "counts as a pause: tick it, or write yes or no"));
    let silent: Vec<(String, Option<Timestamp>)> =
        cells("silence until").map(|cell| (format_cell(cell), read_moment(cell, zone))).collect();
    let times = silent.iter().filter(|(_, at)| at.is_none()).map(|(word, _)| {
        describe_unclear_cell(tab, "silence until", word, "is not a time: enter a date, such as 2026-12-24 09:00")
    });
    let (broken, run_now): (Vec<String>, Vec<String>) = asked("run now").partition(|word| is_formula_error(word));
    let runs =
        broken.iter().map(|word| describe_unclear_cell(tab, "run now", word, "asks for no run: write today's date"));
    let has_row = !own.is_empty() && tab.position("run now").is_some();
    JobRequests {
        is_paused: asked("paused").next().is_some(),
        silence_until: silent.iter().filter_map(|(_, at)| *at).max(),
        approve: asked("approve").max(),
        unclear: pauses.chain(times).chain(runs).collect(),
        has_cleared_run_now: has_row && broken.is_empty() && run_now.is_empty(),
        run_now: run_now.into_iter().max(),
    }
}

/// A message about the text of a person's cell, and how it counts.
fn describe_unclear_cell(tab: &Tab, column: &str, word: &str, how: &str) -> String {
    let shown: String = word.trim().chars().take(MAX_SHOWN).collect();
    format!("tab {}: \"{shown}\" in {column} {how}", tab.title)
}

/// The instant of a cell with a date or a time, which is in the spreadsheet's time zone.
fn read_moment(cell: &Value, zone: &TimeZone) -> Option<Timestamp> {
    let local = match cell {
        Value::Number(days) => {
            let as_utc = jiff::Timestamp::from_millisecond(Timestamp::from_serial(days.as_f64()?).0).ok()?;
            TimeZone::UTC.to_datetime(as_utc)
        }
        cell => {
            let text = format_cell(cell);
            let text = text.trim();
            text.parse::<DateTime>()
                .ok()
                .or_else(|| Some(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())))?
        }
    };
    let instant = zone.to_ambiguous_timestamp(local).compatible().ok()?;
    Some(Timestamp(instant.as_millisecond()))
}

#[cfg(test)]
mod tests;
