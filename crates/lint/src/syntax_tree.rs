//! The syntax tree of a script, or a note in the report on why there is none.

use tree_sitter::{Language, Parser, Tree};

use crate::results::collector::Findings;

/// A script whose tree is nested too deeply to be walked.
pub(crate) const TOO_DEEP: &str = "is nested too deeply: only secrets were looked for";

/// Parses the script. `name` is the language as people call it.
pub(crate) fn parse(findings: &mut Findings<'_>, language: &Language, name: &str) -> Option<Tree> {
    let source = findings.source;
    let mut parser = Parser::new();
    if parser.set_language(language).is_err() {
        findings.note(format!("can't be parsed: the grammar of {name} does not fit"));
        return None;
    }
    let tree = parser.parse(&source.text, None);
    if tree.is_none() {
        findings.note("can't be parsed");
    }
    tree
}
