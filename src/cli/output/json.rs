//! The JSON documents of the commands.
//!
//! Their shape is a contract: fields are added, not renamed or removed. `schema_version` grows when
//! a meaning changes.

use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::output::destination::{JobDestination, Spreadsheet};
use crate::ledger::items::repeated_keys::{RepeatedKey, RepeatedKeys, name_counted_record};
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::runs::event::{RetryCounts, RunReport, SkipCounts};
use crate::ledger::runs::held_changes::HeldReport;

/// The version of every JSON document that `sheetkeep` writes to standard output.
pub const SCHEMA_VERSION: u32 = 2;

/// The document of `sheetkeep run --json`, written once, at the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDocument<'a> {
    schema_version: u32,
    job: &'a str,
    run: &'a str,
    status: &'a str,
    message: &'a str,
    counts: CountsDocument,
    rows: u64,
    updated: u64,
    keys: u64,
    open_failures: u64,
    dead_failures: u64,
    skipped_by: SkippedByDocument,
    tried_again: TriedAgainDocument,
    rowless: u64,
    commits: u64,
    calls: CallsDocument,
    started: String,
    finished: Option<String>,
    seconds: f64,
    tab: &'a str,
    spreadsheet: &'a Spreadsheet,
    failures: &'a [FailureDocument],
    failures_omitted: u64,
    /// Present only if a key was repeated with different content.
    #[serde(skip_serializing_if = "Option::is_none")]
    repeated_keys: Option<RepeatedDocument<'a>>,
    /// Present only if changes of existing rows are held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<HeldDocument<'a>>,
    exit_code: u8,
}

/// Changes of existing rows that a person has to approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldDocument<'a> {
    rows: u64,
    of: u64,
    code: String,
    reasons: &'a [String],
}

impl<'a> HeldDocument<'a> {
    /// Returns the document of a report.
    pub fn new(held: &'a HeldReport) -> Self {
        Self { rows: held.changes, of: held.keys, code: held.code.to_string(), reasons: &held.reasons }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct CountsDocument {
    read: u64,
    new: u64,
    skipped: u64,
    failed: u64,
    recovered: u64,
    retries: u64,
}

/// Skipped records by the reason. Those that another run has done meanwhile are in no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct SkippedByDocument {
    done_before: u64,
    twice_in_source: u64,
    exhausted: u64,
    by_request: u64,
}

impl From<SkipCounts> for SkippedByDocument {
    fn from(SkipCounts { done, twice, exhausted, by_request }: SkipCounts) -> Self {
        Self { done_before: done, twice_in_source: twice, exhausted, by_request }
    }
}

/// Failures retried on request, by the origin of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct TriedAgainDocument {
    from_source: u64,
    from_kept: u64,
}

impl From<RetryCounts> for TriedAgainDocument {
    fn from(RetryCounts { from_source, from_kept }: RetryCounts) -> Self {
        Self { from_source, from_kept }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct CallsDocument {
    reads: u64,
    writes: u64,
    throttled: u64,
    quota_shared: bool,
}

/// An item that failed in this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureDocument {
    /// Its key, or `#` and a hash.
    pub key: String,
    /// File, line and record number.
    pub place: String,
    /// `source`, `item`, or the step's name.
    pub step: String,
    /// The error message.
    pub error: String,
}

/// Keys that the source yielded more than once, with different content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepeatedDocument<'a> {
    count: u64,
    /// The record that counts: `first`, `last` or `newest`.
    counts: &'static str,
    first: Vec<RepeatedKeyDocument<'a>>,
}

/// A repeated key, with the places of its first record and of the first one that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct RepeatedKeyDocument<'a> {
    key: &'a str,
    places: [&'a str; 2],
}

impl<'a> RepeatedDocument<'a> {
    /// Returns the document for these keys; `None` if there are none.
    pub fn from_repeats(repeats: &'a RepeatedKeys, reprocess_policy: ReprocessPolicy) -> Option<Self> {
        let document = |one: &'a RepeatedKey| RepeatedKeyDocument {
            key: &one.key,
            places: one.places.each_ref().map(String::as_str),
        };
        let first = repeats.listed.iter().map(document).collect();
        (repeats.keys > 0).then(|| Self { count: repeats.keys, counts: name_counted_record(reprocess_policy), first })
    }
}

impl<'a> RunDocument<'a> {
    /// Creates the document of a finished run, with the first failures and the number of omitted
    /// ones.
    pub fn new(
        report: &'a RunReport,
        place: &'a JobDestination,
        exit: Exit,
        failures: &'a [FailureDocument],
        left_out: u64,
    ) -> Self {
        let (run, counts) = (&report.run, &report.run.counts);
        Self {
            schema_version: SCHEMA_VERSION,
            job: &run.job,
            run: &run.id,
            status: run.status.as_str(),
            message: &run.message,
            counts: CountsDocument {
                read: counts.read,
                new: counts.new,
                skipped: counts.skipped,
                failed: counts.failed,
                recovered: counts.recovered,
                retries: counts.retries,
            },
            rows: report.rows,
            updated: report.updated,
            keys: report.keys,
            open_failures: report.open_failures,
            dead_failures: report.exhausted_failures,
            skipped_by: report.skips.into(),
            tried_again: report.tried_again.into(),
            rowless: report.rowless,
            commits: report.commits,
            calls: CallsDocument {
                reads: report.reads,
                writes: report.writes,
                throttled: report.throttled,
                quota_shared: report.is_quota_shared,
            },
            started: run.started.to_string(),
            finished: run.finished.map(|end| end.to_string()),
            seconds: run.seconds(),
            tab: &place.tab,
            spreadsheet: &place.spreadsheet,
            failures,
            failures_omitted: left_out,
            repeated_keys: RepeatedDocument::from_repeats(&report.repeats, report.reprocess_policy),
            held: report.held.as_ref().map(HeldDocument::new),
            exit_code: exit.code(),
        }
    }
}

/// Returns `document` on one line, with a line break.
pub fn format_json_line(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string(document).expect("our documents have text keys and no other failure");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use crate::cli::output::fixtures;

    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "the whole document")]
    fn the_document_of_a_run_is_frozen() {
        let (report, place) = (fixtures::make_partial_report(), fixtures::make_place());
        let failures = [FailureDocument {
            key: "us7000abc".into(),
            place: "feed.json (record 7)".into(),
            step: "map".into(),
            error: "no such field".into(),
        }];
        let document = RunDocument::new(&report, &place, Exit::Partial, &failures, 2);
        let text = serde_json::to_string_pretty(&document).expect("serializable");
        insta::assert_snapshot!(text, @r#"
        {
          "schema_version": 2,
          "job": "quakes",
          "run": "20180207-012613-00abc",
          "status": "partial",
          "message": "3 items failed",
          "counts": {
            "read": 1707,
            "new": 1500,
            "skipped": 204,
            "failed": 3,
            "recovered": 2,
            "retries": 1
          },
          "rows": 1500,
          "updated": 0,
          "keys": 1704,
          "open_failures": 5,
          "dead_failures": 0,
          "skipped_by": {
            "done_before": 0,
            "twice_in_source": 0,
            "exhausted": 0,
            "by_request": 0
          },
          "tried_again": {
            "from_source": 0,
            "from_kept": 0
          },
          "rowless": 0,
          "commits": 2,
          "calls": {
            "reads": 2,
            "writes": 3,
            "throttled": 2,
            "quota_shared": false
          },
          "started": "2018-02-07T01:26:13.840Z",
          "finished": "2018-02-07T01:28:18.840Z",
          "seconds": 125.0,
          "tab": "Quakes",
          "spreadsheet": {
            "kind": "embedded",
            "file": "fixtures/quakes.sheet",
            "because": "no spreadsheet is set"
          },
          "failures": [
            {
              "key": "us7000abc",
              "place": "feed.json (record 7)",
              "step": "map",
              "error": "no such field"
            }
          ],
          "failures_omitted": 2,
          "exit_code": 3
        }
        "#);
        assert_eq!(format_json_line(&document).matches('\n').count(), 1);
    }
}
