//! `sheetkeep run --force`: first what that would do, then, with `--yes`, the two runs that do it.
//!
//! In scope: the order of these, and what is told. Out of scope: what is forgotten (`maintain::force`).

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::error::AppError;
use crate::app::listing::{at_home, listing};
use crate::cli::args::RunArgs;
use crate::cli::commands::run::{self, Order};
use crate::cli::commands::setting::{programs_again, settings};
use crate::cli::commands::trouble::of_app;
use crate::cli::errors::Trouble;
use crate::cli::exit::Exit;
use crate::cli::figures::{counted, grouped};
use crate::cli::output::json::{SCHEMA_VERSION, line};
use crate::cli::session::Session;
use crate::config::settings::Settings;
use crate::ledger::mode::Mode;
use crate::maintain::force::{Forcing, forcing};
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::feed::Retrying;
use crate::runner::plan::Errands;
use crate::store::survey::Wanted;

/// Tells what a forced run would do, or does it.
pub async fn command(
    session: &Session,
    args: &RunArgs,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, Trouble> {
    let settings = settings(&args.job, args.input.clone())?;
    let mut source = settings.open_source().map_err(|error| of_app(&AppError::Source(error), &settings))?;
    if !source.rereadable() {
        return Err(Trouble::new("a forced run reads its source twice, and this one can be read once", Exit::Usage)
            .with_help("save it to a file and name that with --input"));
    }
    let known = match listing(
        &settings,
        Wanted { earlier: true, ..Wanted::default() },
        Arc::clone(&clock),
        Arc::clone(&chance),
    )
    .await
    {
        Ok(known) => known,
        // Nothing was ever done, so that there is nothing to force.
        Err(AppError::NeverRan) if args.yes => {
            return run::of(session, args, Order::default(), host, clock, chance).await;
        }
        Err(error) => return Err(of_app(&error, &settings)),
    };
    at_home(&known).map_err(|error| of_app(&error, &settings))?;
    let found = forcing(&known, settings.again, source.as_mut(), &settings.identify()).await;
    let found = found.map_err(|error| of_app(&AppError::Source(error), &settings))?;
    if !args.yes {
        let told = if args.job.json { line(&document(&settings, &found)) } else { text(&settings, &found) };
        session.terminal.out().put(&told);
        return Ok(Exit::Ok);
    }
    if !found.settled.is_empty() {
        let errands = Errands { from: Some(known.snapshot.head), settled: found.settled };
        let order =
            Order { retrying: Retrying::Forcing, errands: Some(errands), command: Some("force"), ..Order::default() };
        let quiet = RunArgs { wait: args.wait, steal: args.steal, ..RunArgs::quietly(&args.job) };
        let (clock, chance) = (Arc::clone(&clock), Arc::clone(&chance));
        let exit = run::of(session, &quiet, order, host.clone(), clock, chance).await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
    }
    run::of(session, args, Order::default(), host, clock, chance).await
}

fn text(settings: &Settings, found: &Forcing) -> String {
    let (again, tab) = (counted(found.again, "key"), &settings.tab);
    let rows = counted(found.again, "row");
    let mut out = match settings.mode {
        Mode::Append => {
            format!("would process {again} again and append about {rows} to tab {tab}, beside those that are there\n")
        }
        Mode::Upsert => format!("would process {again} again and write about {rows} of tab {tab} over\n"),
    };
    if let Some(run) = &found.begun_by {
        let over = grouped(found.over);
        let _ = writeln!(out, "  the forced run that {run} began goes on: {over} of its keys are done again already");
    }
    if found.fresh > 0 {
        let _ = writeln!(out, "  {} were never processed; any run would", counted(found.fresh, "key"));
    }
    if found.again > 0 {
        out.push_str(&programs_again(settings));
    }
    out.push_str("nothing was written; say --yes to do it\n");
    out
}

#[derive(Serialize)]
struct ForceDocument<'a> {
    schema_version: u32,
    job: &'a str,
    tab: &'a str,
    written: bool,
    again: u64,
    new: u64,
    done_again: u64,
    begun_by: Option<&'a str>,
}

fn document<'a>(settings: &'a Settings, found: &'a Forcing) -> ForceDocument<'a> {
    ForceDocument {
        schema_version: SCHEMA_VERSION,
        job: &settings.job,
        tab: &settings.tab,
        written: false,
        again: found.again,
        new: found.fresh,
        done_again: found.over,
        begun_by: found.begun_by.as_deref(),
    }
}
