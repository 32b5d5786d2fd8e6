//! An item that could not be processed, kept with its payload.
//!
//! In scope: the failure as a value, how its payload is split over cells. Out of scope: the tab's columns (`ledger::state::state_codec`).

use sha2::{Digest, Sha256};

use crate::ledger::item::key::{Fingerprint, Key, Version};
use crate::ledger::lease::row_order::RowOrder;
use crate::time::Timestamp;

/// UTF-16 units in one payload cell; a cell takes 50,000 characters, and how Google counts them is not documented.
pub const PAYLOAD_UNITS: usize = 45_000;
/// Payload cells of a failure.
pub const PAYLOAD_CELLS: usize = 10;
/// Bytes of a record's hash that make its mark.
const MARK_BYTES: usize = 6;
/// What stands before the hash of a record that is not kept.
const SHA256: &str = ", sha256 ";
/// Characters of an error text that are kept.
pub const ERROR_CHARS: usize = 2_000;

/// Where a failure stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureState {
    /// To be tried again.
    Open,
    /// It failed in as many runs as the job allows; left alone until somebody asks.
    Dead,
    /// Somebody said that it is to be left alone.
    Skipped,
    /// A later run processed it.
    Recovered,
}

impl FailureState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Dead, Self::Skipped, Self::Recovered];

    /// The word in the sheet.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Dead => "dead",
            Self::Skipped => "skipped",
            Self::Recovered => "recovered",
        }
    }

    /// The state of a word in the sheet; whatever else stands there is to be tried again.
    pub fn of_word(word: &str) -> Self {
        [Self::Dead, Self::Skipped, Self::Recovered]
            .into_iter()
            .find(|state| state.word() == word)
            .unwrap_or(Self::Open)
    }

    /// Whether an item of the very version is left alone.
    pub fn rests(self) -> bool {
        matches!(self, Self::Dead | Self::Skipped)
    }
}

/// What a person asks for in `action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestedAction {
    /// Try it again, from the record that is kept.
    Retry,
    /// Leave it alone in this version.
    Skip,
}

impl RequestedAction {
    /// The word in the sheet.
    pub fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
        }
    }

    /// What a person typed; `None` for anything else than the two words, however they are written.
    pub fn of_word(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase();
        [Self::Retry, Self::Skip].into_iter().find(|answer| answer.word() == word)
    }
}

/// A failure, as one row of Failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The key, or `#` and a hash where the record has none.
    pub key: Key,
    /// The version it had.
    pub version: Version,
    /// Where it was: `source`, `item`, or the step's name.
    pub step: String,
    /// What went wrong, in a sentence.
    pub error: String,
    /// Tries so far, over all runs.
    pub attempts: u64,
    /// When it first failed.
    pub first_seen: Timestamp,
    /// When it last failed.
    pub last_seen: Timestamp,
    /// The run in which it last failed.
    pub run: String,
    /// Where its row stands among those of its key; none before it is drafted, and in rows of earlier versions.
    pub order: Option<RowOrder>,
    /// Where it stands.
    pub state: FailureState,
    /// What somebody had asked for when this was written.
    pub answered: Option<RequestedAction>,
    /// File, line and record.
    pub place: String,
    /// The record itself, split over cells.
    pub payload: Vec<String>,
    /// Whether the payload is the record whole, so that it can be tried again from there.
    pub kept: bool,
}

/// Where a failure is in doubt, and not known to have failed (`delivery`): another record makes it no more certain.
pub const IN_DOUBT: &str = "delivery";

/// A failure as it stands on the store, with its record, to be tried again or left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFailure {
    /// The failure, its payload as people left it.
    pub failure: Failure,
    /// Whether somebody changed the payload.
    pub mended: bool,
    /// Where its row stands, for people.
    pub row: u32,
}

/// A mark of a payload, by which a mended one is known: the first digits of the SHA-256 of what it holds.
pub fn payload_mark(cells: &[String]) -> String {
    record_mark(cells.concat().as_bytes())
}

/// The mark of a record, as its payload has it where it is kept whole.
pub fn record_mark(record: &[u8]) -> String {
    let digest = Sha256::digest(record);
    data_encoding::HEXLOWER.encode(digest.get(..MARK_BYTES).unwrap_or(&digest))
}

/// The mark of the record that a payload is of, though it may say no more of it than its size and hash; none where it says neither.
pub fn mark_of_record(payload: &[String], kept: bool) -> Option<String> {
    if kept {
        return Some(payload_mark(payload));
    }
    let told = payload.first()?.split_once(SHA256)?.1;
    let digits = told.get(..2 * MARK_BYTES)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| digits.to_owned())
}

/// A record as it can be kept in cells of at most 45,000 UTF-16 units; beyond ten of them only its size and hash are kept.
/// Returns the cells and whether the record can be processed again from them.
pub fn payload_cells(record: &[u8], place: &str) -> (Vec<String>, bool) {
    let Ok(text) = std::str::from_utf8(record) else {
        return (vec![unkept(record, place, "no valid UTF-8")], false);
    };
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut units = 0;
    for c in text.chars() {
        if units + c.len_utf16() > PAYLOAD_UNITS {
            cells.push(std::mem::take(&mut cell));
            units = 0;
        }
        cell.push(c);
        units += c.len_utf16();
    }
    if !cell.is_empty() {
        cells.push(cell);
    }
    if cells.len() > PAYLOAD_CELLS {
        return (vec![unkept(record, place, "too large to keep here")], false);
    }
    (cells, true)
}

/// What makes two failures of one key the same: the step and what it said.
pub fn failure_mark(step: &str, error: &str) -> Fingerprint {
    Fingerprint::of(&format!("{step}\u{1f}{error}"))
}

/// What is told of a record that can't be kept: why, its size, a hash, and where it came from.
pub fn unkept(record: &[u8], place: &str, why: &str) -> String {
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(record));
    format!("{why}: {} bytes{SHA256}{hash}, from {place}", record.len())
}

/// The first `ERROR_CHARS` characters, so that an error never fills a cell.
pub fn shortened(error: &str) -> String {
    match error.char_indices().nth(ERROR_CHARS) {
        Some((at, _)) => format!("{}…", error.get(..at).unwrap_or(error)),
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_payload_is_whole_when_its_cells_are_joined(text in "(?s).{0,300}", times in 1_usize..500) {
            let record = text.repeat(times);
            let (cells, kept) = payload_cells(record.as_bytes(), "x");
            if kept {
                prop_assert_eq!(cells.concat(), record);
                prop_assert!(cells.iter().all(|cell| cell.encode_utf16().count() <= PAYLOAD_UNITS));
            } else {
                prop_assert!(record.encode_utf16().count() > PAYLOAD_UNITS * (PAYLOAD_CELLS - 1));
            }
        }
    }

    #[test]
    fn a_record_that_is_no_text_is_told_by_size_and_hash() {
        let (cells, kept) = payload_cells(b"\xff\xfe", "feed.jsonl:7 (record 7)");
        assert!(!kept && cells.len() == 1 && cells[0].contains("2 bytes") && cells[0].contains("feed.jsonl:7"));
        assert_eq!(mark_of_record(&cells, kept), Some(record_mark(b"\xff\xfe")));
        assert_eq!(mark_of_record(&["the source does not yield it any more".to_owned()], false), None);
    }
}
