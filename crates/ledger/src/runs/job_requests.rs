//! What people ask of a job in the tab Jobs.
//!
//! In scope: the meaning of their cells. Out of scope: finding the job's row (`store::tabs::jobs`),
//! which messages were reported (`runs::reported_messages`).

use sheetkeep_base::time::Timestamp;

/// Texts that mean no in a cell of a person, in lower case.
const NEGATIVE_WORDS: [&str; 7] = ["", "no", "n", "false", "off", "0", "-"];
/// First words of a text in `approve` that approve, in lower case. A tick is `TRUE`. No word that
/// pauses a job is one of them: `stop` approves nothing.
const APPROVAL_WORDS: [&str; 10] = ["true", "yes", "y", "x", "1", "ok", "okay", "go", "approve", "approved"];
/// First words of a text in `paused` that clearly ask for a pause, in lower case.
const PAUSE_WORDS: [&str; 16] =
    ["true", "yes", "y", "x", "1", "on", "ok", "okay", "pause", "paused", "stop", "stopped", "ja", "oui", "si", "sí"];

/// What people ask of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobRequests {
    /// Whether the job is paused: `paused` holds a tick, or a text that is not one of `no`, `n`,
    /// `false`, `off`, `0` and `-`.
    pub is_paused: bool,
    /// Until when alerts are silent.
    pub silence_until: Option<Timestamp>,
    /// The text in `run now`, without blanks around it; `None` if it is empty or means no.
    pub run_now: Option<String>,
    /// Whether the job's row was read and shows no text in `run now`, or a no: then an answered
    /// request is forgotten. False where the cell shows a formula's error, or could not be read.
    pub has_cleared_run_now: bool,
    /// The text in `approve`, likewise.
    pub approve: Option<String>,
    /// What is not understood of these cells, and how it counts, as messages for people.
    pub unclear: Vec<String>,
}

/// Returns the text of a person's cell, without blanks around it; `None` if it is empty or means
/// no. A tick is `TRUE`.
pub fn trim_request(cell: &str) -> Option<String> {
    let text = cell.trim();
    (!NEGATIVE_WORDS.contains(&text.to_lowercase().as_str())).then(|| text.to_owned())
}

/// Returns whether a text in `approve` approves: a tick, or a word such as `yes` or `ok`, and
/// whatever follows it.
pub fn is_approval(text: &str) -> bool {
    has_prefix_of(&APPROVAL_WORDS, text)
}

/// Returns whether a text in `paused` is understood as a pause: a tick, or a word such as `yes` or
/// `stop`, and whatever follows it.
pub fn is_clear_pause(text: &str) -> bool {
    has_prefix_of(&PAUSE_WORDS, text)
}

fn has_prefix_of(words: &[&str], text: &str) -> bool {
    let first = text.split(|letter: char| !letter.is_alphanumeric()).find(|word| !word.is_empty());
    first.is_some_and(|word| words.contains(&word.to_lowercase().as_str()))
}

/// Returns whether a text is what a formula shows that has no value, such as `#REF!` or `#N/A`.
pub fn is_formula_error(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('#') && (text.ends_with(['!', '?']) || text == "#N/A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cell_and_a_no_ask_for_nothing() {
        for no in ["", "  ", "FALSE", "No", "off", "0", "-"] {
            assert_eq!(trim_request(no), None, "{no}");
        }
        assert_eq!(trim_request(" TRUE "), Some("TRUE".to_owned()));
        assert_eq!(trim_request("2026-11-29"), Some("2026-11-29".to_owned()));
    }

    #[test]
    fn a_yes_is_a_tick_or_begins_with_such_a_word() {
        for yes in ["TRUE", "yes", "Ok, Ada 3 Dec", " x ", "approved!", "1"] {
            assert!(is_approval(yes), "{yes}");
        }
        for other in ["", "never", "not yes", "wait", "2026-11-29", "#REF!", "yesterday", "?"] {
            assert!(!is_approval(other), "{other}");
        }
    }

    #[test]
    fn a_text_that_asks_to_stop_approves_nothing() {
        for stop in ["STOP: do not apply, wrong file", "On hold - ask Ada", "paused", "pause", "stopped", "Stop"] {
            assert!(!is_approval(stop), "{stop}");
            assert!(is_clear_pause(stop), "{stop}");
        }
        assert!(!is_clear_pause("go"));
    }

    #[test]
    fn a_formula_without_a_value_differs_from_a_text() {
        assert!(["#REF!", "#NAME?", "#N/A", " #ERROR! "].iter().all(|text| is_formula_error(text)));
        assert!(["#1", "REF!", "yes!", "#"].iter().all(|text| !is_formula_error(text)));
    }
}
