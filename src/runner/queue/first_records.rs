//! Watches the first records of a source until one shows that job and input fit. If all of them
//! fail for one cause, the run stops. Otherwise a wrong delimiter or a renamed field would fill
//! Failures with a row per record, and once those are exhausted, runs would succeed.
//!
//! In scope: which records are evidence, what one cause is, the failures that are deferred.
//! Out of scope: the stop itself (`runner::run_loop`).

use serde_json::Value;

use crate::port::error_document::{is_error_document, shorten_document};
use crate::port::source::SourceError;
use crate::runner::queue::commit_queue::PendingItem;

/// Default number of records that fail for one cause before a run stops.
pub const DEFAULT_STOP_AFTER: u64 = 20;

/// The common cause of the first failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonCause {
    /// `source`, `item`, `output`, or the step's name.
    pub step: String,
    /// The error of the first failure.
    pub error: String,
    /// The position of the first record.
    pub place: String,
    /// The first record.
    pub record: String,
    /// The number of records that failed.
    pub records: u64,
    /// True if a program failed on them.
    pub is_program: bool,
    kind: String,
}

impl CommonCause {
    /// Returns the sentence for the run's row and output.
    pub fn sentence(&self) -> String {
        let Self { records, step, error, place, .. } = self;
        format!("the first {records} records of the source all fail for one cause: {step}: {error} ({place})")
    }

    /// Returns the member names of the first record.
    pub fn members(&self) -> Vec<String> {
        match serde_json::from_str(&self.record) {
            Ok(Value::Object(members)) => members.into_iter().map(|(name, _)| name).collect(),
            _ => Vec::new(),
        }
    }
}

/// The evidence from the first records of the source.
#[derive(Debug, Default)]
pub struct FirstRecords {
    stop_after: u64,
    is_over: bool,
    /// True if the present item is a record of the source, not a retried failure.
    is_watching: bool,
    records: u64,
    cause: Option<CommonCause>,
    deferred: Vec<PendingItem>,
    unwritten: u64,
    ended_by: Option<CommonCause>,
}

impl FirstRecords {
    /// Creates a watch that ends after this many records; 0 disables it.
    pub fn new(stop_after: u64) -> Self {
        Self { stop_after, is_over: stop_after == 0, is_watching: true, ..Self::default() }
    }

    /// Counts a record of the source.
    pub fn read(&mut self) {
        self.records += 1;
    }

    /// Returns the number of records that were read.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Sets whether the following items are records of the source.
    pub fn watch_next(&mut self, is_of_source: bool) {
        self.is_watching = is_of_source;
    }

    /// Notes a record that was processed, now or earlier: the input fits.
    pub fn note_processed(&mut self) {
        self.is_over |= self.is_watching;
    }

    /// Ends the watch.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    /// Notes a record that failed for the first time. A different cause than the first one ends the
    /// watch. A record with a recorded failure does not count, because the user can see it in
    /// Failures.
    pub fn note_failed(&mut self, step: &str, error: &str, place: &str, record: &[u8]) {
        if self.is_over || !self.is_watching {
            return;
        }
        let kind = generalize_error(step, error);
        match &mut self.cause {
            Some(cause) if cause.kind == kind => cause.records += 1,
            Some(_) => self.is_over = true,
            None => {
                self.cause = Some(CommonCause {
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

    /// Returns the common cause, once enough records failed.
    pub fn find_common_cause(&self) -> Option<&CommonCause> {
        self.cause.as_ref().filter(|cause| !self.is_over && cause.records >= self.stop_after)
    }

    /// Returns the error of a source whose only record is an error document or a
    /// list.
    pub fn find_source_refusal(&self) -> Option<SourceError> {
        let cause = self.cause.as_ref().filter(|cause| !self.is_over && self.records == 1 && cause.step == "item")?;
        let (what, _) = cause.place.rsplit_once(" (record")?;
        let what = what.rsplit_once(':').map_or(what, |(name, _)| name).to_owned();
        let record: Value = serde_json::from_str(&cause.record).ok()?;
        if is_error_document(&record) {
            let (seen, advice) = (
                format!("a JSON error document: {}", shorten_document(&record)),
                SourceError::ERROR_DOCUMENT_ADVICE.to_owned(),
            );
            return Some(SourceError::OtherFormat { what, seen, advice });
        }
        let is_list = record.as_array().is_some_and(|items| items.iter().any(Value::is_object));
        is_list.then(|| SourceError::OtherFormat {
            what,
            seen: "one JSON list and no record".into(),
            advice: "name it as json below [source], or write items so that each element is a record".into(),
        })
    }

    /// Holds a failure while its cause may be common; returns it if it need not wait.
    pub fn defer_failure(&mut self, waiting: PendingItem) -> Option<PendingItem> {
        if self.is_over {
            return Some(waiting);
        }
        self.deferred.push(waiting);
        None
    }

    /// Returns the deferred failures, once the watch is over.
    pub fn take_deferred(&mut self) -> Vec<PendingItem> {
        if self.is_over { std::mem::take(&mut self.deferred) } else { Vec::new() }
    }

    /// Drops the deferred failures, which are not written.
    pub fn drop_deferred(&mut self) {
        self.is_over = true;
        self.unwritten += std::mem::take(&mut self.deferred).len() as u64;
    }

    /// Returns the number of failures that were not written.
    pub fn count_unwritten(&self) -> u64 {
        self.unwritten
    }

    /// Sets the cause that the run stops for.
    pub fn end_by(&mut self, cause: CommonCause) {
        self.ended_by = Some(cause);
    }

    /// Returns the cause that the run stops for.
    pub fn ending_cause(&self) -> Option<&CommonCause> {
        self.ended_by.as_ref()
    }

    /// Takes the cause that the run stops for.
    pub fn take_end(&mut self) -> Option<CommonCause> {
        self.ended_by.take()
    }
}

/// Returns the error without the values and numbers of the record, which is equal for failures of
/// one cause.
fn generalize_error(step: &str, error: &str) -> String {
    // For unreadable text, the kind of error comes before the place.
    let error = if matches!(step, "source" | "item") { error.split(':').next().unwrap_or_default() } else { error };
    let mut kind = format!("{step}: ");
    let mut rest = error;
    // The column name is part of the cause.
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
        let mut first_records = FirstRecords::new(3);
        for (step, error) in failures {
            first_records.note_failed(step, error, "x:1 (record 1)", b"{}");
        }
        first_records.find_common_cause().map(|cause| cause.records)
    }

    #[test]
    fn records_that_fail_for_one_cause_are_grouped() {
        assert_eq!(verdict(&[("item", "the record has no key"); 3]), Some(3));
        assert_eq!(verdict(&[("item", "the record has no key"); 2]), None);
        let one = [
            ("output", "column \"n\": \"1,5\" is not a number"),
            ("output", "column \"n\": \"2,5 [\" is not a number"),
            ("output", "column \"n\": \"\" is not a number"),
        ];
        assert_eq!(verdict(&one), Some(3));
        let columns = [one[0], one[1], ("output", "column \"day\": \"x\" is not a number")];
        assert_eq!(verdict(&columns), None);
        let source = [
            ("source", "the record is not valid JSON: expected value at byte 1"),
            ("source", "the record is not valid JSON: expected ident at byte 2"),
            ("source", "the record is not valid JSON: trailing characters at byte 12"),
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
        let mut first_records = FirstRecords::new(1);
        first_records.note_processed();
        first_records.note_failed("item", "the record has no key", "x:1 (record 1)", b"{}");
        assert_eq!(first_records.find_common_cause(), None);
        let mut retried = FirstRecords::new(1);
        retried.watch_next(false);
        retried.note_failed("item", "the record has no key", "x:1 (record 1)", b"{}");
        assert_eq!(retried.find_common_cause(), None);
        let mut never = FirstRecords::new(0);
        never.note_failed("item", "the record has no key", "x:1 (record 1)", b"{}");
        assert_eq!(never.find_common_cause(), None);
    }

    #[test]
    fn a_single_record_that_says_what_went_wrong_is_no_record() {
        let mut first_records = FirstRecords::new(20);
        first_records.note_failed(
            "item",
            "the record has no key",
            "feed: x.jsonl:1 (record 1)",
            br#"{"error":"limit"}"#,
        );
        first_records.read();
        let refusal = first_records.find_source_refusal().map(|error| error.to_string()).unwrap_or_default();
        assert!(refusal.starts_with("feed: x.jsonl is a JSON error document: {\"error\":\"limit\"}"), "{refusal}");
        first_records.read();
        assert_eq!(first_records.find_source_refusal(), None);
    }
}
