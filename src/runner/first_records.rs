//! The first records of a source, until one of them shows that the job and its input fit. Where all of them fail for one cause, the run
//! stops: else a wrong delimiter or a renamed field would fill Failures with a row for each record, and once those are dead, runs
//! would be green.
//!
//! In scope: which records are evidence, what one cause is, the failures that wait meanwhile. Out of scope: what the run does then
//! (`runner::run_loop`).

use serde_json::Value;

use crate::port::error_document::{is_error_document, shown};
use crate::port::source::SourceError;
use crate::runner::commit_queue::PendingItem;

/// Records that fail for one cause before a run stops, unless the job says otherwise.
pub const DEFAULT_STOP_AFTER: u64 = 20;

/// Why the first records fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `source`, `item`, `output`, or the step's name.
    pub step: String,
    /// What is said of the first of them.
    pub error: String,
    /// Where the first of them is.
    pub place: String,
    /// The first of them.
    pub record: String,
    /// How many they are.
    pub records: u64,
    /// Whether a program failed on them.
    pub is_program: bool,
    kind: String,
}

impl Cause {
    /// What a run says that stops on it.
    pub fn sentence(&self) -> String {
        let Self { records, step, error, place, .. } = self;
        format!("the first {records} records of the source all fail for one cause: {step}: {error} ({place})")
    }

    /// The names of the first record's members.
    pub fn members(&self) -> Vec<String> {
        match serde_json::from_str(&self.record) {
            Ok(Value::Object(members)) => members.into_iter().map(|(name, _)| name).collect(),
            _ => Vec::new(),
        }
    }
}

/// What the first records of a source have shown so far.
#[derive(Debug, Default)]
pub struct FirstRecords {
    stop_after: u64,
    is_over: bool,
    /// Whether what is in hand is a record of the source, and not a failure that is tried again.
    is_watching: bool,
    records: u64,
    cause: Option<Cause>,
    held: Vec<PendingItem>,
    unwritten: u64,
    ended_by: Option<Cause>,
}

impl FirstRecords {
    /// One that ends after so many records; with 0 there is none.
    pub fn new(stop_after: u64) -> Self {
        Self { stop_after, is_over: stop_after == 0, is_watching: true, ..Self::default() }
    }

    /// A record of the source was read, so many of them so far.
    pub fn read(&mut self) {
        self.records += 1;
    }

    /// Records of the source that were read.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Whether what is in hand from now on is a record of the source.
    pub fn watch(&mut self, is_of_source: bool) {
        self.is_watching = is_of_source;
    }

    /// A record was processed, or had been before: the source is what it should be.
    pub fn passed(&mut self) {
        self.is_over |= self.is_watching;
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    /// A record failed that had not failed before; one that fails for another cause than the first ends it. A record that is known to fail
    /// is no evidence, for whoever looks at Failures knows it.
    pub fn failed(&mut self, step: &str, error: &str, place: &str, record: &[u8]) {
        if self.is_over || !self.is_watching {
            return;
        }
        let kind = kind_of(step, error);
        match &mut self.cause {
            Some(cause) if cause.kind == kind => cause.records += 1,
            Some(_) => self.is_over = true,
            None => {
                self.cause = Some(Cause {
                    step: step.to_owned(),
                    error: error.to_owned(),
                    place: place.to_owned(),
                    record: String::from_utf8_lossy(record).into_owned(),
                    records: 1,
                    is_program: false,
                    kind,
                });
            }
        }
    }

    /// Why all of the first records failed, once they are enough.
    pub fn verdict(&self) -> Option<&Cause> {
        self.cause.as_ref().filter(|cause| !self.is_over && cause.records >= self.stop_after)
    }

    /// The only record of the source is no record, but says why there are none.
    pub fn refusal(&self) -> Option<SourceError> {
        let cause = self.cause.as_ref().filter(|cause| !self.is_over && self.records == 1 && cause.step == "item")?;
        let (what, _) = cause.place.rsplit_once(" (record")?;
        let what = what.rsplit_once(':').map_or(what, |(name, _)| name).to_owned();
        let record: Value = serde_json::from_str(&cause.record).ok()?;
        if is_error_document(&record) {
            let (seen, advice) =
                (format!("a JSON error document: {}", shown(&record)), SourceError::REFUSED.to_owned());
            return Some(SourceError::Foreign { what, seen, advice });
        }
        let is_list = record.as_array().is_some_and(|items| items.iter().any(Value::is_object));
        is_list.then(|| SourceError::Foreign {
            what,
            seen: "one JSON list and no record".into(),
            advice: "name it as json below [source], or write items so that each element is a record".into(),
        })
    }

    /// Keeps a failure back while it is not known whether it is one of many; gives back what is not to wait.
    pub fn hold(&mut self, waiting: PendingItem) -> Option<PendingItem> {
        if self.is_over {
            return Some(waiting);
        }
        self.held.push(waiting);
        None
    }

    /// What waited, once it is known not to be one of many.
    pub fn released(&mut self) -> Vec<PendingItem> {
        if self.is_over { std::mem::take(&mut self.held) } else { Vec::new() }
    }

    /// What waits is not to be written.
    pub fn drop_held(&mut self) {
        self.is_over = true;
        self.unwritten += std::mem::take(&mut self.held).len() as u64;
    }

    /// Failures that are not written.
    pub fn unwritten(&self) -> u64 {
        self.unwritten
    }

    /// The run stops for this cause.
    pub fn end_by(&mut self, cause: Cause) {
        self.ended_by = Some(cause);
    }

    /// Why the run stops, if it does.
    pub fn ended_by(&self) -> Option<&Cause> {
        self.ended_by.as_ref()
    }

    /// The same, to be told.
    pub fn take_end(&mut self) -> Option<Cause> {
        self.ended_by.take()
    }
}

/// What two failures have in common that fail for one cause: the sentence without the values and numbers of the record.
fn kind_of(step: &str, error: &str) -> String {
    // What is wrong with the text of a record comes before the place where it is.
    let error = if step == "source" { error.split(':').next().unwrap_or_default() } else { error };
    let mut kind = format!("{step}: ");
    let mut rest = error;
    // A column is no value.
    if let Some((column, after)) = error.strip_prefix("column \"").and_then(|text| text.split_once("\": ")) {
        kind.push_str(column);
        rest = after;
    }
    let (mut is_quoted, mut depth) = (false, 0_u32);
    for c in rest.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted || c.is_ascii_digit() => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kind.push(c),
            _ => {}
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(failures: &[(&str, &str)]) -> Option<u64> {
        let mut probation = FirstRecords::new(3);
        for (step, error) in failures {
            probation.failed(step, error, "x:1 (record 1)", b"{}");
        }
        probation.verdict().map(|cause| cause.records)
    }

    #[test]
    fn records_that_fail_for_one_cause_are_told_from_others() {
        assert_eq!(verdict(&[("item", "the record has no key"); 3]), Some(3));
        assert_eq!(verdict(&[("item", "the record has no key"); 2]), None);
        let one = [
            ("output", "column \"n\": \"1,5\" is no number"),
            ("output", "column \"n\": \"2,5 [\" is no number"),
            ("output", "column \"n\": \"\" is no number"),
        ];
        assert_eq!(verdict(&one), Some(3));
        let columns = [one[0], one[1], ("output", "column \"day\": \"x\" is no number")];
        assert_eq!(verdict(&columns), None);
        let source = [
            ("source", "the record is no JSON: expected value at byte 1"),
            ("source", "the record is no JSON: expected ident at byte 2"),
            ("source", "the record is no JSON: trailing characters at byte 12"),
        ];
        assert_eq!(verdict(&source), Some(3));
        let rows = [1, 2, 44].map(|n| format!("the row has {n} fields, where the header row names 3"));
        assert_eq!(verdict(&[("source", &rows[0]), ("source", &rows[1]), ("source", &rows[2])]), Some(3));
        let jq = [
            r#"cannot index {"a":1} with "x""#,
            r#"cannot index {"a":[2,"b]"]} with "x""#,
            r#"cannot index {} with "x""#,
        ];
        assert_eq!(verdict(&[("make", jq[0]), ("make", jq[1]), ("make", jq[2])]), Some(3));
        assert_eq!(verdict(&[("make", jq[0]), ("item", jq[1]), ("make", jq[2])]), None);
    }

    #[test]
    fn a_record_that_passes_ends_it_for_good() {
        let mut probation = FirstRecords::new(1);
        probation.passed();
        probation.failed("item", "the record has no key", "x:1 (record 1)", b"{}");
        assert_eq!(probation.verdict(), None);
        let mut retried = FirstRecords::new(1);
        retried.watch(false);
        retried.failed("item", "the record has no key", "x:1 (record 1)", b"{}");
        assert_eq!(retried.verdict(), None);
        let mut never = FirstRecords::new(0);
        never.failed("item", "the record has no key", "x:1 (record 1)", b"{}");
        assert_eq!(never.verdict(), None);
    }

    #[test]
    fn a_single_record_that_says_what_went_wrong_is_no_record() {
        let mut probation = FirstRecords::new(20);
        probation.failed("item", "the record has no key", "feed: x.jsonl:1 (record 1)", br#"{"error":"limit"}"#);
        probation.read();
        let told = probation.refusal().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.starts_with("feed: x.jsonl is a JSON error document: {\"error\":\"limit\"}"), "{told}");
        probation.read();
        assert_eq!(probation.refusal(), None);
    }
}
