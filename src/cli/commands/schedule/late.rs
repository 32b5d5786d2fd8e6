//! `sheetkeep late`: reports which jobs are late, stuck or stale. It reads only.

use std::path::Path;
use std::sync::Arc;

use crate::app::schedule::run_history::{HistoryError, read_history, read_history_file};
use crate::cli::args::jobs::late::LateArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_history;
use crate::cli::commands::load_settings::read_settings;
use crate::cli::commands::schedule::late_alert::report_verdict;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::output::json::format_json_line;
use crate::cli::output::late::{LateLine, LateOutput};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::rng::Rng;
use crate::schedule::lateness::{LatenessState, classify_lateness, find_worst_state};

/// The name and the file of a job.
type JobName = (String, Option<String>);

/// Prints a line for each job and returns the exit of the worst.
pub async fn execute(context: CommandContext<'_>, args: &LateArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, clock, rng, .. } = context;
    let output = match &args.file {
        Some(file) => {
            let line = judge_file(args, file, &clock)?;
            if let (true, [job]) = (args.alert, args.jobs.as_slice()) {
                report_verdict(&args.make_job_args(job), &read_job_settings(args, job)?, &line, None, &clock).await;
            }
            LateOutput { lines: vec![line], exit: Exit::Ok }
        }
        None => judge_jobs(invocation, args, &clock, &rng).await?,
    };
    let output = match output.exit {
        Exit::Ok => {
            LateOutput { exit: choose_exit(find_worst_state(output.lines.iter().map(|line| line.state))), ..output }
        }
        _ => output,
    };
    let out = invocation.terminal.stdout();
    out.put(&if args.json { format_json_line(&output.make_document()) } else { output.format_text(out.palette()) });
    Ok(output.exit)
}

/// Judges every job. One whose settings are wrong is unknown; if all are, that is the exit.
async fn judge_jobs(
    invocation: &Invocation,
    args: &LateArgs,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<LateOutput, CliError> {
    let mut lines = Vec::new();
    let mut refused = Vec::new();
    for job in &args.jobs {
        match read_job_settings(args, job) {
            Ok(settings) => lines.push(judge_job(args, job, &settings, clock, rng).await),
            Err(error) if args.jobs.len() == 1 => return Err(error),
            Err(error) => {
                if !args.json {
                    error.report(&invocation.terminal, false, invocation.args.verbose > 0);
                }
                let hint = error.hint().map(str::to_owned);
                lines.push(LateLine::from_error(name_job_by_file(job), error.message().to_owned(), hint));
                refused.push(error.exit());
            }
        }
    }
    let are_all_refused = refused.len() == lines.len();
    let same = refused.first().copied().filter(|first| refused.iter().all(|exit| exit == first));
    let exit = if are_all_refused { same.unwrap_or(Exit::Config) } else { Exit::Ok };
    Ok(LateOutput { lines, exit })
}

/// Reads the settings of a job, which needs a schedule unless `--max-age` is given.
fn read_job_settings(args: &LateArgs, job: &Path) -> Result<Settings, CliError> {
    let settings = read_settings(&args.make_job_args(job), None)?;
    if settings.schedule.is_none() && args.max_age.is_none() {
        return Err(refuse_missing_measure(&format!("job {} has no schedule", settings.job)));
    }
    Ok(settings)
}

fn refuse_missing_measure(why: &str) -> CliError {
    let message = format!("{why}, and without --max-age nothing says when it is late");
    CliError::new(message, Exit::Usage).with_help("add --max-age 26h, or [schedule] to the job file")
}

async fn judge_job(
    args: &LateArgs,
    job: &Path,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> LateLine {
    let name = (settings.job.clone(), Some(job.display().to_string()));
    let (line, history) = match read_history(settings, clock, rng).await {
        Ok(history) => {
            let schedule = settings.schedule.as_ref();
            let report = classify_lateness(schedule, read_max_age(args), history.now, Some(&history.summary));
            (LateLine::from_verdict(name, schedule, read_max_age(args), &report, &history.summary), Some(history))
        }
        Err(error) => (make_unknown_line(name, &error, Some(settings)), None),
    };
    if args.alert {
        report_verdict(&args.make_job_args(job), settings, &line, history.as_ref(), clock).await;
    }
    line
}

/// Judges by the heartbeat file alone, with the schedule of the job file, if one is named.
fn judge_file(args: &LateArgs, file: &Path, clock: &Arc<dyn Clock>) -> Result<LateLine, CliError> {
    let job = match args.jobs.as_slice() {
        [] => None,
        [job] => Some(job),
        _ => {
            let message = "--file is the heartbeat file of one job, and several jobs are named";
            return Err(CliError::new(message, Exit::Usage).with_help("run it once for each job"));
        }
    };
    let settings = job.map(|job| read_job_settings(args, job)).transpose()?;
    if settings.is_none() && args.max_age.is_none() {
        return Err(refuse_missing_measure("no job file is named"));
    }
    let schedule = settings.as_ref().and_then(|settings| settings.schedule.as_ref());
    let job_file = job.map(|job| job.display().to_string());
    let wanted = settings.as_ref().map(|settings| settings.job.as_str());
    Ok(match read_history_file(file, wanted) {
        Ok((job, summary)) => {
            let report = classify_lateness(schedule, read_max_age(args), clock.now(), Some(&summary));
            LateLine::from_verdict((job, job_file), schedule, read_max_age(args), &report, &summary)
        }
        Err(error) => {
            let name = wanted.map_or_else(|| name_job_by_file(file).0, str::to_owned);
            make_unknown_line((name, job_file), &error, settings.as_ref())
        }
    })
}

fn read_max_age(args: &LateArgs) -> Option<u64> {
    args.max_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

/// Returns the line of a job that can't be read, which is never reported as late.
fn make_unknown_line(name: JobName, error: &HistoryError, settings: Option<&Settings>) -> LateLine {
    let shown = from_history(error, settings);
    LateLine::from_error(name, shown.message().to_owned(), shown.hint().map(str::to_owned))
}

fn name_job_by_file(job: &Path) -> JobName {
    let name = job.file_stem().unwrap_or(job.as_os_str()).to_string_lossy().into_owned();
    (name, Some(job.display().to_string()))
}

fn choose_exit(state: LatenessState) -> Exit {
    let code = state.exit_code();
    Exit::all().find(|exit| exit.code() == code).unwrap_or(Exit::Software)
}
