//! The line of a job file that a problem is about, with a mark below its place.
//!
//! In scope: finding and writing it. Out of scope: the problem's message (`cli::errors`).

use std::fmt::Write as _;

use miette::{Diagnostic, SourceSpan};

use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::palette::Palette;

/// Characters of a line that are shown at most.
const SHOWN_CHARS: usize = 160;

/// The place of a problem, and its line.
pub(super) struct Excerpt {
    /// The file's name.
    pub(super) file: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// The column, from 1, in characters.
    pub(super) column: usize,
    text: String,
    /// Number of marked characters.
    marked: usize,
    label: Option<String>,
}

impl Excerpt {
    /// Finds the place of `problem` in the text of `whole`; `None` for a problem elsewhere.
    pub(super) fn find(whole: &dyn Diagnostic, problem: &dyn Diagnostic) -> Option<Self> {
        let label = problem.labels()?.next()?;
        let span: &SourceSpan = label.inner();
        let source = whole.source_code()?;
        let exact = source.read_span(span, 0, 0).ok()?;
        let around = source.read_span(span, 1, 1).ok()?;
        let text = std::str::from_utf8(around.data()).ok()?;
        let from = span.offset().checked_sub(around.span().offset())?;
        let before = text.get(..from)?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(line_start..)?.lines().next().unwrap_or_default();
        let column = text.get(line_start..from)?.chars().count();
        let rest = line.chars().count().saturating_sub(column);
        let marked = text.get(from..(from + span.len()).min(text.len()))?.lines().next().unwrap_or_default();
        Some(Self {
            file: exact.name().unwrap_or_default().to_owned(),
            line: exact.line() + 1,
            column: column + 1,
            text: line.to_owned(),
            marked: marked.chars().count().clamp(1, rest.max(1)),
            label: label.label().map(str::to_owned),
        })
    }

    /// Returns the place as `file:line:column`.
    pub(super) fn format_place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }

    /// Writes the line and the mark below it, indented; the label, unless `message` holds it.
    pub(super) fn write(&self, out: &mut String, indent: &str, message: &str, palette: Palette) {
        let number = self.line.to_string();
        let column = self.column - 1;
        if column + self.marked > SHOWN_CHARS {
            return;
        }
        let shown: String = self.text.chars().take(SHOWN_CHARS).collect();
        let bar = palette.mark_dimmed("│");
        let _ =
            writeln!(out, "{indent}{} {bar} {}", palette.mark_dimmed(&number), make_visible(&shown.replace('\t', " ")));
        let label = self.label.as_deref().filter(|label| !message.contains(label));
        let label = label.map(|label| format!(" {}", make_visible(label))).unwrap_or_default();
        let mark = format!("{}{}", "^".repeat(self.marked), label);
        let blanks = " ".repeat(number.len());
        let _ = writeln!(out, "{indent}{blanks} {bar} {}{}", " ".repeat(column), palette.mark_error(&mark));
    }
}
