//! `sheetkeep fsck`: checks whether rows and keys are consistent, and repairs them.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::inspect::fsck::{can_accept, check, prepare_repair};
use crate::app::inspect::fsck_report::{DiscrepancyKind, FsckReport, Repair};
use crate::cli::args::command_line::RunArgs;
use crate::cli::args::jobs::maintenance::{FsckArgs, RepairChoice};
use crate::cli::commands::context::CommandContext;
use crate::cli::commands::error_report::from_app;
use crate::cli::commands::inspect::explain::join_rows;
use crate::cli::commands::load_settings::{format_destination, load_settings};
use crate::cli::commands::run;
use crate::cli::commands::run_options::RunOptions;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::format::format_count;
use crate::cli::output::destination::Spreadsheet;
use crate::cli::output::json::{SCHEMA_VERSION, format_json_line};
use crate::cli::streams::control_characters::make_visible;
use crate::config::settings::Settings;
use crate::ledger::items::write_mode::WriteMode;
use crate::runner::run_scope::RunScope;

/// Shown in place of a key whose row was moved before it could be read.
const MOVED_ROW_TEXT: &str = "(moved meanwhile)";

/// Checks the rows, and repairs them with `--yes`.
pub async fn execute(context: CommandContext<'_>, args: &FsckArgs) -> Result<Exit, CliError> {
    let CommandContext { invocation, host, clock, rng } = context;
    let settings = load_settings(&args.job, None)?;
    let to_error = |error| from_app(&error, &settings);
    let look = || check(&settings, Arc::clone(&clock), Arc::clone(&rng));
    let choice = args.repair;
    if choice == Some(RepairChoice::Accept) && !can_accept(&settings) {
        let why = "accept rows: this job appends a row for each version of a key, so an accepted key would get another row with its next run";
        return Err(CliError::new(why, Exit::Usage)
            .with_help("delete the rows, or leave them: rows of unknown origin are never changed"));
    }
    let mut checked = look().await.map_err(to_error)?;
    let repair = choice.map(|choice| choose_repair(choice, &checked));
    let (mut repaired, mut recreated) = (0, Vec::new());
    if let Some(repair) = repair.filter(|repair| args.yes && count_affected(&checked, *repair) > 0) {
        let changes =
            prepare_repair(&settings, repair, Arc::clone(&clock), Arc::clone(&rng)).await.map_err(to_error)?;
        repaired = changes.settled.len() as u64;
        // Any run of this command recreates missing tabs.
        recreated.clone_from(&checked.missing_tabs);
        let order = RunOptions {
            scope: RunScope::None,
            changes: Some(changes),
            recreates_tabs: true,
            command: Some("fsck"),
            ..RunOptions::default()
        };
        let exit = Box::pin(run::run_job(
            CommandContext { invocation, host, clock: Arc::clone(&clock), rng: Arc::clone(&rng) },
            &RunArgs::new_quiet(&args.job),
            order,
        ))
        .await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
        checked = look().await.map_err(to_error)?;
    }
    let plan = repair.filter(|_| !args.yes);
    let text = if args.job.json {
        format_json_line(&FsckDocument::new(&checked, &settings, plan, (repaired, &recreated)))
    } else {
        report_text(&checked, &settings, plan, (repaired, &recreated))
    };
    invocation.terminal.stdout().put(&text);
    if !args.job.json {
        invocation.terminal.stdout().put(&format_destination(&settings));
    }
    Ok(if checked.is_clean() { Exit::Ok } else { Exit::Findings })
}

/// Returns the repair of a choice. `--repair` alone restores a missing tab first, so that a user
/// who only wants the tab back revokes no key.
fn choose_repair(choice: RepairChoice, checked: &FsckReport) -> Repair {
    match choice {
        RepairChoice::Usual if checked.missing_tabs.is_empty() => Repair::Reprocess,
        RepairChoice::Usual | RepairChoice::Tabs => Repair::Tabs,
        RepairChoice::Reprocess => Repair::Reprocess,
        RepairChoice::Accept => Repair::Accept,
    }
}

fn count_affected(checked: &FsckReport, repair: Repair) -> u64 {
    match repair {
        Repair::Tabs => checked.missing_tabs.len() as u64,
        Repair::Reprocess => checked.count(DiscrepancyKind::Missing),
        Repair::Accept => checked.count(DiscrepancyKind::UnknownRow),
    }
}

fn report_text(
    checked: &FsckReport,
    settings: &Settings,
    plan: Option<Repair>,
    (repaired, recreated): (u64, &[String]),
) -> String {
    let mut out = String::new();
    for tab in recreated {
        let _ = writeln!(out, "{}: tab {} was recreated, empty", make_visible(&settings.job), make_visible(tab));
    }
    if repaired > 0 {
        let _ =
            writeln!(out, "{}: {} written to Processed", make_visible(&settings.job), format_count(repaired, "row"));
    }
    for note in &checked.anomalies {
        let _ = writeln!(out, "warning: {}", make_visible(note));
    }
    let sums = format!("{}, {}", format_count(checked.keys, "key"), format_count(checked.rows, "data row"));
    let verdict = match (checked.is_clean(), checked.is_consistent()) {
        (true, _) => "consistent",
        (false, true) => "consistent, but a tab is gone",
        (false, false) => "not consistent",
    };
    let _ = writeln!(out, "{}: {sums}; {verdict}", make_visible(&settings.job));
    for tab in &checked.missing_tabs {
        let _ = writeln!(
            out,
            "  gone: tab {}: restore it from the file's version history, or use --repair=tabs --yes for an empty one",
            make_visible(tab)
        );
    }
    if let Some(edited) = &checked.edited {
        let (tab, written) = (make_visible(&edited.tab), format_count(edited.written, "row"));
        let _ = match edited.found {
            found if found == edited.written => {
                writeln!(out, "  edited: {tab} has {written}, but not those that runs wrote")
            }
            found => writeln!(out, "  edited: {tab} has {}, and runs wrote {written}", format_count(found, "row")),
        };
    }
    report_discrepancies(checked, settings, &mut out);
    if checked.keyless > 0 {
        let _ = writeln!(
            out,
            "  {} without a key: of unknown origin, left unchanged",
            format_count(checked.keyless, "data row")
        );
    }
    if let Some(repair) = plan {
        let _ = writeln!(out, "{}", plan_text(checked, repair));
    }
    out
}

/// Writes each kind of discrepancy with the first of its keys.
fn report_discrepancies(checked: &FsckReport, settings: &Settings, out: &mut String) {
    for (what, count) in checked.counts.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(
            out,
            "  {}: {} {}",
            what.as_str(),
            format_count(*count, "key"),
            explain_discrepancy(*what, settings)
        );
        let listed = checked.findings.iter().filter(|finding| finding.what == *what);
        let mut shown = 0;
        for finding in listed {
            shown += 1;
            let _ = writeln!(
                out,
                "    {}  ({} row {})",
                finding.key.as_deref().map_or_else(|| MOVED_ROW_TEXT.into(), make_visible),
                make_visible(&finding.tab),
                join_rows(&finding.rows)
            );
        }
        if *count > shown {
            let _ = writeln!(out, "    and {} more", count - shown);
        }
    }
}

fn explain_discrepancy(what: DiscrepancyKind, settings: &Settings) -> &'static str {
    match (what, settings.mode) {
        (DiscrepancyKind::Missing, _) => "done, without a row: it was deleted, or the steps made none",
        (DiscrepancyKind::DuplicateRows, WriteMode::Upsert) => "with several rows, where there should be one",
        (DiscrepancyKind::DuplicateRows, WriteMode::Append) => "with more identical rows than versions that are done",
        (DiscrepancyKind::UnknownRow, _) => "with a row, but not done: the row was typed, copied or changed",
        (DiscrepancyKind::ProcessedTwice, _) => "processed twice in the same version: rows of Processed were copied",
    }
}

fn plan_text(checked: &FsckReport, repair: Repair) -> String {
    let count = count_affected(checked, repair);
    match repair {
        _ if count == 0 => "repair: this would change nothing".to_owned(),
        Repair::Tabs => format!(
            "repair: would recreate tab {}, empty; its former contents are lost; apply with --repair=tabs --yes",
            make_visible(&checked.missing_tabs.join(" and "))
        ),
        Repair::Reprocess => format!(
            "repair: would revoke {} in Processed, to be processed again when the source yields them; apply with --repair=reprocess --yes",
            format_count(count, "key")
        ),
        Repair::Accept => format!(
            "repair: would record {} in Processed as done, with their rows as they are; apply with --repair=accept --yes",
            format_count(count, "key")
        ),
    }
}

#[derive(Serialize)]
struct FsckDocument<'a> {
    schema_version: u32,
    job: &'a str,
    spreadsheet: Spreadsheet,
    consistent: bool,
    keys: u64,
    rows: u64,
    rows_without_key: u64,
    missing: u64,
    duplicate_rows: u64,
    unknown_rows: u64,
    processed_twice: u64,
    findings: Vec<FindingDocument<'a>>,
    gone: &'a [String],
    /// Both counts where the checksum of Processed differs from the one in the state; null where it
    /// does not.
    processed_checksum: Option<EditedDocument<'a>>,
    anomalies: &'a [String],
    repair: Option<RepairPlanDocument>,
    repaired: u64,
    remade: &'a [String],
}

#[derive(Serialize)]
struct EditedDocument<'a> {
    tab: &'a str,
    written: u64,
    found: u64,
}

#[derive(Serialize)]
struct RepairPlanDocument {
    how: &'static str,
    keys: u64,
}

#[derive(Serialize)]
struct FindingDocument<'a> {
    what: String,
    key: Option<&'a str>,
    tab: &'a str,
    rows: &'a [u32],
}

impl<'a> FsckDocument<'a> {
    fn new(
        checked: &'a FsckReport,
        settings: &'a Settings,
        plan: Option<Repair>,
        (repaired, recreated): (u64, &'a [String]),
    ) -> Self {
        let findings = checked.findings.iter().map(|finding| FindingDocument {
            // The name of the field that counts these.
            what: finding.what.as_str().replace(' ', "_"),
            key: finding.key.as_deref(),
            tab: &finding.tab,
            rows: &finding.rows,
        });
        Self {
            schema_version: SCHEMA_VERSION,
            job: &settings.job,
            spreadsheet: Spreadsheet::from_settings(settings),
            consistent: checked.is_consistent(),
            keys: checked.keys,
            rows: checked.rows,
            rows_without_key: checked.keyless,
            missing: checked.count(DiscrepancyKind::Missing),
            duplicate_rows: checked.count(DiscrepancyKind::DuplicateRows),
            unknown_rows: checked.count(DiscrepancyKind::UnknownRow),
            processed_twice: checked.count(DiscrepancyKind::ProcessedTwice),
            findings: findings.collect(),
            gone: &checked.missing_tabs,
            processed_checksum: checked.edited.as_ref().map(|edited| EditedDocument {
                tab: &edited.tab,
                written: edited.written,
                found: edited.found,
            }),
            anomalies: &checked.anomalies,
            repair: plan
                .map(|repair| RepairPlanDocument { how: repair.as_str(), keys: count_affected(checked, repair) }),
            repaired,
            remade: recreated,
        }
    }
}
