//! Collects the findings of one file, for all rules.

use std::collections::BTreeSet;

use crate::files::source_text::SourceText;
use crate::finding::{LintConfidence, LintFinding, SafeFix};
use crate::rules::rule::Habit;
use crate::rules::table::find_rule;

/// Findings of one file at most.
const MAX_FINDINGS: usize = 2_000;
const TOO_MANY: &str = "has more than 2,000 findings: the rest is left out";

/// Collects the findings of one file.
pub(crate) struct Findings<'a> {
    pub source: &'a SourceText,
    /// What was found so far, in no order.
    pub found: Vec<LintFinding>,
    /// Habits that the file could have.
    pub habits: BTreeSet<Habit>,
    /// What of the file was not looked at, and why.
    pub notes: Vec<String>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(source: &'a SourceText) -> Self {
        Self { source, found: Vec::new(), habits: BTreeSet::new(), notes: Vec::new() }
    }

    /// Adds a finding at a byte.
    pub(crate) fn add(&mut self, code: &str, confidence: LintConfidence, byte: usize, message: impl Into<String>) {
        self.add_fixable(code, confidence, byte, message, None);
    }

    /// Adds a finding, with a fix if there is a safe one.
    pub(crate) fn add_fixable(
        &mut self,
        code: &str,
        confidence: LintConfidence,
        byte: usize,
        message: impl Into<String>,
        fix: Option<SafeFix>,
    ) {
        let Some(rule) = find_rule(code) else { return };
        if self.found.len() >= MAX_FINDINGS {
            if !self.notes.iter().any(|note| note == TOO_MANY) {
                self.note(TOO_MANY);
            }
            return;
        }
        let position = self.source.position(byte);
        self.found.push(LintFinding {
            code: rule.code,
            severity: rule.severity,
            confidence,
            position,
            message: message.into(),
            fix,
        });
    }

    /// Records that the file could have these habits: it does what they are about.
    pub(crate) fn applies(&mut self, habits: &[Habit]) {
        self.habits.extend(habits);
    }

    /// Adds what of the file is not looked at, and why.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Returns whether a finding of this code is there already.
    pub(crate) fn has(&self, code: &str) -> bool {
        self.found.iter().any(|finding| finding.code == code)
    }

    /// Returns whether a finding of one of the codes is on the line of this byte.
    pub(crate) fn is_on_line(&self, codes: &[&str], byte: usize) -> bool {
        let line = self.source.position(byte).line;
        self.found.iter().any(|finding| codes.contains(&finding.code) && finding.position.line == line)
    }
}
