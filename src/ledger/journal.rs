//! Results of steps that are not on the sheet yet, as lines of a file.
//!
//! In scope: what is kept of a result, lines with checksums, reading them back whatever a crash left. Out of scope: files and
//! locks (`journal`), and whether a result still counts (`runner::replay`).
//!
//! ```text
//!  <16 hex digits of SHA-256> {"format":1,"job":…,"spreadsheet":…,"definition":…,"run":…}
//!  <16 hex digits of SHA-256> {"key":…,"version":…,"shown":…,"values":[…],"record":…,"place":…}
//! ```
//!
//! A crash can leave the last line cut off, or blocks of nothing where it should stand: such an end is left out. Anything else that
//! does not fit is damage.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The form of the lines; a journal of another form is set aside.
const FORMAT: u32 = 1;
/// Hex digits of a line's checksum.
const SUM_DIGITS: usize = 16;

/// Whose results a journal holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHead {
    /// The form of the lines.
    pub format: u32,
    /// The job.
    pub job: String,
    /// The place that the results are for.
    pub spreadsheet: String,
    /// The hash of the job's source kind, key and steps.
    pub definition: String,
    /// The run that made them.
    pub run: String,
}

impl JournalHead {
    /// The head of a journal of this version's form.
    pub fn new(job: &str, spreadsheet: &str, definition: &str, run: &str) -> Self {
        let [job, spreadsheet, definition, run] = [job, spreadsheet, definition, run].map(str::to_owned);
        Self { format: FORMAT, job, spreadsheet, definition, run }
    }

    /// Why results of this journal are not those of the job that `mine` tells of.
    pub fn foreign_to(&self, mine: &Self) -> Option<&'static str> {
        let reasons = [
            (self.format != mine.format, "it was written by another version of sheetkeep"),
            (self.job != mine.job, "it is another job's"),
            (self.spreadsheet != mine.spreadsheet, "it is for another spreadsheet"),
            (self.definition != mine.definition, "the job's steps have changed since"),
        ];
        reasons.into_iter().find(|(is_so, _)| *is_so).map(|(_, why)| why)
    }
}

/// One result: what the steps made of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// The item's key.
    pub key: String,
    /// Its version.
    pub version: String,
    /// What the book showed of the key when the item was taken in hand.
    pub shown: String,
    /// What the last step yielded.
    pub values: Vec<Value>,
    /// The record.
    pub record: Value,
    /// Where it stood in the source.
    pub place: String,
}

/// A journal as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    /// Whose it is.
    pub head: JournalHead,
    /// Its results, in order.
    pub results: Vec<StepResult>,
    /// Whether a crash cut its end off.
    pub torn: bool,
}

/// Why a file is no journal that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JournalError {
    /// A line does not fit its checksum, or holds something else, and others follow it.
    #[error("line {line} is damaged")]
    Damaged {
        /// The line, from 1.
        line: usize,
    },
    /// There is not even a whole first line.
    #[error("it is empty")]
    Empty,
}

/// A line of a journal, with its end.
pub fn line(of: &impl Serialize) -> String {
    // Texts, numbers and values of JSON always are JSON.
    let json = serde_json::to_string(of).unwrap_or_default();
    format!("{} {json}\n", sum(json.as_bytes()))
}

/// Reads a journal back.
pub fn read(bytes: &[u8]) -> Result<Journal, JournalError> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // What follows the last line end: nothing, or a line cut off.
    let mut torn = lines.pop().is_some_and(|rest| !rest.is_empty());
    while lines.last().is_some_and(|line| json_of(line).is_none()) {
        lines.pop();
        torn = true;
    }
    let Some((first, rest)) = lines.split_first() else { return Err(JournalError::Empty) };
    let head = json_of(first).and_then(|json| serde_json::from_slice(json).ok());
    let head = head.ok_or(JournalError::Damaged { line: 1 })?;
    let read = |(at, line): (usize, &&[u8])| {
        let result = json_of(line).and_then(|json| serde_json::from_slice(json).ok());
        result.ok_or(JournalError::Damaged { line: at + 2 })
    };
    let results = rest.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(Journal { head, results, torn })
}

/// The JSON of a line whose checksum fits.
fn json_of(line: &[u8]) -> Option<&[u8]> {
    let (told, rest) = line.split_at_checked(SUM_DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    (told == sum(json).as_bytes()).then_some(json)
}

fn sum(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    data_encoding::HEXLOWER.encode(digest.get(..SUM_DIGITS / 2).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn result(key: &str) -> StepResult {
        let [key, version, shown, place] = [key, "1", "new", "f:1"].map(str::to_owned);
        StepResult { key, version, shown, values: vec![json!({"a": 1})], record: json!({"id": 1}), place }
    }

    fn written(results: &[StepResult]) -> Vec<u8> {
        let head = line(&JournalHead::new("j", "s", "d", "r"));
        let lines = results.iter().map(line);
        std::iter::once(head).chain(lines).collect::<String>().into_bytes()
    }

    proptest! {
        #[test]
        fn a_journal_cut_off_anywhere_yields_the_results_before_the_cut(cut in 0_usize..2_000) {
            let results: Vec<_> = ["a", "b", "c"].map(result).to_vec();
            let whole = written(&results);
            let bytes = whole.get(..cut).unwrap_or(&whole);
            match read(bytes) {
                Ok(journal) => {
                    prop_assert!(results.starts_with(&journal.results));
                    prop_assert_eq!(journal.torn, !bytes.ends_with(b"\n"));
                }
                Err(error) => prop_assert_eq!(error, JournalError::Empty),
            }
        }

        #[test]
        fn no_bytes_make_the_reading_of_a_journal_fail_hard(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _error_or_not = read(&bytes);
        }

        #[test]
        fn one_bit_that_turned_is_noticed(at in 0_usize..400, bit in 0_u8..8) {
            let results: Vec<_> = ["a", "b", "c"].map(result).to_vec();
            let mut bytes = written(&results);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            match read(&bytes) {
                Ok(journal) => prop_assert!(journal.torn && results.starts_with(&journal.results)),
                Err(error) => prop_assert!(matches!(error, JournalError::Damaged { .. }), "{error}"),
            }
        }
    }

    #[test]
    fn blocks_of_nothing_at_the_end_are_what_a_crash_left() {
        let mut bytes = written(&[result("a")]);
        bytes.extend([0; 4_096]);
        let journal = read(&bytes).expect("a journal");
        assert!(journal.torn && journal.results.len() == 1);
    }

    #[test]
    fn another_jobs_journal_is_foreign_and_so_is_one_of_other_steps() {
        let mine = JournalHead::new("j", "s", "d", "r2");
        assert_eq!(JournalHead::new("j", "s", "d", "r1").foreign_to(&mine), None);
        for other in [("k", "s", "d"), ("j", "t", "d"), ("j", "s", "e")] {
            assert!(JournalHead::new(other.0, other.1, other.2, "r1").foreign_to(&mine).is_some());
        }
    }
}
