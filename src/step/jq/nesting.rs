//! Measures how deep an expression nests, on its tokens, before any recursive step reads it.
//!
//! In scope: the count, and the limits derived from it. Out of scope: compiling
//! (`step::jq::program`).
//!
//! jaq parses, compiles, evaluates and drops an expression recursively, one call per level:
//! `1 + 1 + 1` has two levels. A chain of a few thousand operators would overflow any stack, and a
//! stack overflow ends the process. The count is an upper bound: it assumes that the operators of a
//! sequence nest, whatever their precedence. Beside operators, the parts of patterns and the
//! arguments of a call nest. The members of objects and the parts of texts nest only as deep as
//! `step::jq::dialect::rewrite` makes them.

use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};

/// Weight of an operator, a keyword or a bracket.
const LEVEL_WEIGHT: usize = 10;
/// Weight of one part of a path; it takes about a tenth of an operator's stack.
const PART_WEIGHT: usize = 1;

/// Maximum depth that is accepted, in operators.
pub(crate) const MAX_LEVELS: usize = 1_000;
/// Maximum depth that is compiled and evaluated on the caller's stack, in operators. 100 take 2 MB
/// without optimisation.
const MAX_LEVELS_IN_PLACE: usize = 32;
/// Stack for deeper expressions, in bytes: 20 kB per level without optimisation, and as much again
/// as a reserve.
pub(crate) const DEEP_STACK: usize = 64 << 20;

/// Maximum number of members of an object, or parts of a text, that are joined sequentially. More
/// are halved (`step::jq::dialect::rewrite`): jaq nests each in the previous one, with a quarter of
/// an operator's stack.
pub(crate) const MAX_WIDTH: usize = 4;

/// The nesting depth of an expression, in weight units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nesting(usize);

impl Nesting {
    /// Measures `source`; zero if it has no tokens, which the loader reports.
    pub(crate) fn measure(source: &str) -> Self {
        Self(Lexer::new(source).lex().map_or(0, |tokens| count_levels(&tokens, SequenceKind::Terms)))
    }

    /// Returns whether the caller's stack is sufficient.
    pub(crate) fn is_shallow(self) -> bool {
        self.0 <= MAX_LEVELS_IN_PLACE * LEVEL_WEIGHT
    }

    /// Returns whether the expression exceeds the limit.
    pub(crate) fn is_too_deep(self) -> bool {
        self.0 > MAX_LEVELS * LEVEL_WEIGHT
    }
}

/// The kind of a sequence of tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SequenceKind {
    /// Terms; a comma is one more operator.
    Terms,
    /// The members of an object; a comma ends one.
    Members,
    /// The variables of a pattern; each is bound within the one before.
    Variables,
}

/// A construct that a keyword has opened within a sequence. jaq parses whole terms in it; there a
/// comma is an operator, in an object too.
enum OpenConstruct {
    /// An `if`, with the levels around its parts; `end` closes it.
    Branches(usize),
    /// The name, the arguments and the body of a `def`; a semicolon closes it.
    Definition,
    /// The scope of a `def` or a `label`; it has no closing token of its own.
    Scope,
}

/// What the next token can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NextToken {
    /// The name of a member.
    Name,
    /// The start of a term: a keyword opens a construct here; `end`, `then` and so on are filter
    /// names.
    Term,
    /// A pattern of `as`, which binds names to parts of a value.
    Pattern,
    /// An operator, or the end of a term.
    Operator,
}

/// Returns the levels of a sequence of tokens.
fn count_levels(tokens: &[Token<&str>], kind: SequenceKind) -> usize {
    let mut walk = SequenceState { kind, level: 0, deepest: 0, members: 1, open: Vec::new() };
    let start = if kind == SequenceKind::Members { NextToken::Name } else { NextToken::Term };
    tokens.iter().fold(start, |at, token| walk.process_token(token, at));
    walk.deepest + count_halvings(walk.members) * LEVEL_WEIGHT
}

/// The state of the walk along one sequence.
struct SequenceState {
    kind: SequenceKind,
    /// The level of the next token.
    level: usize,
    deepest: usize,
    members: usize,
    open: Vec<OpenConstruct>,
}

impl SequenceState {
    /// Processes a token that was expected as `at`. Returns what the next one can be.
    fn process_token(&mut self, Token(text, token): &Token<&str>, at: NextToken) -> NextToken {
        let next = match token {
            Tok::Word if at != NextToken::Name => self.process_word(text, at),
            Tok::Sym => self.process_symbol(text),
            Tok::Str(parts) => {
                self.deepest = self.deepest.max(self.level + count_interpolated_levels(parts));
                NextToken::Operator
            }
            Tok::Block(inner) if at == NextToken::Pattern || self.kind == SequenceKind::Variables => {
                self.level += LEVEL_WEIGHT + count_levels(inner, SequenceKind::Variables);
                NextToken::Operator
            }
            Tok::Block(inner) => {
                let kind = if text.starts_with('{') { SequenceKind::Members } else { SequenceKind::Terms };
                self.deepest = self.deepest.max(self.level + LEVEL_WEIGHT + count_levels(inner, kind));
                // An index follows the value that it indexes.
                self.level += PART_WEIGHT;
                NextToken::Operator
            }
            _ => NextToken::Operator,
        };
        self.deepest = self.deepest.max(self.level);
        next
    }

    fn process_word(&mut self, word: &str, at: NextToken) -> NextToken {
        match (word, at) {
            ("if", NextToken::Term) => {
                self.level += LEVEL_WEIGHT;
                self.open.push(OpenConstruct::Branches(self.level));
                NextToken::Term
            }
            ("then" | "else" | "elif", NextToken::Operator) => {
                self.leave_scopes();
                if let Some(OpenConstruct::Branches(start)) = self.open.last_mut() {
                    *start += if word == "elif" { LEVEL_WEIGHT } else { 0 };
                    self.level = *start;
                }
                NextToken::Term
            }
            ("end", NextToken::Operator) => {
                self.leave_scopes();
                if let Some(OpenConstruct::Branches(start)) =
                    self.open.pop_if(|last| matches!(last, OpenConstruct::Branches(_)))
                {
                    self.level = start;
                }
                NextToken::Operator
            }
            ("def" | "label", NextToken::Term) => {
                self.level += LEVEL_WEIGHT;
                self.open.push(if word == "def" { OpenConstruct::Definition } else { OpenConstruct::Scope });
                NextToken::Operator
            }
            ("as", _) => {
                self.level += LEVEL_WEIGHT;
                NextToken::Pattern
            }
            ("try" | "catch" | "reduce" | "foreach" | "and" | "or" | "import" | "include", _) => {
                self.level += LEVEL_WEIGHT;
                NextToken::Term
            }
            _ => NextToken::Operator,
        }
    }

    fn process_symbol(&mut self, symbol: &str) -> NextToken {
        match symbol {
            "," if self.kind == SequenceKind::Members && self.open.is_empty() => {
                self.members += 1;
                self.level = 0;
                return NextToken::Name;
            }
            "," if self.kind == SequenceKind::Variables => self.level += PART_WEIGHT,
            ";" => {
                // Each argument is bound within the one before.
                self.level += PART_WEIGHT;
                self.leave_scopes();
                if self.open.pop_if(|last| matches!(last, OpenConstruct::Definition)).is_some() {
                    self.open.push(OpenConstruct::Scope);
                }
                return NextToken::Term;
            }
            ":" => return NextToken::Term,
            ")" | "]" | "}" => {}
            "?" => self.level += PART_WEIGHT,
            path if path.starts_with('.') => self.level += PART_WEIGHT,
            _ => {
                self.level += LEVEL_WEIGHT;
                return NextToken::Term;
            }
        }
        NextToken::Operator
    }

    /// Closes the definitions and labels of a term at its end.
    fn leave_scopes(&mut self) {
        while self.open.pop_if(|last| matches!(last, OpenConstruct::Scope)).is_some() {}
    }
}

/// Returns how often this many parts are halved.
fn count_halvings(parts: usize) -> usize {
    std::iter::successors(Some(parts), |parts| Some(parts.div_ceil(2))).take_while(|parts| *parts > MAX_WIDTH).count()
}

/// Returns the levels of the terms within a text; each `\(…)` is one block.
fn count_interpolated_levels(parts: &[StrPart<&str, Token<&str>>]) -> usize {
    let terms = parts.iter().filter_map(|part| match part {
        StrPart::Term(term) => Some(count_levels(std::slice::from_ref(term), SequenceKind::Terms)),
        StrPart::Str(_) | StrPart::Char(_) => None,
    });
    terms.max().map_or(0, |deepest| deepest + LEVEL_WEIGHT) + count_halvings(parts.len()) * LEVEL_WEIGHT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_of_one_sequence_nest() {
        for (source, levels) in [
            (".", 1),
            (".a.b[0]", 12),
            ("1 + 2 - 3", 20),
            ("{a: .x + 1, b: .y + 1}", 21),
            ("[.a, .b]", 22),
            ("if . then 1 elif 2 then 3 else 4 end", 20),
            (r#""a\(1 + 2)b""#, 30),
            ("- - 1", 20),
            ("{if: 1, end: 2, def: 3, label: 4 + 5}", 20),
            ("{a: if 1 then 2 else 3 end, b: 1 + 2}", 20),
            ("{a: if 1, 2, 3 then 2 else 3 end}", 40),
            ("{a: if end, 1, 2, 3 then 2 else 3 end}", 50),
            ("{a: def f: 1, 2, 3; 4}", 41),
            ("{a: def f: 1; 2, 3, 4}", 41),
            ("{a: if 1 then label $x | 1, 2 else 3 end, b: 4}", 50),
            (". as {$a, b: [$c, $d]}|1", 43),
        ] {
            assert_eq!(Nesting::measure(source), Nesting(levels), "{source}");
        }
    }

    #[test]
    fn a_map_of_many_columns_is_shallow() {
        let columns: Vec<String> = (0..500).map(|n| format!("c{n}: (.a.b{n} // 0 | tostring)")).collect();
        assert!(Nesting::measure(&format!("{{{}}}", columns.join(", "))).is_shallow());
    }
}
