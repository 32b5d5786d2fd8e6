//! The source of a check: whether it can be opened, and what its first records are like.
//!
//! In scope: the header row, keys, values that fit the columns, repeated keys. Out of scope: what
//! the sheet makes of it (`check::preflight`).

use std::sync::Arc;

use serde_json::Value;

use crate::check::repeated::{RepeatedKeyScan, scan_repeated_keys};
use crate::check::report::{CheckItem, CheckVerdict, StartBlocker, Subject};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::items::key::Key;
use crate::ledger::rows::row_builder::build_row;
use crate::ledger::values::columns::Columns;
use crate::port::source::Source;
use crate::port::step::KeyFinder;
use crate::runner::header_row::{find_unknown_columns, is_about_key_column, read_header};
use crate::runner::queue::first_records::{CommonCause, FirstRecords};
use crate::runner::run_config::RunError;
use crate::source::bytes::input::Input;

/// What a check found in the source.
#[derive(Default)]
pub struct SourceFindings {
    /// The lines about it.
    pub lines: Vec<CheckItem>,
    /// The repeated keys, if the source can be read again.
    pub repeated_keys: Option<RepeatedKeyScan>,
    /// Why none of the first records fits the columns. A run stops on it, unless it skips records
    /// that it has done before, whatever their values are.
    pub unfit: Option<CommonCause>,
    /// The columns that the job names and the source has no field for, each with a run's error. A run
    /// stops on it, unless the data tab has that column.
    pub unknown_columns: Vec<(String, RunError)>,
}

impl SourceFindings {
    fn from_parts(line: CheckItem) -> Self {
        Self { lines: vec![line], ..Self::default() }
    }
}

/// Returns the line about first records of which none fits the columns. `has_done_keys` as in
/// `SpreadsheetFindings`.
pub fn report_unfit_records(cause: CommonCause, has_done_keys: Option<bool>) -> CheckItem {
    if has_done_keys == Some(false) {
        let cause = Box::new(cause);
        return CheckItem::new_problem(
            Subject::Source,
            StartBlocker::Run(RunError::CommonCause { cause, report: None }),
        );
    }
    let help = "a run ends with 65 there, unless it has done these records before; see [sheet] columns";
    CheckItem::new_warning(Subject::Source, cause.sentence(), Some(help))
}

/// Returns the line about columns that the source does not have. `tab_columns`: those of the data tab;
/// `None` if they are unknown. `has_done_keys`: the job has found the column of its keys.
pub fn unknown_column_line(
    unknown: Vec<(String, RunError)>,
    tab_columns: Option<&[String]>,
    has_done_keys: bool,
) -> Option<CheckItem> {
    let is_fine = |(name, error): &(String, RunError)| {
        if is_about_key_column(error) {
            has_done_keys
        } else {
            tab_columns.is_some_and(|columns| columns.contains(name))
        }
    };
    let (_, error) = unknown.into_iter().find(|one| !is_fine(one))?;
    if tab_columns.is_some() {
        return Some(CheckItem::new_problem(Subject::Source, StartBlocker::Run(error)));
    }
    let help = "correct the name in the job file: a run stops here, unless the data tab already has that column";
    Some(CheckItem::new_warning(Subject::Source, format!("failed to {error}"), Some(help)))
}

/// Checks the source: whether it can be opened, its first record, and whether a run would stop on
/// its first records.
pub async fn check_source(settings: &Settings, clock: &dyn Clock) -> SourceFindings {
    let subject = Subject::Source;
    let name = settings.source.input.name();
    if let Some(job) = &settings.stages {
        let names: Vec<&str> = job.stages.iter().map(|stage| stage.name.as_str()).collect();
        return SourceFindings::from_parts(CheckItem::new_expected(
            subject,
            format!("none; the job has the stages {}", names.join(", ")),
        ));
    }
    if settings.source.input == Input::Stdin {
        return SourceFindings::from_parts(CheckItem::new_expected(subject, "standard input, which is not read here"));
    }
    let mut source = match settings.open_source() {
        Ok(source) => source,
        Err(error) => return SourceFindings::from_parts(CheckItem::new_problem(subject, StartBlocker::Source(error))),
    };
    let key_finder = settings.make_key_finder();
    let mut lines: Vec<CheckItem> = match read_header(source.as_mut(), &key_finder).await {
        Ok(notes) => notes.into_iter().map(|note| CheckItem::new_warning(subject, note, None)).collect(),
        Err(error) => return SourceFindings::from_parts(CheckItem::new_problem(subject, StartBlocker::Run(error))),
    };
    let unknown_columns = match settings.steps.as_slice() {
        [] => find_unknown_columns(source.as_mut(), &settings.columns, settings.key_column.as_deref()).await,
        _ => Vec::new(),
    };
    let columns = settings.steps.is_empty().then_some(&settings.columns);
    let unfit = match check_records(&name, source.as_mut(), &key_finder, columns, settings.stop_after).await {
        RecordFindings::Reported(line) => {
            let is_stopped = matches!(line.verdict, CheckVerdict::Problem(_));
            lines.push(line);
            if is_stopped {
                return SourceFindings { lines, unknown_columns, ..SourceFindings::default() };
            }
            None
        }
        RecordFindings::Unfit(cause) => Some(cause),
    };
    // The run needs what would be read of a pipe here.
    if !source.is_rereadable() || source.rewind().is_err() {
        return SourceFindings { lines, unfit, unknown_columns, repeated_keys: None };
    }
    let mut scan = scan_repeated_keys(source.as_mut(), Arc::new(key_finder), settings.reprocess_policy, clock).await;
    let hint = "the run says so too; see docs/settings.md, *A key twice in one source*";
    lines.extend(scan.sentence().map(|sentence| CheckItem::new_warning(subject, sentence, Some(hint))));
    lines.extend(scan.broken.take().map(|error| CheckItem::new_problem(subject, StartBlocker::Source(error))));
    SourceFindings { lines, unfit, unknown_columns, repeated_keys: Some(scan) }
}

/// What the first records show.
enum RecordFindings {
    /// The line about them.
    Reported(CheckItem),
    /// None of them fits the columns, for this cause.
    Unfit(CommonCause),
}

impl RecordFindings {
    /// Returns what it shows that all first records fail for this cause.
    fn from_parts(cause: CommonCause) -> Self {
        if cause.step == "output" {
            return Self::Unfit(cause);
        }
        let cause = Box::new(cause);
        let blocker = StartBlocker::Run(RunError::CommonCause { cause, report: None });
        Self::Reported(CheckItem::new_problem(Subject::Source, blocker))
    }
}

/// Checks the first record, and further ones until one is good. A good one has a key and, where
/// records are the rows, values that fit the types of `columns`.
async fn check_records(
    name: &str,
    source: &mut dyn Source,
    key_finder: &dyn KeyFinder,
    columns: Option<&Columns>,
    stop_after: u64,
) -> RecordFindings {
    let subject = Subject::Source;
    let mut first_records = FirstRecords::new(stop_after);
    let mut first = None;
    let mut read = 0;
    loop {
        let record = match source.next().await {
            Err(error) if read == 0 => {
                return RecordFindings::Reported(CheckItem::new_problem(subject, StartBlocker::Source(error)));
            }
            Ok(None) if read == 0 => {
                let what = format!("{name} has no record");
                return RecordFindings::Reported(CheckItem::new_warning(subject, what, None));
            }
            Err(_) | Ok(None) => break,
            Ok(Some(record)) => record,
        };
        read += 1;
        first_records.count_record();
        let place = record.position.to_string();
        match record.body {
            Err(bad) => {
                let what = format!("the first record of {name} can't be read: {bad}");
                let help = "it would be a failure; the other records are read anyway";
                first.get_or_insert_with(|| CheckItem::new_warning(subject, what, Some(help)));
                first_records.record_failed("source", &bad.to_string(), &place, &record.bytes);
            }
            Ok(body) => match key_finder.identify(&body).await {
                Ok((key, _)) if let Some(why) = explain_refused_value(&body, columns) => {
                    first.get_or_insert_with(|| report_unwritable_record(name, &key, &why));
                    first_records.record_failed("output", &why, &place, body.to_string().as_bytes());
                }
                Ok((key, _)) if read == 1 => {
                    let what = format!("{name}, whose first record has key {}", key.as_str());
                    return RecordFindings::Reported(CheckItem::new_expected(subject, what));
                }
                Ok(_) => break,
                Err(error) => {
                    let what = format!("the first record of {name} has no key: {error}");
                    let line =
                        || CheckItem::new_warning(subject, what, Some("it would be a failure; see `key` in [item]"));
                    first.get_or_insert_with(line);
                    first_records.record_failed("item", &error.to_string(), &place, body.to_string().as_bytes());
                }
            },
        }
        if let Some(cause) = first_records.find_common_cause().cloned() {
            return RecordFindings::from_parts(cause);
        }
        if stop_after == 0 {
            break;
        }
    }
    RecordFindings::Reported(match first_records.find_source_refusal() {
        Some(error) => CheckItem::new_problem(subject, StartBlocker::Source(error)),
        None => first.unwrap_or_else(|| CheckItem::new_expected(subject, name)),
    })
}

fn report_unwritable_record(name: &str, key: &Key, why: &str) -> CheckItem {
    let what = format!("the first record of {name}, with key {}, can't be written: {why}", key.as_str());
    CheckItem::new_warning(Subject::Source, what, Some("it would be a failure; see [sheet] columns"))
}

/// Returns why a record can't be a row of these columns.
fn explain_refused_value(body: &Value, columns: Option<&Columns>) -> Option<String> {
    columns.and_then(|columns| build_row(body.clone(), columns).err()).map(|refusal| refusal.to_string())
}
