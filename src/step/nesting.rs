//! How deep an expression nests, counted on its tokens before anything reads it by calling itself.
//!
//! In scope: the count, and the limits that follow from it. Out of scope: compiling (`step::jq`).
//!
//! jaq reads, compiles, evaluates and drops an expression by calling itself once for each level: `1 + 1 + 1` has two.
//! A chain of a few thousand operators would overflow any stack, which no program survives. The count is an upper bound:
//! it takes operators of one sequence to nest, whatever their precedence.

use jaq_core::load::lex::{Lexer, StrPart, Tok, Token};

/// The weight of an operator, a keyword or a bracket.
const LEVEL: usize = 10;
/// The weight of one part of a path; it takes about a tenth of an operator's stack.
const PART: usize = 1;

/// The deepest expression that is accepted, in operators.
pub(crate) const MAX_LEVELS: usize = 1_000;
/// The deepest expression that is compiled and evaluated on the stack of the caller, in operators. 100 take 2 MB without optimisation.
const MAX_LEVELS_IN_PLACE: usize = 32;
/// The stack for compiling deeper expressions, in bytes: 20 kB a level without optimisation, and room for as much again.
pub(crate) const DEEP_STACK: usize = 64 << 20;

/// How deep an expression nests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nesting(usize);

impl Nesting {
    /// Counts the levels of `source`; zero where it has no tokens, which the loader reports.
    pub(crate) fn of(source: &str) -> Self {
        Self(Lexer::new(source).lex().map_or(0, |tokens| sequence(&tokens, Separator::Operator)))
    }

    /// Whether the stack of any caller is enough.
    pub(crate) fn is_shallow(self) -> bool {
        self.0 <= MAX_LEVELS_IN_PLACE * LEVEL
    }

    /// Whether no stack is certain to be enough.
    pub(crate) fn is_too_deep(self) -> bool {
        self.0 > MAX_LEVELS * LEVEL
    }
}

/// What a comma is: one more operator, or the end of an object's member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    Operator,
    Member,
}

/// The levels of tokens that follow each other.
fn sequence(tokens: &[Token<&str>], comma: Separator) -> usize {
    let mut deepest = 0;
    let mut here = 0;
    // Where each open `if` began, and how many `elif` it had: its parts do not nest in each other.
    let mut branches: Vec<usize> = Vec::new();
    for Token(text, token) in tokens {
        match (token, *text) {
            (Tok::Word, "if") => {
                here += LEVEL;
                branches.push(here);
            }
            (Tok::Word, "then" | "else" | "elif") => {
                if let Some(start) = branches.last_mut() {
                    *start += if *text == "elif" { LEVEL } else { 0 };
                    here = *start;
                }
            }
            (Tok::Word, "end") => here = branches.pop().unwrap_or(here),
            (Tok::Sym, ",") if comma == Separator::Member => here = 0,
            (Tok::Sym, ";" | ":" | ")" | "]" | "}") => {}
            (Tok::Sym, text) if text.starts_with('.') => here += PART,
            (Tok::Sym, "?") => here += PART,
            (
                Tok::Word,
                "def" | "try" | "catch" | "label" | "as" | "reduce" | "foreach" | "and" | "or" | "import" | "include",
            )
            | (Tok::Sym, _) => here += LEVEL,
            (Tok::Str(parts), _) => deepest = deepest.max(here + interpolated(parts)),
            (Tok::Block(inner), text) => {
                let comma = if text.starts_with('{') { Separator::Member } else { Separator::Operator };
                deepest = deepest.max(here + LEVEL + sequence(inner, comma));
                // An index follows what it is the index of.
                here += PART;
            }
            _ => {}
        }
        deepest = deepest.max(here);
    }
    deepest
}

/// The levels of the terms within a text; each `\(…)` is one block.
fn interpolated(parts: &[StrPart<&str, Token<&str>>]) -> usize {
    let terms = parts.iter().filter_map(|part| match part {
        StrPart::Term(term) => Some(sequence(std::slice::from_ref(term), Separator::Operator)),
        StrPart::Str(_) | StrPart::Char(_) => None,
    });
    terms.max().map_or(0, |deepest| deepest + LEVEL)
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
        ] {
            assert_eq!(Nesting::of(source), Nesting(levels), "{source}");
        }
    }

    #[test]
    fn a_map_of_many_columns_is_shallow() {
        let columns: Vec<String> = (0..500).map(|n| format!("c{n}: (.a.b{n} // 0 | tostring)")).collect();
        assert!(Nesting::of(&format!("{{{}}}", columns.join(", "))).is_shallow());
    }
}
