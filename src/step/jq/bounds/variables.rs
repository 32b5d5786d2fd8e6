//! The variables of an expression, each with the size that its value has at most.
//!
//! In scope: binding a pattern such as `[$a, {b: $c}]`. Out of scope: the bounds of the terms that
//! read them (`step::jq::bounds::bounded`).

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{Pattern, Term};

use crate::step::jq::bounds::cost::Cost;

/// Variables and the sizes of their values.
pub(crate) type VariableSizes<'s> = Vec<(&'s str, Cost)>;

/// Returns the size of the larger of the input and the variables.
pub(crate) fn take_largest(input: Cost, scope: &VariableSizes<'_>) -> Cost {
    scope.iter().fold(input, |sum, (_, size)| sum.add_cost(*size))
}

/// Adds the variables of a pattern whose value has this size. Returns `None` if a name is evaluated.
pub(crate) fn bind_pattern<'s>(pattern: &Pattern<&'s str>, size: Cost, scope: &mut VariableSizes<'s>) -> Option<()> {
    match pattern {
        Pattern::Var(name) => {
            scope.push((*name, size));
            Some(())
        }
        Pattern::Arr(parts) => parts.iter().try_for_each(|part| bind_pattern(part, size, scope)),
        Pattern::Obj(parts) => parts.iter().try_for_each(|(name, part)| match name {
            Term::Str(None, texts) if texts.iter().all(|text| !matches!(text, StrPart::Term(_))) => {
                bind_pattern(part, size, scope)
            }
            Term::Var(variable) => {
                scope.push((*variable, size));
                bind_pattern(part, size, scope)
            }
            _ => None,
        }),
    }
}
