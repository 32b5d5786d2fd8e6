//! Where the records of a job in Rust come from.
//!
//! In scope: records in memory, files, and a call that takes the watermark. Out of scope: reading
//! files (`crate::source`).

use std::fmt;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use serde_json::Value;

use crate::app::provided_parts::SourceOpener;
use crate::ledger::items::item::Position;
use crate::port::source::{Record, Source, SourceError};

/// Gets the records after a watermark; `None` means all.
type FetchFn = dyn Fn(Option<String>) -> BoxFuture<'static, Result<Vec<Value>, String>> + Send + Sync;

/// A source of records: a list of JSON values, a file, or a call that takes a watermark.
#[derive(Clone)]
pub struct JobSource {
    pub(crate) kind: JobSourceKind,
}

#[derive(Clone)]
pub(crate) enum JobSourceKind {
    Values(Arc<Vec<Value>>),
    /// Format as in the job file, path, and the jq for the records of a JSON document.
    File {
        format: &'static str,
        path: String,
        items: Option<String>,
    },
    Since {
        member: String,
        fetch: Arc<FetchFn>,
    },
}

impl fmt::Debug for JobSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            JobSourceKind::Values(values) => write!(f, "JobSource({} values)", values.len()),
            JobSourceKind::File { format, path, .. } => write!(f, "JobSource({format} {path})"),
            JobSourceKind::Since { member, .. } => write!(f, "JobSource(since {member})"),
        }
    }
}

impl JobSource {
    /// Reads a CSV file with a header row; delimiter and encoding are found.
    pub fn csv(path: impl Into<String>) -> Self {
        Self::new_file("csv", path, None)
    }

    /// Reads a file with one JSON text a line.
    pub fn jsonl(path: impl Into<String>) -> Self {
        Self::new_file("jsonl", path, None)
    }

    /// Reads a JSON document; `items` is the jq expression of its records, such as `.orders[]`.
    pub fn json(path: impl Into<String>, items: impl Into<String>) -> Self {
        Self::new_file("json", path, Some(items.into()))
    }

    fn new_file(format: &'static str, path: impl Into<String>, items: Option<String>) -> Self {
        Self { kind: JobSourceKind::File { format, path: path.into(), items } }
    }

    /// Calls `fetch` with the watermark, and gets the records after it. The watermark is the text
    /// or number under `member` in the last record before which every record is settled. It is
    /// `None` in the first run. It is stored with the rows, in the same commit.
    ///
    /// `fetch` returns the records in ascending order of `member`. Records that it returns again
    /// are skipped, so fetch from the watermark on, not after it.
    pub fn with_watermark<F, R, E>(member: impl Into<String>, fetch: F) -> Self
    where
        F: Fn(Option<String>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Vec<Value>, E>> + Send + 'static,
        E: fmt::Display,
    {
        let fetch = move |watermark| {
            let fetching = fetch(watermark);
            async move { fetching.await.map_err(|error| error.to_string()) }.boxed()
        };
        Self { kind: JobSourceKind::Since { member: member.into(), fetch: Arc::new(fetch) } }
    }

    /// Returns whether the run has to know the watermark.
    pub(crate) fn needs_watermark(&self) -> bool {
        matches!(self.kind, JobSourceKind::Since { .. })
    }

    /// Returns what opens the source; `None` for a file, which the settings name.
    pub(crate) fn make_opener(&self, job: &str, watermark: Option<String>) -> Option<SourceOpener> {
        let job = job.to_owned();
        match self.kind.clone() {
            JobSourceKind::File { .. } => None,
            JobSourceKind::Values(values) => Some(Arc::new(move || {
                let records = number_records(&job, &values, None);
                Ok(Box::new(ValueSource { records: Some(records), fetch: None, next: 0, job: job.clone() }))
            })),
            JobSourceKind::Since { member, fetch } => Some(Arc::new(move || {
                let fetch = FetchSource { fetch: Arc::clone(&fetch), member: member.clone(), since: watermark.clone() };
                Ok(Box::new(ValueSource { records: None, fetch: Some(fetch), next: 0, job: job.clone() }))
            })),
        }
    }
}

impl<I: IntoIterator<Item = Value>> From<I> for JobSource {
    /// A list of JSON values; each run reads all of it.
    fn from(values: I) -> Self {
        Self { kind: JobSourceKind::Values(Arc::new(values.into_iter().collect())) }
    }
}

/// The call of a source that fetches its records when the first one is read.
struct FetchSource {
    fetch: Arc<FetchFn>,
    member: String,
    since: Option<String>,
}

/// A source of values, which may have to be fetched first.
struct ValueSource {
    records: Option<Vec<Record>>,
    fetch: Option<FetchSource>,
    next: usize,
    job: String,
}

/// Makes records of values; each has the text under `member` as its cursor.
fn number_records(job: &str, values: &[Value], member: Option<&str>) -> Vec<Record> {
    let record = |(at, value): (u64, &Value)| Record {
        body: Ok(value.clone()),
        bytes: Vec::new(),
        position: Position { origin: format!("source of {job}"), record: at, line: None },
        cursor: member.and_then(|member| match value.get(member)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }),
    };
    (1..).zip(values).map(record).collect()
}

impl Source for ValueSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        Box::pin(async move {
            if self.records.is_none() {
                let fetched = match &self.fetch {
                    Some(FetchSource { fetch, member, since }) => {
                        let values = fetch(since.clone()).await.map_err(|why| SourceError::Unavailable {
                            what: format!("the source of {}", self.job),
                            why,
                        })?;
                        number_records(&self.job, &values, Some(member))
                    }
                    None => Vec::new(),
                };
                self.records = Some(fetched);
            }
            let record = self.records.as_ref().and_then(|records| records.get(self.next)).cloned();
            self.next += 1;
            Ok(record)
        })
    }

    fn is_rereadable(&self) -> bool {
        true
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next = 0;
        Ok(())
    }

    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}
