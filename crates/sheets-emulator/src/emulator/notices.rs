//! What callers asked for and the emulator does not do: each is reported once, as a warning.
//!
//! In scope: refusals as not implemented, functions that yield `#NAME?`.
//! Out of scope: the refusals themselves (each beside its check).

use std::collections::HashSet;
use std::sync::Mutex;

use crate::api::call::ApiRequest;
use crate::api::route::ApiMethod;
use crate::emulator::lock;
use crate::formula::functions::missing::find_missing_functions;
use crate::schema::enums::TextParams;

/// The most notices; a caller could invent names without end.
const NOTICE_LIMIT: usize = 256;

/// The notices that were reported.
#[derive(Debug, Default)]
pub(super) struct Notices(Mutex<HashSet<String>>);

impl Notices {
    /// Returns whether the text is new, and remembers it.
    fn is_new(&self, text: &str) -> bool {
        let mut reported = lock(&self.0);
        reported.len() < NOTICE_LIMIT && !reported.contains(text) && reported.insert(text.to_owned())
    }

    /// Reports a refusal.
    pub(super) fn report_refusal(&self, message: &str) {
        // Numbers of requests in a message would make it another one each time.
        let text: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
        if self.is_new(&text) {
            tracing::warn!(event = "emulator.not_implemented", "not implemented: {message}");
        }
    }

    /// Reports the functions of a call's formulas that yield `#NAME?`.
    pub(super) fn report_functions(&self, api: ApiMethod, request: &ApiRequest) {
        let before = match api {
            ApiMethod::ValuesUpdate | ApiMethod::ValuesAppend
                if request.query.word("valueInputOption") != Some("RAW") =>
            {
                "\""
            }
            ApiMethod::ValuesBatchUpdate | ApiMethod::ValuesBatchUpdateByDataFilter => "\"",
            ApiMethod::BatchUpdate | ApiMethod::Create => "\"formulaValue\"",
            _ => return,
        };
        for name in find_missing_functions(&request.body, before) {
            if self.is_new(&name) {
                tracing::warn!(
                    event = "emulator.not_implemented",
                    "not implemented: the function {name}; its cells show #NAME?"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_new_once() {
        let notices = Notices::default();
        assert!(notices.is_new("QUERY") && !notices.is_new("QUERY") && notices.is_new("IMPORTXML"));
        for n in 0..NOTICE_LIMIT {
            notices.is_new(&format!("name {n}"));
        }
        assert!(!notices.is_new("one too many"));
    }
}
