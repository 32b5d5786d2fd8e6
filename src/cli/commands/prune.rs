//! `sheetkeep prune`: first what would go, then, with `--yes`, the runs that take it out.
//!
//! In scope: the order of these, and what is told. Out of scope: which rows go (`maintain::prune`).

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::error::AppError;
use crate::app::listing::{at_home, listing_with_ends};
use crate::cli::args::RunArgs;
use crate::cli::commands::run::{self, RunOptions};
use crate::cli::commands::setting::{settings, whereabouts};
use crate::cli::commands::trouble::of_app;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::figures::{counted, grouped};
use crate::cli::output::json::{SCHEMA_VERSION, line};
use crate::cli::output::place::Spreadsheet;
use crate::cli::session::Session;
use crate::cli::terminal::visible;
use crate::cli::upkeep_args::PruneArgs;
use crate::config::settings::Settings;
use crate::ledger::lease::head::HeadId;
use crate::maintain::prune::{PrunePlan, PrunePolicy, RowAge, TRIGGER, pruning, yielded};
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::input_queue::RetryScope;
use crate::runner::run_config::PreparedChanges;
use crate::store::scan::scanner::ScanScope;
use crate::time::Timestamp;

/// Runs that take rows out at most: where people move rows meanwhile, one leaves the rest to the next.
const MAX_RUNS: u32 = 5;

/// Tells what would go, or takes it out.
pub async fn command(
    session: &Session,
    args: &PruneArgs,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, CliError> {
    let settings = settings(&args.job, None)?;
    // What is old is decided once: rows that this command itself leaves behind are not.
    let look = |before| prunable(&settings, args, before, Arc::clone(&clock), Arc::clone(&chance));
    let (mut head, first, before) = look(None).await.map_err(|error| of_app(&error, &settings))?;
    let again = if first.forgotten.is_empty() {
        Some(0)
    } else {
        done_again(&settings, &first).await.map_err(|error| of_app(&error, &settings))?
    };
    let told = PruneText { settings: &settings, before, found: &first, again };
    if args.yes && !first.forgotten.is_empty() && !args.delete_yielded {
        return Err(told.refused());
    }
    let mut left = first.clone();
    for _ in 0..MAX_RUNS {
        if !args.yes || left.settled.is_empty() {
            break;
        }
        let errands = PreparedChanges { from: Some(head), settled: std::mem::take(&mut left.settled) };
        let order = RunOptions {
            retrying: RetryScope::None,
            errands: Some(errands),
            command: Some(TRIGGER),
            ..RunOptions::default()
        };
        let (now, luck) = (Arc::clone(&clock), Arc::clone(&chance));
        let exit = run::of(session, &RunArgs::quietly(&args.job), order, host.clone(), now, luck).await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
        let cells = left.cells;
        (head, left, _) = look(Some(before)).await.map_err(|error| of_app(&error, &settings))?;
        if left.cells >= cells {
            break;
        }
    }
    let left = args.yes.then_some(&left);
    let out = if args.job.json { line(&told.document(left)) } else { told.text(left) };
    session.terminal.out().put(&out);
    if !args.job.json {
        session.terminal.out().put(&whereabouts(&settings));
    }
    Ok(if left.is_some_and(|left| left.cells > 0) { Exit::TempFail } else { Exit::Ok })
}

/// How far this machine's clock may be from the service's, in milliseconds: the service's is cut to the second, and answers take a while.
const AGREEING_MS: u64 = 2_000;

/// Reads the job's tabs: what would go, the head that they showed, and from before which moment it is. Where `before` is not said yet, the
/// service's clock says what is old, for this machine's may be wrong.
async fn prunable(
    settings: &Settings,
    args: &PruneArgs,
    before: Option<Timestamp>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<(HeadId, PrunePlan, Timestamp), AppError> {
    let wanted = ScanScope { failures: true, runs: true, earlier: true, ..ScanScope::default() };
    let clock_now = clock.now();
    let (listing, ends) = listing_with_ends(settings, wanted, clock, chance).await?;
    at_home(&listing)?;
    let ways = PrunePolicy { mode: settings.mode, again: settings.again };
    let past = i64::try_from(args.older_than.as_millis()).unwrap_or(i64::MAX);
    // The service names the time by the second; this machine's clock is finer, and counts where it is not another one.
    let is_right = clock_now.0.abs_diff(listing.at.0) <= AGREEING_MS;
    let now = if is_right { clock_now } else { listing.at };
    let before = before.unwrap_or(Timestamp(now.0.saturating_sub(past)));
    let age = RowAge { before, keys: args.keys || args.delete_yielded };
    Ok((listing.snapshot.head, pruning(&listing, &ends, ways, age), before))
}

/// Of the keys that would go, how many the source yields today; none where it can be read only once.
async fn done_again(settings: &Settings, found: &PrunePlan) -> Result<Option<u64>, AppError> {
    let mut source = settings.open_source().map_err(AppError::Source)?;
    if !source.rereadable() {
        return Ok(None);
    }
    yielded(found, source.as_mut(), &settings.identify()).await.map(Some).map_err(AppError::Source)
}

struct PruneText<'a> {
    settings: &'a Settings,
    before: Timestamp,
    found: &'a PrunePlan,
    again: Option<u64>,
}

impl PruneText<'_> {
    fn refused(&self) -> CliError {
        let keys = counted(self.found.keys.0, "key");
        let why = format!("delete {keys}: the source may still yield them; {}", self.consequence());
        CliError::new(why, Exit::Usage)
            .with_help("use --delete-yielded to delete them anyway, or omit --keys; nothing was written")
    }

    fn consequence(&self) -> String {
        match self.again {
            Some(0) => "it yields none of them today".to_owned(),
            Some(again) => {
                format!("it yields {} of them today, which the next run would process again", grouped(again))
            }
            None => "it can be read only once, so it was not read".to_owned(),
        }
    }

    /// `left` is what is there still, once something was taken out.
    fn text(&self, left: Option<&PrunePlan>) -> String {
        let (job, found) = (visible(&self.settings.job), self.found);
        let date = self.before.to_string().replace('T', " ");
        let date = format!("{} UTC", date.get(..16).unwrap_or(&date));
        let verb = if left.is_some() { "deleted" } else { "would delete" };
        let mut out = format!("{job}: {verb} rows older than {date}\n");
        let mut say = |count: u64, tab: &str, what: String| {
            if count > 0 {
                let _ = writeln!(out, "  {tab}: {what}");
            }
        };
        say(found.runs, "Runs", counted(found.runs, "run"));
        let (failures, rows) = found.failures;
        let closed = format!("{} closed, in {}", counted(failures, "failure"), counted(rows, "row"));
        say(failures, &format!("Failures {job}"), closed);
        let idle = counted(found.settled_rows, "row");
        say(found.settled_rows, &format!("Processed {job}"), format!("{idle} that are revoked or superseded"));
        let (keys, rows) = found.keys;
        let of_keys = format!(
            "{} in {}; the source may still yield them: {}",
            counted(keys, "key"),
            counted(rows, "row"),
            self.consequence()
        );
        say(keys, &format!("Processed {job}"), of_keys);
        let older = format!("{} that old, kept unless you use --delete-yielded", counted(found.old_keys, "key"));
        say(found.old_keys, &format!("Processed {job}"), older);
        say(found.blank, "ends of tabs", counted(found.blank, "blank row"));
        let _ = writeln!(out, "  {} in all", counted(found.cells, "cell"));
        match left {
            Some(left) if left.cells > 0 => {
                let cells = counted(left.cells, "cell");
                let _ = writeln!(
                    out,
                    "  {cells} of them are left, probably because rows were moved meanwhile: repeat the command"
                );
            }
            Some(_) => {}
            None if found.settled.is_empty() => out.push_str("nothing to prune\n"),
            None => {
                let more = if found.more { ", several times" } else { "" };
                let forget = if keys > 0 { " --delete-yielded" } else { "" };
                let _ = writeln!(out, "nothing was written; use --yes{forget} to apply it{more}");
            }
        }
        out
    }

    fn document<'a>(&'a self, left: Option<&PrunePlan>) -> PruneDocument<'a> {
        let found = self.found;
        PruneDocument {
            schema_version: SCHEMA_VERSION,
            job: &self.settings.job,
            spreadsheet: Spreadsheet::of(self.settings),
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
