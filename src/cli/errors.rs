//! Errors, for people and for machines.
//!
//! In scope: one line for what failed, one for the next step, the causes on request, and problems
//! of a job file with their places. The excerpt of that file is in `excerpt`. Out of scope: the exit
//! codes (`cli::exit`), and longer explanations (`docs/runbook.md`).

use std::error::Error;
use std::fmt::Write as _;

use miette::Diagnostic;
use serde::Serialize;

use crate::cli::errors::excerpt::Excerpt;
use crate::cli::exit::Exit;
use crate::cli::output::json::format_json_line;
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::output_stream::OutputStream;
use crate::cli::streams::palette::Palette;
use crate::cli::streams::terminal::Terminal;
use crate::known_secrets::hide_secrets;
use crate::telemetry::logs::log_line::{LogLevel, LogLine};
use crate::time::Timestamp;

mod excerpt;

/// The error that ends the process.
#[derive(Debug)]
pub struct CliError {
    message: String,
    help: Option<String>,
    causes: Vec<String>,
    exit: Exit,
    diagnostic: Option<Box<dyn Diagnostic + Send + Sync>>,
}

impl CliError {
    /// Creates an error from a whole sentence, in lower case and without a full stop.
    pub fn new(message: impl Into<String>, exit: Exit) -> Self {
        Self { message: mask_secrets(&message.into()), help: None, causes: Vec::new(), exit, diagnostic: None }
    }

    /// Creates an error from `error`, whose text completes "failed to …", with its causes.
    pub fn from_error(error: &(dyn Error + 'static), exit: Exit) -> Self {
        Self { causes: collect_causes(error), ..Self::new(format!("failed to {error}"), exit) }
    }

    /// Creates an error from a diagnostic of the job file or the environment, with the affected
    /// lines.
    pub fn from_diagnostic(diagnostic: impl Diagnostic + Send + Sync + 'static, exit: Exit) -> Self {
        let help = diagnostic.help().map(|help| help.to_string());
        let boxed = Box::new(diagnostic);
        Self { help, diagnostic: Some(boxed), ..Self::new(String::new(), exit) }.with_message_of_diagnostic()
    }

    fn with_message_of_diagnostic(mut self) -> Self {
        self.message = self.diagnostic.as_ref().map_or_else(String::new, ToString::to_string);
        self
    }

    /// Returns the error with one sentence about the next step.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(mask_secrets(&help.into())), ..self }
    }

    /// Returns what failed.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the next step.
    pub fn hint(&self) -> Option<&str> {
        self.help.as_deref().or(find_advice(self.exit))
    }

    /// Returns the exit of the process.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns what failed in one line: of several problems of a job file the first, with its place.
    pub fn format_line(&self) -> String {
        let ErrorBody { message, problems, .. } = self.make_document().error;
        let Some(first) = problems.first() else { return message.to_owned() };
        let place = first.place.as_ref().map(|at| format!("{}:{}:{}: ", at.file, at.line, at.column));
        let more = if problems.len() > 1 { format!(" (1 of {} problems)", problems.len()) } else { String::new() };
        mask_secrets(&format!("{}{}{more}", place.unwrap_or_default(), first.message))
    }

    /// Writes the error to standard error, as JSON or as lines; `verbose` includes the causes.
    pub fn report(&self, terminal: &Terminal, wants_json: bool, is_verbose: bool) {
        let err = terminal.stderr();
        if wants_json {
            err.put(&format_json_line(&self.make_document()));
        } else {
            err.put(&self.format_text(err, is_verbose));
        }
    }

    /// Returns the error as a log line; `error` has what the document of the error has.
    pub fn log_line(&self, time: Timestamp) -> LogLine {
        let mut line = LogLine::new(time, LogLevel::Error, "sheetkeep", &self.message);
        line.add("event", "command.failed".into());
        line.add("error.kind", self.exit.name().into());
        line.add("exit_code", self.exit.code().into());
        if let Ok(document) = serde_json::to_value(self.make_document().error) {
            line.add("error", document);
        }
        line
    }

    fn format_text(&self, stream: &OutputStream, is_verbose: bool) -> String {
        let palette = stream.palette();
        let whole = self.diagnostic.as_deref();
        let problems: Vec<&dyn Diagnostic> = whole.and_then(Diagnostic::related).into_iter().flatten().collect();
        if let (Some(whole), [only]) = (whole, problems.as_slice()) {
            return format_problem(whole, *only, &palette.mark_error("error:"), "", palette);
        }
        let mut out = format!("{} {}\n", palette.mark_error("error:"), make_visible(&self.message));
        for problem in problems {
            if let Some(whole) = whole {
                out.push_str(&format_problem(whole, problem, " ", "  ", palette));
            }
        }
        for cause in self.causes.iter().filter(|_| is_verbose) {
            let _ = writeln!(out, "{} {}", palette.mark_dimmed("  caused by:"), make_visible(cause));
        }
        if let Some(help) = self.help.as_deref().or(find_advice(self.exit)) {
            let _ = writeln!(out, "{} {}", palette.mark_success(" help:"), make_visible(help));
        }
        out
    }

    fn make_document(&self) -> ErrorDocument<'_> {
        let problems = self.diagnostic.as_deref().and_then(Diagnostic::related).into_iter().flatten();
        ErrorDocument {
            error: ErrorBody {
                code: self.exit.name(),
                message: &self.message,
                hint: self.help.as_deref().or(find_advice(self.exit)),
                retryable: self.exit.is_retryable(),
                exit_code: self.exit.code(),
                causes: &self.causes,
                problems: problems
                    .map(|problem| ProblemDocument {
                        message: problem.to_string(),
                        place: self.diagnostic.as_deref().and_then(|whole| find_place(whole, problem)),
                        hint: problem.help().map(|help| help.to_string()),
                    })
                    .collect(),
            },
        }
    }
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    retryable: bool,
    exit_code: u8,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    causes: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<ProblemDocument>,
}

#[derive(Serialize)]
struct ProblemDocument {
    message: String,
    #[serde(flatten)]
    place: Option<ProblemPlace>,
    hint: Option<String>,
}

/// The place of a problem; lines and columns are counted from 1.
#[derive(Serialize)]
struct ProblemPlace {
    file: String,
    line: usize,
    column: usize,
}

/// Returns the place of `problem` in the text of `whole`; `None` for a problem elsewhere.
fn find_place(whole: &dyn Diagnostic, problem: &dyn Diagnostic) -> Option<ProblemPlace> {
    let Excerpt { file, line, column, .. } = Excerpt::find(whole, problem)?;
    Some(ProblemPlace { file, line, column })
}

/// Returns the text with everything masked that looks like a secret.
fn mask_secrets(text: &str) -> String {
    hide_secrets(text).into_owned()
}

/// Returns the next step for an exit, if the error itself has none.
fn find_advice(exit: Exit) -> Option<&'static str> {
    Some(match exit {
        Exit::TempFail => "run it again later; nothing is lost, and nothing will be doubled",
        Exit::Unavailable => "the next run continues where this one stopped",
        Exit::NoPerm => {
            "share the spreadsheet with the service account's address as an editor, and check the credentials"
        }
        Exit::Protocol => "run it again with -vv and see the response; what is committed stays",
        Exit::DataErr => {
            "correct what the message names; what came before is committed, and the next run continues there"
        }
        Exit::Software => "this is a bug in sheetkeep; please report it with the output of -vv",
        _ => return None,
    })
}

/// Returns the texts of all causes, except those that the error's own text contains.
fn collect_causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut shown = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !shown.contains(&text) {
            texts.push(mask_secrets(&text));
        }
        shown = text;
        next = cause.source();
    }
    texts
}

/// Returns one problem: its place and message, the line, the next step.
fn format_problem(
    whole: &dyn Diagnostic,
    problem: &dyn Diagnostic,
    head: &str,
    indent: &str,
    palette: Palette,
) -> String {
    let message = problem.to_string();
    let excerpt = Excerpt::find(whole, problem);
    let place = excerpt.as_ref().map(|excerpt| format!("{}: ", excerpt.format_place())).unwrap_or_default();
    let mut out = format!("{head} {}{}\n", make_visible(&place), make_visible(&message));
    if let Some(excerpt) = excerpt {
        excerpt.write(&mut out, &format!("{indent}  "), &message, palette);
    }
    if let Some(help) = problem.help() {
        let _ = writeln!(out, "{indent}{} {}", palette.mark_success(" help:"), make_visible(&help.to_string()));
    }
    out
}

#[cfg(test)]
mod tests {
    use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};

    use crate::cli::output::fixtures;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("write to the sheet")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("connection reset: {0}")]
    struct Inner(#[source] std::fmt::Error);

    fn make_outer() -> Outer {
        Outer(Inner(std::fmt::Error))
    }

    fn render_error(error: &CliError, wants_json: bool, is_verbose: bool) -> String {
        let (terminal, captured) = fixtures::make_pipes();
        error.report(&terminal, wants_json, is_verbose);
        assert_eq!(captured.captured_out(), "");
        captured.captured_err()
    }

    #[test]
    fn an_error_is_one_line_and_one_line_of_help() {
        let error = CliError::from_error(&make_outer(), Exit::Unavailable);
        insta::assert_snapshot!(render_error(&error, false, false), @r"
        error: failed to write to the sheet
         help: the next run continues where this one stopped
        ");
    }

    #[test]
    fn verbose_errors_show_each_cause_once() {
        let error = CliError::from_error(&make_outer(), Exit::Unavailable);
        insta::assert_snapshot!(render_error(&error, false, true), @r"
        error: failed to write to the sheet
          caused by: connection reset: an error occurred when formatting an argument
         help: the next run continues where this one stopped
        ");
    }

    #[test]
    fn an_error_for_machines_has_code_hint_and_whether_to_try_again() {
        let error = CliError::new("another run holds the lease: 20180207-012613-00abc on box", Exit::TempFail)
            .with_help("wait until 01:31:13, or use --take-over if you know that it is dead");
        insta::assert_snapshot!(render_error(&error, true, false), @r#"{"error":{"code":"tempfail","message":"another run holds the lease: 20180207-012613-00abc on box","hint":"wait until 01:31:13, or use --take-over if you know that it is dead","retryable":true,"exit_code":75}}"#);
    }

    #[test]
    fn an_error_can_not_steer_the_terminal() {
        let text = render_error(&CliError::new("no column \u{1b}]0;x\u{7}", Exit::DataErr), false, false);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text}");
    }

    #[derive(Debug, thiserror::Error, Diagnostic)]
    #[error("the job file has a mistake")]
    struct JobFile {
        #[source_code]
        source_code: NamedSource<String>,
        #[related]
        related: Vec<MietteDiagnostic>,
    }

    #[test]
    fn a_mistake_in_a_job_file_shows_its_line() {
        let text = "name = \"quakes\"\n[sheet]\ntabb = \"Quakes\"\n";
        let problem = MietteDiagnostic::new("unknown key `tabb`")
            .with_help("did you mean `tab`?")
            .with_label(LabeledSpan::new_with_span(Some("here".into()), (24, 4)));
        let file = JobFile { source_code: NamedSource::new("quakes.toml", text.into()), related: vec![problem] };
        let error = CliError::from_diagnostic(file, Exit::Config);
        insta::assert_snapshot!(render_error(&error, false, false), @r#"
        error: quakes.toml:3:1: unknown key `tabb`
          3 │ tabb = "Quakes"
            │ ^^^^ here
         help: did you mean `tab`?
        "#);
        insta::assert_snapshot!(render_error(&error, true, false), @r#"{"error":{"code":"config","message":"the job file has a mistake","hint":null,"retryable":false,"exit_code":78,"problems":[{"message":"unknown key `tabb`","file":"quakes.toml","line":3,"column":1,"hint":"did you mean `tab`?"}]}}"#);
    }

    #[test]
    fn a_report_of_miette_is_a_diagnostic_too() {
        let report: Report = MietteDiagnostic::new("two mistakes").into();
        let boxed: Box<dyn Diagnostic + Send + Sync> = report.into();
        assert_eq!(boxed.to_string(), "two mistakes");
    }
}
