//! Preflight: everything that a run checks before its first write, without a write.
//!
//! In scope: the service, tabs, definition, lease, guard. Out of scope: the source (`check::source`),
//! reading the job file and connecting, which the caller has done.

use std::sync::Arc;

use crate::check::clock::check_clock;
use crate::check::report::{CheckItem, StartBlocker, Subject};
use crate::check::timetable::warn_of_outgrown_schedule;
use crate::clock::Clock;
use crate::config::sections::limits::Overlap;
use crate::config::sections::sheet::target::SheetTarget;
use crate::config::settings::Settings;
use crate::ledger::leases::lease::LeaseStatus;
use crate::ledger::runs::capacity;
use crate::ledger::state::snapshot::{Definition, Snapshot};
use crate::runner::run_config::RunError;
use crate::runner::startup::preconditions::{
    check_definition, check_job_location, check_key_column, check_not_blocked, starts_afresh,
};
use crate::sheets_client::errors::call_error::{CallError, ErrorCause};
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::types::address::SpreadsheetId;
use crate::sheets_client::types::response_types::SpreadsheetInfo;
use crate::store::commit::cell_budget::CellBudget;
use crate::store::guard::guard_kind::GuardSupport;
use crate::store::load::loader::{LoadResult, Loader};
use crate::store::tabs::load_plan::MissingTabPolicy;

/// The run that is checked.
pub struct PlannedRun {
    /// The client of the service.
    pub sheets: Arc<Sheets>,
    /// The spreadsheet that the run would write to.
    pub id: SpreadsheetId,
    /// The job's definition now; the load fills in the spreadsheet.
    pub definition: Definition,
    /// The id of this installation; `None` if it has never run.
    pub installation: Option<String>,
    /// The holder's name if a run is alive on this machine.
    pub running: Option<String>,
    /// The clock, for durations.
    pub clock: Arc<dyn Clock>,
}

/// What a check found on the spreadsheet, beside its lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpreadsheetFindings {
    /// Whether the spreadsheet can be read.
    pub can_be_read: bool,
    /// Whether the job has done a key; `None` if its state can't be read.
    pub has_done_keys: Option<bool>,
    /// The columns of the data tab, none if it is not there yet; `None` if they can't be read.
    pub tab_columns: Option<Vec<String>>,
}

/// Checks the spreadsheet and the job's tabs.
pub async fn check_spreadsheet(
    settings: &Settings,
    planned: &PlannedRun,
    lines: &mut Vec<CheckItem>,
) -> SpreadsheetFindings {
    let read = planned.sheets.read_metadata(&planned.id).await;
    if matches!(settings.target, SheetTarget::Google { .. }) {
        let is_token_refused = read.as_ref().is_err_and(is_about_credentials);
        lines.extend(check_clock(settings, &planned.sheets, &planned.clock, is_token_refused).await);
    }
    let metadata = match read {
        Ok(metadata) => metadata,
        Err(error) => {
            let subject = if is_about_credentials(&error) { Subject::Credentials } else { Subject::Spreadsheet };
            lines.push(CheckItem::new_problem(subject, StartBlocker::Call(error)));
            return SpreadsheetFindings::default();
        }
    };
    let is_local = matches!(settings.target, SheetTarget::Embedded { .. });
    let credentials = if is_local { "none needed: a local file".to_owned() } else { describe_credentials(planned) };
    lines.push(CheckItem::new_expected(Subject::Credentials, credentials));
    lines.push(report_spreadsheet(&metadata, is_local));
    let loader = Loader {
        sheets: Arc::clone(&planned.sheets),
        id: planned.id.clone(),
        job: settings.job.clone(),
        data_tab: settings.tab.clone(),
        mode: settings.mode,
        reprocess_policy: settings.reprocess_policy,
        keeps_version_texts: false,
        abandons_predecessors: false,
        missing: MissingTabPolicy::StopRun,
        jobs: settings.jobs.clone(),
        preview: settings.make_preview(&planned.clock),
        clock: Arc::clone(&planned.clock),
    };
    match loader.load().await {
        Ok(found) => {
            add_job_lines(settings, planned, &found, lines);
            let report = found.loaded;
            let data_tabs = report.snapshot.as_ref().map_or(&report.data_tabs, |snapshot| &snapshot.data_tabs);
            let table = data_tabs.iter().find(|(title, _)| *title == settings.tab);
            SpreadsheetFindings {
                can_be_read: true,
                tab_columns: Some(table.map(|(_, columns)| columns.clone()).unwrap_or_default()),
                has_done_keys: Some(report.snapshot.is_some_and(|snapshot| snapshot.processed_index.count_keys() > 0)),
            }
        }
        Err(error) => {
            lines.push(CheckItem::new_problem(Subject::Tabs, error));
            SpreadsheetFindings { can_be_read: true, ..SpreadsheetFindings::default() }
        }
    }
}

fn is_about_credentials(error: &CallError) -> bool {
    match &error.cause {
        ErrorCause::Token(_) => !error.cause.is_proxy_error(),
        ErrorCause::Refused { refusal, .. } => refusal.code == 401,
        _ => false,
    }
}

fn describe_credentials(planned: &PlannedRun) -> String {
    match planned.sheets.client_email() {
        Some(email) => format!("access token obtained for {email}, the address to share the spreadsheet with"),
        None => "access token obtained".to_owned(),
    }
}

/// Returns the line about the spreadsheet. Write access is unknown before a write, except in a
/// local file, which has no accounts.
fn report_spreadsheet(metadata: &SpreadsheetInfo, is_local: bool) -> CheckItem {
    let title = &metadata.title;
    if let Some(crowded) = capacity::warn_of_capacity(CellBudget::from_metadata(metadata).count_cells()) {
        return CheckItem::new_warning(Subject::Spreadsheet, format!("\"{title}\" can be read; {crowded}"), None);
    }
    let tabs = metadata.tabs.len();
    let s = if tabs == 1 { "" } else { "s" };
    let limit = if is_local { "" } else { "; check --write proves write access" };
    let what = format!("\"{title}\" is readable: {tabs} tab{s}{limit}");
    CheckItem::new_expected(Subject::Spreadsheet, what)
}

/// Adds the lines about what a run would check after its load.
fn add_job_lines(settings: &Settings, planned: &PlannedRun, fetched: &LoadResult, lines: &mut Vec<CheckItem>) {
    let loaded = &fetched.loaded;
    lines.extend(loaded.warnings.iter().map(|warning| CheckItem::new_warning(Subject::Tabs, warning.clone(), None)));
    let Some(snapshot) = &loaded.snapshot else {
        lines.push(match check_key_column(&settings.tab, &loaded.data_tabs, settings.key_column.as_deref()) {
            Ok(()) => {
                CheckItem::new_expected(Subject::Tabs, "the job has never run here; its first run creates its tabs")
            }
            Err(error) => CheckItem::new_problem(Subject::Tabs, error),
        });
        lines.push(CheckItem::new_expected(Subject::Guard, "the first run verifies it before it writes a row"));
        return;
    };
    let definition = Definition { spreadsheet: loaded.spreadsheet.clone(), ..planned.definition.clone() };
    add_tab_lines(settings, snapshot, &definition, lines);
    let moved = definition.changed_parts(&snapshot.state.definition).join(" and ");
    lines.push(match check_definition(snapshot, &definition, false) {
        Ok(()) if moved.is_empty() => {
            CheckItem::new_expected(Subject::Definition, "key, tab, spreadsheet and mode are those of the last run")
        }
        Ok(()) => CheckItem::new_expected(
            Subject::Definition,
            format!("its {moved} changed, and no key is done yet: nothing is lost"),
        ),
        Err(error) => CheckItem::new_problem(Subject::Definition, StartBlocker::Run(error)),
    });
    lines.push(report_lease(settings, planned, fetched, snapshot));
    let history = snapshot.state.schedule.as_ref();
    lines.extend(history.and_then(|history| warn_of_outgrown_schedule(settings, history, loaded.service_time)));
    lines.push(CheckItem::new_expected(
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
    let check_key_column = || check_key_column(&settings.tab, &snapshot.data_tabs, key_column).map_err(RunError::Store);
    let keys = snapshot.processed_index.count_keys();
    let agree = |()| CheckItem::new_expected(Subject::Tabs, format!("consistent with the state; keys done: {keys}"));
    let scan =
        check_not_blocked(snapshot).and_then(|()| check_job_location(snapshot, None)).and_then(|()| check_key_column());
    lines.push(scan.map_or_else(|error| CheckItem::new_problem(Subject::Tabs, StartBlocker::Run(error)), agree));
    let warnings = snapshot.anomalies.iter().filter(|anomaly| !anomaly.is_blocking);
    lines.extend(warnings.map(|anomaly| CheckItem::new_warning(Subject::Tabs, anomaly.message.clone(), None)));
}

/// Returns the line about the lease, for a run that starts here and now.
fn report_lease(settings: &Settings, planned: &PlannedRun, fetched: &LoadResult, snapshot: &Snapshot) -> CheckItem {
    let subject = Subject::Lease;
    if let Some(holder) = planned.running.clone() {
        return CheckItem::new_problem(subject, StartBlocker::Busy { holder });
    }
    let lease = &snapshot.state.lease;
    let installation = planned.installation.as_deref();
    match lease.status(|_| false, fetched.loaded.service_time) {
        LeaseStatus::Free => CheckItem::new_expected(subject, "free"),
        LeaseStatus::Abandoned(holder) => {
            let what = format!("run {} on {} did not finish, and its lease has expired", holder.run, holder.host);
            CheckItem::new_warning(subject, what, Some("the next run takes it over and records that run as crashed"))
        }
        LeaseStatus::Held { holder, until } if installation == Some(holder.installation.as_str()) => {
            let what = format!("run {} of this installation holds it until {until}", holder.run);
            CheckItem::new_warning(
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
                    CheckItem::new_warning(subject, what, Some("a run would wait for it, as [lease] is set"))
                }
                Overlap::Replace => {
                    CheckItem::new_warning(subject, what, Some("a run would take it over, as [lease] is set"))
                }
                Overlap::Skip => CheckItem::new_problem(
                    subject,
                    StartBlocker::Run(RunError::LeaseHeld { holder: Box::new(holder), since: lease.since, until }),
                ),
            }
        }
    }
}
