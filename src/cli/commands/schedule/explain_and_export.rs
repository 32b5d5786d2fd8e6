//! `sheetkeep schedule explain` and `sheetkeep schedule export`: neither needs a spreadsheet.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::args::jobs::schedule::{ScheduleAction, ScheduleExplainArgs, ScheduleExportArgs};
use crate::cli::args::usage_hints::hint_at_schedule;
use crate::cli::commands::error_report::from_config;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::clock::Clock;
use crate::config::external::environment::{find_own_program, read_process_variable};
use crate::config::external::flags::Overrides;
use crate::config::settings::load;
use crate::schedule::dialect::ExpressionError;
use crate::schedule::explanation::{Explanation, explain};
use crate::schedule::export::export_job::{ExportFile, ExportJob};
use crate::schedule::export::targets::export;
use crate::schedule::recurrence::Recurrence;
use crate::schedule::zone::parse_zone;
use crate::time::Timestamp;

/// Explains a schedule, or prints the files of an export.
pub fn execute(invocation: &Invocation, action: &ScheduleAction, clock: &dyn Clock) -> Result<Exit, CliError> {
    match action {
        ScheduleAction::Explain(args) => explain_schedule(invocation, args, clock),
        ScheduleAction::Export(args) => export_schedule(invocation, args, clock),
        // It needs the runtime, and is started there.
        ScheduleAction::Run(_) => Ok(Exit::Ok),
    }
}

fn explain_schedule(invocation: &Invocation, args: &ScheduleExplainArgs, clock: &dyn Clock) -> Result<Exit, CliError> {
    if let Some(help) = hint_at_schedule(&args.cron) {
        let message = format!("{} is a file, and not an expression", args.cron);
        return Err(CliError::new(message, Exit::Usage).with_help(help));
    }
    let recurrence = Recurrence::parse(&args.cron).map_err(make_usage_error)?;
    let zone = parse_zone(&args.zone).map_err(make_usage_error)?;
    let now = match &args.at {
        None => clock.now(),
        Some(text) => Timestamp::parse(text).ok_or_else(|| {
            CliError::new(format!("--at {text:?} is not a valid time"), Exit::Usage)
                .with_help("write it as 2026-11-29T09:00:00Z")
        })?,
    };
    let explanation = explain(&recurrence, &zone, now);
    let text =
        if args.json { format_json_line(&ExplanationDocument::new(&explanation)) } else { explanation.to_text() };
    invocation.terminal.stdout().put(&text);
    Ok(Exit::Ok)
}

#[expect(clippy::needless_pass_by_value, reason = "a conversion, as map_err takes it")]
fn make_usage_error(error: ExpressionError) -> CliError {
    let wrong = CliError::new(error.message.clone(), Exit::Usage);
    match &error.help {
        Some(help) => wrong.with_help(help.clone()),
        None => wrong,
    }
}

#[derive(Serialize)]
struct ExplanationDocument<'a> {
    schema_version: u32,
    schedule: &'a str,
    timezone: &'a str,
    sentence: &'a str,
    next: Vec<TimeDocument<'a>>,
    clock_changes: &'a [String],
}

#[derive(Serialize)]
struct TimeDocument<'a> {
    local: &'a str,
    utc: &'a str,
}

impl<'a> ExplanationDocument<'a> {
    fn new(explanation: &'a Explanation) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            schedule: &explanation.schedule,
            timezone: &explanation.timezone,
            sentence: &explanation.sentence,
            next: explanation.next.iter().map(|time| TimeDocument { local: &time.local, utc: &time.utc }).collect(),
            clock_changes: &explanation.clock_changes,
        }
    }
}

fn export_schedule(invocation: &Invocation, args: &ScheduleExportArgs, clock: &dyn Clock) -> Result<Exit, CliError> {
    let settings = load(&args.job, &Overrides::default()).map_err(from_config)?;
    let Some(schedule) = settings.schedule else {
        let why = format!("{} has no schedule to export", args.job.display());
        let help = "add a table [schedule] at the end of the job file, with cron = \"0 9 * * *\" and timezone = \"Europe/Berlin\"";
        return Err(CliError::new(why, Exit::Config).with_help(help));
    };
    let job = ExportJob {
        name: settings.job,
        schedule,
        program: find_own_program().unwrap_or_else(|| PathBuf::from("/usr/local/bin/sheetkeep")),
        job_file: resolve_path(&args.job)?,
        path_as_written: args.job.clone(),
        env_file: args.env_from.as_deref().map(resolve_path).transpose()?,
        user: read_process_variable("USER").filter(|user| user != "root"),
        image: args.image.clone(),
        limit_minutes: u32::try_from(args.limit.as_secs() / 60).unwrap_or(u32::MAX / 60).max(1),
        now: clock.now(),
    };
    let files = export(args.target, &job);
    if let Some(folder) = &args.out {
        write_files(invocation, folder, &files)?;
    } else {
        let texts: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
        invocation.terminal.stdout().put(&texts.join("\n"));
    }
    Ok(Exit::Ok)
}

fn resolve_path(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path)
        .map_err(|error| CliError::new(format!("{} has no absolute path: {error}", path.display()), Exit::IoErr))
}

fn write_files(invocation: &Invocation, folder: &Path, files: &[ExportFile]) -> Result<(), CliError> {
    for file in files {
        let path = folder.join(&file.name);
        std::fs::write(&path, &file.text).map_err(|error| {
            CliError::new(format!("{} can't be written: {error}", path.display()), Exit::CantCreate)
                .with_help("name an existing folder that you may write to")
        })?;
        invocation.terminal.stdout().put(&format!("wrote {}\n", path.display()));
    }
    Ok(())
}
