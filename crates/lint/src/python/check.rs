//! Parses a script and asks every rule.

use crate::python::walk::facts_of;
use crate::python::{errors, network, operations, places, retries, secrets, service, state};
use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::syntax_tree::{TOO_DEEP, parse};

/// Checks a Python script.
pub(crate) fn check(findings: &mut Findings<'_>) {
    let source = findings.source;
    let Some(tree) = parse(findings, &tree_sitter_python::LANGUAGE.into(), "Python") else { return };
    let Ok(facts) = facts_of(&tree, &source.text) else {
        findings.note(TOO_DEEP);
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
