//! The syntax tree of a script, or a note in the report on why there is none.

use std::borrow::Cow;

use tree_sitter::{Language, Parser};

use crate::results::collector::Findings;
use crate::syntax::tree::SyntaxTree;

/// A script whose tree is nested too deeply to be walked.
pub(crate) const TOO_DEEP: &str = "is nested too deeply: only secrets were looked for";

/// Bytes that are parsed at once, more or less. The parser needs some 20 times as much memory.
const PART_BYTES: usize = 512 << 10;
/// Tries to find an end for one part; after them the rest is parsed at once.
const MAX_CUTS: usize = 2;

/// Where a part of a script can end, at or after a byte: at the first byte of what can be parsed on
/// its own. The length of the text if there is no such byte.
pub(crate) type PartEnd = fn(&str, usize) -> usize;

/// The language of a script.
#[derive(Debug)]
pub(crate) struct ScriptLanguage {
    /// What the parser knows of it.
    pub grammar: Language,
    /// As people call it.
    pub name: &'static str,
    /// Where a long script can be cut.
    pub part_end: PartEnd,
    /// Returns the text as the parser can take it, with as many bytes.
    pub make_parsable: fn(&str) -> Cow<'_, str>,
}

/// Parses the script.
pub(crate) fn parse(findings: &mut Findings<'_>, language: &ScriptLanguage) -> Option<SyntaxTree> {
    let mut parser = Parser::new();
    if parser.set_language(&language.grammar).is_err() {
        findings.note(format!("can't be parsed: the grammar of {} does not fit", language.name));
        return None;
    }
    let tree = parse_in_parts(&mut parser, language, &(language.make_parsable)(&findings.source.text), PART_BYTES);
    if tree.is_none() {
        findings.note("can't be parsed");
    }
    tree
}

/// Parses a text in parts of about `part_bytes`. A part that is not right may have been cut at a
/// wrong place, such as within a long string: a longer one is tried.
fn parse_in_parts(parser: &mut Parser, language: &ScriptLanguage, text: &str, part_bytes: usize) -> Option<SyntaxTree> {
    let mut built = SyntaxTree::new(&language.grammar);
    let (mut from, mut cuts) = (0, 0);
    loop {
        let wanted = from + part_bytes * (cuts + 1);
        let is_last = cuts >= MAX_CUTS || wanted >= text.len();
        let end = if is_last { text.len() } else { (language.part_end)(text, wanted) };
        let tree = parser.parse(text.get(from..end)?, None)?;
        if end < text.len() && tree.root_node().has_error() {
            cuts += 1;
            continue;
        }
        built.add(&tree, from);
        if end == text.len() {
            return Some(built);
        }
        (from, cuts) = (end, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::check::python_language;
    use crate::syntax::tree::SyntaxNode;

    /// Returns every node of a text that is parsed in parts: its kind, its place, and those around it.
    fn nodes(text: &str, part_bytes: usize) -> Vec<String> {
        let language = python_language();
        let mut parser = Parser::new();
        parser.set_language(&language.grammar).expect("the grammar fits");
        let tree = parse_in_parts(&mut parser, &language, text, part_bytes).expect("it is parsed");
        tree.nodes().map(|node| format!("{} {:?} to {}", node.kind(), node.byte_range(), node.id_after())).collect()
    }

    #[test]
    fn a_script_in_parts_has_the_tree_of_the_whole() {
        let long = "text = '''\n\ndef not_code():\n    it's text\n\nclass Neither:\n'''\n\n\ndef g():\n    pass\n\n\n";
        let texts = [
            include_str!("../../tests/planted.py").to_owned(),
            long.repeat(3),
            "x = (\n    1,\n\n@ y\n)\n\n\ndef f():\n    return x\n\n# end\n\nclass A:\n    pass\n".to_owned(),
            "import a\r\n\r\ndef f():\r\n    pass\r\n\r\n@b\r\ndef g():\r\n    pass\r\n\r\nclass C: pass".to_owned(),
            "if a:\n    b()\n\nelse:\n    c()\n\ndef f(): pass\n\n\nif __name__ == '__main__':\n    f()\n".to_owned(),
            String::new(),
        ];
        for text in &texts {
            let whole = nodes(text, usize::MAX / 8);
            for part_bytes in [1, 20, 60, 400] {
                assert_eq!(nodes(text, part_bytes), whole, "in parts of {part_bytes} bytes:\n{text}");
            }
        }
    }

    #[test]
    fn a_text_that_is_not_python_is_one_error_however_it_is_cut() {
        let text = "def f(:\n\n\ndef g():\n    pass\n\n\ndef h():\n    pass\n".repeat(4);
        assert_eq!(nodes(&text, 16), nodes(&text, usize::MAX / 8));
    }

    #[test]
    fn a_node_answers_for_what_is_below_it() {
        let (language, mut parser) = (python_language(), Parser::new());
        parser.set_language(&language.grammar).expect("the grammar fits");
        let tree = parse_in_parts(&mut parser, &language, "f(a, b=1)\n", 9).expect("it is parsed");
        let call = tree.nodes().find(|node| node.kind() == "call").expect("a call");
        let arguments = call.child_by_field_name("arguments").expect("it has arguments");
        let kinds: Vec<_> = arguments.named_children().map(|node| (node.kind(), node.byte_range())).collect();
        assert_eq!(kinds, [("identifier", 2..3), ("keyword_argument", 5..8)]);
        assert_eq!(arguments.children().map(SyntaxNode::kind).last(), Some(")"));
        assert!(call.child_by_field_name("body").is_none() && !arguments.is_error() && !arguments.is_missing());
        assert_eq!(call.children().map(SyntaxNode::id).collect::<Vec<_>>(), [call.id() + 1, arguments.id()]);
    }
}
