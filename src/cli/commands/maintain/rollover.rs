//! `sheetkeep rollover`: a dry run, then, with `--yes`, the two runs that move the job.
//!
//! In scope: the order of these runs, and their output. Out of scope: what moves
//! (`maintain::rollover`), and the states of the two spreadsheets (`ledger::state::rollover`).

use std::sync::Arc;

use serde::Serialize;

use crate::app::error::AppError;
use crate::app::inspect::listing::{list_tabs, load_snapshot};
use crate::app::single_run::has_pending_results;
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::job::{JobArgs, SheetArgs};
use crate::cli::args::jobs::maintenance::RolloverArgs;
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::load_settings::load_settings;
use crate::cli::commands::run;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::format_count;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::streams::control_characters::make_visible;
use crate::clock::Clock;
use crate::config::sections::sheet::target::SheetTarget;
use crate::config::settings::Settings;
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::leases::head::HeadId;
use crate::ledger::state::rollover::{Predecessors, Rollover};
use crate::maintain::rollover::{RolloverPlan, RolloverStage, plan_rollover};
use crate::rng::Rng;
use crate::runner::run_config::PreparedChanges;
use crate::runner::run_scope::RunScope;
use crate::store::scan::scanner::ScanScope;

/// Prints what a rollover would do, or does it.
pub async fn execute(context: CommandContext<'_>, args: &RolloverArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, host, clock, rng } = context;
    let sheet = SheetArgs { spreadsheet: Some(args.to.clone()), embedded: None, ..args.job.sheet.clone() };
    let there = JobArgs { sheet, ..args.job.clone() };
    let old = load_settings(&args.job, None)?;
    ensure_remote(&old)?;
    let new = load_settings(&there, None);
    let new =
        new.map_err(|_| CliError::new("the job can't move: --to names no spreadsheet's id or address", Exit::Usage))?;
    let (from, to) = find_spreadsheet_ids(&old, &new)?;
    let read = || read_both(&old, &new, (&from, &to), Arc::clone(&clock), Arc::clone(&rng));
    let mut found = read().await?;
    let plan = RolloverText { settings: &old, from: &from, to: &to, before: found.plan.clone() };
    if args.yes && found.plan.stage != RolloverStage::Complete {
        let order = |rollover, changes| RunOptions {
            scope: RunScope::None,
            changes: Some(changes),
            rollover: Some(rollover),
            command: Some("rollover"),
            ..RunOptions::default()
        };
        let into = order(
            Rollover::FirstRun(found.predecessors),
            PreparedChanges { from: found.new_head, settled: std::mem::take(&mut found.plan.settled) },
        );
        let out =
            order(Rollover::LastRun(to.clone()), PreparedChanges { from: Some(found.old_head), settled: Vec::new() });
        for (job, order) in [(&there, into), (&args.job, out)] {
            let (clock, rng) = (Arc::clone(&clock), Arc::clone(&rng));
            let exit = Box::pin(run::run_job(
                CommandContext { invocation, host: host.clone(), clock, rng },
                &RunArgs::new_quiet(job),
                order,
            ))
            .await?;
            if exit != Exit::Ok {
                return Ok(exit);
            }
        }
        found = read().await?;
        if found.plan.stage != RolloverStage::Complete {
            let why = "the job can't move: another run committed in between";
            return Err(CliError::new(why, Exit::TempFail).with_help("repeat the command; nothing is lost or doubled"));
        }
    }
    let over = found.plan.stage == RolloverStage::Complete;
    let output = if args.job.json { format_json_line(&plan.make_document(over)) } else { plan.format_plan(over) };
    invocation.terminal.stdout().put(&output);
    Ok(Exit::Ok)
}

/// The findings of both spreadsheets.
struct RolloverFindings {
    plan: RolloverPlan,
    predecessors: Predecessors,
    old_head: HeadId,
    new_head: Option<HeadId>,
}

/// Refuses a local file: it has no relevant limit and no second file to move to.
fn ensure_remote(old: &Settings) -> Result<(), CliError> {
    match &old.target {
        SheetTarget::Google { .. } => Ok(()),
        SheetTarget::Embedded { .. } => {
            Err(CliError::new("the job can't move: it is in a local file, not in a spreadsheet", Exit::Usage)
                .with_help("name the spreadsheet that it is to leave with --spreadsheet or SHEETKEEP_SPREADSHEET_ID"))
        }
    }
}

/// Returns the ids of the old and the new spreadsheet.
fn find_spreadsheet_ids(old: &Settings, new: &Settings) -> Result<(String, String), CliError> {
    match (&old.target, &new.target) {
        (SheetTarget::Google { id: from }, SheetTarget::Google { id: to }) if from != to => {
            Ok((from.clone(), to.clone()))
        }
        _ => Err(CliError::new("move the job: --to names the spreadsheet in which it is", Exit::Usage)),
    }
}

async fn read_both(
    old: &Settings,
    new: &Settings,
    ids: (&str, &str),
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<RolloverFindings, CliError> {
    let wanted = ScanScope { reads_failures: true, ..ScanScope::default() };
    let known = list_tabs(old, wanted, Arc::clone(&clock), Arc::clone(&rng)).await;
    let known = known.map_err(|error| from_app(&error, old))?;
    let now = clock.now();
    let there = load_snapshot(new, clock, rng).await;
    let there = there.map_err(|error: AppError| {
        from_app(&error, new)
            .with_help("this is about the spreadsheet that --to names: is it shared with the job's account?")
    })?;
    let refused = |why: String, is_passing: bool| {
        let exit = if is_passing { Exit::TempFail } else { Exit::Config };
        CliError::new(format!("move the job: {why}"), exit).with_help("nothing was written")
    };
    let moving = plan_rollover(&known, there.as_ref(), ids.0, ids.1, now);
    let moving = moving.map_err(|refusal| refused(refusal.to_string(), refusal.is_removed_by_run()))?;
    if moving.stage != RolloverStage::Complete && has_pending_results(old) {
        let why =
            "results of steps on this machine are not on the sheet yet: run the job once, then repeat the command";
        return Err(refused(why.to_owned(), true));
    }
    let predecessors = Predecessors::from_state(&known.snapshot.state, ids.0);
    Ok(RolloverFindings {
        plan: moving,
        predecessors,
        old_head: known.snapshot.head,
        new_head: there.map(|snapshot| snapshot.head),
    })
}

struct RolloverText<'a> {
    settings: &'a Settings,
    from: &'a str,
    to: &'a str,
    before: RolloverPlan,
}

impl RolloverText<'_> {
    fn format_plan(&self, is_over: bool) -> String {
        let Self { from, to, .. } = self;
        let (job, tab) = (make_visible(&self.settings.job), make_visible(&self.settings.tab));
        if is_over {
            let so_far = if self.before.stage == RolloverStage::Complete { "already" } else { "from now on" };
            return format!(
                "{job}: continues in spreadsheet {to} {so_far}\n  \
                 set SHEETKEEP_SPREADSHEET_ID, or [sheet] spreadsheet, to {to}; a run on {from} ends with 78\n  \
                 keep {from} shared, and the spreadsheets that the job left before it: their keys count\n"
            );
        }
        let keys = format_count(self.before.keys, "key");
        let failures = self.before.failures;
        let rows = match self.settings.mode {
            WriteMode::Append => format!("rows of tab {tab} stay where they are; new ones go to {to}"),
            WriteMode::Upsert => format!(
                "rows of tab {tab} stay where they are; a key that is new or changes gets a row in {to}, and its row in {from} is no longer rewritten"
            ),
        };
        let begun = match self.before.stage {
            RolloverStage::NotStarted | RolloverStage::Complete => "",
            RolloverStage::Started => "  the move has begun; the job still runs here\n",
        };
        format!(
            "{job}: would continue in spreadsheet {to}\n{begun}  \
             {keys} stay in {from} and count: every run reads them there\n  \
             failures that move with it: {failures}\n  \
             {rows}\n\
             nothing was written; use --yes to apply it\n"
        )
    }

    fn make_document(&self, is_over: bool) -> RolloverDocument<'_> {
        RolloverDocument {
            schema_version: SCHEMA_VERSION,
            job: &self.settings.job,
            from: self.from,
            to: self.to,
            moved: is_over,
            keys: self.before.keys,
            failures: self.before.failures,
        }
    }
}

#[derive(Serialize)]
struct RolloverDocument<'a> {
    schema_version: u32,
    job: &'a str,
    from: &'a str,
    to: &'a str,
    moved: bool,
    keys: u64,
    failures: u64,
}
