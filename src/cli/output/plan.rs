//! A plan as text for people, as Markdown, and as JSON.
//!
//! In scope: the three forms. Out of scope: making the plan (`app::plan::run_plan`), the prediction
//! of reruns (`check::rerun`).

use std::fmt::Write as _;

use serde::Serialize;

use crate::app::plan::run_plan::RunPlan;
use crate::check::rerun::{RerunPrediction, RerunVerdict};
use crate::cli::format::{format_count, format_number, format_share};
use crate::cli::output::cell_value::{convert_cell, format_value};
use crate::cli::output::destination::{JobDestination, Spreadsheet};
use crate::cli::output::json::{HeldDocument, SCHEMA_VERSION};
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::palette::Palette;
use crate::ledger::runs::capacity::CELL_LIMIT;
use crate::sheets_client::calls::quota::CallRates;
use crate::store::spreadsheet::dry_run::SampleRow;

/// Characters of a sample row's cells that are shown.
const SAMPLE_CHARS: usize = 160;

/// Everything that a plan shows.
pub struct PlanOutput<'a> {
    /// What the run would do, record by record and in sum.
    pub plan: &'a RunPlan,
    /// What happens if each step runs twice.
    pub reruns: Vec<RerunPrediction>,
    /// Where the rows would be.
    pub place: &'a JobDestination,
    /// The rates at which calls are made.
    pub pacing: CallRates,
}

#[derive(Serialize)]
struct PlanDocument<'a> {
    schema_version: u32,
    job: &'a str,
    tab: &'a str,
    spreadsheet: &'a Spreadsheet,
    written: bool,
    read: u64,
    new: u64,
    unchanged: u64,
    failed: u64,
    open_failures: OpenFailuresDocument,
    rows: RowsDocument,
    columns_added: &'a [String],
    programs: Vec<ProgramDocument<'a>>,
    calls: PlannedCallsDocument,
    cells: CellsDocument,
    failures: Vec<PlannedFailureDocument<'a>>,
    sample: Vec<SampleDocument<'a>>,
    reruns: Vec<RerunDocument<'a>>,
    /// Present only if a run would hold changes of existing rows back.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldDocument<'a>>,
    warnings: &'a [String],
}

/// Open failures before the run and after it, and those of them that would recover.
#[derive(Serialize)]
struct OpenFailuresDocument {
    before: u64,
    recovered: u64,
    after: u64,
}

#[derive(Serialize)]
struct RowsDocument {
    inserted: u64,
    updated: u64,
}

#[derive(Serialize)]
struct ProgramDocument<'a> {
    step: &'a str,
    values: u64,
}

#[derive(Serialize)]
struct PlannedCallsDocument {
    reads: u64,
    writes: u64,
    minutes_at_quota: u64,
}

#[derive(Serialize)]
struct CellsDocument {
    before: u64,
    after: u64,
    limit: u64,
}

#[derive(Serialize)]
struct PlannedFailureDocument<'a> {
    key: &'a str,
    place: &'a str,
    step: &'a str,
    error: &'a str,
}

#[derive(Serialize)]
struct SampleDocument<'a> {
    key: &'a str,
    action: &'static str,
    cells: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct RerunDocument<'a> {
    step: &'a str,
    action: &'a str,
    verdict: &'static str,
    why: &'a str,
    to_add: &'a str,
}

impl PlanOutput<'_> {
    /// Returns the JSON document.
    pub fn make_document(&self) -> impl Serialize + '_ {
        let (report, effects) = (&self.plan.report, &self.plan.effects);
        let counts = &report.run.counts;
        let failures = self.plan.failures.iter().map(|failure| PlannedFailureDocument {
            key: &failure.key,
            place: &failure.position,
            step: &failure.step,
            error: &failure.error,
        });
        PlanDocument {
            schema_version: SCHEMA_VERSION,
            job: &self.place.job,
            tab: &self.place.tab,
            spreadsheet: &self.place.spreadsheet,
            written: false,
            read: counts.read,
            new: counts.new,
            unchanged: counts.skipped,
            failed: counts.failed,
            open_failures: OpenFailuresDocument {
                before: self.plan.open_failures,
                recovered: counts.recovered,
                after: report.open_failures,
            },
            rows: RowsDocument { inserted: effects.inserted, updated: effects.updated },
            columns_added: &effects.columns_added,
            programs: self
                .plan
                .programs
                .iter()
                .map(|(step, values)| ProgramDocument { step, values: *values })
                .collect(),
            calls: PlannedCallsDocument {
                reads: self.count_reads(),
                writes: effects.writes,
                minutes_at_quota: self.estimate_minutes(),
            },
            cells: CellsDocument { before: effects.cells_before, after: effects.cells_after, limit: CELL_LIMIT },
            failures: failures.collect(),
            sample: effects.sample.iter().map(make_sample_document).collect(),
            reruns: self.reruns.iter().map(make_rerun_document).collect(),
            held: report.held.as_ref().map(HeldDocument::new),
            warnings: &self.plan.warnings,
        }
    }

    /// Returns the text for people; it ends with a line break.
    pub fn format_text(&self, palette: Palette) -> String {
        let mut out = String::new();
        let job = palette.mark_emphasis(&make_visible(&self.place.job));
        let _ = writeln!(out, "{job}  a run would do this; nothing was written");
        for line in self.describe_counts() {
            let _ = writeln!(out, "  {}", make_visible(&line));
        }
        for warning in &self.plan.warnings {
            let _ = writeln!(out, "  {}", palette.mark_warning(&format!("warning: {}", make_visible(warning))));
        }
        for failure in self.format_failures() {
            let _ = writeln!(out, "  {}", palette.mark_error(&make_visible(&failure)));
        }
        let _ = writeln!(out, "  in {}", self.place.spreadsheet);
        if !self.plan.effects.sample.is_empty() {
            let _ = writeln!(out, "\nfirst rows (+ added, ~ updated)");
        }
        for row in &self.plan.effects.sample {
            let sign = if row.is_update { '~' } else { '+' };
            let _ = writeln!(out, "  {sign} {}", make_visible(&shorten_text(&format_cells(row))));
        }
        let _ = writeln!(out, "\n{}", self.format_rerun_table(palette));
        out
    }

    /// Returns the plan as Markdown; it ends with a line break.
    pub fn format_markdown(&self) -> String {
        let mut out = format!("## Plan of job {}\n\n", escape_markdown(&self.place.job));
        for line in self.describe_counts() {
            let _ = writeln!(out, "- {}", escape_markdown(&line));
        }
        let _ = writeln!(out, "- in {}", escape_markdown(&self.place.spreadsheet.to_string()));
        for warning in &self.plan.warnings {
            let _ = writeln!(out, "- **warning:** {}", escape_markdown(warning));
        }
        for failure in self.format_failures() {
            let _ = writeln!(out, "- {}", escape_markdown(&failure));
        }
        out.push_str("\n| step | what it does | if it runs twice | what to add |\n|---|---|---|---|\n");
        for one in &self.reruns {
            let cells = [&one.step, &one.action, &describe_verdict(one), &one.to_add].map(|cell| escape_markdown(cell));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out
    }

    /// Returns the counts in words, a line each.
    fn describe_counts(&self) -> Vec<String> {
        let (report, effects) = (&self.plan.report, &self.plan.effects);
        let counts = &report.run.counts;
        let mut facts = vec![format!(
            "read {} · new {} · unchanged {} · failed {}",
            format_number(counts.read),
            format_number(counts.new),
            format_number(counts.skipped),
            format_number(counts.failed),
        )];
        if self.plan.open_failures + report.open_failures > 0 {
            facts.push(format!(
                "failures: {} open now · {} would recover · {} open after it",
                format_number(self.plan.open_failures),
                format_number(counts.recovered),
                format_number(report.open_failures),
            ));
        }
        let columns = match effects.columns_added.len() {
            0 => String::new(),
            added => format!(" · {} added", format_count(added as u64, "column")),
        };
        facts.push(format!(
            "tab {}: {} added · {} updated{columns}",
            self.place.tab,
            format_count(effects.inserted, "row"),
            format_number(effects.updated),
        ));
        for (step, values) in self.plan.programs.iter().filter(|(_, values)| *values > 0) {
            facts.push(format!(
                "step {step}: its program would get {}; the rows that it returns are not counted above",
                format_count(*values, "value")
            ));
        }
        facts.push(format!(
            "calls: about {} and {}{}",
            format_count(self.count_reads(), "read"),
            format_count(effects.writes, "write"),
            self.describe_quota(),
        ));
        facts.push(format!(
            "cells: {} now, {} after it, of {} ({})",
            format_number(effects.cells_before),
            format_number(effects.cells_after),
            format_number(CELL_LIMIT),
            format_share(effects.cells_after, CELL_LIMIT),
        ));
        facts
    }

    fn format_failures(&self) -> Vec<String> {
        let listed = self.plan.failures.iter().map(|failure| {
            let (key, position, step) = (&failure.key, &failure.position, &failure.step);
            format!("would fail: {key} ({position}), step {step}: {}", failure.error)
        });
        let more = self.plan.report.run.counts.failed.saturating_sub(self.plan.failures.len() as u64);
        let more = (more > 0).then(|| format!("and {} more", format_number(more)));
        listed.chain(more).collect()
    }

    /// Returns the read calls of the run, about those of the plan itself.
    fn count_reads(&self) -> u64 {
        self.plan.report.reads + self.plan.effects.probe_reads
    }

    fn estimate_minutes(&self) -> u64 {
        let minutes = |calls: u64, rate: Option<u32>| rate.map_or(0, |rate| calls / u64::from(rate.max(1)));
        let reads = minutes(self.count_reads(), self.pacing.reads_per_minute);
        reads.max(minutes(self.plan.effects.writes, self.pacing.writes_per_minute))
    }

    fn describe_quota(&self) -> String {
        match (self.pacing.writes_per_minute, self.estimate_minutes()) {
            (None, _) => String::new(),
            (Some(_), 0) => ", less than a minute of the quota".to_owned(),
            (Some(_), minutes) => format!(", about {} of the quota", format_count(minutes, "minute")),
        }
    }

    fn format_rerun_table(&self, palette: Palette) -> String {
        let header = ["step", "what it does", "if it runs twice", "what to add"].map(str::to_owned);
        let rows = self.reruns.iter().map(|one| {
            [one.step.clone(), one.action.clone(), describe_verdict(one), one.to_add.clone()]
                .map(|cell| make_visible(&cell).into_owned())
        });
        let rows: Vec<[String; 4]> = std::iter::once(header).chain(rows).collect();
        let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
        let widths: Vec<usize> = (0..4).map(|at| width(at).unwrap_or_default()).collect();
        let line = |row: &[String; 4]| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines = rows.iter().map(line);
        let header = lines.next().map(|line| palette.mark_emphasis(&line)).unwrap_or_default();
        std::iter::once(header).chain(lines).collect::<Vec<_>>().join("\n")
    }
}

fn describe_verdict(one: &RerunPrediction) -> String {
    match one.verdict {
        RerunVerdict::Safe => format!("safe: {}", one.why),
        RerunVerdict::SafeWithKey | RerunVerdict::NotSafe => one.why.clone(),
    }
}

fn make_rerun_document(one: &RerunPrediction) -> RerunDocument<'_> {
    RerunDocument {
        step: &one.step,
        action: &one.action,
        verdict: one.verdict.as_str(),
        why: &one.why,
        to_add: &one.to_add,
    }
}

fn make_sample_document(row: &SampleRow) -> SampleDocument<'_> {
    let cells = row.cells.iter().map(|(name, cell)| (name.clone(), convert_cell(cell)));
    SampleDocument { key: &row.key, action: if row.is_update { "update" } else { "insert" }, cells: cells.collect() }
}

fn format_cells(row: &SampleRow) -> String {
    let cells = row
        .cells
        .iter()
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(name, cell)| format!("{name}: {}", format_value(&convert_cell(cell))));
    cells.collect::<Vec<_>>().join(" · ")
}

fn shorten_text(text: &str) -> String {
    match text.char_indices().nth(SAMPLE_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Returns a text that Markdown shows as it is, also in a cell of a table.
fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in make_visible(text).chars() {
        if matches!(c, '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
