//! What a check found, for `sheetkeep check`.
//!
//! In scope: lines and answers as values, their text and their JSON. Out of scope: finding them out (`check`).

use std::fmt::Write as _;

use serde::Serialize;

use crate::check::repeated::RepeatedKeyScan;
use crate::cli::exit::Exit;
use crate::cli::output::json::{RepeatedDocument, SCHEMA_VERSION};
use crate::cli::output::place::Spreadsheet;
use crate::cli::terminal::{Palette, visible};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// What it is about.
    pub subject: &'static str,
    /// `ok`, `warning` or `problem`.
    pub verdict: &'static str,
    /// What was found.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// One answer of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeAnswer {
    /// The question's word.
    pub question: &'static str,
    /// What is assumed.
    pub assumption: &'static str,
    /// `held`, `not_held` or `unknown`.
    pub outcome: &'static str,
    /// What the service said or showed.
    pub seen: String,
    /// What follows for the job.
    pub meaning: &'static str,
}

/// All of it.
#[derive(Debug)]
pub struct CheckOutput {
    /// The job.
    pub job: String,
    /// Where its rows are.
    pub place: Spreadsheet,
    /// The lines, in the order in which a run would come to them.
    pub lines: Vec<CheckLine>,
    /// What the first records of the source have shown, where they were looked at.
    pub looked: Option<RepeatedKeyScan>,
    /// The answers; none where nothing was asked.
    pub probe: Option<Vec<ProbeAnswer>>,
    /// Tabs and names of earlier probes that were swept up.
    pub leftovers: usize,
    /// How the process ends: as a run would.
    pub exit: Exit,
}

#[derive(Serialize)]
struct CheckDocument<'a> {
    schema_version: u32,
    job: &'a str,
    spreadsheet: &'a Spreadsheet,
    lines: &'a [CheckLine],
    probe: Option<&'a [ProbeAnswer]>,
    /// There only where a key comes more than once with different content in the records that were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated_keys: Option<RepeatedDocument<'a>>,
    exit_code: u8,
}

impl CheckOutput {
    /// What a machine reads.
    pub fn document(&self) -> impl Serialize + '_ {
        CheckDocument {
            schema_version: SCHEMA_VERSION,
            job: &self.job,
            spreadsheet: &self.place,
            lines: &self.lines,
            probe: self.probe.as_deref(),
            repeated_keys: self.looked.as_ref().and_then(|looked| RepeatedDocument::of(&looked.repeats, looked.again)),
            exit_code: self.exit.code(),
        }
    }

    /// What a person reads; ends with a line break.
    pub fn text(&self, palette: Palette) -> String {
        let mut out = String::new();
        for line in &self.lines {
            let word = format!("{:<8}", line.verdict);
            let word = match line.verdict {
                "ok" => palette.good(&word),
                "warning" => palette.warn(&word),
                _ => palette.bad(&word),
            };
            let _ = writeln!(out, "{word} {:<12}{}", line.subject, visible(&line.message));
            if let Some(hint) = &line.hint {
                let _ = writeln!(out, "{:<9}{:<12}{}", "", "", palette.faint(&visible(hint)));
            }
        }
        for answer in self.probe.iter().flatten() {
            let word = format!("{:<8}", answer.outcome.replace('_', " "));
            let word = if answer.outcome == "held" { palette.good(&word) } else { palette.warn(&word) };
            let _ = writeln!(out, "{word} {}", answer.assumption);
            if answer.outcome != "held" {
                let _ = writeln!(out, "{:<9}{}; {}", "", visible(&answer.seen), answer.meaning);
            }
        }
        if self.leftovers > 0 {
            let _ = writeln!(out, "removed what earlier probes left: {}", self.leftovers);
        }
        let end = match self.exit {
            Exit::Ok => "ready to run".to_owned(),
            exit => format!("a run would end with {}: {}", exit.code(), exit.meaning()),
        };
        let _ = writeln!(out, "{end}");
        out
    }
}
