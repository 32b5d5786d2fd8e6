//! `sheetkeep failures`: lists failures, retries or skips them.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::app::inspect::failures::{FailureList, read_failures};
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::jobs::failures::{FailuresAction, FailuresKeysArgs, FailuresListArgs};
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::load_settings;
use crate::cli::commands::run;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::{format_count, format_number, is_digest, make_shell_safe};
use crate::cli::output::destination::Spreadsheet;
use crate::cli::streams::control_characters::make_visible;
use crate::cli::table::{TabRows, show};
use crate::ledger::items::failure::{Failure, FailureState, RequestedAction};
use crate::ledger::items::key::Key;
use crate::runner::input::input_queue::RetryScope;

const COLUMNS: [&str; 9] = ["key", "state", "asked", "attempts", "last_seen", "step", "error", "where", "version"];

/// Lists failures, or runs the job over some of them.
pub async fn execute(context: CommandContext<'_>, action: &FailuresAction) -> Result<Exit, CliError> {
    match action {
        FailuresAction::List(args) => list(context, args).await,
        FailuresAction::Retry(args) => Box::pin(answer_failures(context, args, RequestedAction::Retry)).await,
        FailuresAction::Skip(args) => Box::pin(answer_failures(context, args, RequestedAction::Skip)).await,
    }
}

async fn list(context: CommandContext<'_>, args: &FailuresListArgs) -> Result<Exit, CliError> {
    let CommandContext { session, clock, rng, .. } = context;
    let settings = load_settings(&args.job, None)?;
    let found = read_failures(&settings, args.last, clock, rng).await.map_err(|error| from_app(&error, &settings))?;
    for note in &found.notes {
        session.terminal.stderr().put(&format!("warning: {}\n", make_visible(note)));
    }
    let spreadsheet = Spreadsheet::from_settings(&settings);
    if !args.job.json {
        session.terminal.stdout().put(&format_blocks(&found, &spreadsheet));
        return Ok(Exit::Ok);
    }
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
    let first = found.total.map_or(0, |total| total + 1 - (rows.len() as u64).min(total));
    let header = COLUMNS.map(str::to_owned).to_vec();
    let total = found.total;
    show(&TabRows { tab: found.tab, header, rows, first, total, spreadsheet }, &session.terminal, true);
    Ok(Exit::Ok)
}

/// Returns each failure as a block, with the whole error.
fn format_blocks(found: &FailureList, spreadsheet: &Spreadsheet) -> String {
    let mut out = String::new();
    for (failure, asked) in &found.some {
        let attempts = format_count(failure.attempts, "attempt");
        let key = make_visible(make_shell_safe(failure.key.as_str())).into_owned();
        let _ = writeln!(out, "{key}  {}, {attempts}, last at {}", failure.state.as_str(), failure.last_seen);
        let _ = writeln!(out, "  where  {}", make_visible(&failure.place));
        let _ = writeln!(out, "  error  {}: {}", make_visible(&failure.step), make_visible(&failure.error));
        if let Some(asked) = asked {
            let _ = writeln!(out, "  asked  {}", asked.as_str());
        }
    }
    let count = match found.total {
        Some(total) if total == found.some.len() as u64 => format_count(total, "failure"),
        Some(total) => {
            format!("the last {} of {}", format_number(found.some.len() as u64), format_count(total, "failure"))
        }
        None => "unknown, the tab can't be read".to_owned(),
    };
    let _ = writeln!(out, "{}: {count}, in {spreadsheet}", make_visible(&found.tab));
    out
}

/// Returns whether the flags choose a failure, apart from its state.
fn is_of_kind(args: &FailuresKeysArgs, failure: &Failure) -> bool {
    args.step.as_ref().is_none_or(|step| failure.step == *step)
        && args.error.as_ref().is_none_or(|text| failure.error.contains(text))
}

/// Returns the number of skipped failures of the kind that the flags name, if they stay as they
/// are. The command does not open what a person has skipped by the way.
fn count_left_skipped(args: &FailuresKeysArgs, found: &FailureList) -> u64 {
    let is_left = |failure: &&Failure| failure.state == FailureState::Skipped && is_of_kind(args, failure);
    let asks = args.has_selection() && args.state.is_none();
    if asks { found.some.iter().map(|(failure, _)| failure).filter(is_left).count() as u64 } else { 0 }
}

/// Returns the keys of the failures that the flags choose. What people paste without its `#` is
/// completed.
fn choose_keys(args: &FailuresKeysArgs, found: &FailureList) -> Vec<String> {
    let all = || found.some.iter().map(|(failure, _)| failure);
    if args.has_selection() {
        let is_chosen = |failure: &&Failure| {
            let is_in_state = args.state.map_or(failure.state != FailureState::Skipped, |state| failure.state == state);
            is_in_state && is_of_kind(args, failure)
        };
        return all().filter(is_chosen).map(|failure| failure.key.as_str().to_owned()).collect();
    }
    let complete = |key: &String| {
        let with_sign = format!("#{key}");
        let has = |wanted: &str| all().any(|failure| failure.key.as_str() == wanted);
        if has(key) || !has(&with_sign) { key.clone() } else { with_sign }
    };
    args.keys.iter().map(complete).collect()
}

async fn answer_failures(
    context: CommandContext<'_>,
    args: &FailuresKeysArgs,
    answer: RequestedAction,
) -> Result<Exit, CliError> {
    let CommandContext { session, host, clock, rng } = context;
    let mut keys = args.keys.clone();
    if args.has_selection() || keys.iter().any(|key| is_digest(key)) {
        let settings = load_settings(&args.job, None)?;
        let found = read_failures(&settings, u64::MAX, Arc::clone(&clock), Arc::clone(&rng)).await;
        let found = found.map_err(|error| from_app(&error, &settings))?;
        keys = choose_keys(args, &found);
        let left = count_left_skipped(args, &found);
        if left > 0 {
            let left = format_count(left, "skipped failure");
            session
                .terminal
                .stderr()
                .put(&format!("{left} left as before; to take what is skipped: --state skipped\n"));
        }
        if keys.is_empty() {
            let error = CliError::new("no failure is of this kind; nothing was done", Exit::Unknown);
            return Err(error.with_help("sheetkeep failures list JOB.toml lists them"));
        }
    }
    if keys.iter().any(|key| key.trim().is_empty()) {
        let error = CliError::new("a KEY is empty", Exit::Usage);
        return Err(error.with_help("sheetkeep failures list JOB.toml lists them"));
    }
    let keys = keys.iter().map(|key| Key::new(key.as_str())).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|error| CliError::new(format!("read the keys: {error}"), Exit::Usage))?;
    let run = RunArgs::new(&args.job);
    let order = RunOptions { retrying: RetryScope::Selected(keys, answer), ..RunOptions::default() };
    Box::pin(run::run_job(CommandContext { session, host, clock, rng }, &run, order)).await
}
