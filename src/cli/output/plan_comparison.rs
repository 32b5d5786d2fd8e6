//! The difference between two job files, as text and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::app::plan::plan_comparison::{CellDifference, PlanComparison};
use crate::cli::format::{format_count, format_number};
use crate::cli::output::cell_value::{convert_cell, format_value};
use crate::cli::output::json::SCHEMA_VERSION;
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::palette::Palette;

/// Characters of a value that are shown.
const VALUE_CHARS: usize = 60;

/// A comparison and its two job files.
pub struct ComparisonOutput<'a> {
    /// The job's name.
    pub job: &'a str,
    /// The old job file, as typed.
    pub old: String,
    /// The new job file, as typed.
    pub new: String,
    /// What the two job files would write differently.
    pub comparison: &'a PlanComparison,
}

#[derive(Serialize)]
struct ComparisonDocument<'a> {
    schema_version: u32,
    job: &'a str,
    old: &'a str,
    new: &'a str,
    written: bool,
    rows_old: u64,
    rows_new: u64,
    failed_old: u64,
    failed_new: u64,
    same: u64,
    different: u64,
    only_old: u64,
    only_new: u64,
    columns: Vec<ColumnDocument<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct ColumnDocument<'a> {
    column: &'a str,
    rows: u64,
    examples: Vec<ExampleDocument<'a>>,
}

#[derive(Serialize)]
struct ExampleDocument<'a> {
    key: &'a str,
    old: serde_json::Value,
    new: serde_json::Value,
}

impl ComparisonOutput<'_> {
    /// Returns the JSON document.
    pub fn make_document(&self) -> impl Serialize + '_ {
        let all = self.comparison;
        let columns = all.columns.iter().map(|(column, difference)| ColumnDocument {
            column,
            rows: difference.rows,
            examples: difference.examples.iter().map(make_example_document).collect(),
        });
        ComparisonDocument {
            schema_version: SCHEMA_VERSION,
            job: self.job,
            old: &self.old,
            new: &self.new,
            written: false,
            rows_old: all.rows.0,
            rows_new: all.rows.1,
            failed_old: all.failed.0,
            failed_new: all.failed.1,
            same: all.same,
            different: all.different,
            only_old: all.only_old,
            only_new: all.only_new,
            columns: columns.collect(),
            notes: &all.notes,
        }
    }

    /// Returns the text for people; it ends with a line break.
    pub fn format_text(&self, palette: Palette) -> String {
        let all = self.comparison;
        let mut out = String::new();
        let (old, new) = (make_visible(&self.old), make_visible(&self.new));
        let _ = writeln!(
            out,
            "{}  {new} against {old}; nothing was written",
            palette.mark_emphasis(&make_visible(self.job))
        );
        let _ = writeln!(
            out,
            "  {} look different · {} the same · {} only in the old job · {} only in the new one",
            palette.mark_emphasis(&format_count(all.different, "row")),
            format_number(all.same),
            format_number(all.only_old),
            format_number(all.only_new),
        );
        if all.failed.0 + all.failed.1 > 0 {
            let (before, after) = (format_number(all.failed.0), format_number(all.failed.1));
            let _ = writeln!(
                out,
                "  {}",
                palette.mark_warning(&format!("records that fail: {before} before, {after} now"))
            );
        }
        for note in &all.notes {
            let _ = writeln!(out, "  {}", palette.mark_warning(&make_visible(note)));
        }
        for (column, difference) in &all.columns {
            let _ = writeln!(out, "\n{}: {}", make_visible(column), format_count(difference.rows, "row"));
            for CellDifference { key, old, new } in &difference.examples {
                let (old, new) = (shorten_value(&convert_cell(old)), shorten_value(&convert_cell(new)));
                let _ = writeln!(out, "  {}: {} → {}", make_visible(key), make_visible(&old), make_visible(&new));
            }
        }
        out
    }
}

fn make_example_document(example: &CellDifference) -> ExampleDocument<'_> {
    ExampleDocument { key: &example.key, old: convert_cell(&example.old), new: convert_cell(&example.new) }
}

fn shorten_value(value: &serde_json::Value) -> String {
    let text = if value.is_null() { "(blank)".to_owned() } else { format_value(value) };
    match text.char_indices().nth(VALUE_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
