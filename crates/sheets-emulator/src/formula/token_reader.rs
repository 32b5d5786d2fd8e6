//! Reads the signs, words, numbers and texts of a formula from left to right.
//!
//! In scope: what depends on the decimal sign of the spreadsheet. Out of scope: what they mean
//! (`formula::evaluate`).

use crate::grid::value::{EvalResult, Scalar, check_finite};

/// The part of a formula that is not read yet.
pub(crate) struct TokenReader<'a> {
    /// The text, without space in front.
    pub(crate) rest: &'a str,
    has_decimal_comma: bool,
}

impl<'a> TokenReader<'a> {
    /// Starts to read a formula, with or without its `=`.
    pub(crate) fn new(text: &'a str, has_decimal_comma: bool) -> Self {
        let text = text.strip_prefix('=').unwrap_or(text);
        Self { rest: text.trim_start(), has_decimal_comma }
    }

    /// Takes this sign or word, if it comes next, with the space behind it.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        self.rest.strip_prefix(word).is_some_and(|rest| {
            self.rest = rest.trim_start();
            true
        })
    }

    /// Takes the sign between two arguments: `;`, or `,` where it is not the decimal sign.
    pub(crate) fn take_separator(&mut self) -> bool {
        self.take(";") || (!self.has_decimal_comma && self.take(","))
    }

    /// Takes the sign between two columns of an array literal.
    pub(crate) fn take_column_separator(&mut self) -> bool {
        self.take(if self.has_decimal_comma { "\\" } else { "," })
    }

    /// Reads a quoted text, if one comes next; `""` in it is one quotation mark.
    pub(crate) fn take_text(&mut self) -> Option<EvalResult<String>> {
        let mut rest = self.rest.strip_prefix('"')?;
        let mut text = String::new();
        loop {
            let Some((before, after)) = rest.split_once('"') else { return Some(Err("#ERROR!")) };
            text.push_str(before);
            if let Some(more) = after.strip_prefix('"') {
                text.push('"');
                rest = more;
            } else {
                self.rest = after.trim_start();
                return Some(Ok(text));
            }
        }
    }

    /// Reads a number with the decimal sign of the spreadsheet.
    pub(crate) fn take_digits(&mut self) -> EvalResult<Scalar> {
        let bytes = self.rest.as_bytes();
        let sign = self.decimal_sign();
        let mut end = bytes.iter().take_while(|b| b.is_ascii_digit() || char::from(**b) == sign).count();
        if bytes.get(end).is_some_and(|b| b.eq_ignore_ascii_case(&b'e')) {
            let sign = usize::from(bytes.get(end + 1).is_some_and(|b| matches!(b, b'+' | b'-')));
            let digits = bytes[end + 1 + sign..].iter().take_while(|b| b.is_ascii_digit()).count();
            end += if digits > 0 { 1 + sign + digits } else { 0 };
        }
        let value = self.rest[..end].replace(sign, ".").parse::<f64>().map_err(|_| "#ERROR!")?;
        self.rest = self.rest[end..].trim_start();
        check_finite(value)
    }

    /// Returns the sign between a number and its fraction.
    pub(crate) fn decimal_sign(&self) -> char {
        if self.has_decimal_comma { ',' } else { '.' }
    }

    /// Reads a name, a reference or a range, with a quoted title in front.
    pub(crate) fn take_word(&mut self) -> &'a str {
        let mut end = 0;
        let mut quoted = false;
        for c in self.rest.chars() {
            if c == '\'' {
                quoted = !quoted;
            } else if !quoted && !c.is_alphanumeric() && !"_.$!:".contains(c) {
                break;
            }
            end += c.len_utf8();
        }
        let word = &self.rest[..end];
        self.rest = self.rest[end..].trim_start();
        word
    }
}
