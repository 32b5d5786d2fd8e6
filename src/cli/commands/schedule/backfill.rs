//! `sheetkeep backfill`: runs the occurrences of past dates that have not run.
//!
//! In scope: the plan for people, and one run after the other. Out of scope: which occurrences are
//! missing (`schedule::backfill`), one run (`cli::commands::run`).

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::error::AppError;
use crate::app::schedule::latest_runs::BACKFILL_TRIGGER;
use crate::app::schedule::run_history::read_done_times;
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::jobs::backfill::BackfillArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::{from_app, from_history};
use crate::cli::commands::load_settings::{load_settings, read_settings_at};
use crate::cli::commands::run::run_job;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::session::Session;
use crate::clock::Clock;
use crate::config::external::logical_time::LogicalTime;
use crate::ledger::runs::run::Trigger;
use crate::rng::Rng;
use crate::schedule::backfill::{BackfillPlan, MAX_OCCURRENCES, plan_backfill};
use crate::schedule::job_schedule::{JobSchedule, Occurrence};
use crate::time::Timestamp;

/// Occurrences that a plan for people lists.
const MAX_LISTED: usize = 10;

/// Runs the missing occurrences, oldest first. Stops at the first run that does not succeed.
pub async fn execute(context: CommandContext<'_>, args: &BackfillArgs) -> Result<Exit, CliError> {
    let CommandContext { session, host, clock, rng } = context;
    if args.from > args.to {
        let why = format!("--from {} is later than --to {}", args.from, args.to);
        return Err(CliError::new(why, Exit::Usage).with_help("name the earlier date with --from"));
    }
    let settings = load_settings(&args.job, None)?;
    let Some(schedule) = &settings.schedule else {
        return Err(from_app(&AppError::NoSchedule { job: settings.job.clone() }, &settings));
    };
    let times = read_done_times(&settings, &clock, &rng).await;
    let times = times.map_err(|error| from_history(&error, Some(&settings)))?;
    let now = clock.now();
    let mut plan = plan_backfill(schedule, (args.from, args.to), &times.done, now);
    leave_to_schedule(&mut plan, schedule, times.settled_until, now);
    if args.dry_run || plan.missing.is_empty() || !args.job.json {
        let document = BackfillPlanDocument::new(&settings.job, &plan);
        let text = if args.job.json { format_json_line(&document) } else { format_plan(&settings.job, &plan) };
        session.terminal.stdout().put(&text);
    }
    if args.dry_run {
        return Ok(Exit::Ok);
    }
    for occurrence in plan.missing {
        let exit = run_occurrence(session, args, occurrence, &host, &clock, &rng).await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    Ok(Exit::Ok)
}

/// Leaves out what `run --due` may still run, so that no occurrence runs twice.
fn leave_to_schedule(plan: &mut BackfillPlan, schedule: &JobSchedule, settled: Option<Timestamp>, now: Timestamp) {
    let in_time = i64::try_from(schedule.misfire_grace_ms.saturating_add(schedule.delay_ms)).unwrap_or(i64::MAX);
    let settled = settled.unwrap_or(Timestamp(now.0.saturating_sub(in_time).saturating_sub(1)));
    let before = plan.missing.len();
    plan.missing.retain(|occurrence| occurrence.scheduled_for <= settled);
    plan.future += before - plan.missing.len();
}

async fn run_occurrence(
    session: &Session,
    args: &BackfillArgs,
    occurrence: Occurrence,
    host: &str,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let Occurrence { scheduled_for, date, .. } = occurrence;
    let settings = read_settings_at(&args.job, None, LogicalTime::Occurrence { scheduled_for, date })?;
    let trigger = Trigger { kind: BACKFILL_TRIGGER.to_owned(), run_key: None, scheduled_for: Some(scheduled_for) };
    let options = RunOptions { trigger: Some(trigger), settings: Some(Box::new(settings)), ..RunOptions::default() };
    let run_args =
        RunArgs { quiet: args.quiet, deadline: args.deadline, approve: args.approve, ..RunArgs::new(&args.job) };
    let (clock, rng) = (Arc::clone(clock), Arc::clone(rng));
    Box::pin(run_job(CommandContext { session, host: host.to_owned(), clock, rng }, &run_args, options)).await
}

fn format_plan(job: &str, plan: &BackfillPlan) -> String {
    let mut parts = vec![format!("{} to run", plan.missing.len()), format!("{} ran before", plan.already_done)];
    if plan.blackout > 0 {
        parts.push(format!("{} on blackout dates", plan.blackout));
    }
    if plan.future > 0 {
        parts.push(format!("{} left to run --due or in the future", plan.future));
    }
    let mut lines = format!("{job}: {}\n", parts.join(", "));
    if plan.is_cut {
        let _ = writeln!(lines, "  only the last {MAX_OCCURRENCES}: repeat with an earlier --to for the others");
    }
    for occurrence in plan.missing.iter().take(MAX_LISTED) {
        let _ = writeln!(lines, "  {} ({})", occurrence.date, occurrence.scheduled_for);
    }
    if plan.missing.len() > MAX_LISTED {
        let _ = writeln!(lines, "  … and {} more", plan.missing.len() - MAX_LISTED);
    }
    lines
}

/// The document of a dry run.
#[derive(Debug, Clone, Serialize)]
struct BackfillPlanDocument<'a> {
    schema_version: u32,
    job: &'a str,
    missing: Vec<OccurrenceDocument>,
    already_done: usize,
    blackout: usize,
    future: usize,
    is_cut: bool,
}

#[derive(Debug, Clone, Serialize)]
struct OccurrenceDocument {
    date: String,
    scheduled_for: String,
}

impl<'a> BackfillPlanDocument<'a> {
    fn new(job: &'a str, plan: &BackfillPlan) -> Self {
        let missing = plan.missing.iter().map(|occurrence| OccurrenceDocument {
            date: occurrence.date.to_string(),
            scheduled_for: occurrence.scheduled_for.to_string(),
        });
        Self {
            schema_version: SCHEMA_VERSION,
            job,
            missing: missing.collect(),
            already_done: plan.already_done,
            blackout: plan.blackout,
            future: plan.future,
            is_cut: plan.is_cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::recurrence::Recurrence;

    #[test]
    fn what_run_due_may_still_run_is_left_to_it() {
        let zone = jiff::tz::TimeZone::UTC;
        let schedule = JobSchedule::new(Recurrence::parse("0 9 * * *").expect("an expression"), zone);
        let at = |text: &str| Timestamp::parse(text).expect("a time");
        let now = at("2026-11-29T09:30:00Z");
        let dates = (jiff::civil::date(2026, 11, 27), jiff::civil::date(2026, 11, 30));
        let missing_with = |settled: Option<Timestamp>| {
            let mut plan = plan_backfill(&schedule, dates, &std::collections::BTreeSet::new(), now);
            leave_to_schedule(&mut plan, &schedule, settled, now);
            (plan.missing.len(), plan.future)
        };
        // Today's is within the grace of a job that `run --due` has not called yet.
        assert_eq!(missing_with(None), (2, 2));
        assert_eq!(missing_with(Some(at("2026-11-29T09:00:00Z"))), (3, 1));
        assert_eq!(missing_with(Some(at("2026-11-27T09:00:00Z"))), (1, 3));
    }
}
