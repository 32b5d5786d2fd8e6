//! One run of a job, from its settings.
//!
//! In scope: the run's parts, waiting for another run. Out of scope: the configuration
//! (`app::run_request`), the run itself (`runner`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::connect::{Sheet, SheetFile, connect};
use crate::app::error::AppError;
use crate::app::local_state::instance_lock::{Installation, LockRefusal, find_active_holder};
use crate::app::local_state::journal::FileJournal;
use crate::app::local_state::processes::SystemProcesses;
use crate::app::local_state::request::RequestFile;
use crate::app::run_request::{JobNote, RunRequest, run_config};
use crate::clock::Clock;
use crate::config::sections::limits::Overlap;
use crate::config::sections::sheet::target::SheetTarget;
use crate::config::settings::Settings;
use crate::ledger::runs::event::{CallTotals, Event, EventSink, RunReport};
use crate::port::journal::Journal;
use crate::port::source::Source;
use crate::port::store::Store;
use crate::rng::Rng;
use crate::runner::header_row::check_header;
use crate::runner::input::input_queue::RetryScope;
use crate::runner::records::failure_records::describe_unreadable_source;
use crate::runner::run_config::{Dependencies, RunError};
use crate::runner::run_loop::run_job;
use crate::runner::shutdown::StopHandle;
use crate::runner::warning_memory::WarningMemory;
use crate::sheets_client::calls::call_counts::CallCounts;
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::types::address::SpreadsheetId;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::load_plan::MissingTabPolicy;

/// Interval between two checks of a waiting run: of the sheet, which costs two reads, and of the
/// lock.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
const LOCK_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Runs a job once. If another run is active and the policy is to wait, waits for its end first.
pub async fn run(
    settings: &Settings,
    request: RunRequest,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    events: EventSink,
    stop: StopHandle,
) -> Result<RunReport, AppError> {
    let warnings = WarningMemory::new(events);
    for JobNote { message, is_shown } in request.notes.iter().cloned() {
        if is_shown {
            warnings.add_shown(&message);
        } else {
            (warnings.make_event_sink())(Event::LastingAnomaly { message, is_known: false });
        }
    }
    let here = RunLocation { clock, rng, warnings: Arc::clone(&warnings) };
    let ended = Box::pin(run_when_free(settings, &request, &here, stop)).await;
    if ended.as_ref().is_err_and(|error| !error.is_duplicate()) {
        warnings.release();
    }
    ended
}

async fn run_when_free(
    settings: &Settings,
    request: &RunRequest,
    here: &RunLocation,
    stop: StopHandle,
) -> Result<RunReport, AppError> {
    let (clock, events) = (&here.clock, here.warnings.make_event_sink());
    let began_ms = clock.monotonic_ms();
    let mut reported = String::new();
    loop {
        let tried = Box::pin(run_once(settings, request, here.clone(), stop.clone())).await;
        let Overlap::Queue { wait_ms } = request.overlap else { return tried };
        let (by, again) = match &tried {
            Err(AppError::Busy { holder }) => (holder.clone(), LOCK_RETRY_INTERVAL),
            Err(AppError::Run(RunError::LeaseHeld { holder, .. })) => {
                (format!("run {} on {}", holder.run, holder.host), CHECK_INTERVAL)
            }
            _ => return tried,
        };
        if clock.monotonic_ms().saturating_sub(began_ms) >= wait_ms {
            return tried;
        }
        if reported != by {
            events(Event::Waiting { why: format!("{by} is running") });
            reported = by;
        }
        tokio::select! {
            () = clock.sleep(again.min(Duration::from_millis(wait_ms))) => {}
            reason = stop.wait_for_reason() => return Err(AppError::Run(RunError::Stopped { reason })),
        }
    }
}

/// The environment of a run.
#[derive(Clone)]
struct RunLocation {
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// The lasting warnings, and the event sink behind them.
    warnings: Arc<WarningMemory>,
}

/// Returns the warning that there is neither a lock nor a journal, which weakens some promises.
fn warn_of_missing_lock(why: &str, has_programs: bool) -> Event {
    let programs = if has_programs {
        ", and after a crash the programs of all items that are not on the sheet run again"
    } else {
        ""
    };
    let message = format!("{why}; this run has no lock: only the sheet keeps overlapping runs apart{programs}");
    Event::LastingAnomaly { message, is_known: false }
}

async fn run_once(
    settings: &Settings,
    request: &RunRequest,
    here: RunLocation,
    stop: StopHandle,
) -> Result<RunReport, AppError> {
    let RunLocation { clock, rng, warnings } = here;
    let events = warnings.make_event_sink();
    if request.retrying.processes_items() {
        ensure_programs_exist(settings)?;
    }
    let mut source = match &request.own.source {
        Some(open) if request.retrying.reads_source() => Some(open().map_err(AppError::Source)?),
        Some(_) => None,
        None => open_source(settings, &request.retrying, &events)?,
    };
    let installation = Arc::new(take_lock(settings, rng.as_ref())?);
    installation.write_holder(&format!("a run on {}", request.host));
    // Checked before anything is created, a local file included. A pipe can't be read twice: the
    // run checks it once it has the lease.
    let source_is_read = request.retrying.reads_source();
    if let Some(source) = source.as_mut().filter(|source| source_is_read && source.is_rereadable()) {
        check_header(source.as_mut(), &settings.make_key_finder(), &events, &stop).await?;
    }
    let has_programs = !settings.commands().is_empty();
    if let Some(why) = &installation.unlocked {
        events(warn_of_missing_lock(why, has_programs));
    }
    let all_events = Arc::clone(&events);
    let (store, calls, file) = open_store(settings, request, &clock, &rng)?;
    let plan = run_config(settings, request, &installation.id, installation.is_locked());
    let parts = Dependencies {
        store,
        source,
        identify: request.own.identify.clone().unwrap_or_else(|| Arc::new(settings.make_key_finder())),
        steps: request.own.steps.clone().unwrap_or_else(|| settings.make_steps(&clock)),
        journal: request.own.journal.clone().or_else(|| open_journal(settings).filter(|_| installation.is_locked())),
        processes: Arc::new(SystemProcesses),
        prepared: request.changes.clone(),
        events: name_holder(installation, &request.host, clock.now(), events),
        warnings,
        clock,
        rng,
    };
    let ended = Box::pin(run_job(parts, plan, stop)).await;
    if let Some(calls) = calls {
        all_events(Event::CallsCounted(call_totals(&calls.calls())));
    }
    file.check(ended.map_err(AppError::from))
}

/// A job's store; the client that counts its calls, if there is one; and the file of an embedded
/// sheet.
type OpenedStore = (Arc<dyn Store>, Option<Arc<Sheets>>, SheetFile);

/// Opens the job's store.
fn open_store(
    settings: &Settings,
    request: &RunRequest,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<OpenedStore, AppError> {
    if let Some(store) = &request.own.store {
        return Ok((Arc::clone(store), None, SheetFile::default()));
    }
    let Sheet { sheets, id, file } = connect(settings, clock, rng)?;
    let previews = request.retrying.reads_source() && request.own.source.is_none();
    let preview = if previews { settings.make_preview(clock) } else { None };
    let store = make_sheets_store(settings, Arc::clone(&sheets), id, clock)
        .allow_missing_predecessors(request.accepts_changes)
        .with_preview(preview)
        .with_missing_tabs(if request.recreates_tabs { MissingTabPolicy::Recreate } else { MissingTabPolicy::StopRun });
    Ok((Arc::new(store), Some(sheets), file))
}

/// Returns the job's spreadsheet as a store.
pub fn make_sheets_store(
    settings: &Settings,
    sheets: Arc<Sheets>,
    id: SpreadsheetId,
    clock: &Arc<dyn Clock>,
) -> SheetsStore {
    SheetsStore::new(sheets, id, &settings.job, &settings.tab, Arc::clone(clock))
        .with_mode(settings.mode, settings.again)
        .with_version_texts(settings.stages.is_some())
        .with_jobs(settings.jobs.clone())
}

fn call_totals(calls: &CallCounts) -> CallTotals {
    let CallCounts { reads, writes, retries, throttled, quota_wait_ms, .. } = *calls;
    CallTotals { reads, writes, retries, throttled, quota_wait_ms }
}

/// Returns the source, if the run reads it. A run that retries failures looks for their records
/// there, if the source can be read more than once. It continues without a source that can't be
/// opened.
pub(super) fn open_source(
    settings: &Settings,
    retrying: &RetryScope,
    events: &EventSink,
) -> Result<Option<Box<dyn Source>>, AppError> {
    if retrying.reads_source() {
        return settings.open_source_for_run().map(Some).map_err(AppError::Source);
    }
    if !retrying.filters_source() {
        return Ok(None);
    }
    match settings.open_source_for_run() {
        Ok(source) => Ok(Some(source).filter(|source| source.is_rereadable())),
        Err(error) => {
            events(Event::Anomaly { message: describe_unreadable_source(&error) });
            Ok(None)
        }
    }
}

/// Checks that the steps' programs can be run. Otherwise each item would fail and use up its
/// attempts.
pub fn ensure_programs_exist(settings: &Settings) -> Result<(), AppError> {
    for (name, command) in settings.commands() {
        command.find_program().map_err(|why| AppError::NoProgram { step: name.to_owned(), why })?;
    }
    Ok(())
}

/// Returns the journal of results that are not on the sheet yet; `None` without a disk.
fn open_journal(settings: &Settings) -> Option<Arc<dyn Journal>> {
    let dir = settings.state_dir.as_deref()?;
    Some(Arc::new(FileJournal::new(dir, &settings.job, &name_target(settings))))
}

/// Returns whether results of an earlier run wait on this machine, or can't be read.
pub fn has_pending_results(settings: &Settings) -> bool {
    open_journal(settings).is_some_and(|journal| journal.take_leftovers().map_or(true, |left| !left.is_empty()))
}

/// Returns the file that remembers a forced run; `None` without a disk.
pub fn find_request_file(settings: &Settings) -> Option<RequestFile> {
    Some(RequestFile::new(settings.state_dir.as_deref()?, &settings.job, &name_target(settings)))
}

/// Returns the name of the job's spreadsheet on this machine.
pub(super) fn name_target(settings: &Settings) -> String {
    match &settings.target {
        SheetTarget::Google { id } => id.clone(),
        SheetTarget::Embedded { file } => resolve_path(file).display().to_string(),
    }
}

/// Takes the lock. It is held until the last part of the run that may report something is dropped.
fn take_lock(settings: &Settings, rng: &dyn Rng) -> Result<Installation, AppError> {
    Installation::acquire(settings.state_dir.as_deref(), &settings.job, &name_target(settings), rng).map_err(|barred| {
        match barred {
            LockRefusal::ByRun(holder) => AppError::Busy { holder },
            LockRefusal::Machine(error) => AppError::Machine(error),
        }
    })
}

/// Returns the holder's name if a run of the job is alive on this machine.
pub fn find_active_run(settings: &Settings) -> Option<String> {
    find_active_holder(settings.state_dir.as_deref(), &settings.job, &name_target(settings))
}

/// Returns the real path of a file, so that two paths to it use the same lock. The file need not
/// exist.
fn resolve_path(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let parent = absolute.parent().and_then(|parent| parent.canonicalize().ok());
    let beside = parent.and_then(|parent| absolute.file_name().map(|name| parent.join(name)));
    absolute.canonicalize().ok().or(beside).unwrap_or(absolute)
}

/// Writes the run's id into the lock file once it is known, so that a second run can name it.
fn name_holder(
    installation: Arc<Installation>,
    host: &str,
    now: crate::time::Timestamp,
    events: EventSink,
) -> EventSink {
    let host = host.to_owned();
    let process = std::process::id();
    Arc::new(move |event| {
        if let Event::Started { run, .. } = &event {
            installation.write_holder(&format!("run {run} on {host} (process {process}, since {now})"));
        }
        events(event);
    })
}
