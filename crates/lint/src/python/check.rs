//! Parses a script and asks every rule.

use crate::python::walk::collect_facts;
use crate::python::{errors, network, operations, places, retries, secrets, service, state};
use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::syntax::parse::{ScriptLanguage, TOO_DEEP, parse};

/// What a line begins with that can be parsed on its own, if an empty line is before it.
const DEFINITIONS: [&str; 5] = ["def ", "class ", "async def ", "@", "if __name__"];

/// Returns the byte of the next definition at the top of the script.
fn find_next_definition(text: &str, from: usize) -> usize {
    let (mut at, mut is_after_empty) = (0, false);
    let start = text.as_bytes().get(..from).and_then(|before| before.iter().rposition(|byte| *byte == b'\n'));
    let start = start.map_or(0, |line_end| line_end + 1);
    for line in text.get(start..).unwrap_or_default().split_inclusive('\n') {
        if is_after_empty && start + at >= from && DEFINITIONS.iter().any(|word| line.starts_with(word)) {
            return start + at;
        }
        at += line.len();
        is_after_empty = line.trim().is_empty();
    }
    text.len()
}

/// Returns how a Python script is parsed.
pub(crate) fn python_language() -> ScriptLanguage {
    ScriptLanguage {
        grammar: tree_sitter_python::LANGUAGE.into(),
        name: "Python",
        part_end: find_next_definition,
        make_parsable: |text| text.into(),
    }
}

/// Checks a Python script.
pub(crate) fn check(findings: &mut Findings<'_>) {
    let source = findings.source;
    let Some(tree) = parse(findings, &python_language()) else { return };
    let Ok(facts) = collect_facts(&tree, &source.text) else {
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
    // Python 2 has none of the arguments that are added, and a text with an error may be misread.
    if facts.python_2.is_some() || facts.error.is_some() {
        findings.found.iter_mut().for_each(|finding| finding.fix = None);
    }
}
