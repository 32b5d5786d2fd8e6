//! `sheetkeep explain`: shows the history of an item.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::inspect::explain::{ItemHistory, explain_key};
use crate::cli::args::command_line::ExplainArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::{format_destination, load_settings};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::is_digest;
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::streams::control_characters::make_visible;
use crate::config::settings::Settings;
use crate::ledger::items::failure::{ActionAnswer, RequestedAction};
use crate::ledger::items::key::Key;
use crate::ledger::leases::row_order::RowOrder;
use crate::ledger::runs::run::Run;

/// What is wrong with a key without a character that shows.
const NO_KEY: &str = "KEY is empty";
/// Where keys are found.
const KEY_ADVICE: &str = "name a key as the tab Processed of the job shows it";

/// Shows the history of one key.
pub async fn execute(context: CommandContext<'_>, args: &ExplainArgs) -> Result<Exit, CliError> {
    let CommandContext { session, clock, rng, .. } = context;
    let settings = load_settings(&args.job, None)?;
    if args.key.trim().is_empty() {
        return Err(CliError::new(NO_KEY, Exit::Usage).with_help(KEY_ADVICE));
    }
    let key =
        Key::new(args.key.as_str()).map_err(|error| CliError::new(format!("read the key: {error}"), Exit::Usage))?;
    let (again, rng_again) = (Arc::clone(&clock), Arc::clone(&rng));
    let history = explain_key(&settings, &key, clock, rng).await.map_err(|error| from_app(&error, &settings))?;
    let history = match Key::new(format!("#{}", args.key)) {
        // A record without a key is listed without its #, which would begin a comment in a shell.
        Ok(signed) if !history.is_known() && is_digest(&args.key) => {
            explain_key(&settings, &signed, again, rng_again).await.map_err(|error| from_app(&error, &settings))?
        }
        _ => history,
    };
    if !history.is_known() {
        let why = format!("key \"{}\" not found in any tab of job {}", history.key, settings.job);
        return Err(CliError::new(why, Exit::Unknown)
            .with_help("keys are matched exactly; the source may not have yielded it yet"));
    }
    let text = if args.job.json {
        format_json_line(&HistoryDocument::new(&history, &settings))
    } else {
        format_history(&history, &settings.job)
    };
    session.terminal.stdout().put(&text);
    if !args.job.json {
        session.terminal.stdout().put(&format_destination(&settings));
    }
    Ok(Exit::Ok)
}

/// Returns the history in lines, in the order in which it happened.
fn format_history(history: &ItemHistory, job: &str) -> String {
    let mut out = format!("{} · key {}\n", make_visible(job), make_visible(&history.key));
    for row in &history.failures {
        let failure = &row.failure;
        let state = failure.state.as_str();
        let tries = if failure.attempts == 1 { "attempt" } else { "attempts" };
        let _ = write!(out, "  {}  {state} after {} {tries}", failure.last_seen, failure.attempts);
        if failure.step.is_empty() && !failure.error.is_empty() {
            let _ = write!(out, ", {}", make_visible(&failure.error));
        }
        if !failure.step.is_empty() {
            let _ = write!(out, ", at {}: {}", make_visible(&failure.step), make_visible(&failure.error));
        }
        let _ = writeln!(
            out,
            "  (Failures row {}, run {}{})",
            row.row,
            make_visible(&failure.run),
            format_commit(failure.order)
        );
        if let Some(action) = row.action {
            let _ = writeln!(out, "      requested there: {}", action.as_str());
        }
    }
    for row in &history.done {
        let version =
            if row.version.is_empty() { String::new() } else { format!(" in version {}", make_visible(&row.version)) };
        let _ = write!(out, "  {}{version} by run {}", make_visible(&row.state), make_visible(&row.run));
        let _ = match (&row.spreadsheet, row.row) {
            (Some(earlier), _) => writeln!(out, "  (Processed of the earlier spreadsheet {})", make_visible(earlier)),
            (None, Some(number)) => writeln!(out, "  (Processed row {number}{})", format_commit(row.order)),
            (None, None) => writeln!(out, "  (Processed; the next run puts its row back)"),
        };
    }
    let (tab, rows) = &history.data;
    let _ = match rows.as_slice() {
        [] => writeln!(out, "  no row in {}", make_visible(tab)),
        rows => writeln!(out, "  in {} at row {}", make_visible(tab), join_rows(rows)),
    };
    for run in &history.runs {
        let _ = writeln!(out, "  run {}: {}{}", make_visible(&run.id), run.status.as_str(), end_suffix(run));
    }
    let _ = writeln!(out, "  next: {}", history.next);
    out
}

/// Returns the commit that wrote a row, if the row contains it.
fn format_commit(order: Option<RowOrder>) -> String {
    order.map_or_else(String::new, |order| format!(", commit {}", order.commit))
}

fn end_suffix(run: &Run) -> String {
    let message = if run.message.is_empty() { String::new() } else { format!(", {}", make_visible(&run.message)) };
    match run.finished {
        Some(finished) => format!(" at {finished} on {}{message}", make_visible(&run.host)),
        None => message,
    }
}

/// Joins row numbers with commas.
pub fn join_rows(rows: &[u32]) -> String {
    rows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
struct HistoryDocument<'a> {
    schema_version: u32,
    job: &'a str,
    spreadsheet: Spreadsheet,
    key: &'a str,
    tab: &'a str,
    rows: &'a [u32],
    processed: Vec<ProcessedDocument<'a>>,
    failures: Vec<PastFailureDocument<'a>>,
    runs: Vec<PastRunDocument<'a>>,
    next: &'a str,
}

#[derive(Serialize)]
struct ProcessedDocument<'a> {
    row: Option<u32>,
    spreadsheet: Option<&'a str>,
    version: &'a str,
    state: &'a str,
    run: &'a str,
    commit: Option<u64>,
}

#[derive(Serialize)]
struct PastFailureDocument<'a> {
    row: u32,
    state: &'static str,
    step: &'a str,
    error: &'a str,
    attempts: u64,
    first_seen: String,
    last_seen: String,
    run: &'a str,
    commit: Option<u64>,
    version: &'a str,
    action: Option<&'static str>,
    answered: Option<&'static str>,
}

#[derive(Serialize)]
struct PastRunDocument<'a> {
    run: &'a str,
    status: &'static str,
    started: String,
    finished: Option<String>,
    host: &'a str,
    message: &'a str,
}

impl<'a> HistoryDocument<'a> {
    fn new(history: &'a ItemHistory, settings: &'a Settings) -> Self {
        let processed = history.done.iter().map(|row| ProcessedDocument {
            row: row.row,
            spreadsheet: row.spreadsheet.as_deref(),
            version: &row.version,
            state: &row.state,
            run: &row.run,
            commit: row.order.map(|order| order.commit),
        });
        let failures = history.failures.iter().map(|row| PastFailureDocument {
            row: row.row,
            state: row.failure.state.as_str(),
            step: &row.failure.step,
            error: &row.failure.error,
            attempts: row.failure.attempts,
            first_seen: row.failure.first_seen.to_string(),
            last_seen: row.failure.last_seen.to_string(),
            run: &row.failure.run,
            commit: row.failure.order.map(|order| order.commit),
            version: &row.failure.version.0,
            action: row.action.map(RequestedAction::as_str),
            answered: row.failure.answered.map(ActionAnswer::as_str),
        });
        let runs = history.runs.iter().map(|run| PastRunDocument {
            run: &run.id,
            status: run.status.as_str(),
            started: run.started.to_string(),
            finished: run.finished.map(|at| at.to_string()),
            host: &run.host,
            message: &run.message,
        });
        Self {
            schema_version: SCHEMA_VERSION,
            job: &settings.job,
            spreadsheet: Spreadsheet::from_settings(settings),
            key: &history.key,
            tab: &history.data.0,
            rows: &history.data.1,
            processed: processed.collect(),
            failures: failures.collect(),
            runs: runs.collect(),
            next: &history.next,
        }
    }
}
