//! Parses a script and asks every rule.

use tree_sitter::Parser;

use crate::python::walk::facts_of;
use crate::python::{errors, network, operations, places, retries, secrets, service, state};
use crate::results::collector::Findings;
use crate::rules::rule::Habit;

/// Checks a Python script.
pub(crate) fn check(findings: &mut Findings<'_>) {
    let source = findings.source;
    let mut parser = Parser::new();
    if parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_err() {
        findings.note("can't be parsed: the grammar of Python does not fit");
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
    if let Some(statement) = facts.python_2 {
        let line = source.position(statement.start_byte()).line;
        findings.note(format!("is Python 2 (line {line}): what is found may be incomplete"));
    } else if let Some(error) = facts.error {
        let line = source.position(error.start_byte()).line;
        findings.note(format!("is not all Python 3 (line {line}): what is found may be incomplete"));
    }
    findings.applies(&[Habit::SameEverywhere, Habit::Configuration, Habit::VisibleErrors]);
    secrets::check(&facts, findings);
    places::check(&facts, findings);
    network::check(&facts, findings);
    retries::check(&facts, findings);
    errors::check(&facts, findings);
    state::check(&facts, findings);
    operations::check(&facts, findings);
    service::check(&facts, findings);
}
