//! An item that could not be processed, stored with its payload (a dead letter).
//!
//! In scope: the failure as a value, and splitting its payload over cells.
//! Out of scope: the tab's columns (`ledger::rows::row_codec`).

use sha2::{Digest, Sha256};

use crate::items::key::{Fingerprint, Key, Version};
use crate::leases::row_order::RowOrder;
use sheetkeep_base::time::Timestamp;

/// UTF-16 units in one payload cell. A cell takes 50,000 characters; how Google counts them is not
/// documented.
pub const PAYLOAD_UNITS: usize = 45_000;
/// Maximum number of payload cells of a failure.
pub const PAYLOAD_CELLS: usize = 10;
/// Bytes of a record's SHA-256 that form its hash here.
const HASH_BYTES: usize = 6;
/// The text before the hash of a record that is not kept.
const SHA256: &str = ", sha256 ";
/// Maximum number of characters of a stored error.
pub const ERROR_CHARS: usize = 2_000;

/// The state of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureState {
    /// It will be retried.
    Open,
    /// It failed in as many runs as the job allows. It is not retried until the user asks for
    /// it.
    Exhausted,
    /// The user asked to skip it.
    Skipped,
    /// A later run processed it.
    Recovered,
}

impl FailureState {
    /// Every state, from open to over.
    pub const ALL: [Self; 4] = [Self::Open, Self::Exhausted, Self::Skipped, Self::Recovered];

    /// Returns the word that is stored on the sheet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Exhausted => "dead",
            Self::Skipped => "skipped",
            Self::Recovered => "recovered",
        }
    }

    /// Parses a word of the sheet; any other text counts as open.
    pub fn from_cell(word: &str) -> Self {
        [Self::Exhausted, Self::Skipped, Self::Recovered]
            .into_iter()
            .find(|state| state.as_str() == word)
            .unwrap_or(Self::Open)
    }

    /// True if the same version is not retried: it is exhausted or skipped.
    pub fn is_not_retried(self) -> bool {
        matches!(self, Self::Exhausted | Self::Skipped)
    }
}

/// The action that the user requests in the column `action`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestedAction {
    /// Retry it from the kept record.
    Retry,
    /// Skip it in this version.
    Skip,
}

impl RequestedAction {
    /// Returns the word that is stored on the sheet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
        }
    }

    /// Parses the user's text, ignoring case and blanks; `None` for any other word.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase();
        [Self::Retry, Self::Skip].into_iter().find(|answer| answer.as_str() == word)
    }
}

/// What a row of Failures answers to the text in the column `action` of an earlier row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionAnswer {
    /// The action was taken.
    Accepted(RequestedAction),
    /// The text is neither of the two words. The row repeats the failure and records nothing else.
    NotUnderstood,
}

impl ActionAnswer {
    const NOT_UNDERSTOOD: &'static str = "not understood: write retry or skip";

    /// Returns the text that is stored on the sheet.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted(action) => action.as_str(),
            Self::NotUnderstood => Self::NOT_UNDERSTOOD,
        }
    }

    /// Parses a cell of the column `answered`; `None` for any text that no run writes.
    pub fn parse(cell: &str) -> Option<Self> {
        if cell.trim() == Self::NOT_UNDERSTOOD {
            return Some(Self::NotUnderstood);
        }
        RequestedAction::parse(cell).map(Self::Accepted)
    }
}

/// A failure, as one row of Failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The key, or `#` and a hash if the record has none.
    pub key: Key,
    /// The item's version.
    pub version: Version,
    /// The place of the error: `source`, `item`, or the step's name.
    pub step: String,
    /// The error message, a sentence.
    pub error: String,
    /// Number of attempts over all runs.
    pub attempts: u64,
    /// The time of the first failure.
    pub first_seen: Timestamp,
    /// The time of the last failure.
    pub last_seen: Timestamp,
    /// The run in which it last failed.
    pub run: String,
    /// The order of its row among those of its key; `None` before it is drafted, and in rows of
    /// earlier versions.
    pub order: Option<RowOrder>,
    /// Its state with this row: open, exhausted, skipped or recovered.
    pub state: FailureState,
    /// The answer to what a person wrote into `action`.
    pub answered: Option<ActionAnswer>,
    /// File, line and record number.
    pub position: String,
    /// The record itself, split over cells.
    pub payload: Vec<String>,
    /// True if the payload is the whole record, so that it can be retried from there.
    pub has_whole_record: bool,
}

impl Failure {
    /// True if the row repeats the failure only to answer a text that is not an action.
    pub fn is_only_answer(&self) -> bool {
        self.answered == Some(ActionAnswer::NotUnderstood)
    }
}

/// The step of a failure in doubt (`delivery`): its outcome is unknown, and another record does not
/// settle it.
pub const IN_DOUBT: &str = "delivery";

/// A failure as stored, with its record, to be retried or skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFailure {
    /// The failure, with the payload as the user left it.
    pub failure: Failure,
    /// True if the user edited the payload.
    pub is_edited: bool,
    /// Its row number.
    pub row: u32,
}

/// Returns the hash of a payload, by which an edited one is recognised: the first digits of its
/// SHA-256.
pub fn hash_payload(cells: &[String]) -> String {
    record_hash(cells.concat().as_bytes())
}

/// Returns the hash of a record, equal to its payload's if it is kept whole.
pub fn record_hash(record: &[u8]) -> String {
    let digest = Sha256::digest(record);
    data_encoding::HEXLOWER.encode(digest.get(..HASH_BYTES).unwrap_or(&digest))
}

/// Returns the hash of the payload's record, even if the payload contains only its size and hash;
/// `None` if it has neither.
pub fn record_hash_of(payload: &[String], has_whole_record: bool) -> Option<String> {
    if has_whole_record {
        return Some(hash_payload(payload));
    }
    let hash_text = payload.first()?.split_once(SHA256)?.1;
    let digits = hash_text.get(..2 * HASH_BYTES)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| digits.to_owned())
}

/// Splits a record into cells of at most 45,000 UTF-16 units. Beyond ten cells only its size and
/// hash are kept. Returns the cells, and whether the record can be processed again from them.
pub fn split_payload(record: &[u8], position: &str) -> (Vec<String>, bool) {
    let Ok(text) = std::str::from_utf8(record) else {
        return (vec![describe_unkept_record(record, position, "no valid UTF-8")], false);
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
        return (vec![describe_unkept_record(record, position, "too large to keep here")], false);
    }
    (cells, true)
}

/// Returns a hash of step and error, equal for two failures of the same kind.
pub fn hash_failure(step: &str, error: &str) -> Fingerprint {
    Fingerprint::new(&format!("{step}\u{1f}{error}"))
}

/// Returns the text for a record that can't be kept: the reason, its size, a hash, and its origin.
pub fn describe_unkept_record(record: &[u8], position: &str, why: &str) -> String {
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(record));
    format!("{why}: {} bytes{SHA256}{hash}, from {position}", record.len())
}

/// Returns the first `ERROR_CHARS` characters, so that an error never fills a cell.
pub fn shorten_error(error: &str) -> String {
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
            let (cells, kept) = split_payload(record.as_bytes(), "x");
            if kept {
                prop_assert_eq!(cells.concat(), record);
                prop_assert!(cells.iter().all(|cell| cell.encode_utf16().count() <= PAYLOAD_UNITS));
            } else {
                prop_assert!(record.encode_utf16().count() > PAYLOAD_UNITS * (PAYLOAD_CELLS - 1));
            }
        }
    }

    #[test]
    fn a_record_that_is_not_text_is_shown_by_size_and_hash() {
        let (cells, kept) = split_payload(b"\xff\xfe", "feed.jsonl:7 (record 7)");
        assert!(!kept && cells.len() == 1 && cells[0].contains("2 bytes") && cells[0].contains("feed.jsonl:7"));
        assert_eq!(record_hash_of(&cells, kept), Some(record_hash(b"\xff\xfe")));
        assert_eq!(record_hash_of(&["the source does not yield it any more".to_owned()], false), None);
    }
}
