//! `sheetkeep prune`: a dry run, then, with `--yes`, the runs that delete rows.
//!
//! In scope: the order of these runs, and their output. Out of scope: which rows are deleted
//! (`maintain::prune`).

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::error::AppError;
use crate::app::inspect::listing::{ensure_current_spreadsheet, list_tabs_with_ends};
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::jobs::maintenance::PruneArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::{format_destination, load_settings};
use crate::cli::commands::run;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::{format_count, format_number};
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::streams::control_characters::make_visible;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::leases::head::HeadId;
use crate::maintain::prune::{PrunePlan, PrunePolicy, RowAge, TRIGGER, count_yielded, plan_prune};
use crate::rng::Rng;
use crate::runner::run_config::PreparedChanges;
use crate::runner::run_scope::RunScope;
use crate::store::scan::scanner::ScanScope;
use crate::time::Timestamp;

/// Runs that delete rows at most. If people move rows meanwhile, a run leaves the rest to the next.
const MAX_RUNS: u32 = 5;

/// Prints what would be deleted, or deletes it.
pub async fn execute(context: CommandContext<'_>, args: &PruneArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, host, clock, rng } = context;
    let settings = load_settings(&args.job, None)?;
    // The age limit is fixed once, so that rows which this command itself writes are never old.
    let read = |before| read_plan(&settings, args, before, Arc::clone(&clock), Arc::clone(&rng));
    let (mut head, first, before) = read(None).await.map_err(|error| from_app(&error, &settings))?;
    let again = if first.keys_to_delete.is_empty() {
        Some(0)
    } else {
        count_yielded_keys(&settings, &first).await.map_err(|error| from_app(&error, &settings))?
    };
    let output = PruneText { settings: &settings, before, found: &first, again };
    if args.yes && !first.keys_to_delete.is_empty() && !args.delete_yielded {
        return Err(output.make_refusal());
    }
    let mut left = first.clone();
    for _ in 0..MAX_RUNS {
        if !args.yes || left.changes.is_empty() {
            break;
        }
        let changes = PreparedChanges { from: Some(head), settled: std::mem::take(&mut left.changes) };
        let order = RunOptions {
            scope: RunScope::None,
            changes: Some(changes),
            command: Some(TRIGGER),
            ..RunOptions::default()
        };
        let (clock, rng) = (Arc::clone(&clock), Arc::clone(&rng));
        let exit = Box::pin(run::run_job(
            CommandContext { invocation, host: host.clone(), clock, rng },
            &RunArgs::new_quiet(&args.job),
            order,
        ))
        .await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
        let cells = left.cells;
        (head, left, _) = read(Some(before)).await.map_err(|error| from_app(&error, &settings))?;
        if left.cells >= cells {
            break;
        }
    }
    let left = args.yes.then_some(&left);
    let out = if args.job.json { format_json_line(&output.make_document(left)) } else { output.format_plan(left) };
    invocation.terminal.stdout().put(&out);
    if !args.job.json {
        invocation.terminal.stdout().put(&format_destination(&settings));
    }
    Ok(if left.is_some_and(|left| left.cells > 0) { Exit::TempFail } else { Exit::Ok })
}

/// Largest difference between this machine's clock and the service's, in milliseconds, at which
/// this clock counts as right. The service's time has whole seconds, and responses take time.
const CLOCK_TOLERANCE_MS: u64 = 2_000;

/// Reads the job's tabs. Returns the head, the plan, and the age limit. Without a given `before`,
/// the service's clock decides what is old, because this machine's clock may be wrong.
async fn read_plan(
    settings: &Settings,
    args: &PruneArgs,
    before: Option<Timestamp>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<(HeadId, PrunePlan, Timestamp), AppError> {
    let wanted = ScanScope { reads_failures: true, reads_runs: true, reads_predecessors: true, ..ScanScope::default() };
    let clock_now = clock.now();
    let (listing, ends) = list_tabs_with_ends(settings, wanted, clock, rng).await?;
    ensure_current_spreadsheet(&listing)?;
    let policy = PrunePolicy { mode: settings.mode, reprocess_policy: settings.reprocess_policy };
    let past = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    // This machine's clock is finer than the service's, and counts if the two agree.
    let is_right = clock_now.0.abs_diff(listing.at.0) <= CLOCK_TOLERANCE_MS;
    let now = if is_right { clock_now } else { listing.at };
    let before = before.unwrap_or(Timestamp(now.0.saturating_sub(past)));
    let age = RowAge { before, deletes_keys: args.keys || args.delete_yielded };
    Ok((listing.snapshot.head, plan_prune(&listing, &ends, policy, age), before))
}

/// Returns how many of the keys to delete the source yields today; `None` if it can be read only
/// once.
async fn count_yielded_keys(settings: &Settings, found: &PrunePlan) -> Result<Option<u64>, AppError> {
    let mut source = settings.open_source().map_err(AppError::Source)?;
    if !source.is_rereadable() {
        return Ok(None);
    }
    count_yielded(found, source.as_mut(), &settings.make_key_finder()).await.map(Some).map_err(AppError::Source)
}

struct PruneText<'a> {
    settings: &'a Settings,
    before: Timestamp,
    found: &'a PrunePlan,
    again: Option<u64>,
}

impl PruneText<'_> {
    fn make_refusal(&self) -> CliError {
        let keys = format_count(self.found.keys.0, "key");
        let why = format!("delete {keys}: the source may still yield them; {}", self.describe_consequence());
        CliError::new(why, Exit::Usage)
            .with_help("use --delete-yielded to delete them anyway, or omit --keys; nothing was written")
    }

    fn describe_consequence(&self) -> String {
        match self.again {
            Some(0) => "it yields none of them today".to_owned(),
            Some(again) => {
                format!("it yields {} of them today, which the next run would process again", format_number(again))
            }
            None => "it can be read only once, so it was not read".to_owned(),
        }
    }

    /// Returns the text; `left` is the plan that remains after rows were deleted.
    fn format_plan(&self, left: Option<&PrunePlan>) -> String {
        let (job, found) = (make_visible(&self.settings.job), self.found);
        let date = self.before.to_string().replace('T', " ");
        let date = format!("{} UTC", date.get(..16).unwrap_or(&date));
        let verb = if left.is_some() { "deleted" } else { "would delete" };
        let mut out = format!("{job}: {verb} rows older than {date}\n");
        let mut add_line = |count: u64, tab: &str, what: String| {
            if count > 0 {
                let _ = writeln!(out, "  {tab}: {what}");
            }
        };
        add_line(found.runs, "Runs", format_count(found.runs, "run"));
        let (failures, rows) = found.failures;
        let closed = format!("{} closed, in {}", format_count(failures, "failure"), format_count(rows, "row"));
        add_line(failures, &format!("Failures {job}"), closed);
        let idle = format_count(found.settled_rows, "row");
        add_line(found.settled_rows, &format!("Processed {job}"), format!("{idle} that are revoked or superseded"));
        let (keys, rows) = found.keys;
        let of_keys = format!(
            "{} in {}; the source may still yield them: {}",
            format_count(keys, "key"),
            format_count(rows, "row"),
            self.describe_consequence()
        );
        add_line(keys, &format!("Processed {job}"), of_keys);
        let older = format!("{} that old, kept unless you use --delete-yielded", format_count(found.old_keys, "key"));
        add_line(found.old_keys, &format!("Processed {job}"), older);
        add_line(found.blank, "ends of tabs", format_count(found.blank, "blank row"));
        let _ = writeln!(out, "  {} in all", format_count(found.cells, "cell"));
        match left {
            Some(left) if left.cells > 0 => {
                let cells = format_count(left.cells, "cell");
                let _ = writeln!(
                    out,
                    "  {cells} of them are left, probably because rows were moved meanwhile: repeat the command"
                );
            }
            Some(_) => {}
            None if found.changes.is_empty() => out.push_str("nothing to prune\n"),
            None => {
                let more = if found.has_more { ", several times" } else { "" };
                let forget = if keys > 0 { " --delete-yielded" } else { "" };
                let _ = writeln!(out, "nothing was written; use --yes{forget} to apply it{more}");
            }
        }
        out
    }

    fn make_document<'a>(&'a self, left: Option<&PrunePlan>) -> PruneDocument<'a> {
        let found = self.found;
        PruneDocument {
            schema_version: SCHEMA_VERSION,
            job: &self.settings.job,
            spreadsheet: Spreadsheet::from_settings(self.settings),
            before: self.before.to_string(),
            written: left.is_some(),
            runs: found.runs,
            failures: found.failures.0,
            failure_rows: found.failures.1,
            settled_rows: found.settled_rows,
            keys: found.keys.0,
            key_rows: found.keys.1,
            old_keys: found.old_keys,
            done_again: self.again,
            blank_rows: found.blank,
            cells: found.cells,
            cells_left: left.map(|left| left.cells),
        }
    }
}

#[derive(Serialize)]
struct PruneDocument<'a> {
    schema_version: u32,
    job: &'a str,
    spreadsheet: Spreadsheet,
    before: String,
    written: bool,
    runs: u64,
    failures: u64,
    failure_rows: u64,
    settled_rows: u64,
    keys: u64,
    key_rows: u64,
    old_keys: u64,
    done_again: Option<u64>,
    blank_rows: u64,
    cells: u64,
    cells_left: Option<u64>,
}
