//! `sheetkeep reset`: a dry run, then, with `--yes`, the run that revokes everything.
//!
//! In scope: the order of these, and the output. Out of scope: what is revoked (`maintain::reset`).

use std::sync::Arc;

use serde::Serialize;

use crate::app::inspect::listing::{at_home, listing};
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::jobs::maintenance::ResetArgs;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::{destination_line, load_settings, programs_again};
use crate::cli::commands::run;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::format_count;
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::{SCHEMA_VERSION, json_line};
use crate::cli::session::Session;
use crate::cli::streams::control_characters::visible;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::items::write_mode::WriteMode;
use crate::maintain::reset::{ResetPlan, plan_reset};
use crate::rng::Rng;
use crate::runner::input::input_queue::RetryScope;
use crate::runner::run_config::PreparedChanges;
use crate::store::scan::scanner::ScanScope;

/// Prints what a reset would do, or does it.
pub async fn command(
    session: &Session,
    args: &ResetArgs,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let settings = load_settings(&args.job, None)?;
    let known = listing(
        &settings,
        ScanScope { reads_failures: true, reads_predecessors: true, ..ScanScope::default() },
        Arc::clone(&clock),
        Arc::clone(&chance),
    )
    .await;
    let known = known.map_err(|error| from_app(&error, &settings))?;
    at_home(&known).map_err(|error| from_app(&error, &settings))?;
    let mut found = plan_reset(&known, settings.again, clock.now());
    if args.yes && !found.settled.is_empty() {
        let changes = PreparedChanges { from: Some(known.snapshot.head), settled: std::mem::take(&mut found.settled) };
        let order = RunOptions {
            retrying: RetryScope::None,
            changes: Some(changes),
            command: Some("reset"),
            ..RunOptions::default()
        };
        let exit = Box::pin(run::run_job(session, &RunArgs::quiet(&args.job), order, host, clock, chance)).await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    let output = if args.job.json {
        json_line(&document(&settings, &found, args.yes))
    } else {
        text(&settings, &found, args.yes)
    };
    session.terminal.out().put(&output);
    if !args.job.json {
        session.terminal.out().put(&destination_line(&settings));
    }
    Ok(Exit::Ok)
}

fn text(settings: &Settings, found: &ResetPlan, is_written: bool) -> String {
    let (keys, failures) = (format_count(found.keys, "key"), format_count(found.failures, "failure"));
    let job = visible(&settings.job);
    let left = format!("the rows of tab {} stay unchanged", visible(&settings.tab));
    if is_written {
        return format!("{job}: revoked {keys} and closed {failures}; {left}\n");
    }
    let next = match settings.mode {
        WriteMode::Append => "the next run processes again what its source yields, and appends it beside them",
        WriteMode::Upsert => "the next run processes again what its source yields, and rewrites them",
    };
    let rows = format_count(found.rows, "row");
    let programs = programs_again(settings);
    format!(
        "{job}: would revoke {keys} and close {failures}; {left}\n  \
         Processed {job} would get {rows} more, which revoke the others; {next}\n{programs}\
         nothing was written; use --yes to apply it\n"
    )
}

#[derive(Serialize)]
struct ResetDocument<'a> {
    schema_version: u32,
    job: &'a str,
    spreadsheet: Spreadsheet,
    written: bool,
    keys: u64,
    failures: u64,
    rows: u64,
}

fn document<'a>(settings: &'a Settings, found: &ResetPlan, is_written: bool) -> ResetDocument<'a> {
    let ResetPlan { keys, failures, rows, .. } = *found;
    let spreadsheet = Spreadsheet::from_settings(settings);
    ResetDocument {
        schema_version: SCHEMA_VERSION,
        job: &settings.job,
        spreadsheet,
        written: is_written,
        keys,
        failures,
        rows,
    }
}
