//! `sheetkeep run --force`: first what that would do, then, with `--yes`, the two runs that do it.
//!
//! In scope: the order of these, and what is told. Out of scope: what is forgotten (`maintain::force`).

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::error::AppError;
use crate::app::job::request_file;
use crate::app::listing::{at_home, listing};
use crate::app::request::RequestFile;
use crate::cli::args::RunArgs;
use crate::cli::commands::run::{self, RunOptions};
use crate::cli::commands::setting::{programs_again, settings, whereabouts};
use crate::cli::commands::trouble::of_app;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::figures::{counted, grouped};
use crate::cli::output::json::{SCHEMA_VERSION, line};
use crate::cli::output::place::Spreadsheet;
use crate::cli::session::Session;
use crate::cli::terminal::visible;
use crate::config::settings::Settings;
use crate::ledger::item::write_mode::WriteMode;
use crate::ledger::lease::row_order::RequestOrder;
use crate::maintain::force::{ReprocessPlan, forcing_since};
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::input_queue::RetryScope;
use crate::runner::run_config::PreparedChanges;
use crate::store::scan::scanner::ScanScope;

/// Tells what a forced run would do, or does it.
pub async fn command(
    session: &Session,
    args: &RunArgs,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, CliError> {
    let settings = settings(&args.job, args.input.clone())?;
    let mut source = settings.open_source().map_err(|error| of_app(&AppError::Source(error), &settings))?;
    if !source.rereadable() {
        return Err(CliError::new(
            "a forced run reads its source twice, and this one can be read only once",
            Exit::Usage,
        )
        .with_help("save it to a file and name that with --input"));
    }
    let request = request_file(&settings);
    let remembered = request.as_ref().and_then(RequestFile::read);
    let wanted = ScanScope { earlier: true, ..ScanScope::default() };
    let known = match listing(&settings, wanted, Arc::clone(&clock), Arc::clone(&chance)).await {
        Ok(known) => known,
        // Nothing was ever done, so that there is nothing to force.
        Err(AppError::NeverRan) if args.yes => {
            remember(request.as_ref().filter(|_| remembered.is_none()), RequestOrder { commit: None });
            let exit = run::of(session, args, last(), host, clock, chance).await?;
            return Ok(over(session, request.as_ref(), exit));
        }
        Err(error) => return Err(of_app(&error, &settings)),
    };
    at_home(&known).map_err(|error| of_app(&error, &settings))?;
    let (source, identify) = (source.as_mut(), settings.identify());
    let found = forcing_since(&known, settings.again, remembered, source, &identify).await;
    let found = found.map_err(|error| of_app(&AppError::Source(error), &settings))?;
    if !args.yes {
        let told = if args.job.json { line(&document(&settings, &found)) } else { text(&settings, &found, remembered) };
        session.terminal.out().put(&told);
        if !args.job.json {
            session.terminal.out().put(&whereabouts(&settings));
        }
        return Ok(Exit::Ok);
    }
    if remembered.is_some() {
        goes_on(session, &settings, &found);
    } else {
        remember(request.as_ref(), RequestOrder { commit: Some(known.snapshot.head.commit) });
    }
    if !found.settled.is_empty() {
        let errands = PreparedChanges { from: Some(known.snapshot.head), settled: found.settled };
        let order = RunOptions {
            retrying: RetryScope::Reprocess,
            errands: Some(errands),
            command: Some(TRIGGER),
            ..RunOptions::default()
        };
        let quiet = RunArgs { wait: args.wait, take_over: args.take_over, ..RunArgs::quietly(&args.job) };
        let (clock, chance) = (Arc::clone(&clock), Arc::clone(&chance));
        let exit = run::of(session, &quiet, order, host.clone(), clock, chance).await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    let exit = run::of(session, args, last(), host, clock, chance).await?;
    Ok(over(session, request.as_ref(), exit))
}

/// What Runs says of the runs of a forced run.
const TRIGGER: &str = "force";

/// The run that does again what was forgotten.
fn last() -> RunOptions {
    RunOptions { command: Some(TRIGGER), ..RunOptions::default() }
}

/// Remembers on this machine that it was asked for.
fn remember(file: Option<&RequestFile>, asked: RequestOrder) {
    if let Some(Err(error)) = file.map(|file| file.write(asked)) {
        tracing::warn!(%error, "the request for this forced run can't be stored on this machine: if the run dies and is requested again, keys may be processed once more");
    }
}

/// A run that came to the end of its source has brought the forced run to its end. That is forgotten once it was shown, and nothing else is
/// left to be done: a process that is killed before leaves it to whoever asks again.
fn over(session: &Session, file: Option<&RequestFile>, exit: Exit) -> Exit {
    if let Some(file) = file.filter(|_| matches!(exit, Exit::Ok | Exit::Partial)) {
        session.remove_at_the_end(file.path());
    }
    exit
}

/// Says that an earlier request is gone on with.
fn goes_on(session: &Session, settings: &Settings, found: &ReprocessPlan) {
    let over = counted(found.over, "key");
    let rest = if found.again + found.fresh == 0 {
        ", and nothing was left to do; to process them once more, repeat the command".to_owned()
    } else {
        format!(", and {} are left", grouped(found.again + found.fresh))
    };
    let job = visible(&settings.job);
    session.terminal.err().line(&format!(
        "{job}: warning: a forced run was requested here before and did not complete: {over} of it are done{rest}"
    ));
}

fn text(settings: &Settings, found: &ReprocessPlan, remembered: Option<RequestOrder>) -> String {
    let (again, tab) = (counted(found.again, "key"), &settings.tab);
    let rows = counted(found.again, "row");
    let mut out = match settings.mode {
        WriteMode::Append => {
            format!("would process {again} again and append about {rows} to tab {tab}, beside the existing ones\n")
        }
        WriteMode::Upsert => format!("would process {again} again and rewrite about {rows} of tab {tab}\n"),
    };
    let over = grouped(found.over);
    if let Some(run) = &found.begun_by {
        let _ = writeln!(
            out,
            "  the forced run that {run} began continues: {over} of its keys are processed again already"
        );
    } else if remembered.is_some() {
        let _ = writeln!(
            out,
            "  a forced run was requested here before and did not complete: {over} of its keys are done already"
        );
    }
    if found.fresh > 0 {
        let _ = writeln!(out, "  {} were never processed; any run would", counted(found.fresh, "key"));
    }
    if found.again > 0 {
        out.push_str(&programs_again(settings));
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

fn document<'a>(settings: &'a Settings, found: &'a ReprocessPlan) -> ForceDocument<'a> {
    ForceDocument {
        schema_version: SCHEMA_VERSION,
        job: &settings.job,
        spreadsheet: Spreadsheet::of(settings),
        tab: &settings.tab,
        written: false,
        again: found.again,
        new: found.fresh,
        done_again: found.over,
        begun_by: found.begun_by.as_deref(),
    }
}
