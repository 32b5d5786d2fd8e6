//! Results of steps that are not committed yet, as lines of a file.
//!
//! In scope: the stored fields of a result, lines with checksums, decoding after a crash.
//! Out of scope: files and locks (`app::local_state::journal`), and whether a result still counts
//! (`runner::steps::journal_replay`).
//!
//! ```text
//!  <16 hex digits of SHA-256> {"format":1,"job":…,"spreadsheet":…,"definition":…,"run":…}
//!  <16 hex digits of SHA-256> {"key":…,"version":…,"shown":…,"values":[…],"record":…,"place":…}
//! ```
//!
//! After a crash the last line may be cut off, or replaced by zero bytes: such an end is skipped. A
//! line with a wrong checksum is damaged: it is skipped, and reading continues with the next one.
//! That one may begin inside the damaged line, whose end was lost. The head line is repeated after
//! the first result, so that no single line is essential.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The version of the line format; a journal in another format is quarantined.
const FORMAT: u32 = 1;
/// Hex digits of a line's checksum.
const SUM_DIGITS: usize = 16;

/// The head line: which run the results belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHead {
    /// The version of the line format.
    pub format: u32,
    /// The job's name.
    pub job: String,
    /// The id of the spreadsheet that the results are for.
    pub spreadsheet: String,
    /// The hash of the job's source kind, key and steps.
    pub definition: String,
    /// The run that made them.
    pub run: String,
}

impl JournalHead {
    /// Creates the head line for the present format.
    pub fn new(job: &str, spreadsheet: &str, definition: &str, run: &str) -> Self {
        let [job, spreadsheet, definition, run] = [job, spreadsheet, definition, run].map(str::to_owned);
        Self { format: FORMAT, job, spreadsheet, definition, run }
    }

    /// Returns why the results of this journal don't belong to the job of `mine`.
    pub fn explain_foreign_job(&self, mine: &Self) -> Option<&'static str> {
        let reasons = [
            (self.format != mine.format, "it was written by another version of sheetkeep"),
            (self.job != mine.job, "it belongs to another job"),
            (self.spreadsheet != mine.spreadsheet, "it belongs to another spreadsheet"),
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
    /// The item's version.
    pub version: String,
    /// The digest of the key's state when the item was admitted.
    pub shown: String,
    /// The output of the last step.
    pub values: Vec<Value>,
    /// The record as the source yielded it, as JSON.
    pub record: Value,
    /// Its position in the source.
    #[serde(rename = "place")]
    pub position: String,
}

/// A decoded journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalReader {
    /// Its head line.
    pub head: JournalHead,
    /// Its results, in order.
    pub results: Vec<StepResult>,
    /// True if a crash cut its end off.
    pub is_torn: bool,
    /// Number of damaged lines before the end, which were skipped.
    pub damaged: usize,
}

/// Why a file can't be used as a journal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JournalError {
    /// No head line is readable.
    #[error("the line that identifies the job is damaged")]
    NoHead,
    /// Not even the first line is complete.
    #[error("it is empty")]
    Empty,
}

/// Encodes a line of a journal, with its line end.
pub fn encode_line(of: &impl Serialize) -> String {
    // JSON values can always be encoded.
    let json = serde_json::to_string(of).unwrap_or_default();
    format!("{} {json}\n", checksum_json(json.as_bytes()))
}

/// Decodes a journal.
pub fn read(bytes: &[u8]) -> Result<JournalReader, JournalError> {
    let (mut head, mut results) = (None, Vec::new());
    // Unusable lines are damage if another line follows, otherwise the remains of a crash.
    let (mut damaged, mut unread) = (0, 0);
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for line in lines {
        let whole = verify_line(line).into_iter().collect::<Vec<_>>();
        let found = if whole.is_empty() { find_whole_lines(line) } else { whole.clone() };
        let read: Vec<JournalLine> = found.into_iter().filter_map(JournalLine::read).collect();
        if read.is_empty() {
            unread += 1;
            continue;
        }
        damaged += unread + usize::from(whole.is_empty());
        unread = 0;
        for line in read {
            match line {
                JournalLine::Result(result) => results.push(*result),
                JournalLine::Head(found) => head = head.or(Some(found)),
            }
        }
    }
    let torn = unread > 0;
    match head {
        Some(head) => Ok(JournalReader { head, results, is_torn: torn, damaged }),
        None if results.is_empty() && damaged == 0 => Err(JournalError::Empty),
        None => Err(JournalError::NoHead),
    }
}

/// A line of either kind.
enum JournalLine {
    Result(Box<StepResult>),
    Head(JournalHead),
}

impl JournalLine {
    fn read(json: &[u8]) -> Option<Self> {
        let result = serde_json::from_slice(json).map(|result| Self::Result(Box::new(result)));
        result.or_else(|_| serde_json::from_slice(json).map(Self::Head)).ok()
    }
}

/// Returns the JSON of complete lines inside a damaged one, which has lost its end or the start of
/// the next line.
fn find_whole_lines(line: &[u8]) -> Vec<&[u8]> {
    let begins = line.windows(2).enumerate().filter(|(_, two)| *two == b" {").map(|(at, _)| at);
    let begins = begins.filter_map(|at| at.checked_sub(SUM_DIGITS));
    begins.filter_map(|at| verify_line(find_line_end(line.get(at..)?)?)).collect()
}

/// Cuts a line at the end of its JSON.
fn find_line_end(rest: &[u8]) -> Option<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(rest.get(SUM_DIGITS + 1..)?).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    rest.get(..SUM_DIGITS + 1 + values.byte_offset())
}

/// Returns the JSON of a line with a correct checksum.
fn verify_line(line: &[u8]) -> Option<&[u8]> {
    let (checksum, rest) = line.split_at_checked(SUM_DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    (checksum == checksum_json(json).as_bytes()).then_some(json)
}

fn checksum_json(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    data_encoding::HEXLOWER.encode(digest.get(..SUM_DIGITS / 2).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn result(key: &str) -> StepResult {
        let [key, version, shown, position] = [key, "1", "new", "f:1"].map(str::to_owned);
        StepResult { key, version, shown, values: vec![json!({"a": 1})], record: json!({"id": 1}), position }
    }

    fn encode_results(results: &[StepResult]) -> Vec<u8> {
        let head = encode_line(&JournalHead::new("j", "s", "d", "r"));
        let lines = results.iter().map(encode_line);
        let mut lines: Vec<String> = std::iter::once(head.clone()).chain(lines).collect();
        lines.insert(2.min(lines.len()), head);
        lines.concat().into_bytes()
    }

    proptest! {
        #[test]
        fn a_journal_cut_off_anywhere_yields_the_results_before_the_cut(cut in 0_usize..2_000) {
            let results: Vec<_> = ["a", "b", "c"].map(result).to_vec();
            let whole = encode_results(&results);
            let bytes = whole.get(..cut).unwrap_or(&whole);
            match read(bytes) {
                Ok(journal) => {
                    prop_assert!(results.starts_with(&journal.results) && journal.damaged == 0);
                    prop_assert!(!(journal.is_torn && bytes.ends_with(b"\n")));
                }
                Err(error) => prop_assert_eq!(error, JournalError::Empty),
            }
        }

        #[test]
        fn no_bytes_make_the_reading_of_a_journal_fail_hard(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _error_or_not = read(&bytes);
        }

        #[test]
        fn one_bit_that_turned_costs_its_line_and_no_other(at in 0_usize..900, bit in 0_u8..8) {
            let results: Vec<_> = ["a", "b", "c"].map(result).to_vec();
            let mut bytes = encode_results(&results);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let journal = read(&bytes).expect("one line of two says whose it is");
            prop_assert!(journal.is_torn || journal.damaged == 1, "{journal:?}");
            prop_assert!(journal.results.len() >= 2 && journal.results.iter().all(|found| results.contains(found)));
        }
    }

    #[test]
    fn blocks_of_nothing_at_the_end_are_what_a_crash_left() {
        let mut bytes = encode_results(&[result("a")]);
        bytes.extend([0; 4_096]);
        let journal = read(&bytes).expect("a journal");
        assert!(journal.is_torn && journal.results.len() == 1);
    }

    #[test]
    fn a_line_cut_off_in_the_middle_costs_that_line() {
        let results: Vec<_> = ["a", "b", "c"].map(result).to_vec();
        let whole = String::from_utf8(encode_results(&results)).expect("text");
        let (cut, len) = (whole.find("\"key\":\"b\"").expect("the second result"), whole.len());
        let end = cut + whole[cut..].find('\n').expect("its end");
        // The end is lost, with and without the line end; it is all zero bytes; or two lines were
        // mixed.
        let zeros = "\0".repeat(end - cut);
        for middle in ["\n", "", zeros.as_str()] {
            let text = format!("{}{middle}{}", &whole[..cut], &whole[end + 1..len]);
            let journal = read(text.as_bytes()).expect("a journal");
            assert_eq!(
                (journal.results.as_slice(), journal.damaged),
                ([result("a"), result("c")].as_slice(), 1),
                "{text}"
            );
        }
    }

    #[test]
    fn a_journal_of_an_earlier_version_is_read() {
        let lines =
            [encode_line(&JournalHead::new("j", "s", "d", "r")), encode_line(&result("a")), encode_line(&result("b"))]
                .concat();
        let journal = read(lines.as_bytes()).expect("a journal");
        assert_eq!((journal.results.len(), journal.damaged, journal.is_torn), (2, 0, false));
    }

    #[test]
    fn a_journal_that_nothing_says_whose_it_is_is_not_used() {
        let bytes = encode_line(&result("a"));
        assert_eq!(read(bytes.as_bytes()), Err(JournalError::NoHead));
    }

    #[test]
    fn another_jobs_journal_is_foreign_and_so_is_one_of_other_steps() {
        let mine = JournalHead::new("j", "s", "d", "r2");
        assert_eq!(JournalHead::new("j", "s", "d", "r1").explain_foreign_job(&mine), None);
        for other in [("k", "s", "d"), ("j", "t", "d"), ("j", "s", "e")] {
            assert!(JournalHead::new(other.0, other.1, other.2, "r1").explain_foreign_job(&mine).is_some());
        }
    }
}
