//! What people ask of a job in the tab Jobs.
//!
//! In scope: the meaning of their cells. Out of scope: finding the job's row (`store::tabs::jobs`),
//! what has been answered (the state).

use sheetkeep_base::time::Timestamp;

/// Texts that mean no in a cell of a person, in lower case.
const NO: [&str; 7] = ["", "no", "n", "false", "off", "0", "-"];

/// What people ask of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobRequests {
    /// Whether the job is paused: `paused` holds a tick, or a text that is not one of `no`, `n`,
    /// `false`, `off`, `0` and `-`.
    pub paused: bool,
    /// Until when alerts are silent.
    pub silence_until: Option<Timestamp>,
    /// The text in `run now`, without blanks around it; `None` if it is empty or means no.
    pub run_now: Option<String>,
    /// The text in `approve`, likewise.
    pub approve: Option<String>,
}

/// Returns the text of a person's cell, without blanks around it; `None` if it is empty or means
/// no. A tick is `TRUE`.
pub fn requested_text(cell: &str) -> Option<String> {
    let text = cell.trim();
    (!NO.contains(&text.to_lowercase().as_str())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cell_and_a_no_ask_for_nothing() {
        for no in ["", "  ", "FALSE", "No", "off", "0", "-"] {
            assert_eq!(requested_text(no), None, "{no}");
        }
        assert_eq!(requested_text(" TRUE "), Some("TRUE".to_owned()));
        assert_eq!(requested_text("2026-11-29"), Some("2026-11-29".to_owned()));
    }
}
