//! The settings of a job, from flags, environment, file and defaults.
//!
//! In scope: reading a job file into `Settings`, with all errors together. Out of scope: using them
//! (`app`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::de::{DeTable, Deserializer};

use crate::clock::Clock;
use crate::config::external::environment::Environment;
use crate::config::external::flags::Overrides;
use crate::config::job_file::{JobFileForm, report_data_file};
use crate::config::problem::{ConfigError, ConfigProblem};
use crate::config::sections::limits::{self, CommitSettings, Overlap};
use crate::config::sections::proxies::read_proxies;
use crate::config::sections::records::columns::read_columns;
use crate::config::sections::records::evaluation::{self, EvaluationSettings};
use crate::config::sections::records::expect;
use crate::config::sections::records::source::{self, SourceSettings};
use crate::config::sections::records::steps::{self, StepAction, StepSettings};
use crate::config::sections::reporting::alerts::{self, AlertSettings};
use crate::config::sections::reporting::heartbeat::{self, HeartbeatSettings};
use crate::config::sections::reporting::metrics::{self, MetricsSettings};
use crate::config::sections::schedule;
use crate::config::sections::sheet::jobs;
use crate::config::sections::sheet::max_changed;
use crate::config::sections::sheet::names;
use crate::config::sections::sheet::target::{self, CredentialSettings, SheetTarget, TargetOrigin};
use crate::config::sections::sheet::write_mode;
use crate::config::sections::sheet::wrong_place;
use crate::config::sections::stages::{self, StageJob};
use crate::config::syntax::keys::check;
use crate::config::syntax::raw::JobFile;
use crate::config::syntax::schema::make_job_file_schema;
use crate::config::syntax::stage_job;
use crate::config::value_reader::{ProblemNote, ValueReader};
use crate::ledger::items::write_mode::{Delivery, ReprocessPolicy, WriteMode};
use crate::ledger::runs::expectation::Expectations;
use crate::ledger::runs::held_changes::ChangeLimit;
use crate::ledger::values::columns::{Columns, trim_header};
use crate::port::source::{Source, SourceError};
use crate::port::step::Step;
use crate::private_files::find_parent_folder;
use crate::retry::RetryPolicy;
use crate::schedule::job_schedule::JobSchedule;
use crate::schedule::zone::parse_zone;
use crate::sheets_client::calls::quota::CallRates;
use crate::sheets_client::transport::proxy::Proxies;
use crate::source::path_selection::RecordDepth;
use crate::step::command::command_step::CommandSettings;
use crate::step::jq::program::Program;
use crate::step::key_finder::{JqKeyFinder, VersionSource};
use crate::store::tabs::jobs::JobsView;

/// All settings of a job, checked. `Debug` shows no credentials.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The job's name.
    pub job: String,
    /// The path of the job file.
    pub path: PathBuf,
    /// When the job should run.
    pub schedule: Option<JobSchedule>,
    /// Where records come from, and how they are read.
    pub source: SourceSettings,
    /// The jq expression of the key.
    pub key: Program,
    /// The jq expression of the version.
    pub version: Option<Program>,
    /// How expressions are evaluated.
    pub evaluation: EvaluationSettings,
    /// The steps, in order.
    pub steps: Vec<StepSettings>,
    /// The stages, for a job of stages; `None` for a job of records.
    pub stages: Option<StageJob>,
    /// How often outside effects of steps may happen.
    pub delivery: Delivery,
    /// The spreadsheet or file with rows and state.
    pub target: SheetTarget,
    /// Why this target was chosen.
    pub choice: TargetOrigin,
    /// Where credentials are.
    pub credentials: CredentialSettings,
    /// The root of the Sheets API, with a slash at its end.
    pub api_url: String,
    /// A file with certificates to trust (`SSL_CERT_FILE`).
    pub certificates: Option<PathBuf>,
    /// The proxies on the way to the service; none for the embedded sheet.
    pub proxies: Proxies,
    /// The title of the data tab.
    pub tab: String,
    /// How rows are written.
    pub mode: WriteMode,
    /// When a done key is processed again.
    pub reprocess_policy: ReprocessPolicy,
    /// The types of columns, with the time zone if the job sets one.
    pub columns: Columns,
    /// The IANA name of the time zone in `columns`.
    pub timezone: Option<String>,
    /// The column with the key, if the job names one.
    pub key_column: Option<String>,
    /// How often results are committed.
    pub commit: CommitSettings,
    /// How failed calls are retried.
    pub retry: RetryPolicy,
    /// Calls per minute; the embedded sheet has no limit.
    pub pacing: CallRates,
    /// Attempts of one record, over all runs.
    pub max_attempts: u64,
    /// First records that may fail for one cause before a run stops; 0 for no limit.
    pub stop_after: u64,
    /// Duration of a lease without renewal, in milliseconds.
    pub lease_ttl_ms: u64,
    /// What a run does if another one is active.
    pub overlap: Overlap,
    /// What a run is expected to yield.
    pub expectations: Expectations,
    /// How many existing rows a run may change before a person has to approve; `None` for any
    /// number.
    pub max_changed: Option<ChangeLimit>,
    /// Where the job reports that it is alive.
    pub heartbeat: HeartbeatSettings,
    /// What the job reports to people.
    pub alerts: AlertSettings,
    /// Where the metrics of its runs go.
    pub metrics: MetricsSettings,
    /// How the job appears in the tab Jobs; `None` if it does not.
    pub jobs: Option<JobsView>,
    /// The folder with the installation's id and lock; `None` if no home directory is known.
    pub state_dir: Option<PathBuf>,
    /// Warnings that do not stop a run.
    pub notes: Vec<ProblemNote>,
}

impl Settings {
    /// Returns the part that extracts keys and versions.
    pub fn make_key_finder(&self) -> JqKeyFinder {
        let versions = match &self.version {
            Some(program) => VersionSource::Named(self.evaluation.make_expression(program)),
            None if self.mode == WriteMode::Upsert => VersionSource::Content,
            None => VersionSource::None,
        };
        JqKeyFinder::new(self.evaluation.make_expression(&self.key), versions)
    }

    /// Opens the source. Fails if it is missing or may not be read; errors in its contents come
    /// with records.
    pub fn open_source(&self) -> Result<Box<dyn Source>, SourceError> {
        self.source.open(&self.evaluation)
    }

    /// Opens the source for a run, which reads it twice if only one record of each key counts.
    pub fn open_source_for_run(&self) -> Result<Box<dyn Source>, SourceError> {
        if self.reprocess_policy == ReprocessPolicy::EachVersion {
            return self.source.open(&self.evaluation);
        }
        let version = self.version.as_ref().map(Program::path);
        let paths: Vec<_> = std::iter::once(self.key.path()).chain(version).collect();
        self.source.open_twice(&self.evaluation, &RecordDepth::from_paths(&paths))
    }

    /// Returns the names of steps that run programs.
    pub fn programs(&self) -> Vec<&str> {
        let runs = self.steps.iter().filter(|step| matches!(step.action, StepAction::CommandStep(_)));
        runs.map(|step| step.name.as_str()).collect()
    }

    /// Returns the programs of steps and stages, each with its name.
    pub fn commands(&self) -> Vec<(&str, CommandSettings)> {
        let of_steps = self.steps.iter().filter_map(|step| match &step.action {
            StepAction::CommandStep(command) => Some((step.name.as_str(), command.clone())),
            StepAction::MapStep(..) => None,
        });
        let folder = find_parent_folder(&self.path);
        let stages = self.stages.iter().flat_map(|job| &job.stages);
        let of_stages = stages.map(|stage| (stage.name.as_str(), stage.command(folder, &self.job)));
        of_steps.chain(of_stages).collect()
    }

    /// Returns the settings for items that are commands. A result is kept immediately, because the next
    /// may take hours. The first failures are not evidence about the others.
    #[must_use]
    pub fn with_command_limits(mut self) -> Self {
        (self.commit.every_ms, self.stop_after) = (0, 0);
        self
    }

    /// Creates the steps.
    pub fn make_steps(&self, clock: &Arc<dyn Clock>) -> Vec<Arc<dyn Step>> {
        self.steps.iter().map(|step| step.make(clock, &self.evaluation)).collect()
    }

    /// Returns the steps' expressions, in order. With the source's kind and the key, the
    /// definition's hash is made from them.
    pub fn step_expressions(&self) -> Vec<String> {
        self.steps.iter().map(StepSettings::expression).collect()
    }
}

/// Reads the job file at `path` with the process environment and the `.env` beside it. The error
/// holds all problems.
pub fn load(path: &Path, flags: &Overrides) -> Result<Settings, ConfigError> {
    from_form(path, &JobFileForm::read(path, flags)?, flags)
}

/// Reads a form of the job file at `path`, with the process environment. The files themselves are
/// not read. The error holds all problems.
pub fn from_form(path: &Path, form: &JobFileForm, flags: &Overrides) -> Result<Settings, ConfigError> {
    read(path, &form.text, flags, &form.read_environment(path, flags))
}

/// Reads the text of the job file at `path`. The error holds all problems.
pub fn read(path: &Path, text: &str, flags: &Overrides, environment: &Environment) -> Result<Settings, ConfigError> {
    let (mut table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        if let Some(problem) = report_data_file(path, text) {
            return Err(ConfigError::new(path, "", vec![problem]));
        }
        return Err(ConfigError::new(path, text, convert_toml_errors(text, errors)));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut problems = stage_job::complete_stage_job(&mut table);
    problems.extend(check(&mut table, &make_job_file_schema(), text));
    let raw = match JobFile::deserialize(Deserializer::from(table)) {
        Ok(raw) => raw,
        Err(error) => {
            problems.push(ConfigProblem::new_at(error.span().unwrap_or(0..0), error.message().to_owned(), "here"));
            return Err(ConfigError::new(path, text, problems));
        }
    };
    let environment = match flags.logical_time {
        Some(time) => &time.add_to(environment, &find_schedule_zone(&raw)),
        None => environment,
    };
    let mut reader = ValueReader::new(text, folder, environment);
    reader.problems = problems;
    match read_settings(&mut reader, path, flags, &raw) {
        Some(settings) if reader.problems.is_empty() => {
            Ok(if settings.stages.is_some() { settings.with_command_limits() } else { settings })
        }
        _ => Err(ConfigError::new(path, text, reader.problems)),
    }
}

/// Converts the errors of the TOML parser; of a line with a wrong escape it reports several.
fn convert_toml_errors(text: &str, errors: Vec<toml::de::Error>) -> Vec<ConfigProblem> {
    let mut escaped = None;
    let mut problems = Vec::new();
    for error in errors {
        let message = error.message().replace('\n', ", ");
        let span = error.span().unwrap_or(0..0);
        let before = text.get(..span.start).unwrap_or_default();
        let line_number = before.matches('\n').count();
        let line = text.lines().nth(line_number).unwrap_or_default();
        let is_escape = line.contains('\\') && (message.contains("unicode") || message.contains("escape"));
        if is_escape && escaped.replace(line_number) == Some(line_number) {
            continue;
        }
        let problem = ConfigProblem::new_at(span, format!("this is not valid TOML: {message}"), message);
        problems.push(if is_escape {
            let plain = "in double quotes a \\ begins an escape";
            let at = problem.span.clone().unwrap_or(0..0);
            ConfigProblem::new_at(at, format!("this is not valid TOML: {plain}"), plain)
                .help("write a text with \\ in single quotes, such as 'C:\\Users\\me\\orders.csv'")
        } else {
            let help = advise_on_toml_line(line);
            problem.help(help)
        });
    }
    problems
}

/// Returns the next step after a line that is not valid TOML, by what it holds.
fn advise_on_toml_line(line: &str) -> &'static str {
    let line = line.trim();
    if line.contains(['“', '”', '„', '‟', '‘', '’', '«', '»']) {
        "write straight quotes, as a programmer's editor does: name = \"orders\""
    } else if line.starts_with(['{', '<']) {
        "a job file is TOML: lines such as name = \"orders\" below lines such as [source]"
    } else if line.contains(':') && !line.contains('=') {
        "TOML has = where YAML has a colon: name = \"orders\""
    } else if line.matches('"').count() % 2 == 1 || line.matches('\'').count() % 2 == 1 {
        "a text begins and ends with the same quote: name = \"orders\""
    } else {
        "a line is KEY = VALUE, a text is in quotes, and a table is a line such as [source]"
    }
}

/// Returns the zone in which the job's dates are meant: the schedule's, if it is valid, else UTC.
fn find_schedule_zone(raw: &JobFile) -> TimeZone {
    let named = raw.schedule.as_ref().and_then(|schedule| schedule.timezone.as_ref());
    named.and_then(|at| parse_zone(at.get()).ok()).unwrap_or(TimeZone::UTC)
}

/// Reads every part before giving up on any, so that all problems are found. `None` only with a
/// problem.
#[expect(clippy::too_many_lines, reason = "a list: one line for each setting")]
fn read_settings(reader: &mut ValueReader<'_>, path: &Path, flags: &Overrides, raw: &JobFile) -> Option<Settings> {
    let job = raw.name.as_ref().and_then(|at| names::read_job_name(reader, at));
    let schedule = schedule::read_schedule(reader, raw.schedule.as_ref(), job.as_deref());
    let source = raw.source.as_ref().and_then(|at| source::read_source(reader, at, flags.input.as_ref()));
    let item = raw.item.as_ref();
    let key = item.and_then(|item| item.key.as_ref()).and_then(|at| reader.read_program(at, "`item.key`"));
    let version = item.and_then(|item| item.version.as_ref()).and_then(|at| reader.read_program(at, "`item.version`"));
    let evaluation = evaluation::settings(reader, raw);
    let jq_timeout_ms = u64::try_from(evaluation.bounds.time.as_millis()).unwrap_or(u64::MAX);
    let steps = steps::settings(reader, raw, path, job.as_deref(), jq_timeout_ms);
    let delivery = steps::delivery(reader, raw);
    let stages = stages::settings(reader, raw, schedule.as_ref(), flags.logical_time);
    wrong_place::report_misspelt(reader);
    let (target, choice) = target::read_target(reader, flags, raw, job.as_deref(), path).unzip();
    let sheet = raw.sheet.as_ref();
    let tab = sheet.and_then(|sheet| sheet.tab.as_ref()).and_then(|at| names::read_tab(reader, at));
    let mode = sheet.and_then(|sheet| write_mode::read_mode(reader, sheet));
    let reprocess_policy = mode.and_then(|mode| write_mode::read_reprocess_policy(reader, item, mode));
    let zone = sheet.and_then(|sheet| sheet.timezone.as_ref()).and_then(|at| reader.read_zone(at, "`sheet.timezone`"));
    let key_column = sheet.and_then(|sheet| sheet.key.as_ref()).and_then(|at| reader.read_non_empty(at, "`sheet.key`"));
    let key_column = key_column.map(|name| trim_header(&name).to_owned());
    let (timezone, zone): (Option<String>, Option<TimeZone>) = zone.unzip();
    let columns = sheet.map(|sheet| read_columns(reader, sheet, zone)).unwrap_or_default();
    let api_url = target::read_api_url(reader, flags, choice.as_ref());
    let credentials = target::read_credentials(reader, flags);
    let state_dir = target::read_state_dir(reader, flags, raw);
    let proxies = read_target_proxies(reader, target.as_ref(), &credentials);
    if flags.env_file.is_none() {
        wrong_place::warn_of_ignored_env(reader, path);
    }
    let commit = limits::read_commit(reader, raw.commit.as_ref());
    let retry = limits::read_retry(reader, raw.retry.as_ref());
    let pacing = limits::read_pacing(reader, raw.quota.as_ref());
    let max_attempts = limits::read_max_attempts(reader, raw.failures.as_ref());
    let stop_after = limits::stop_after(reader, raw.failures.as_ref());
    let lease_ttl_ms = limits::read_lease_ttl(reader, raw.lease.as_ref());
    let overlap = limits::read_overlap(reader, raw.lease.as_ref());
    let expectations = expect::read_expectations(reader, raw.expect.as_ref());
    let max_changed = max_changed::read_max_changed(reader, sheet, mode);
    let heartbeat = heartbeat::read_heartbeat(reader, raw.heartbeat.as_ref());
    let alerts = alerts::read_alerts(reader, raw.alerts.as_ref(), schedule.as_ref());
    let metrics = metrics::read_metrics(reader, raw.metrics.as_ref());
    let jobs = jobs::read_jobs_view(reader, raw);
    Some(Settings {
        job: job?,
        path: path.to_owned(),
        schedule,
        source: source?,
        key: key?,
        version,
        evaluation,
        steps,
        delivery,
        stages: stages?,
        target: target?,
        choice: choice?,
        credentials,
        api_url,
        certificates: reader.environment.get("SSL_CERT_FILE").map(PathBuf::from),
        proxies,
        tab: tab?,
        mode: mode?,
        reprocess_policy: reprocess_policy?,
        columns,
        timezone,
        key_column,
        commit,
        retry,
        pacing,
        max_attempts,
        stop_after,
        lease_ttl_ms,
        overlap,
        expectations,
        max_changed,
        heartbeat,
        alerts,
        metrics,
        jobs,
        state_dir,
        notes: std::mem::take(&mut reader.notes),
    })
}

/// Reads the proxies, and checks who may read the credentials file; nothing for a local file.
fn read_target_proxies(
    reader: &mut ValueReader<'_>,
    target: Option<&SheetTarget>,
    credentials: &CredentialSettings,
) -> Proxies {
    if !matches!(target, Some(SheetTarget::Google { .. })) {
        return Proxies::default();
    }
    target::warn_if_readable(reader, credentials);
    read_proxies(reader)
}
