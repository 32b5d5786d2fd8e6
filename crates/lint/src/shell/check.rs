//! Parses a script and asks every rule.

use crate::results::collector::Findings;
use crate::rules::rule::Habit;
use crate::shell::commands::collect_facts;
use crate::shell::wide_characters::replace_wide_characters;
use crate::shell::{habits, network};
use crate::syntax::parse::{ScriptLanguage, TOO_DEEP, parse};

/// Checks a shell script.
pub(crate) fn check(findings: &mut Findings<'_>) {
    let source = findings.source;
    let language = ScriptLanguage {
        grammar: tree_sitter_bash::LANGUAGE.into(),
        name: "the shell",
        part_end: |text, _| text.len(),
        make_parsable: replace_wide_characters,
    };
    let Some(tree) = parse(findings, &language) else { return };
    let Ok(facts) = collect_facts(&tree, &source.text) else {
        findings.note(TOO_DEEP);
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
