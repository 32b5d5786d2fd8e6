//! `sheetkeep reset`: a dry run, then, with `--yes`, the run that revokes everything.
//!
//! In scope: the order of these, and the output. Out of scope: what is revoked (`maintain::reset`).

use std::sync::Arc;

use serde::Serialize;

use crate::app::inspect::listing::{ensure_current_spreadsheet, list_tabs};
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::jobs::maintenance::ResetArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::{describe_rerun_programs, format_destination, load_settings};
use crate::cli::commands::run;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::format_count;
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::streams::control_characters::make_visible;
use crate::config::settings::Settings;
use crate::ledger::items::write_mode::WriteMode;
use crate::maintain::reset::{ResetPlan, plan_reset};
use crate::runner::input::input_queue::RetryScope;
use crate::runner::run_config::PreparedChanges;
use crate::store::scan::scanner::ScanScope;

/// Prints what a reset would do, or does it.
pub async fn execute(context: CommandContext<'_>, args: &ResetArgs) -> Result<Exit, CliError> {
    let CommandContext { session, host, clock, rng } = context;
    let settings = load_settings(&args.job, None)?;
    let known = list_tabs(
        &settings,
        ScanScope { reads_failures: true, reads_predecessors: true, ..ScanScope::default() },
        Arc::clone(&clock),
        Arc::clone(&rng),
    )
    .await;
    let known = known.map_err(|error| from_app(&error, &settings))?;
    ensure_current_spreadsheet(&known).map_err(|error| from_app(&error, &settings))?;
    let mut found = plan_reset(&known, settings.again, clock.now());
    if args.yes && !found.settled.is_empty() {
        let changes = PreparedChanges { from: Some(known.snapshot.head), settled: std::mem::take(&mut found.settled) };
        let order = RunOptions {
            retrying: RetryScope::None,
            changes: Some(changes),
            command: Some("reset"),
            ..RunOptions::default()
        };
        let exit =
            Box::pin(run::run_job(CommandContext { session, host, clock, rng }, &RunArgs::new_quiet(&args.job), order))
                .await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    let output = if args.job.json {
        format_json_line(&make_document(&settings, &found, args.yes))
    } else {
        format_plan(&settings, &found, args.yes)
    };
    session.terminal.stdout().put(&output);
    if !args.job.json {
        session.terminal.stdout().put(&format_destination(&settings));
    }
    Ok(Exit::Ok)
}

fn format_plan(settings: &Settings, found: &ResetPlan, is_written: bool) -> String {
    let (keys, failures) = (format_count(found.keys, "key"), format_count(found.failures, "failure"));
    let job = make_visible(&settings.job);
    let left = format!("the rows of tab {} stay unchanged", make_visible(&settings.tab));
    if is_written {
        return format!("{job}: revoked {keys} and closed {failures}; {left}\n");
    }
    let next = match settings.mode {
        WriteMode::Append => "the next run processes again what its source yields, and appends it beside them",
        WriteMode::Upsert => "the next run processes again what its source yields, and rewrites them",
    };
    let rows = format_count(found.rows, "row");
    let programs = describe_rerun_programs(settings);
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

fn make_document<'a>(settings: &'a Settings, found: &ResetPlan, is_written: bool) -> ResetDocument<'a> {
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
