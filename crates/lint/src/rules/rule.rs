//! One code, and the habits that codes belong to.

use crate::finding::LintSeverity;

/// A habit of scripts that run unattended. Each code belongs to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Habit {
    /// Secrets come from outside.
    Secrets,
    /// Every call has a time limit.
    TimeLimits,
    /// Every answer is checked.
    CheckedAnswers,
    /// Errors that pass are tried again, within bounds.
    BoundedRetries,
    /// No error is swallowed.
    VisibleErrors,
    /// A failure ends with a code other than 0.
    ExitCodes,
    /// What happens is logged.
    Logs,
    /// Paths and ids come from the configuration.
    Configuration,
    /// It does not depend on this machine's zone, encoding or shell.
    SameEverywhere,
    /// A file is written whole or not at all.
    WholeFiles,
    /// Running it twice doubles nothing.
    Repeatable,
    /// Two runs do not overlap.
    OneAtATime,
    /// A failure, or a run that did not happen, is reported.
    Alerts,
    /// It can be tried out and stopped without harm.
    Trials,
}

impl Habit {
    /// Every habit, in the order of weight.
    pub const ALL: [Self; 14] = [
        Self::Secrets,
        Self::ExitCodes,
        Self::VisibleErrors,
        Self::Repeatable,
        Self::TimeLimits,
        Self::CheckedAnswers,
        Self::Alerts,
        Self::BoundedRetries,
        Self::WholeFiles,
        Self::OneAtATime,
        Self::Logs,
        Self::Configuration,
        Self::SameEverywhere,
        Self::Trials,
    ];

    /// Returns the habit in a few words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Secrets => "secrets come from outside",
            Self::TimeLimits => "every call has a time limit",
            Self::CheckedAnswers => "every answer is checked",
            Self::BoundedRetries => "temporary errors are tried again, within bounds",
            Self::VisibleErrors => "no error is swallowed",
            Self::ExitCodes => "a failure ends with a code other than 0",
            Self::Logs => "what happens is logged",
            Self::Configuration => "paths and ids come from the configuration",
            Self::SameEverywhere => "zone, encoding and shell of the machine do not matter",
            Self::WholeFiles => "files are written whole or not at all",
            Self::Repeatable => "running it twice doubles nothing",
            Self::OneAtATime => "two runs do not overlap",
            Self::Alerts => "a failure, or a run that did not happen, is reported",
            Self::Trials => "it can be tried out and stopped without harm",
        }
    }

    /// Returns the name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::TimeLimits => "time-limits",
            Self::CheckedAnswers => "checked-answers",
            Self::BoundedRetries => "bounded-retries",
            Self::VisibleErrors => "visible-errors",
            Self::ExitCodes => "exit-codes",
            Self::Logs => "logs",
            Self::Configuration => "configuration",
            Self::SameEverywhere => "same-everywhere",
            Self::WholeFiles => "whole-files",
            Self::Repeatable => "repeatable",
            Self::OneAtATime => "one-at-a-time",
            Self::Alerts => "alerts",
            Self::Trials => "trials",
        }
    }
}

/// What an example is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExampleKind {
    /// A Python script.
    Python,
    /// A shell script.
    Shell,
    /// A crontab of a user.
    Crontab,
    /// A sheetkeep job file.
    Job,
    /// A list of requirements for pip.
    Requirements,
}

/// A rule of the linter, under its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LintRule {
    /// The code, such as `SK301`: never used again for another rule.
    pub code: &'static str,
    /// The severity, unless the user sets another.
    pub severity: LintSeverity,
    /// The habit that a finding breaks; `None` for findings about ignores.
    pub habit: Option<Habit>,
    /// What is found, in a few words.
    pub title: &'static str,
    /// What happens some day because of it.
    pub why: &'static str,
    /// What to do instead.
    pub advice: &'static str,
    /// What the examples are written in.
    pub kind: ExampleKind,
    /// A text with the finding.
    pub bad: &'static str,
    /// The text without the finding.
    pub good: &'static str,
}
