//! The findings of `sheetkeep check` as values, with their text and their JSON.
//!
//! In scope: lines and probe answers as values. Out of scope: the checks themselves (`check`).

use std::fmt::Write as _;

use serde::Serialize;

use crate::check::repeated::RepeatedKeyScan;
use crate::cli::exit::Exit;
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::{RepeatedDocument, SCHEMA_VERSION};
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::palette::Palette;

/// One line of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// What the line is about, such as `lease`.
    pub subject: &'static str,
    /// `ok`, `warning` or `problem`.
    pub verdict: &'static str,
    /// What was found, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The answer to one question of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeResult {
    /// The question's name.
    pub question: &'static str,
    /// The assumption that the question tests.
    pub assumption: &'static str,
    /// `held`, `not_held` or `unknown`.
    pub outcome: &'static str,
    /// The service's message, or what the sheet showed.
    pub seen: String,
    /// The consequence for the job.
    pub meaning: &'static str,
}

/// Everything that a check found.
#[derive(Debug)]
pub struct CheckOutput {
    /// The job's name.
    pub job: String,
    /// The spreadsheet that holds its rows.
    pub place: Spreadsheet,
    /// The lines, in the order in which a run would reach them.
    pub lines: Vec<CheckLine>,
    /// The repeated keys among the first records of the source, if these were read.
    pub repeated_keys: Option<RepeatedKeyScan>,
    /// The probe's answers; `None` without `--probe`.
    pub probe: Option<Vec<ProbeResult>>,
    /// Number of tabs and names of earlier probes that were removed.
    pub leftovers: usize,
    /// The exit that a run would have.
    pub exit: Exit,
    /// Whether there are problems that a run would not notice.
    pub has_unnoticed: bool,
}

#[derive(Serialize)]
struct CheckDocument<'a> {
    schema_version: u32,
    job: &'a str,
    spreadsheet: &'a Spreadsheet,
    lines: &'a [CheckLine],
    probe: Option<&'a [ProbeResult]>,
    /// Present only if a key is repeated with different content among the records that were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated_keys: Option<RepeatedDocument<'a>>,
    exit_code: u8,
}

impl CheckOutput {
    /// Returns the JSON document.
    pub fn make_document(&self) -> impl Serialize + '_ {
        CheckDocument {
            schema_version: SCHEMA_VERSION,
            job: &self.job,
            spreadsheet: &self.place,
            lines: &self.lines,
            probe: self.probe.as_deref(),
            repeated_keys: self.repeated_keys.as_ref().and_then(|repeated_keys| {
                RepeatedDocument::from_repeats(&repeated_keys.repeats, repeated_keys.reprocess_policy)
            }),
            exit_code: self.choose_exit().code(),
        }
    }

    /// Returns the exit: that of the run, or 78 for problems that a run would not notice.
    pub fn choose_exit(&self) -> Exit {
        if self.exit == Exit::Ok && self.has_unnoticed { Exit::Config } else { self.exit }
    }

    /// Returns the text for people; it ends with a line break.
    pub fn format_text(&self, palette: Palette) -> String {
        let mut out = String::new();
        for line in &self.lines {
            let word = format!("{:<8}", line.verdict);
            let word = match line.verdict {
                "ok" => palette.mark_success(&word),
                "warning" => palette.mark_warning(&word),
                _ => palette.mark_error(&word),
            };
            let _ = writeln!(out, "{word} {:<12}{}", line.subject, make_visible(&line.message));
            if let Some(hint) = &line.hint {
                let _ = writeln!(out, "{:<9}{:<12}{}", "", "", palette.mark_dimmed(&make_visible(hint)));
            }
        }
        for answer in self.probe.iter().flatten() {
            let word = format!("{:<8}", answer.outcome.replace('_', " "));
            let word = if answer.outcome == "held" { palette.mark_success(&word) } else { palette.mark_warning(&word) };
            let _ = writeln!(out, "{word} {}", answer.assumption);
            if answer.outcome != "held" {
                let _ = writeln!(out, "{:<9}{}; {}", "", make_visible(&answer.seen), answer.meaning);
            }
        }
        if self.leftovers > 0 {
            let _ = writeln!(out, "removed what earlier probes left: {}", self.leftovers);
        }
        let end = match self.exit {
            Exit::Ok if self.has_unnoticed => "not ready: a run would not notice the problems above".to_owned(),
            Exit::Ok => "ready to run".to_owned(),
            exit => format!("a run would end with {}: {}", exit.code(), exit.meaning()),
        };
        let _ = writeln!(out, "{end}");
        out
    }
}
