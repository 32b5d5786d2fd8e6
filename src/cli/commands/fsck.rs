//! `sheetkeep fsck`.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::app::fsck::{DiscrepancyKind, FsckReport, Repair, check, errands, may_adopt};
use crate::cli::args::RunArgs;
use crate::cli::commands::explain::joined;
use crate::cli::commands::run::{self, RunOptions};
use crate::cli::commands::setting::{settings, whereabouts};
use crate::cli::commands::trouble::of_app;
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::cli::figures::counted;
use crate::cli::output::json::{SCHEMA_VERSION, line};
use crate::cli::output::place::Spreadsheet;
use crate::cli::session::Session;
use crate::cli::terminal::visible;
use crate::cli::upkeep_args::{FsckArgs, RepairChoice};
use crate::config::settings::Settings;
use crate::ledger::item::write_mode::WriteMode;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::input_queue::RetryScope;

/// What is told for a key whose row was moved before it could be read.
const MOVED: &str = "(moved meanwhile)";

/// Looks, and mends if asked.
pub async fn command(
    session: &Session,
    args: &FsckArgs,
    host: String,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
) -> Result<Exit, CliError> {
    let settings = settings(&args.job, None)?;
    let trouble = |error| of_app(&error, &settings);
    let look = || check(&settings, Arc::clone(&clock), Arc::clone(&chance));
    let asked = args.repair;
    if asked == Some(RepairChoice::Accept) && !may_adopt(&settings) {
        let why = "accept rows: this job appends a row for each version of a key, so an accepted key would get another row with its next run";
        return Err(CliError::new(why, Exit::Usage)
            .with_help("delete the rows, or leave them: rows of unknown origin are never changed"));
    }
    let mut checked = look().await.map_err(trouble)?;
    let repair = asked.map(|choice| meant(choice, &checked));
    let (mut mended, mut remade) = (0, Vec::new());
    if let Some(repair) = repair.filter(|repair| args.yes && affected(&checked, *repair) > 0) {
        let errands = errands(&settings, repair, Arc::clone(&clock), Arc::clone(&chance)).await.map_err(trouble)?;
        mended = errands.settled.len() as u64;
        // Any run of this command finds those tabs gone, and makes them.
        remade.clone_from(&checked.gone);
        let order = RunOptions {
            retrying: RetryScope::None,
            errands: Some(errands),
            remakes: true,
            command: Some("fsck"),
            ..RunOptions::default()
        };
        let exit = run::of(session, &RunArgs::quietly(&args.job), order, host, Arc::clone(&clock), Arc::clone(&chance))
            .await?;
        if exit != Exit::Ok {
            return Ok(exit);
        }
        checked = look().await.map_err(trouble)?;
    }
    let plan = repair.filter(|_| !args.yes);
    let text = if args.job.json {
        line(&Document::of(&checked, &settings, plan, (mended, &remade)))
    } else {
        told(&checked, &settings, plan, (mended, &remade))
    };
    session.terminal.out().put(&text);
    if !args.job.json {
        session.terminal.out().put(&whereabouts(&settings));
    }
    Ok(if checked.is_clean() { Exit::Ok } else { Exit::Findings })
}

/// What is mended; where nobody says, a tab that is gone comes first, so that no key is forgotten by whoever only wants the tab back.
fn meant(choice: RepairChoice, checked: &FsckReport) -> Repair {
    match choice {
        RepairChoice::Usual if checked.gone.is_empty() => Repair::Reprocess,
        RepairChoice::Usual | RepairChoice::Tabs => Repair::Tabs,
        RepairChoice::Reprocess => Repair::Reprocess,
        RepairChoice::Accept => Repair::Accept,
    }
}

fn affected(checked: &FsckReport, repair: Repair) -> u64 {
    match repair {
        Repair::Tabs => checked.gone.len() as u64,
        Repair::Reprocess => checked.count(DiscrepancyKind::Missing),
        Repair::Accept => checked.count(DiscrepancyKind::Strange),
    }
}

fn told(checked: &FsckReport, settings: &Settings, plan: Option<Repair>, (mended, remade): (u64, &[String])) -> String {
    let mut out = String::new();
    for tab in remade {
        let _ = writeln!(out, "{}: tab {} was recreated, empty", visible(&settings.job), visible(tab));
    }
    if mended > 0 {
        let _ = writeln!(out, "{}: {} written to Processed", visible(&settings.job), counted(mended, "row"));
    }
    for note in &checked.notes {
        let _ = writeln!(out, "warning: {}", visible(note));
    }
    let sums = format!("{}, {}", counted(checked.keys, "key"), counted(checked.rows, "data row"));
    if checked.is_clean() {
        let _ = writeln!(out, "{}: {sums}; consistent", visible(&settings.job));
    } else if checked.agrees() {
        let _ = writeln!(out, "{}: {sums}; consistent, but a tab is gone", visible(&settings.job));
    } else {
        let _ = writeln!(out, "{}: {sums}; not consistent", visible(&settings.job));
    }
    for tab in &checked.gone {
        let _ = writeln!(
            out,
            "  gone: tab {}: restore it from the file's version history, or use --repair=tabs --yes for an empty one",
            visible(tab)
        );
    }
    if let Some(edited) = &checked.edited {
        let (tab, written) = (visible(&edited.tab), counted(edited.written, "row"));
        let _ = match edited.found {
            found if found == edited.written => {
                writeln!(out, "  edited: {tab} has {written}, but not those that runs wrote")
            }
            found => writeln!(out, "  edited: {tab} has {}, and runs wrote {written}", counted(found, "row")),
        };
    }
    for (what, count) in checked.counts.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(out, "  {}: {} {}", what.word(), counted(*count, "key"), meaning(*what, settings));
        let told = checked.findings.iter().filter(|finding| finding.what == *what);
        let mut shown = 0;
        for finding in told {
            shown += 1;
            let _ = writeln!(
                out,
                "    {}  ({} row {})",
                finding.key.as_deref().map_or_else(|| MOVED.into(), visible),
                visible(&finding.tab),
                joined(&finding.rows)
            );
        }
        if *count > shown {
            let _ = writeln!(out, "    and {} more", count - shown);
        }
    }
    if checked.keyless > 0 {
        let _ = writeln!(
            out,
            "  {} without a key: of unknown origin, left unchanged",
            counted(checked.keyless, "data row")
        );
    }
    if let Some(repair) = plan {
        let _ = writeln!(out, "{}", planned(checked, repair));
    }
    out
}

fn meaning(what: DiscrepancyKind, settings: &Settings) -> &'static str {
    match (what, settings.mode) {
        (DiscrepancyKind::Missing, _) => "done, without a row: it was deleted, or the steps made none",
        (DiscrepancyKind::Doubled, WriteMode::Upsert) => "with several rows, where there should be one",
        (DiscrepancyKind::Doubled, WriteMode::Append) => "with more identical rows than versions that are done",
        (DiscrepancyKind::Strange, _) => "with a row, but not done: the row was typed, copied or changed",
        (DiscrepancyKind::Twice, _) => "processed twice in the same version: rows of Processed were copied",
    }
}

fn planned(checked: &FsckReport, repair: Repair) -> String {
    let count = affected(checked, repair);
    match repair {
        _ if count == 0 => "repair: this would change nothing".to_owned(),
        Repair::Tabs => format!(
            "repair: would recreate tab {}, empty; its former contents are lost; apply with --repair=tabs --yes",
            visible(&checked.gone.join(" and "))
        ),
        Repair::Reprocess => format!(
            "repair: would revoke {} in Processed, to be processed again when the source yields them; apply with --repair=reprocess --yes",
            counted(count, "key")
        ),
        Repair::Accept => format!(
            "repair: would record {} in Processed as done, with their rows as they are; apply with --repair=accept --yes",
            counted(count, "key")
        ),
    }
}

#[derive(Serialize)]
struct Document<'a> {
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
    /// Both counts where the checksum of Processed differs from the one in the state; null where it does not.
    processed_checksum: Option<EditedDocument<'a>>,
    anomalies: &'a [String],
    repair: Option<PlanDocument>,
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
struct PlanDocument {
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

impl<'a> Document<'a> {
    fn of(
        checked: &'a FsckReport,
        settings: &'a Settings,
        plan: Option<Repair>,
        (mended, remade): (u64, &'a [String]),
    ) -> Self {
        let findings = checked.findings.iter().map(|finding| FindingDocument {
            // The name of the field that counts these.
            what: finding.what.word().replace(' ', "_"),
            key: finding.key.as_deref(),
            tab: &finding.tab,
            rows: &finding.rows,
        });
        Self {
            schema_version: SCHEMA_VERSION,
            job: &settings.job,
            spreadsheet: Spreadsheet::of(settings),
            consistent: checked.agrees(),
            keys: checked.keys,
            rows: checked.rows,
            rows_without_key: checked.keyless,
            missing: checked.count(DiscrepancyKind::Missing),
            duplicate_rows: checked.count(DiscrepancyKind::Doubled),
            unknown_rows: checked.count(DiscrepancyKind::Strange),
            processed_twice: checked.count(DiscrepancyKind::Twice),
            findings: findings.collect(),
            gone: &checked.gone,
            processed_checksum: checked.edited.as_ref().map(|edited| EditedDocument {
                tab: &edited.tab,
                written: edited.written,
                found: edited.found,
            }),
            anomalies: &checked.notes,
            repair: plan.map(|repair| PlanDocument { how: repair.word(), keys: affected(checked, repair) }),
            repaired: mended,
            remade,
        }
    }
}
