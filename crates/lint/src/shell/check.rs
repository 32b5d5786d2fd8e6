//! Parses a script and asks every rule.

use tree_sitter::Parser;

use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::shell::commands::facts_of;
use crate::shell::{habits, network};

/// Checks a shell script.
pub(crate) fn check(findings: &mut Findings<'_>) {
    let source = findings.source;
    let mut parser = Parser::new();
    if parser.set_language(&tree_sitter_bash::LANGUAGE.into()).is_err() {
        findings.note("can't be parsed: the grammar of the shell does not fit");
        return;
    }
    let Some(tree) = parser.parse(&source.text, None) else {
        findings.note("can't be parsed");
        return;
    };
    let Ok(facts) = facts_of(&tree, &source.text) else {
        findings.note("is nested too deeply: only secrets were looked for");
        return;
    };
    if let Some(byte) = facts.error {
        let line = source.position(byte).line;
        findings.note(format!("has syntax that is not known here (line {line}): what is found may be incomplete"));
    }
    findings.applies(&[Habit::ExitCodes, Habit::SameEverywhere, Habit::Configuration]);
    network::check(&facts, findings);
    habits::check(&facts, findings);
}
