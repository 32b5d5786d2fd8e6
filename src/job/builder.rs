//! Builds a job in Rust.
//!
//! In scope: its settings, read by the reader of job files so that both mean the same. Out of
//! scope: running it (`job::runner_job`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use toml::Table;

use crate::clock::Clock as _;
use crate::config::external::environment::Environment;
use crate::config::external::flags::Overrides;
use crate::config::external::logical_time::{LogicalTime, parse_logical_date};
use crate::config::job_file::JobFileForm;
use crate::config::settings::{Settings, read};
use crate::job::closure_step::{ClosureStep, ItemContext};
use crate::job::error::JobError;
use crate::job::report::JobReport;
use crate::job::runner_job::Job;
use crate::job::source::{JobSource, JobSourceKind};
use crate::ledger::items::write_mode::Delivery;
use crate::port::step::StepError;
use crate::retry::RetryPolicy;
use crate::store::memory::MemoryStore;
use crate::system::SystemClock;
use crate::time::Timestamp;

/// Makes the step, once the date of the run is known.
type StepMaker = Box<dyn FnOnce(Arc<str>) -> ClosureStep + Send>;

/// The settings of a job, before they are checked; [`JobBuilder::build`] checks them all.
pub struct JobBuilder {
    name: String,
    /// The job file, if there is one, which then has all settings.
    file: Option<PathBuf>,
    source: Option<JobSource>,
    key: Option<String>,
    version: Option<String>,
    sheet: Table,
    columns: Table,
    steps: Vec<StepMaker>,
    flags: Overrides,
    memory: Option<MemoryStore>,
    retry: Option<RetryPolicy>,
    concurrency: usize,
    runs_at_most_once: bool,
    max_rows: Option<usize>,
    logical_date: Option<String>,
}

impl Job {
    /// Starts the settings of a job of this name: letters, digits, blank, `_`, `.` and `-`, at most
    /// 50. The name is a part of tab titles and idempotency keys: keep it.
    pub fn builder(name: &str) -> JobBuilder {
        JobBuilder::new(name, None)
    }

    /// Starts from a job file. Steps that are added come after those of the file, a source in place
    /// of its source. Only the command line sends its alerts, heartbeat and metrics.
    pub fn from_file(path: impl AsRef<Path>) -> JobBuilder {
        JobBuilder::new("", Some(path.as_ref().to_owned()))
    }
}

impl JobBuilder {
    pub(crate) fn new(name: &str, file: Option<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            file,
            source: None,
            key: None,
            version: None,
            sheet: Table::new(),
            columns: Table::new(),
            steps: Vec::new(),
            flags: Overrides::default(),
            memory: None,
            retry: None,
            concurrency: 1,
            runs_at_most_once: false,
            max_rows: None,
            logical_date: None,
        }
    }

    /// Sets where records come from: a list of JSON values, or a [`JobSource`].
    #[must_use]
    pub fn source(mut self, source: impl Into<JobSource>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets the jq expression of an item's key: records of the same key are the same item. The
    /// default is `.id`.
    #[must_use]
    pub fn key(mut self, expression: &str) -> Self {
        self.key = Some(expression.to_owned());
        self
    }

    /// Sets the jq expression of an item's version: an item of another version is processed again.
    #[must_use]
    pub fn version(mut self, expression: &str) -> Self {
        self.version = Some(expression.to_owned());
        self
    }

    /// Adds a step named `step`, or `step 2` and so on.
    ///
    /// The closure gets the record, or what the step before returned. What it returns is the input
    /// of the next step, or a row: an object is one, a sequence several, null or unit none. An
    /// error is the failure of this one item; a panic is, too.
    #[must_use]
    pub fn step<F, R, T>(self, work: F) -> Self
    where
        F: Fn(Value, ItemContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, StepError>> + Send + 'static,
        T: Serialize,
    {
        let nth = self.steps.len() + 1;
        let name = if nth == 1 { "step".to_owned() } else { format!("step {nth}") };
        self.step_named(&name, work)
    }

    /// Adds a step of this name. The name is a part of idempotency keys: keep it.
    #[must_use]
    pub fn step_named<F, R, T>(mut self, name: &str, work: F) -> Self
    where
        F: Fn(Value, ItemContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, StepError>> + Send + 'static,
        T: Serialize,
    {
        let name = name.to_owned();
        self.steps.push(Box::new(move |date| ClosureStep::new(name, work, date)));
        self
    }

    /// Sets the title of the data tab; the default is the job's name.
    #[must_use]
    pub fn tab(mut self, title: &str) -> Self {
        self.sheet.insert("tab".to_owned(), title.into());
        self
    }

    /// Keeps one row for each key, which a new version rewrites in place; `column` is the one with
    /// the key. Otherwise each version adds its rows.
    #[must_use]
    pub fn upsert(mut self, column: &str) -> Self {
        self.sheet.insert("mode".to_owned(), "upsert".into());
        self.sheet.insert("key".to_owned(), column.into());
        self
    }

    /// Sets the type of a column, as in a job file: `number`, `date`, `datetime`, `link` and so on.
    #[must_use]
    pub fn column(mut self, name: &str, kind: &str) -> Self {
        self.columns.insert(name.to_owned(), kind.into());
        self
    }

    /// Keeps rows and state in this Google Sheet, named by its id or address. Credentials are found
    /// as on the command line.
    #[must_use]
    pub fn spreadsheet(mut self, id: &str) -> Self {
        self.flags.spreadsheet = Some(id.to_owned());
        self
    }

    /// Keeps rows and state in a local file; needs the feature `emulator`.
    #[must_use]
    pub fn embedded(mut self, file: impl Into<PathBuf>) -> Self {
        self.flags.file = Some(file.into());
        self
    }

    /// Keeps rows and state in memory, for tests. Jobs of different names need different stores.
    #[must_use]
    pub fn in_memory(mut self, store: &MemoryStore) -> Self {
        self.memory = Some(store.clone());
        self
    }

    /// Keeps lock, journal and identity of this machine in this folder; the default is `sheetkeep`
    /// in `XDG_STATE_HOME`.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.flags.state_dir = Some(folder.into());
        self
    }

    /// Sets how failed steps and calls are retried within a run.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = Some(policy);
        self
    }

    /// Processes up to `items` items at the same time; the default is 1.
    #[must_use]
    pub fn concurrency(mut self, items: usize) -> Self {
        self.concurrency = items.max(1);
        self
    }

    /// Never calls the steps twice for one change: an item whose result was lost becomes a failure
    /// that waits for a person.
    #[must_use]
    pub fn at_most_once(mut self) -> Self {
        self.runs_at_most_once = true;
        self
    }

    /// Sets the largest number of rows in one commit.
    #[must_use]
    pub fn rows_per_commit(mut self, rows: usize) -> Self {
        self.max_rows = Some(rows.max(1));
        self
    }

    /// Sets the date for which the run is made, such as `2026-11-29`; the default is the day on
    /// which the job is built, in UTC.
    #[must_use]
    pub fn logical_date(mut self, date: &str) -> Self {
        self.logical_date = Some(date.to_owned());
        self
    }

    /// Checks all settings. Fails with every problem together.
    pub fn build(mut self) -> Result<Job, JobError> {
        let now = SystemClock::new().now();
        let (time, date) = parse_logical_time(self.logical_date.as_deref(), now)?;
        self.flags.logical_time = Some(time);
        if self.memory.is_some() {
            self.flags.file = Some(PathBuf::from("memory"));
            self.flags.spreadsheet = None;
        }
        let mut settings = self.make_settings()?;
        if settings.stages.is_some() {
            return Err(JobError::from_problem(
                "this is a job of stages, which the command line runs: sheetkeep run FILE",
            ));
        }
        if let Some(retry) = self.retry {
            settings.retry = retry;
        }
        if let Some(rows) = self.max_rows {
            settings.commit.max_rows = rows;
        }
        if self.runs_at_most_once {
            settings.delivery = Delivery::AtMostOnce;
        }
        let memory = self.memory.map(|store| store.with_mode(settings.mode, settings.reprocess_policy));
        if memory.is_some() {
            settings.state_dir = None;
        }
        let date: Arc<str> = date.into();
        let steps = self.steps.into_iter().map(|make| make(Arc::clone(&date))).collect();
        Ok(Job::new(settings, self.source, steps, memory, self.concurrency))
    }

    /// Builds the job and runs it once.
    pub async fn run(self) -> Result<JobReport, JobError> {
        self.build()?.run().await
    }

    fn make_settings(&self) -> Result<Settings, JobError> {
        if let Some(path) = &self.file {
            let form = JobFileForm::read(path, &self.flags).map_err(|error| JobError::from_config_error(&error))?;
            let environment = form.read_environment(path, &self.flags);
            let settings = read(path, &form.text, &self.flags, &environment);
            return settings.map_err(|error| JobError::from_config_error(&error));
        }
        let Some(source) = &self.source else {
            return Err(JobError::from_problem("the job has no source: call `source`"));
        };
        let path = PathBuf::from(format!("{}.toml", self.name));
        let environment = Environment::read(Path::new(""), None)
            .map_err(|problem| JobError::from_problem(format!("the file .env can't be used: {problem}")))?;
        let settings = read(&path, &self.make_job_file(source), &self.flags, &environment);
        settings.map_err(|error| JobError::from_config_error(&error))
    }

    /// Returns the settings as the text of a job file.
    fn make_job_file(&self, source: &JobSource) -> String {
        let mut of_source = Table::new();
        match &source.kind {
            JobSourceKind::File { format, path, items } => {
                of_source.insert((*format).to_owned(), path.as_str().into());
                of_source.extend(items.as_ref().map(|items| ("items".to_owned(), items.as_str().into())));
            }
            // The records come from the program.
            JobSourceKind::Values(_) | JobSourceKind::Since { .. } => {
                of_source.insert("jsonl".to_owned(), "records".into());
            }
        }
        let mut item = Table::new();
        item.insert("key".to_owned(), self.key.as_deref().unwrap_or(".id").into());
        item.extend(self.version.as_deref().map(|version| ("version".to_owned(), version.into())));
        let mut sheet = self.sheet.clone();
        sheet.entry("tab").or_insert_with(|| self.name.as_str().into());
        if !self.columns.is_empty() {
            sheet.insert("columns".to_owned(), self.columns.clone().into());
        }
        let mut job = Table::new();
        job.insert("name".to_owned(), self.name.as_str().into());
        job.insert("source".to_owned(), of_source.into());
        job.insert("item".to_owned(), item.into());
        job.insert("sheet".to_owned(), sheet.into());
        job.to_string()
    }
}

/// Returns the time for which the run is made, and its date.
fn parse_logical_time(asked: Option<&str>, now: Timestamp) -> Result<(LogicalTime, String), JobError> {
    let today = now.to_string().chars().take(10).collect();
    let Some(text) = asked else { return Ok((LogicalTime::Now(now), today)) };
    let wrong =
        || JobError::from_problem(format!("the logical date {text:?} is not a valid date: write it as 2026-11-29"));
    let date = parse_logical_date(text).map_err(|_| wrong())?;
    let scheduled_for = Timestamp::parse(&format!("{date}T00:00:00Z")).ok_or_else(wrong)?;
    Ok((LogicalTime::Occurrence { scheduled_for, date }, date.to_string()))
}
