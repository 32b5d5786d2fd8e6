//! Problems of a job file or the environment, for people: place and next step.
//!
//! In scope: problems, all of them in one error, rendered by miette. Out of scope: finding them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use thiserror::Error;

use crate::fault::Fault;
use crate::redact;

/// Something wrong with the settings, with its place and the next step.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ConfigProblem {
    /// The message, in lower case, without a full stop.
    pub message: String,
    /// The place in the job file, in bytes; `None` for a problem elsewhere or a missing value.
    pub span: Option<Range<usize>>,
    /// The text at that place.
    pub label: String,
    /// The next step.
    pub help: Option<String>,
    /// The path of the key that it is about, such as `source.csv`; empty if it is about no one key.
    pub(crate) path: String,
}

impl ConfigProblem {
    /// Creates a problem at a place of the job file.
    pub(crate) fn new_at(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), span: Some(span), label: label.into(), help: None, path: String::new() }
    }

    /// Creates a problem outside the job file, or of the file as a whole.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), span: None, label: String::new(), help: None, path: String::new() }
    }

    fn hide_secrets(&mut self) {
        for text in [&mut self.message, &mut self.label].into_iter().chain(&mut self.help) {
            if let Cow::Owned(hidden) = redact::redact(text) {
                *text = hidden;
            }
        }
    }

    /// Returns the problem with help.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Returns the problem with the path of the key that it is about.
    #[must_use]
    pub(crate) fn with_key_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }
}

impl Diagnostic for ConfigProblem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        let label = (!self.label.is_empty()).then(|| self.label.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new(label, span.start, span.len()))))
    }
}

/// All problems of a job file.
#[derive(Debug, Error)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
    source_text: NamedSource<String>,
    is_missing: bool,
}

impl ConfigError {
    /// Creates the error for the job file at `file` with this text. What looks like a secret is
    /// masked.
    pub(crate) fn new(file: &Path, text: &str, mut problems: Vec<ConfigProblem>) -> Self {
        problems.iter_mut().for_each(ConfigProblem::hide_secrets);
        problems.sort_by_key(|problem| problem.span.as_ref().map_or((0, 0), |span| (1, span.start)));
        let source_text =
            NamedSource::new(file.display().to_string(), redact::mask_secrets(text)).with_language("TOML");
        Self { problems, source_text, is_missing: false }
    }

    /// Creates the error for a job file that can't be read.
    pub(crate) fn from_unreadable_file(file: &Path, is_missing: bool, problem: ConfigProblem) -> Self {
        Self { is_missing, ..Self::new(file, "", vec![problem]) }
    }

    /// Returns the problems, in the order of the file.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }

    /// Returns whether the job file itself is missing.
    pub fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// Returns the fault: a person has to correct the file or the environment.
    pub fn fault(&self) -> Fault {
        Fault::Inconsistent
    }

    /// Returns each problem in one plain line: `file:line:column: message; help`.
    pub fn format_lines(&self) -> Vec<String> {
        let to_line = |problem: &ConfigProblem| {
            let place = problem.span.as_ref().map_or(String::new(), |span| {
                let before = self.source_text.inner().get(..span.start).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                format!(":{line}:{column}")
            });
            let label = if problem.label.is_empty() { String::new() } else { format!(" ({})", problem.label) };
            let help = problem.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
            format!("{}{place}: {}{label}{help}", self.source_text.name(), problem.message)
        };
        self.problems.iter().map(to_line).collect()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.source_text.name();
        match self.problems.as_slice() {
            [_] => write!(f, "the job {name} can't be run as it is: one thing is wrong"),
            all => write!(f, "the job {name} can't be run as it is: {} things are wrong", all.len()),
        }
    }
}

impl Diagnostic for ConfigError {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source_text)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

#[cfg(test)]
mod tests {
    use miette::{GraphicalReportHandler, GraphicalTheme};

    use super::*;

    #[test]
    fn a_secret_that_was_pasted_into_a_job_file_is_not_shown() {
        let text = "name = \"q\"\npasword = \"é\"\nprivate_key = '''-----BEGIN PRIVATE KEY-----\nMIIEhunter\n-----END PRIVATE KEY-----'''\n\
                    url = \"https://me:hunter2@example.com\"\nzebra = 1\n";
        let at = text.find("private_key").unwrap_or_default();
        let problems = vec![
            ConfigProblem::new_at(at..at + 11, "unknown key `private_key`", "not a key of a job file"),
            ConfigProblem::new_at(text.len() - 10..text.len() - 5, "unknown key `zebra`", ""),
            ConfigProblem::new("invalid type: string \"ya29.hunter\"").help("Bearer hunter2 does not help"),
        ];
        let error = ConfigError::new(Path::new("q.toml"), text, problems);
        let mut shown = error.format_lines().join("\n");
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none());
        handler.render_report(&mut shown, &error).expect("a report");
        assert!(!shown.contains("hunter") && shown.contains("zebra = 1") && shown.contains("q.toml:7:1"), "{shown}");
    }

    #[test]
    fn every_problem_is_shown_with_its_line_and_its_help() {
        let text = "name = \"quakes\"\nnmae = 1\n";
        let problems = vec![
            ConfigProblem::new_at(16..20, "unknown key `nmae`", "not a key of a job file").help("did you mean `name`?"),
            ConfigProblem::new("SHEETKEEP_API_URL is not a URL"),
        ];
        let error = ConfigError::new(Path::new("jobs/q.toml"), text, problems);
        assert_eq!(
            error.format_lines(),
            [
                "jobs/q.toml: SHEETKEEP_API_URL is not a URL",
                "jobs/q.toml:2:1: unknown key `nmae` (not a key of a job file); did you mean `name`?",
            ]
        );
        let mut shown = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none());
        handler.render_report(&mut shown, &error).expect("a report");
        for part in
            ["2 things are wrong", "jobs/q.toml:2:1", "nmae = 1", "not a key of a job file", "did you mean `name`?"]
        {
            assert!(shown.contains(part), "{part} in\n{shown}");
        }
    }
}
