//! `sheetkeep schedule explain`, which needs no spreadsheet.

use serde::Serialize;

use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::json::{SCHEMA_VERSION, json_line};
use crate::cli::schedule_args::{ScheduleAction, ScheduleExplainArgs};
use crate::cli::session::Session;
use crate::clock::Clock;
use crate::schedule::dialect::ExpressionError;
use crate::schedule::explanation::{Explanation, explain};
use crate::schedule::recurrence::Recurrence;
use crate::schedule::zone::parse_zone;
use crate::time::Timestamp;

/// Explains a schedule.
pub fn command(session: &Session, action: &ScheduleAction, clock: &dyn Clock) -> Result<Exit, CliError> {
    match action {
        ScheduleAction::Explain(args) => explain_schedule(session, args, clock),
        // It needs the runtime, and is started there.
        ScheduleAction::Run(_) => Ok(Exit::Ok),
    }
}

fn explain_schedule(session: &Session, args: &ScheduleExplainArgs, clock: &dyn Clock) -> Result<Exit, CliError> {
    let recurrence = Recurrence::parse(&args.cron).map_err(usage)?;
    let zone = parse_zone(&args.zone).map_err(usage)?;
    let now = match &args.at {
        None => clock.now(),
        Some(text) => Timestamp::parse(text).ok_or_else(|| {
            CliError::new(format!("--at {text:?} is no time"), Exit::Usage)
                .with_help("write it as 2026-11-29T09:00:00Z")
        })?,
    };
    let explanation = explain(&recurrence, &zone, now);
    let text = if args.json { json_line(&ExplanationDocument::new(&explanation)) } else { explanation.to_text() };
    session.terminal.out().put(&text);
    Ok(Exit::Ok)
}

#[expect(clippy::needless_pass_by_value, reason = "a conversion, as map_err takes it")]
fn usage(error: ExpressionError) -> CliError {
    let wrong = CliError::new(error.message.clone(), Exit::Usage);
    match &error.help {
        Some(help) => wrong.with_help(help.clone()),
        None => wrong,
    }
}

#[derive(Serialize)]
struct ExplanationDocument<'a> {
    schema_version: u32,
    schedule: &'a str,
    timezone: &'a str,
    sentence: &'a str,
    next: Vec<TimeDocument<'a>>,
    clock_changes: &'a [String],
}

#[derive(Serialize)]
struct TimeDocument<'a> {
    local: &'a str,
    utc: &'a str,
}

impl<'a> ExplanationDocument<'a> {
    fn new(explanation: &'a Explanation) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            schedule: &explanation.schedule,
            timezone: &explanation.timezone,
            sentence: &explanation.sentence,
            next: explanation.next.iter().map(|time| TimeDocument { local: &time.local, utc: &time.utc }).collect(),
            clock_changes: &explanation.clock_changes,
        }
    }
}
