//! `sheetkeep failures`: lists failures, retries or skips them.

use std::sync::Arc;

use crate::app::inspect::failures::failures;
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::failures::{FailuresAction, FailuresKeysArgs, FailuresListArgs};
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::load_settings;
use crate::cli::commands::run;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::destination::Spreadsheet;
use crate::cli::session::Session;
use crate::cli::streams::terminal::visible;
use crate::cli::table::{TabRows, show};
use crate::clock::Clock;
use crate::ledger::items::failure::RequestedAction;
use crate::ledger::items::key::Key;
use crate::rng::Rng;
use crate::runner::input::input_queue::RetryScope;

const COLUMNS: [&str; 9] = ["key", "state", "asked", "attempts", "last_seen", "step", "error", "where", "version"];

/// Lists failures, or runs the job over some of them.
pub async fn command(
    session: &Session,
    action: &FailuresAction,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    match action {
        FailuresAction::List(args) => list(session, args, clock, chance).await,
        FailuresAction::Retry(args) => answer(session, args, RequestedAction::Retry, host, clock, chance).await,
        FailuresAction::Skip(args) => answer(session, args, RequestedAction::Skip, host, clock, chance).await,
    }
}

async fn list(
    session: &Session,
    args: &FailuresListArgs,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let settings = load_settings(&args.job, None)?;
    let found = failures(&settings, args.last, clock, chance).await.map_err(|error| from_app(&error, &settings))?;
    let rows = found.some.iter().map(|(failure, asked)| {
        vec![
            failure.key.as_str().to_owned(),
            failure.state.as_str().to_owned(),
            asked.map_or_else(String::new, |asked| asked.as_str().to_owned()),
            failure.attempts.to_string(),
            failure.last_seen.to_string(),
            failure.step.clone(),
            failure.error.clone(),
            failure.place.clone(),
            failure.version.0.clone(),
        ]
    });
    let rows = rows.collect::<Vec<_>>();
    for note in &found.notes {
        session.terminal.err().put(&format!("warning: {}\n", visible(note)));
    }
    let first = found.total.map_or(0, |total| total + 1 - (rows.len() as u64).min(total));
    let header = COLUMNS.map(str::to_owned).to_vec();
    let (total, spreadsheet) = (found.total, Spreadsheet::from_settings(&settings));
    show(&TabRows { tab: found.tab, header, rows, first, total, spreadsheet }, &session.terminal, args.job.json);
    Ok(Exit::Ok)
}

async fn answer(
    session: &Session,
    args: &FailuresKeysArgs,
    answer: RequestedAction,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Rng>,
) -> Result<Exit, CliError> {
    let keys = args.keys.iter().map(|key| Key::new(key.as_str())).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|error| CliError::new(format!("read the keys: {error}"), Exit::Usage))?;
    let run = RunArgs::new(&args.job);
    let order = run::RunOptions { retrying: RetryScope::Selected(keys, answer), ..run::RunOptions::default() };
    run::run_job(session, &run, order, host, clock, chance).await
}
