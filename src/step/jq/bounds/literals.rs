//! What an expression writes out: texts, numbers, regular expressions.
//!
//! In scope: terms whose value is known without an input. Out of scope: what they cost
//! (`step::jq::bounds::bounded`).

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::Term;

/// Maximum length of a regular expression that counts as cheap.
pub(crate) const MAX_REGEX: usize = 200;

/// Returns the text if the term is a text literal.
pub(crate) fn read_text_literal<'t>(term: &'t Term<&str>) -> Option<&'t str> {
    match term {
        Term::Str(None, parts) => match parts.as_slice() {
            [] => Some(""),
            [StrPart::Str(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the number if the term is a number, perhaps with a minus sign.
pub(crate) fn read_number_literal(term: &Term<&str>) -> Option<f64> {
    match term {
        Term::Num(digits) => digits.parse().ok(),
        Term::Neg(inner) => read_number_literal(inner).map(|number: f64| -number),
        _ => None,
    }
}

/// Returns whether the term is a short regular expression without counted repetition.
pub(crate) fn is_cheap_regex(term: &Term<&str>) -> bool {
    let Term::Str(None, parts) = term else { return false };
    let texts = parts.iter().map(|part| match part {
        StrPart::Str(text) => (!text.contains('{')).then_some(text.len()),
        StrPart::Char(_) => Some(1),
        StrPart::Term(_) => None,
    });
    texts.sum::<Option<usize>>().is_some_and(|length| length <= MAX_REGEX)
}
