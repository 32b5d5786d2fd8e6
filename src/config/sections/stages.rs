//! The stages of a job: their commands, files and policies, and the name of the logical run.
//!
//! In scope: reading them. Out of scope: running them (`app::stages`).

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp as Instant;

use crate::command_retry::policy::CommandPolicy;
use crate::command_retry::retryable_codes::{CodePreset, RetryableCodes};
use crate::config::external::environment::Environment;
use crate::config::external::logical_time::{
    LOGICAL_DATE, LOGICAL_RUN, LogicalTime, SCHEDULED_FOR, parse_logical_date,
};
use crate::config::problem::ConfigProblem;
use crate::config::syntax::located::Located;
use crate::config::syntax::raw::JobFile;
use crate::config::syntax::stage_section::{StageRetrySection, StageSection};
use crate::config::value_reader::ValueReader;
use crate::retry::Jitter;
use crate::schedule::job_schedule::JobSchedule;
use crate::schedule::recurrence::find_local_date;
use crate::step::command::command_step::CommandSettings;
use crate::time::Timestamp;

/// The longest name of a stage, in bytes.
const MAX_NAME_BYTES: usize = 50;
/// The longest path of an artefact, in bytes: a checkpoint holds it.
const MAX_PATH_BYTES: usize = 500;
/// Default number of tries.
const DEFAULT_ATTEMPTS: u32 = 3;
/// Default bounds of the first wait and of every wait, in milliseconds.
const DEFAULT_WAITS_MS: (u64, u64) = (1_000, 60_000);
/// The longest timeout and the longest wait, in milliseconds: a week.
const MAX_MS: u64 = 7 * 86_400_000;

/// The stages of a job for one logical run.
#[derive(Debug, Clone, PartialEq)]
pub struct StageJob {
    /// The name of the logical run: its date, with the local time if the day has several runs.
    pub run: String,
    /// The stages, in order.
    pub stages: Vec<StageSettings>,
    /// Further variables of the commands: the logical time of the run.
    pub variables: Vec<(&'static str, String)>,
}

/// The settings of one `[[stage]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct StageSettings {
    /// The name of the stage, unique within the job.
    pub name: String,
    /// The program and its arguments, as written.
    pub words: Vec<String>,
    /// The path of the file that it makes, from the job file's folder on.
    pub artifact: Option<String>,
    /// How often the command is tried.
    pub policy: CommandPolicy,
}

impl StageSettings {
    /// Returns the command as one that can be looked for, in the folder of the job file.
    pub(in crate::config) fn command(&self, folder: &Path, job: &str) -> CommandSettings {
        let (words, folder, job) = (self.words.clone(), folder.to_owned(), job.to_owned());
        CommandSettings { words, timeout_ms: MAX_MS, folder, job, variables: Vec::new() }
    }
}

/// Reads the stages; `Some(None)` for a job of records, `None` only with a problem.
#[expect(clippy::option_option, reason = "as every reader of a section, it returns None with a problem")]
pub(in crate::config) fn settings(
    reader: &mut ValueReader<'_>,
    raw: &JobFile,
    schedule: Option<&JobSchedule>,
    time: Option<LogicalTime>,
) -> Option<Option<StageJob>> {
    if raw.stage.is_empty() {
        return Some(None);
    }
    check_mode(reader, raw);
    if let Some(date) = reader.environment.get(LOGICAL_DATE).filter(|date| parse_logical_date(date).is_err()) {
        let shown: String = date.chars().take(40).collect();
        let problem = ConfigProblem::new(format!("{LOGICAL_DATE} is {shown:?}, which is not a date"));
        reader.add_problem(problem.help("write it as 2026-11-29"));
        return None;
    }
    let logical = LogicalRun::new(reader.environment, schedule, time);
    let mut environment = reader.environment.clone();
    environment.set(LOGICAL_RUN, logical.name.clone());
    if let Some(date) = &logical.date {
        environment.set(LOGICAL_DATE, date.clone());
    }
    if let Some(named) = &logical.ambiguous_date {
        let problem = ConfigProblem::new(format!("the run is for {named}, a day with several times of the schedule"));
        reader
            .add_problem(problem.help(format!("set {SCHEDULED_FOR} to one of them in UTC, such as {named}T08:00:00Z")));
    }
    let mut inner = reader.with_environment(&environment);
    let mut stages: Vec<StageSettings> = Vec::new();
    for section in &raw.stage {
        let stage = read_stage(&mut inner, section, &stages, &logical);
        stages.extend(stage);
    }
    let variables = [LOGICAL_DATE, LOGICAL_RUN, SCHEDULED_FOR]
        .into_iter()
        .filter_map(|name| environment.get(name).map(|value| (name, value.to_owned())))
        .collect();
    let (problems, notes) = (std::mem::take(&mut inner.problems), std::mem::take(&mut inner.notes));
    drop(inner);
    reader.problems.extend(problems);
    reader.notes.extend(notes);
    (stages.len() == raw.stage.len()).then_some(Some(StageJob { run: logical.name, stages, variables }))
}

/// The rows of stages are appended: each is about one run of one stage.
fn check_mode(reader: &mut ValueReader<'_>, raw: &JobFile) {
    let mode = raw.sheet.as_ref().and_then(|sheet| sheet.mode.as_ref());
    if let Some(at) = mode.filter(|at| at.get() != "append") {
        reader.add_problem_at(at, "the rows of a job of stages are appended", "not for stages", "take it out");
    }
}

/// The logical run, which distinguishes several runs of a day.
struct LogicalRun {
    name: String,
    /// True if its day has other runs.
    has_siblings: bool,
    /// Its date, if that is not the one of the environment.
    date: Option<String>,
    /// The date that a person has named, if it does not say which run is meant.
    ambiguous_date: Option<String>,
}

impl LogicalRun {
    /// A run by hand belongs to the last time of the schedule, so that it continues with what that
    /// run has left. A person may name another date.
    fn new(environment: &Environment, schedule: Option<&JobSchedule>, time: Option<LogicalTime>) -> Self {
        let date = environment.get(LOGICAL_DATE).unwrap_or("undated").to_owned();
        let named = environment.get(SCHEDULED_FOR).and_then(|text| text.parse::<Instant>().ok());
        let at = named.map(|at| Timestamp(at.as_millisecond())).or(time.map(LogicalTime::instant));
        let occurrence = schedule.zip(at).and_then(|(schedule, at)| schedule.last_until(at, 0));
        let (Some(schedule), Some(occurrence)) = (schedule, occurrence) else {
            return Self::from_date(date);
        };
        let before = schedule.last_until(Timestamp(occurrence.scheduled_for.0.saturating_sub(1)), 0);
        let after = schedule.next_after(occurrence.scheduled_for, 0);
        let has_siblings = before.into_iter().chain(after).any(|other| other.date == occurrence.date);
        let local = Instant::from_millisecond(occurrence.scheduled_for.0).map(|at| at.to_zoned(schedule.zone.clone()));
        match local {
            Ok(local) if has_siblings => {
                let today = at.and_then(|at| find_local_date(at.0, &schedule.zone)).map(|date| date.to_string());
                let of_run = occurrence.date.to_string();
                // A flag names one date, and a time of another day is then a mistake.
                let is_named = matches!(time, Some(LogicalTime::Named { .. }));
                let may_differ = named.is_some() || Some(&date) == today.as_ref();
                let is_meant = date == of_run || (may_differ && !is_named);
                Self {
                    name: local.strftime("%Y-%m-%dT%H:%M%:z").to_string(),
                    has_siblings,
                    date: Some(of_run),
                    ambiguous_date: (!is_meant).then_some(date),
                }
            }
            _ => Self::from_date(date),
        }
    }

    fn from_date(name: String) -> Self {
        Self { name, has_siblings: false, date: None, ambiguous_date: None }
    }
}

fn read_stage(
    reader: &mut ValueReader<'_>,
    section: &StageSection,
    before: &[StageSettings],
    logical: &LogicalRun,
) -> Option<StageSettings> {
    let name = section.name.as_ref().and_then(|at| read_name(reader, at, before));
    let words = section.command.as_ref();
    let words = words.and_then(|at| reader.read_command_words(at, "`stage.command`", "[\"./fetch.sh\", \"--all\"]"));
    let artifact = match &section.artifact {
        Some(at) => Some(read_artifact(reader, at, before, logical)?),
        None => None,
    };
    let timeout = match &section.timeout {
        Some(at) => Some(Duration::from_millis(reader.read_duration(at, "`stage.timeout`", 1..=MAX_MS)?)),
        None => None,
    };
    let default = StageRetrySection::default();
    let policy = read_policy(reader, section.retry.as_ref().unwrap_or(&default), timeout);
    Some(StageSettings { name: name?, words: words?, artifact, policy: policy? })
}

fn read_name(reader: &mut ValueReader<'_>, at: &Located<String>, before: &[StageSettings]) -> Option<String> {
    let name = reader.read_non_empty(at, "`stage.name`")?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if !is_plain || name.len() > MAX_NAME_BYTES {
        let help = "letters, digits, `_`, `.` and `-` make a name, at most 50";
        reader.add_problem_at(at, "`stage.name` is not a valid name", "not a valid name", help);
        return None;
    }
    if before.iter().any(|other| other.name == name) {
        let help = "checkpoints are kept under the stage's name; give each its own";
        reader.add_problem_at(at, "two stages have this name", "taken", help);
        return None;
    }
    Some(name)
}

fn read_artifact(
    reader: &mut ValueReader<'_>,
    at: &Located<String>,
    before: &[StageSettings],
    logical: &LogicalRun,
) -> Option<String> {
    let path = reader.read_non_empty(at, "`stage.artifact`")?;
    let is_file = !path.ends_with('/') && !path.ends_with("..") && !path.chars().any(char::is_control);
    let problem = if !is_file || path.len() > MAX_PATH_BYTES {
        ("`stage.artifact` is not the path of a file", "write it as data/${SHEETKEEP_LOGICAL_DATE}/raw.json")
    } else if before.iter().any(|other| other.artifact.as_ref() == Some(&path)) {
        ("two stages make this file", "give each stage a file of its own, so that a restart finds both")
    } else if logical.has_siblings && !at.get().contains(LOGICAL_RUN) {
        (
            "several runs of a day would make this file",
            "put ${SHEETKEEP_LOGICAL_RUN} into its path: it has the date and the time of the run",
        )
    } else {
        return Some(path);
    };
    reader.add_problem_at(at, problem.0, "this path", problem.1);
    None
}

fn read_policy(
    reader: &mut ValueReader<'_>,
    section: &StageRetrySection,
    timeout: Option<Duration>,
) -> Option<CommandPolicy> {
    let max_attempts = match &section.attempts {
        Some(at) => u32::try_from(reader.read_whole_number(at, "`stage.retry.attempts`", 1..=100)?).ok()?,
        None => DEFAULT_ATTEMPTS,
    };
    let base_ms = match &section.base {
        Some(at) => reader.read_duration(at, "`stage.retry.base`", 1..=MAX_MS)?,
        None => DEFAULT_WAITS_MS.0,
    };
    let cap_ms = match &section.cap {
        Some(at) => reader.read_duration(at, "`stage.retry.cap`", base_ms..=MAX_MS)?,
        None => DEFAULT_WAITS_MS.1.max(base_ms),
    };
    Some(CommandPolicy {
        max_attempts,
        base_delay: Duration::from_millis(base_ms),
        max_delay: Duration::from_millis(cap_ms),
        jitter: Jitter::Full,
        timeout,
        deadline: None,
        codes: read_codes(reader, section)?,
    })
}

fn read_codes(reader: &mut ValueReader<'_>, section: &StageRetrySection) -> Option<RetryableCodes> {
    let mut codes = Vec::new();
    for number in section.on_exit.iter().flat_map(Located::get) {
        let Some(code) = u8::try_from(*number).ok().filter(|code| *code > 0) else {
            let span = section.on_exit.as_ref().map_or(0..0, Located::span);
            let what = "`stage.retry.on_exit` has exit codes from 1 to 255";
            reader.add_problem(ConfigProblem::new_at(span, what, "not an exit code"));
            return None;
        };
        codes.push(code);
    }
    let named = match &section.preset {
        Some(at) => Some(match reader.read_text(at)?.as_str() {
            "curl" => CodePreset::Curl,
            "http" => CodePreset::Http,
            "ssh" => CodePreset::Ssh,
            "sysexits" => CodePreset::Sysexits,
            _ => {
                let help = "write curl, http, ssh or sysexits";
                reader.add_problem_at(at, "`stage.retry.preset` is not a known preset", "unknown", help);
                return None;
            }
        }),
        None => None,
    };
    let is_unset = codes.is_empty() && named.is_none();
    Some(RetryableCodes::of(&codes, if is_unset { Some(CodePreset::Sysexits) } else { named }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::external::flags::Overrides;
    use crate::config::settings::read;

    const STAGE: &str = "[[stage]]\nname = 'a'\ncommand = ['true']\nartifact = 'd/${SHEETKEEP_LOGICAL_RUN}'\n";

    /// Returns the run and the artefact of a job with this schedule at this time.
    fn run_at(cron: &str, now: &str, environment: &[(&str, &str)]) -> Result<(String, Option<String>), String> {
        let schedule = format!("schedule = {{ cron = '{cron}', timezone = 'Europe/Berlin' }}\n");
        let text = format!("name = 'j'\n{}{STAGE}", if cron.is_empty() { String::new() } else { schedule });
        let time = LogicalTime::Now(Timestamp::parse(now).expect("a time"));
        let flags = Overrides { logical_time: Some(time), ..Overrides::default() };
        let environment = Environment::from_pairs(environment, &[]);
        let settings =
            read(Path::new("j.toml"), &text, &flags, &environment).map_err(|error| error.format_lines().join("\n"))?;
        let job = settings.stages.expect("stages");
        Ok((job.run, job.stages[0].artifact.clone()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what a reader returns")]
    fn name_artifact(run: &str) -> Result<(String, Option<String>), String> {
        Ok((run.to_owned(), Some(format!("d/{run}"))))
    }

    #[test]
    fn a_run_is_named_by_its_date_unless_the_day_has_several() {
        let now = "2026-11-29T12:00:00Z";
        assert_eq!(run_at("", now, &[]), name_artifact("2026-11-29"));
        assert_eq!(run_at("0 9 * * *", now, &[]), name_artifact("2026-11-29"));
        assert_eq!(run_at("0 9 * * *", now, &[(LOGICAL_DATE, "2026-11-02")]), name_artifact("2026-11-02"));
        assert_eq!(run_at("0 9,15 * * *", now, &[]), name_artifact("2026-11-29T09:00+01:00"));
        assert_eq!(run_at("0 9,15 * * *", "2026-11-29T03:00:00Z", &[]), name_artifact("2026-11-28T15:00+01:00"));
        let earlier = [(SCHEDULED_FOR, "2026-11-02T08:00:00Z")];
        assert_eq!(run_at("0 9,15 * * *", now, &earlier), name_artifact("2026-11-02T09:00+01:00"));
    }

    #[test]
    fn a_repeated_hour_has_two_runs() {
        let at = |now| run_at("30 * * * *", now, &[]);
        assert_eq!(at("2026-10-25T00:40:00Z"), name_artifact("2026-10-25T02:30+02:00"));
        assert_eq!(at("2026-10-25T01:40:00Z"), name_artifact("2026-10-25T02:30+01:00"));
    }

    #[test]
    fn a_date_alone_does_not_say_which_of_several_runs() {
        let other_day = run_at("0 9,15 * * *", "2026-11-29T12:00:00Z", &[(LOGICAL_DATE, "2026-11-02")]);
        let error = other_day.expect_err("refused");
        assert!(error.contains("a day with several times"), "{error}");
    }
}
