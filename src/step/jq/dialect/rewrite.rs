//! Rewrites expressions: replaces jaq's operators and texts by jq's where the two differ.
//!
//! In scope: which terms are replaced by calls of filters whose names no expression can contain.
//! Out of scope: those filters (`step::jq::dialect::filters`).
//!
//! ```text
//!  a * b     !times(a; b)       the length of a repeated text is limited
//!  a / b     !over(a; b)        division by zero is an error; a whole result is a whole number
//!  a % b     !modulo(a; b)      of whole numbers, as in jq
//!  a *= b    b as $! | a |= !times(.; $!)
//!  a = b     __assign(a; b)     missing parts of the path are created
//!  "\(a)"    a | tostring       numbers as jq writes them: 3, not 3.0
//!  {a, … z}  {a, …} + {…, z}    jaq nests one level per member; likewise for the parts of a text
//! ```

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Def, Pattern, Term};
use jaq_core::ops::Math;
use jaq_core::path::{Part, Path};

use crate::step::jq::nesting::MAX_WIDTH;

/// The product of two values, with a limit on repeated texts; no expression can contain this name.
pub(crate) const MULTIPLY: &str = "!times";
/// The quotient of two values.
pub(crate) const DIVIDE: &str = "!over";
/// The remainder of two whole numbers.
pub(crate) const MODULO: &str = "!modulo";
/// Sets paths to a value; missing parts of a path are created.
pub(crate) const ASSIGN: &str = "__assign";

/// A variable whose name no expression can contain.
const OPERAND_VARIABLE: &str = "$!";

/// Returns the filter that replaces an operator.
fn find_replacement_filter(operator: Math) -> Option<&'static str> {
    match operator {
        Math::Mul => Some(MULTIPLY),
        Math::Div => Some(DIVIDE),
        Math::Rem => Some(MODULO),
        Math::Add | Math::Sub => None,
    }
}

/// Returns the definition with its body rewritten.
pub(crate) fn rewrite_definition(def: Def<&str>) -> Def<&str> {
    Def { body: rewrite_term(def.body), ..def }
}

/// Returns the term with all its parts rewritten.
pub(crate) fn rewrite_term(term: Term<&str>) -> Term<&str> {
    match term {
        Term::Str(format, parts) => rewrite_text(format, parts),
        Term::BinOp(left, operator, right) => rewrite_binary(rewrite_inner(left), operator, rewrite_inner(right)),
        Term::Arr(inner) => Term::Arr(inner.map(rewrite_inner)),
        Term::Obj(members) => {
            let members = members.into_iter().map(|(name, value)| (rewrite_term(name), value.map(rewrite_term)));
            join_by_halves(members.collect(), &Term::Obj)
        }
        Term::Neg(inner) => Term::Neg(rewrite_inner(inner)),
        Term::Label(name, inner) => Term::Label(name, rewrite_inner(inner)),
        Term::Fold(kind, over, bound, parts) => {
            Term::Fold(kind, rewrite_inner(over), rewrite_pattern(bound), parts.into_iter().map(rewrite_term).collect())
        }
        Term::TryCatch(tried, caught) => Term::TryCatch(rewrite_inner(tried), caught.map(rewrite_inner)),
        Term::IfThenElse(cases, other) => {
            let cases = cases.into_iter().map(|(test, then)| (rewrite_term(test), rewrite_term(then))).collect();
            Term::IfThenElse(cases, other.map(rewrite_inner))
        }
        Term::Def(defs, inner) => Term::Def(defs.into_iter().map(rewrite_definition).collect(), rewrite_inner(inner)),
        Term::Call(name, arguments) => Term::Call(name, arguments.into_iter().map(rewrite_term).collect()),
        Term::Path(from, Path(parts)) => {
            let part = |part| match part {
                Part::Index(index) => Part::Index(rewrite_term(index)),
                Part::Range(from, upto) => Part::Range(from.map(rewrite_term), upto.map(rewrite_term)),
            };
            Term::Path(
                rewrite_inner(from),
                Path(parts.into_iter().map(|(one, optional)| (part(one), optional)).collect()),
            )
        }
        leaf @ (Term::Id | Term::Recurse | Term::Num(_) | Term::Break(_) | Term::Var(_)) => leaf,
    }
}

#[expect(clippy::unnecessary_box_returns, clippy::boxed_local, reason = "the terms of jaq hold their parts in boxes")]
fn rewrite_inner(inner: Box<Term<&str>>) -> Box<Term<&str>> {
    Box::new(rewrite_term(*inner))
}

fn rewrite_binary<'s>(
    left: Box<Term<&'s str>>,
    operator: BinaryOp<&'s str>,
    right: Box<Term<&'s str>>,
) -> Term<&'s str> {
    match operator {
        BinaryOp::Math(math) => match find_replacement_filter(math) {
            Some(name) => Term::Call(name, vec![*left, *right]),
            None => Term::BinOp(left, BinaryOp::Math(math), right),
        },
        BinaryOp::UpdateMath(math) => match find_replacement_filter(math) {
            Some(name) => {
                let call = Term::Call(name, vec![Term::Id, Term::Var(OPERAND_VARIABLE)]);
                let update = Term::BinOp(left, BinaryOp::Update, Box::new(call));
                Term::BinOp(right, BinaryOp::Pipe(Some(Pattern::Var(OPERAND_VARIABLE))), Box::new(update))
            }
            None => Term::BinOp(left, BinaryOp::UpdateMath(math), right),
        },
        BinaryOp::Assign => Term::Call(ASSIGN, vec![*left, *right]),
        BinaryOp::Pipe(bound) => Term::BinOp(left, BinaryOp::Pipe(bound.map(rewrite_pattern)), right),
        other => Term::BinOp(left, other, right),
    }
}

fn rewrite_pattern(bound: Pattern<&str>) -> Pattern<&str> {
    match bound {
        Pattern::Var(name) => Pattern::Var(name),
        Pattern::Arr(parts) => Pattern::Arr(parts.into_iter().map(rewrite_pattern).collect()),
        Pattern::Obj(parts) => {
            Pattern::Obj(parts.into_iter().map(|(key, part)| (rewrite_term(key), rewrite_pattern(part))).collect())
        }
    }
}

/// Rewrites a text. Without a format it writes interpolated values as `tostring` does.
fn rewrite_text<'s>(format: Option<&'s str>, parts: Vec<StrPart<&'s str, Term<&'s str>>>) -> Term<&'s str> {
    let has_terms = parts.iter().any(|part| matches!(part, StrPart::Term(_)));
    let parts = parts.into_iter().map(|part| match part {
        StrPart::Term(inner) => StrPart::Term(rewrite_term(inner)),
        literal => literal,
    });
    let format = format.or(has_terms.then_some("tostring"));
    join_by_halves(parts.collect(), &|parts| Term::Str(format, parts))
}

/// Joins many parts as the sum of two halves, recursively. The values and their order stay the
/// same, and the depth is that of the halvings.
fn join_by_halves<'s, T>(mut parts: Vec<T>, whole: &impl Fn(Vec<T>) -> Term<&'s str>) -> Term<&'s str> {
    if parts.len() <= MAX_WIDTH {
        return whole(parts);
    }
    let later = parts.split_off(parts.len().div_ceil(2));
    Term::BinOp(
        Box::new(join_by_halves(parts, whole)),
        BinaryOp::Math(Math::Add),
        Box::new(join_by_halves(later, whole)),
    )
}
