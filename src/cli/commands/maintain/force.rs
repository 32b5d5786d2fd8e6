//! `sheetkeep run --force`: a dry run, then, with `--yes`, two runs that revoke and reprocess.
//!
//! In scope: the order of these runs, and their output. Out of scope: which keys are revoked
//! (`maintain::reprocess`).

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::error::AppError;
use crate::app::inspect::listing::{ensure_current_spreadsheet, list_tabs};
use crate::app::local_state::request::RequestFile;
use crate::app::single_run::find_request_file;
use crate::cli::args::command_line::RunArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::{describe_rerun_programs, format_destination, load_settings};
use crate::cli::commands::run;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::commands::stage_reprocess::rerun_stages;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::{format_count, format_number};
use crate::cli::invocation::Invocation;
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::streams::control_characters::make_visible;
use crate::config::settings::Settings;
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::leases::row_order::RequestOrder;
use crate::maintain::reprocess::{ReprocessPlan, plan_reprocess_since};
use crate::runner::run_config::PreparedChanges;
use crate::runner::run_scope::RunScope;
use crate::store::scan::scanner::ScanScope;

/// Prints what a forced run would do, or does it.
pub async fn execute(context: CommandContext<'_>, args: &RunArgs) -> Result<Exit, CliError> {
    let invocation = context.invocation;
    let settings = load_settings(&args.job, args.input.clone())?;
    if settings.stages.is_some() {
        return Box::pin(rerun_stages(context, args)).await;
    }
    let mut source = settings.open_source().map_err(|error| from_app(&AppError::Source(error), &settings))?;
    if !source.is_rereadable() {
        return Err(refuse_single_read_source());
    }
    let request = find_request_file(&settings);
    let pending = request.as_ref().and_then(RequestFile::read);
    let wanted = ScanScope { reads_predecessors: true, ..ScanScope::default() };
    let known = match list_tabs(&settings, wanted, Arc::clone(&context.clock), Arc::clone(&context.rng)).await {
        Ok(known) => known,
        // The job has never run, so there is nothing to revoke.
        Err(AppError::NeverRan) if args.yes => {
            store_request(request.as_ref().filter(|_| pending.is_none()), RequestOrder { commit: None });
            let exit = Box::pin(run::run_job(context, args, make_reprocess_options())).await?;
            return Ok(finish_request(invocation, request.as_ref(), exit));
        }
        Err(error) => return Err(from_app(&error, &settings)),
    };
    ensure_current_spreadsheet(&known).map_err(|error| from_app(&error, &settings))?;
    let key_finder = settings.make_key_finder();
    let found = plan_reprocess_since(&known, settings.reprocess_policy, pending, source.as_mut(), &key_finder).await;
    let found = found.map_err(|error| from_app(&AppError::Source(error), &settings))?;
    if !args.yes {
        let output = if args.job.json {
            format_json_line(&make_document(&settings, &found))
        } else {
            format_plan(&settings, &found, pending)
        };
        invocation.terminal.stdout().put(&output);
        if !args.job.json {
            invocation.terminal.stdout().put(&format_destination(&settings));
        }
        return Ok(Exit::Ok);
    }
    if pending.is_some() {
        report_continuation(invocation, &settings, &found);
    } else {
        store_request(request.as_ref(), RequestOrder { commit: Some(known.snapshot.head.commit) });
    }
    if !found.settled.is_empty() {
        let changes = PreparedChanges { from: Some(known.snapshot.head), settled: found.settled };
        let order = RunOptions {
            scope: RunScope::Reprocess,
            changes: Some(changes),
            command: Some(TRIGGER),
            ..RunOptions::default()
        };
        let quiet = RunArgs { wait: args.wait, take_over: args.take_over, ..RunArgs::new_quiet(&args.job) };
        let exit = Box::pin(run::run_job(context.clone(), &quiet, order)).await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    let exit = Box::pin(run::run_job(context, args, make_reprocess_options())).await?;
    Ok(finish_request(invocation, request.as_ref(), exit))
}

fn refuse_single_read_source() -> CliError {
    let why = "a forced run reads its source twice, and this one can be read only once";
    CliError::new(why, Exit::Usage).with_help("save it to a file and name that with --input")
}

/// The trigger of these runs in Runs.
const TRIGGER: &str = "force";

/// Options of the run that processes the revoked keys again.
fn make_reprocess_options() -> RunOptions {
    RunOptions { command: Some(TRIGGER), ..RunOptions::default() }
}

/// Stores the request in the state directory.
fn store_request(file: Option<&RequestFile>, order: RequestOrder) {
    if let Some(Err(error)) = file.map(|file| file.write(order)) {
        tracing::warn!(event = "force.request_unstored", %error, "the request for this forced run can't be stored on this machine; if the run dies and is requested again, keys may be processed once more");
    }
}

/// Removes the stored request after a run that reached the end of its source. The file is removed
/// last, after the output: if the process is killed before, the next request continues this one.
fn finish_request(invocation: &Invocation, file: Option<&RequestFile>, exit: Exit) -> Exit {
    if let Some(file) = file.filter(|_| matches!(exit, Exit::Ok | Exit::Partial)) {
        invocation.mark_for_removal(file.path());
    }
    exit
}

/// Reports that this request continues an earlier one.
fn report_continuation(invocation: &Invocation, settings: &Settings, found: &ReprocessPlan) {
    let over = format_count(found.over, "key");
    let rest = if found.again + found.fresh == 0 {
        ", and nothing was left to do; to process them once more, repeat the command".to_owned()
    } else {
        format!(", and {} are left", format_number(found.again + found.fresh))
    };
    let job = make_visible(&settings.job);
    invocation.terminal.stderr().write_line(&format!(
        "{job}: warning: a forced run was requested here before and did not complete: {over} of it are done{rest}"
    ));
}

fn format_plan(settings: &Settings, found: &ReprocessPlan, pending: Option<RequestOrder>) -> String {
    let (again, tab) = (format_count(found.again, "key"), &settings.tab);
    let rows = format_count(found.again, "row");
    let mut out = match settings.mode {
        WriteMode::Append => {
            format!("would process {again} again and append about {rows} to tab {tab}, beside the existing ones\n")
        }
        WriteMode::Upsert => format!("would process {again} again and rewrite about {rows} of tab {tab}\n"),
    };
    let over = format_number(found.over);
    if let Some(run) = &found.begun_by {
        let _ = writeln!(
            out,
            "  the forced run that {run} began continues: {over} of its keys are processed again already"
        );
    } else if pending.is_some() {
        let _ = writeln!(
            out,
            "  a forced run was requested here before and did not complete: {over} of its keys are done already"
        );
    }
    if found.fresh > 0 {
        let were = if found.fresh == 1 { "was" } else { "were" };
        let _ = writeln!(out, "  {} {were} never processed; any run would", format_count(found.fresh, "key"));
    }
    if found.again > 0 {
        out.push_str(&describe_rerun_programs(settings));
    }
    out.push_str("nothing was written; use --yes to apply it\n");
    out
}

#[derive(Serialize)]
struct ForceDocument<'a> {
    schema_version: u32,
    job: &'a str,
    spreadsheet: Spreadsheet,
    tab: &'a str,
    written: bool,
    again: u64,
    new: u64,
    done_again: u64,
    begun_by: Option<&'a str>,
}

fn make_document<'a>(settings: &'a Settings, found: &'a ReprocessPlan) -> ForceDocument<'a> {
    ForceDocument {
        schema_version: SCHEMA_VERSION,
        job: &settings.job,
        spreadsheet: Spreadsheet::from_settings(settings),
        tab: &settings.tab,
        written: false,
        again: found.again,
        new: found.fresh,
        done_again: found.over,
        begun_by: found.begun_by.as_deref(),
    }
}
