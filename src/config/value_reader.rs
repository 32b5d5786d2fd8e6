//! Reads values of a job file one by one, and keeps all problems.
//!
//! In scope: replacing names from the environment; reading texts as expressions, durations, time
//! zones and numbers; placing each problem in the file. Out of scope: which values exist
//! (`config::settings`).

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use secrecy::SecretString;

use crate::config::external::environment::{Environment, MissingVariable, find_mentioned_names, interpolate_variables};
use crate::config::external::names::SECRET_VARIABLES;
use crate::config::problem::ConfigProblem;
use crate::config::syntax::closest_word::find_closest_word;
use crate::config::syntax::duration::{FORMS, parse_duration};
use crate::config::syntax::located::Located;
use crate::known_secrets::register_secret;
use crate::redact;
use crate::step::jq::program::Program;
use crate::step::jq::spelling::suggest_path;

/// Reads values of one file and keeps the problems.
pub(crate) struct ValueReader<'a> {
    text: &'a str,
    /// The folder of the job file.
    pub(crate) folder: &'a Path,
    /// The source of variables.
    pub(crate) environment: &'a Environment,
    /// The problems so far.
    pub(crate) problems: Vec<ConfigProblem>,
    /// The warnings so far.
    pub(crate) notes: Vec<ProblemNote>,
}

/// A warning about the settings that does not stop a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemNote {
    /// What is unusual.
    pub what: String,
    /// The next step.
    pub help: String,
}

impl<'a> ValueReader<'a> {
    pub(crate) fn new(text: &'a str, folder: &'a Path, environment: &'a Environment) -> Self {
        Self { text, folder, environment, problems: Vec::new(), notes: Vec::new() }
    }

    /// Returns a reader of the same file that takes variables from another environment.
    pub(crate) fn with_environment<'b>(&self, environment: &'b Environment) -> ValueReader<'b>
    where
        'a: 'b,
    {
        ValueReader::new(self.text, self.folder, environment)
    }

    /// Adds a problem.
    pub(crate) fn add_problem(&mut self, problem: ConfigProblem) {
        self.problems.push(problem);
    }

    /// Adds a warning.
    pub(crate) fn add_warning(&mut self, what: impl Into<String>, help: impl Into<String>) {
        self.notes.push(ProblemNote { what: what.into(), help: help.into() });
    }

    /// Adds a problem of a value.
    pub(crate) fn add_problem_at<T>(
        &mut self,
        at: &Located<T>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: &str,
    ) {
        let problem = ConfigProblem::new_at(at.span(), message, label);
        self.add_problem(if help.is_empty() { problem } else { problem.help(help) });
    }

    /// Returns whether the job file takes this name from the environment.
    pub(crate) fn mentions_variable(&self, name: &str) -> bool {
        find_mentioned_names(self.text).any(|mentioned| mentioned == name)
    }

    /// Reads a text with its names replaced. It appears in messages and on the sheet, so no secret
    /// may be in it.
    pub(crate) fn read_text(&mut self, at: &Located<String>) -> Option<String> {
        let shown = |name: &str, value: &str| redact::names_secret(name) || redact::may_hold_secret(value);
        if self.report_secrets(at, at.get(), shown) { None } else { self.fill_text(at) }
    }

    /// Reads a text that is a secret itself. It is never shown: no log and no error has it from
    /// here on.
    pub(crate) fn read_secret_text(&mut self, at: &Located<String>) -> Option<SecretString> {
        if self.report_secrets(at, at.get(), |_, _| false) {
            return None;
        }
        let filled = self.fill_text(at)?;
        register_secret(&filled);
        Some(SecretString::from(filled))
    }

    /// Adds a problem for each secret that a text would take from the environment. `more` decides
    /// what counts as a secret beside Google's keys.
    pub(crate) fn report_secrets<T>(&mut self, at: &Located<T>, text: &str, more: impl Fn(&str, &str) -> bool) -> bool {
        let mut takes = false;
        for name in find_mentioned_names(text) {
            let value = self.environment.get(name).unwrap_or_default();
            if SECRET_VARIABLES.contains(&name) || redact::is_key(value) || (!value.is_empty() && more(name, value)) {
                takes = true;
                let problem = ConfigProblem::new_at(
                    at.span(),
                    format!("{name} holds a secret, or may hold one"),
                    "it would be shown",
                );
                self.add_problem(problem.help(format!(
                    "remove ${{{name}}}: values here appear in messages, in logs or on the sheet. Credentials are found without it; if the value is not secret, rename the variable: names with SECRET, KEY, TOKEN and the like count as secret"
                )));
            }
        }
        takes
    }

    /// Reads the words of a command, of which the first names the program. `what` is the key, and
    /// `example` a value for it.
    pub(crate) fn read_command_words(
        &mut self,
        at: &Located<Vec<String>>,
        what: &str,
        example: &str,
    ) -> Option<Vec<String>> {
        let words = at.get();
        let wrong = if words.first().is_none_or(|program| program.trim().is_empty()) {
            "names no program"
        } else if words.iter().any(|word| word.contains('\0')) {
            "holds a NUL"
        } else if words.iter().any(|word| self.report_secrets(at, word, |_, _| false)) {
            return None;
        } else {
            return Some(words.clone());
        };
        let help = format!("write the program and its arguments: command = {example}");
        self.add_problem_at(at, format!("{what} {wrong}"), "here", &help);
        None
    }

    fn fill_text(&mut self, at: &Located<String>) -> Option<String> {
        match interpolate_variables(at.get(), |name| self.environment.get(name)) {
            Ok(text) => Some(text),
            Err(missing) => {
                for lack in missing {
                    self.report_lacking(at, &lack);
                }
                None
            }
        }
    }

    fn report_lacking(&mut self, at: &Located<String>, lack: &MissingVariable) {
        let place = |needle: &str| match at.get().find(needle) {
            Some(start) => self.place_within(at, start..start + needle.len()),
            None => at.span(),
        };
        let file = self.environment.file_path().display();
        let problem = match lack {
            MissingVariable::Name(name) => {
                let suggestion = find_closest_word(name, self.environment.names());
                let help = suggestion.map_or_else(String::new, |suggestion| format!("did you mean {suggestion}? "));
                ConfigProblem::new_at(place(&format!("${{{name}}}")), format!("{name} is not set"), "no such name")
                    .help(format!("{help}set it in the environment or in {file}"))
            }
            MissingVariable::NoName(name) => ConfigProblem::new_at(
                place(&format!("${{{name}}}")),
                "a name is made of letters, digits and _",
                "no name",
            )
            .help("to write ${ itself, double the dollar: $${"),
            MissingVariable::Unclosed => ConfigProblem::new_at(at.span(), "a ${ has no }", "never closed")
                .help("to write ${ itself, double the dollar: $${"),
        };
        self.add_problem(problem);
    }

    /// Reads a text that is not empty.
    pub(crate) fn read_non_empty(&mut self, at: &Located<String>, what: &str) -> Option<String> {
        let text = self.read_text(at)?;
        self.check_non_empty(at, what, text)
    }

    fn check_non_empty(&mut self, at: &Located<String>, what: &str, text: String) -> Option<String> {
        if text.trim().is_empty() {
            self.add_problem_at(at, format!("{what} is empty"), "empty", "");
            return None;
        }
        Some(text)
    }

    /// Reads a path, relative to the job file's folder.
    pub(crate) fn read_path(&mut self, at: &Located<String>, what: &str) -> Option<PathBuf> {
        self.read_non_empty(at, what).map(|text| self.folder.join(text))
    }

    /// Reads and compiles a jq expression; a problem is placed inside the text.
    pub(crate) fn read_program(&mut self, at: &Located<String>, what: &str) -> Option<Program> {
        if self.report_secrets(at, at.get(), |_, _| false) {
            return None;
        }
        let source = self.fill_text(at)?;
        let source = self.check_non_empty(at, what, source)?;
        match Program::compile(&source) {
            Ok(program) => Some(program),
            Err(error) => {
                let problem = if source == *at.get() {
                    let span = self.place_within(at, error.at.clone());
                    ConfigProblem::new_at(
                        span,
                        format!("{what} is not a valid jq expression: {error}"),
                        error.message.clone(),
                    )
                } else {
                    // The error may quote a replaced name, whose value may be a secret.
                    let message = format!("{what} is not a valid jq expression with its ${{…}} filled in");
                    ConfigProblem::new_at(at.span(), message, "what was filled in is not shown")
                };
                let help = match suggest_path(&source, &error.at) {
                    // The suggestion may hold what was filled in.
                    Some(path) if source == *at.get() => {
                        format!("did you mean {path}? write it in single quotes: '{path}'")
                    }
                    _ => "expressions are jq (jaq), as in https://jqlang.org/manual; docs/jq.md lists what differs"
                        .to_owned(),
                };
                self.add_problem(problem.help(help));
                None
            }
        }
    }

    /// Returns the place of a part of a text in the file; the whole text if escapes prevent that.
    fn place_within(&self, at: &Located<String>, part: Range<usize>) -> Range<usize> {
        let span = at.span();
        let literal = self.text.get(span.clone()).unwrap_or_default();
        match literal.find(at.get().as_str()) {
            // An empty range is not shown; the end of a text is its closing quote.
            Some(start) => {
                let start = span.start + start;
                start + part.start..(start + part.end).max(start + part.start + 1)
            }
            None => span,
        }
    }

    /// Reads a duration in milliseconds, within bounds. A number without a unit means seconds.
    pub(crate) fn read_duration(
        &mut self,
        at: &Located<String>,
        what: &str,
        bounds: RangeInclusive<u64>,
    ) -> Option<u64> {
        let text = self.read_non_empty(at, what)?;
        let Some(length) = parse_duration(&text) else {
            let help = format!("write it as {FORMS}");
            self.add_problem_at(at, format!("{what} is not a length of time"), "not a length of time", &help);
            return None;
        };
        let ms = u64::try_from(length.as_millis()).ok().filter(|ms| bounds.contains(ms));
        if ms.is_none() {
            let (least, most) = (format_ms(*bounds.start()), format_ms(*bounds.end()));
            self.add_problem_at(at, format!("{what} has to be between {least} and {most}"), "out of bounds", "");
        }
        ms
    }

    /// Reads a whole number within bounds.
    pub(crate) fn read_whole_number(
        &mut self,
        at: &Located<i64>,
        what: &str,
        bounds: RangeInclusive<u64>,
    ) -> Option<u64> {
        let found = u64::try_from(*at.get()).ok().filter(|n| bounds.contains(n));
        if found.is_none() {
            self.add_problem_at(
                at,
                format!("{what} has to be between {} and {}", bounds.start(), bounds.end()),
                "out of bounds",
                "",
            );
        }
        found
    }

    /// Reads a time zone by its IANA name.
    pub(crate) fn read_zone(&mut self, at: &Located<String>, what: &str) -> Option<(String, TimeZone)> {
        let name = self.read_non_empty(at, what)?;
        if let Ok(zone) = TimeZone::get(&name) {
            return Some((name, zone));
        }
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let help = match find_closest_word(&name, known.iter().map(String::as_str)) {
            Some(suggestion) => format!("did you mean {suggestion}?"),
            None => "zones have IANA names, such as Europe/Berlin or UTC".to_owned(),
        };
        self.add_problem_at(at, format!("{what} is not an IANA time zone"), "unknown zone", &help);
        None
    }
}

fn format_ms(ms: u64) -> String {
    match ms {
        0 => "0s".into(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}
