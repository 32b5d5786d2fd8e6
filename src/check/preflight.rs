//! Preflight: everything that a run checks before its first write, without a write.
//!
//! In scope: the source's first records, the service, tabs, definition, lease, guard. Out of scope:
//! reading the job file and connecting, which the caller has done.

use std::sync::Arc;

use serde_json::Value;

use crate::check::clock::check_clock;
use crate::check::repeated::{RepeatedKeyScan, scan_repeated_keys};
use crate::check::report::{CheckItem, CheckVerdict, StartBlocker, Subject};
use crate::check::timetable::outgrown_line;
use crate::clock::Clock;
use crate::config::sections::limits::Overlap;
use crate::config::sections::sheet::target::Target;
use crate::config::settings::Settings;
use crate::google::errors::call_error::{CallError, ErrorCause};
use crate::google::sheets::Sheets;
use crate::google::types::address::SpreadsheetId;
use crate::google::types::response_types::SpreadsheetInfo;
use crate::ledger::items::key::Key;
use crate::ledger::leases::lease::LeaseStatus;
use crate::ledger::rows::row_builder::row_of;
use crate::ledger::runs::capacity;
use crate::ledger::state::snapshot::{Definition, Snapshot};
use crate::ledger::values::columns::Columns;
use crate::port::source::Source;
use crate::port::step::Identify;
use crate::runner::header_row::{check_columns, read_header};
use crate::runner::queue::first_records::FirstRecords;
use crate::runner::run_config::RunError;
use crate::runner::startup::preconditions::{
    check_definition, check_job_location, check_key_column, check_not_blocked, starts_afresh,
};
use crate::source::bytes::input::Input;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::load::loader::{LoadResult, Loader};
use crate::store::tabs::load_plan::MissingTab;

/// The run that is checked.
pub struct PlannedRun {
    /// The client of the service.
    pub sheets: Arc<Sheets>,
    /// The spreadsheet that the run would write to.
    pub id: SpreadsheetId,
    /// The job's definition now; the load fills in the spreadsheet.
    pub definition: Definition,
    /// The id of this installation; `None` if it has never run.
    pub install: Option<String>,
    /// The holder's name if a run is alive on this machine.
    pub running: Option<String>,
    /// The clock, for durations.
    pub clock: Arc<dyn Clock>,
}

/// Checks the source: whether it can be opened, its first record, and whether a run would stop on
/// its first records. If the source can be read again, also returns repeated keys.
pub async fn check_source(settings: &Settings, clock: &dyn Clock) -> (Vec<CheckItem>, Option<RepeatedKeyScan>) {
    let subject = Subject::Source;
    let name = settings.source.input.name();
    if let Some(job) = &settings.stages {
        let names: Vec<&str> = job.stages.iter().map(|stage| stage.name.as_str()).collect();
        return (vec![CheckItem::fine(subject, format!("none; the job has the stages {}", names.join(", ")))], None);
    }
    if settings.source.input == Input::Stdin {
        return (vec![CheckItem::fine(subject, "standard input, which is not read here")], None);
    }
    let mut source = match settings.open_source() {
        Ok(source) => source,
        Err(error) => return (vec![CheckItem::problem(subject, StartBlocker::Source(error))], None),
    };
    let identify = settings.identify();
    let mut lines: Vec<CheckItem> = match read_header(source.as_mut(), &identify).await {
        Ok(notes) => notes.into_iter().map(|note| CheckItem::warning(subject, note, None)).collect(),
        Err(error) => return (vec![CheckItem::problem(subject, StartBlocker::Pass(error))], None),
    };
    // Of a tab that has such a column already, a run takes it.
    if settings.steps.is_empty()
        && let Err(error) = check_columns(source.as_mut(), &settings.columns, &[], settings.key_column.as_deref()).await
    {
        let help = "correct the name in the job file: a run stops here, unless the data tab already has that column";
        lines.push(CheckItem::warning(subject, error.to_string(), Some(help)));
    }
    let columns = settings.steps.is_empty().then_some(&settings.columns);
    let line = records(&name, source.as_mut(), &identify, columns, settings.stop_after).await;
    let is_stopped = matches!(line.verdict, CheckVerdict::Problem(_));
    lines.push(line);
    // The run needs what would be read of a pipe here.
    if is_stopped || !source.rereadable() || source.rewind().is_err() {
        return (lines, None);
    }
    let mut scan = scan_repeated_keys(source.as_mut(), Arc::new(identify), settings.again, clock).await;
    let hint = "the run says so too; see docs/settings.md, *A key twice in one source*";
    lines.extend(scan.sentence().map(|sentence| CheckItem::warning(subject, sentence, Some(hint))));
    lines.extend(scan.broken.take().map(|error| CheckItem::problem(subject, StartBlocker::Source(error))));
    (lines, Some(scan))
}

/// Checks the first record, and further ones as long as none has a key and, where records are the
/// rows, values that fit the types of `columns`.
async fn records(
    name: &str,
    source: &mut dyn Source,
    identify: &dyn Identify,
    columns: Option<&Columns>,
    stop_after: u64,
) -> CheckItem {
    let subject = Subject::Source;
    let mut probation = FirstRecords::new(stop_after);
    let mut first = None;
    let mut read = 0;
    loop {
        let record = match source.next().await {
            Err(error) if read == 0 => return CheckItem::problem(subject, StartBlocker::Source(error)),
            Ok(None) if read == 0 => return CheckItem::warning(subject, format!("{name} has no record"), None),
            Err(_) | Ok(None) => break,
            Ok(Some(record)) => record,
        };
        read += 1;
        probation.read();
        let place = record.position.to_string();
        match record.body {
            Err(bad) => {
                let what = format!("the first record of {name} can't be read: {bad}");
                let line = || {
                    CheckItem::warning(subject, what, Some("it would be a failure; the other records are read anyway"))
                };
                first.get_or_insert_with(line);
                probation.failed("source", &bad.to_string(), &place, &record.bytes);
            }
            Ok(body) => match identify.identify(&body).await {
                Ok((key, _)) if let Some(why) = refused_value(&body, columns) => {
                    first.get_or_insert_with(|| unwritable(name, &key, &why));
                    probation.failed("output", &why, &place, body.to_string().as_bytes());
                }
                Ok((key, _)) if read == 1 => {
                    return CheckItem::fine(subject, format!("{name}, whose first record has key {}", key.as_str()));
                }
                Ok(_) => break,
                Err(error) => {
                    let what = format!("the first record of {name} has no key: {error}");
                    let line = || CheckItem::warning(subject, what, Some("it would be a failure; see `key` in [item]"));
                    first.get_or_insert_with(line);
                    probation.failed("item", &error.to_string(), &place, body.to_string().as_bytes());
                }
            },
        }
        // A run skips records that it has done before, whatever their values are.
        if let Some(cause) = probation.common_cause().filter(|cause| cause.step == "output") {
            let help = "a run ends with 65 there, unless it has done these records before; see [sheet] columns";
            return CheckItem::warning(subject, cause.sentence(), Some(help));
        }
        if let Some(cause) = probation.common_cause() {
            let cause = Box::new(cause.clone());
            return CheckItem::problem(subject, StartBlocker::Pass(RunError::AllAlike { cause, report: None }));
        }
        if stop_after == 0 {
            break;
        }
    }
    match probation.source_refusal() {
        Some(error) => CheckItem::problem(subject, StartBlocker::Source(error)),
        None => first.unwrap_or_else(|| CheckItem::fine(subject, name)),
    }
}

fn unwritable(name: &str, key: &Key, why: &str) -> CheckItem {
    let what = format!("the first record of {name}, with key {}, can't be written: {why}", key.as_str());
    CheckItem::warning(Subject::Source, what, Some("it would be a failure; see [sheet] columns"))
}

/// Returns why a record can't be a row of these columns.
fn refused_value(body: &Value, columns: Option<&Columns>) -> Option<String> {
    columns.and_then(|columns| row_of(body.clone(), columns).err()).map(|refusal| refusal.to_string())
}

/// Checks the spreadsheet and the job's tabs. Returns true if the spreadsheet can be read.
pub async fn check_spreadsheet(settings: &Settings, planned: &PlannedRun, lines: &mut Vec<CheckItem>) -> bool {
    let read = planned.sheets.metadata(&planned.id).await;
    if matches!(settings.target, Target::Google { .. }) {
        let is_token_refused = read.as_ref().is_err_and(is_about_credentials);
        lines.extend(check_clock(settings, &planned.sheets, &planned.clock, is_token_refused).await);
    }
    let metadata = match read {
        Ok(metadata) => metadata,
        Err(error) => {
            let subject = if is_about_credentials(&error) { Subject::Credentials } else { Subject::Spreadsheet };
            lines.push(CheckItem::problem(subject, StartBlocker::Call(error)));
            return false;
        }
    };
    let is_local = matches!(settings.target, Target::Embedded { .. });
    let credentials = if is_local { "none needed: a local file".to_owned() } else { credentials_line(planned) };
    lines.push(CheckItem::fine(Subject::Credentials, credentials));
    lines.push(spreadsheet_line(&metadata, is_local));
    let loader = Loader {
        sheets: Arc::clone(&planned.sheets),
        id: planned.id.clone(),
        job: settings.job.clone(),
        data_tab: settings.tab.clone(),
        mode: settings.mode,
        again: settings.again,
        keeps_version_texts: false,
        abandons_predecessors: false,
        missing: MissingTab::Stops,
        jobs: settings.jobs.clone(),
        preview: settings.preview(&planned.clock),
        clock: Arc::clone(&planned.clock),
    };
    match loader.load().await {
        Ok(found) => add_job_lines(settings, planned, &found, lines),
        Err(error) => lines.push(CheckItem::problem(Subject::Tabs, error)),
    }
    true
}

fn is_about_credentials(error: &CallError) -> bool {
    match &error.cause {
        ErrorCause::Token(_) => !error.cause.is_proxy_error(),
        ErrorCause::Refused { refusal, .. } => refusal.code == 401,
        _ => false,
    }
}

fn credentials_line(planned: &PlannedRun) -> String {
    match planned.sheets.client_email() {
        Some(email) => format!("access token obtained for {email}, the address to share the spreadsheet with"),
        None => "access token obtained".to_owned(),
    }
}

/// Returns the line about the spreadsheet. Write access is unknown before a write, except in a
/// local file, which has no accounts.
fn spreadsheet_line(metadata: &SpreadsheetInfo, is_local: bool) -> CheckItem {
    let title = &metadata.title;
    if let Some(crowded) = capacity::capacity_warning(CellBudget::from_metadata(metadata).cells()) {
        return CheckItem::warning(Subject::Spreadsheet, format!("\"{title}\" can be read; {crowded}"), None);
    }
    let tabs = metadata.tabs.len();
    let s = if tabs == 1 { "" } else { "s" };
    let limit = if is_local { "" } else { "; check --write proves write access" };
    let what = format!("\"{title}\" is readable: {tabs} tab{s}{limit}");
    CheckItem::fine(Subject::Spreadsheet, what)
}

/// Adds the lines about what a run would check after its load.
fn add_job_lines(settings: &Settings, planned: &PlannedRun, fetched: &LoadResult, lines: &mut Vec<CheckItem>) {
    let loaded = &fetched.loaded;
    lines.extend(loaded.warnings.iter().map(|warning| CheckItem::warning(Subject::Tabs, warning.clone(), None)));
    let Some(snapshot) = &loaded.snapshot else {
        lines.push(match check_key_column(&settings.tab, &loaded.tables, settings.key_column.as_deref()) {
            Ok(()) => CheckItem::fine(Subject::Tabs, "the job has never run here; its first run creates its tabs"),
            Err(error) => CheckItem::problem(Subject::Tabs, error),
        });
        lines.push(CheckItem::fine(Subject::Guard, "the first run verifies it before it writes a row"));
        return;
    };
    let definition = Definition { spreadsheet: loaded.spreadsheet.clone(), ..planned.definition.clone() };
    add_tab_lines(settings, snapshot, &definition, lines);
    let moved = definition.changed_parts(&snapshot.state.definition).join(" and ");
    lines.push(match check_definition(snapshot, &definition) {
        Ok(()) if moved.is_empty() => {
            CheckItem::fine(Subject::Definition, "key, tab, spreadsheet and mode are those of the last run")
        }
        Ok(()) => CheckItem::fine(
            Subject::Definition,
            format!("its {moved} changed, and no key is done yet: nothing is lost"),
        ),
        Err(error) => CheckItem::problem(Subject::Definition, StartBlocker::Pass(error)),
    });
    lines.push(lease_line(settings, planned, fetched, snapshot));
    let history = snapshot.state.schedule.as_ref();
    lines.extend(history.and_then(|history| outgrown_line(settings, history, loaded.service_time)));
    lines.push(CheckItem::fine(
        Subject::Guard,
        match fetched.support {
            GuardSupport::Unknown => "not verified yet; the next run verifies it before it writes a row",
            GuardSupport::Name => "verified on this spreadsheet (named-range guard)",
            GuardSupport::Title => "verified on this spreadsheet (title guard)",
        },
    ));
}

fn add_tab_lines(settings: &Settings, snapshot: &Snapshot, definition: &Definition, lines: &mut Vec<CheckItem>) {
    let stored = snapshot.state.key_column.as_deref().filter(|_| !starts_afresh(snapshot, definition));
    let key_column = stored.or(settings.key_column.as_deref());
    let check_key_column = || check_key_column(&settings.tab, &snapshot.tables, key_column).map_err(RunError::Store);
    let keys = snapshot.processed_index.keys();
    let agree = |()| CheckItem::fine(Subject::Tabs, format!("consistent with the state; keys done: {keys}"));
    let scan =
        check_not_blocked(snapshot).and_then(|()| check_job_location(snapshot, None)).and_then(|()| check_key_column());
    lines.push(scan.map_or_else(|error| CheckItem::problem(Subject::Tabs, StartBlocker::Pass(error)), agree));
    let warnings = snapshot.anomalies.iter().filter(|anomaly| !anomaly.blocking);
    lines.extend(warnings.map(|anomaly| CheckItem::warning(Subject::Tabs, anomaly.message.clone(), None)));
}

/// Returns the line about the lease, for a run that starts here and now.
fn lease_line(settings: &Settings, planned: &PlannedRun, fetched: &LoadResult, snapshot: &Snapshot) -> CheckItem {
    let subject = Subject::Lease;
    if let Some(holder) = planned.running.clone() {
        return CheckItem::problem(subject, StartBlocker::Busy { holder });
    }
    let lease = &snapshot.state.lease;
    let install = planned.install.as_deref();
    match lease.status(|_| false, fetched.loaded.service_time) {
        LeaseStatus::Free => CheckItem::fine(subject, "free"),
        LeaseStatus::Dead(holder) => {
            let what = format!("run {} on {} did not finish, and its lease has expired", holder.run, holder.host);
            CheckItem::warning(subject, what, Some("the next run takes it over and records that run as crashed"))
        }
        LeaseStatus::Held { holder, until } if install == Some(holder.install.as_str()) => {
            let what = format!("run {} of this installation holds it until {until}", holder.run);
            CheckItem::warning(
                subject,
                what,
                Some(
                    "if it died on this machine since the machine was last started, the next run takes over at once; otherwise the next run ends with 75",
                ),
            )
        }
        LeaseStatus::Held { holder, until } => {
            let what = format!("run {} on {} holds it until {until}", holder.run, holder.host);
            match settings.overlap {
                Overlap::Queue { .. } => {
                    CheckItem::warning(subject, what, Some("a run would wait for it, as [lease] is set"))
                }
                Overlap::Replace => {
                    CheckItem::warning(subject, what, Some("a run would take it over, as [lease] is set"))
                }
                Overlap::Skip => CheckItem::problem(
                    subject,
                    StartBlocker::Pass(RunError::Held { holder: Box::new(holder), since: lease.since, until }),
                ),
            }
        }
    }
}
