//! Results of steps that are not on the sheet yet, as lines of a file.
//!
//! In scope: what is kept of a result, lines with checksums, reading them back whatever a crash left. Out of scope: files and
//! locks (`journal`), and whether a result still counts (`runner::journal_replay`).
//!
//! ```text
//!  <16 hex digits of SHA-256> {"format":1,"job":…,"spreadsheet":…,"definition":…,"run":…}
//!  <16 hex digits of SHA-256> {"key":…,"version":…,"shown":…,"values":[…],"record":…,"place":…}
//! ```
//!
//! A crash can leave the last line cut off, or blocks of nothing where it should stand: such an end is left out. A line that does not
//! fit its checksum is damaged: it is left out, and reading goes on with the next one, also where that begins in the middle of the
//! damaged line because its end was lost. The head stands a second time after the first result, so that no one line is all of it.

use serde::de::IgnoredAny;
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
pub struct JournalReader {
    /// Whose it is.
    pub head: JournalHead,
    /// Its results, in order.
    pub results: Vec<StepResult>,
    /// Whether a crash cut its end off.
    pub torn: bool,
    /// Lines before the end that are left out because they are damaged.
    pub damaged: usize,
}

/// Why a file is no journal that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JournalError {
    /// No line says whose results these are.
    #[error("the line that identifies the job is damaged")]
    Headless,
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
pub fn read(bytes: &[u8]) -> Result<JournalReader, JournalError> {
    let (mut head, mut results) = (None, Vec::new());
    // Lines of which nothing can be used: damage, once something follows them; else what a crash left.
    let (mut damaged, mut unread) = (0, 0);
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for line in lines {
        let whole = json_of(line).into_iter().collect::<Vec<_>>();
        let found = if whole.is_empty() { whole_within(line) } else { whole.clone() };
        let read: Vec<Line> = found.into_iter().filter_map(Line::read).collect();
        if read.is_empty() {
            unread += 1;
            continue;
        }
        damaged += unread + usize::from(whole.is_empty());
        unread = 0;
        for line in read {
            match line {
                Line::Result(result) => results.push(*result),
                Line::Head(found) => head = head.or(Some(found)),
            }
        }
    }
    let torn = unread > 0;
    match head {
        Some(head) => Ok(JournalReader { head, results, torn, damaged }),
        None if results.is_empty() && damaged == 0 => Err(JournalError::Empty),
        None => Err(JournalError::Headless),
    }
}

/// A line of either kind.
enum Line {
    Result(Box<StepResult>),
    Head(JournalHead),
}

impl Line {
    fn read(json: &[u8]) -> Option<Self> {
        let result = serde_json::from_slice(json).map(|result| Self::Result(Box::new(result)));
        result.or_else(|_| serde_json::from_slice(json).map(Self::Head)).ok()
    }
}

/// The JSON of whole lines that stand within a damaged one: the end of one of them was lost, or what follows it.
fn whole_within(line: &[u8]) -> Vec<&[u8]> {
    let begins = line.windows(2).enumerate().filter(|(_, two)| *two == b" {").map(|(at, _)| at);
    let begins = begins.filter_map(|at| at.checked_sub(SUM_DIGITS));
    begins.filter_map(|at| json_of(ended_line(line.get(at..)?)?)).collect()
}

/// A line from its beginning to the end of its JSON.
fn ended_line(rest: &[u8]) -> Option<&[u8]> {
    let mut values = serde_json::Deserializer::from_slice(rest.get(SUM_DIGITS + 1..)?).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    rest.get(..SUM_DIGITS + 1 + values.byte_offset())
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
        let mut lines: Vec<String> = std::iter::once(head.clone()).chain(lines).collect();
        lines.insert(2.min(lines.len()), head);
        lines.concat().into_bytes()
    }

    proptest! {
        #[test]
        fn a_journal_cut_off_anywhere_yields_the_results_before_the_cut(cut in 0_usize..2_000) {
            let results: Vec<_> = ["a", "b", "c"].map(result).to_vec();
            let whole = written(&results);
            let bytes = whole.get(..cut).unwrap_or(&whole);
            match read(bytes) {
                Ok(journal) => {
                    prop_assert!(results.starts_with(&journal.results) && journal.damaged == 0);
                    prop_assert!(!(journal.torn && bytes.ends_with(b"\n")));
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
            let mut bytes = written(&results);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let journal = read(&bytes).expect("one line of two says whose it is");
            prop_assert!(journal.torn || journal.damaged == 1, "{journal:?}");
            prop_assert!(journal.results.len() >= 2 && journal.results.iter().all(|found| results.contains(found)));
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
    fn a_line_cut_off_in_the_middle_costs_that_line() {
        let results: Vec<_> = ["a", "b", "c"].map(result).to_vec();
        let whole = String::from_utf8(written(&results)).expect("text");
        let (cut, len) = (whole.find("\"key\":\"b\"").expect("the second result"), whole.len());
        let end = cut + whole[cut..].find('\n').expect("its end");
        // Its end is lost, with and without the line end; and it is all blocks of nothing, or two lines were shuffled.
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
        let lines = [line(&JournalHead::new("j", "s", "d", "r")), line(&result("a")), line(&result("b"))].concat();
        let journal = read(lines.as_bytes()).expect("a journal");
        assert_eq!((journal.results.len(), journal.damaged, journal.torn), (2, 0, false));
    }

    #[test]
    fn a_journal_that_nothing_says_whose_it_is_is_not_used() {
        let bytes = line(&result("a"));
        assert_eq!(read(bytes.as_bytes()), Err(JournalError::Headless));
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
