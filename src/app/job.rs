//! One run of a job, from its settings.
//!
//! In scope: parts and plan. Out of scope: the pass (`runner`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::error::AppError;
use crate::app::installation::{Installation, LockHeld, alive};
use crate::app::journal::FileJournal;
use crate::app::processes::SystemProcesses;
use crate::app::request::RequestFile;
use crate::app::sheet::{Sheet, connect};
use crate::config::pace::Overlap;
use crate::config::settings::Settings;
use crate::config::steps::StepAction;
use crate::config::target::Target;
use crate::ledger::item::write_mode::Delivery;
use crate::ledger::lease::lease::Holder;
use crate::ledger::run::event::{Event, RunReport};
use crate::ledger::run::run::Trigger;
use crate::ledger::state::rollover::Rollover;
use crate::ledger::state::snapshot::Definition;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::port::journal::Journal;
use crate::port::process::Processes;
use crate::port::source::Source;
use crate::retry::RetryPolicy;
use crate::runner::failure_records::unreadable_message;
use crate::runner::header_row::check_header;
use crate::runner::input_queue::RetryScope;
use crate::runner::run_config::{Dependencies, Events, PreparedChanges, RunConfig, RunError};
use crate::runner::run_loop::pass;
use crate::runner::shutdown::Stop;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::load_plan::MissingTab;

/// Items in hand at once where steps change nothing outside the sheet; those of which it is not known how long they take are evaluated
/// one after another, and this many are on their way.
const ITEMS_IN_HAND: usize = 64;
/// Bytes in one commit, roughly; Google recommends payloads of at most 2 MB.
const MAX_BATCH_BYTES: usize = 2_000_000;

/// What a run is asked for beside the job.
#[derive(Debug, Clone, Default)]
pub struct RunRequest {
    /// Accept a changed definition.
    pub adopt: bool,
    /// What to do if another run is at work.
    pub overlap: Overlap,
    /// Which failures are tried again.
    pub retrying: RetryScope,
    /// What is brought to the sheet besides.
    pub errands: Option<PreparedChanges>,
    /// The job's move to another spreadsheet, where the run is for that.
    pub rollover: Option<Rollover>,
    /// Whether machine tabs that are gone are made again.
    pub remakes: bool,
    /// Who asks.
    pub trigger: Trigger,
    /// The machine's name.
    pub host: String,
}

/// Between two looks of a run that waits for another one: at the sheet, which costs two reads, and at this machine's lock.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
const TRY_THE_LOCK: Duration = Duration::from_secs(1);

/// Runs a job once; after another run that is at work, if it is to wait for that.
pub async fn run(
    settings: &Settings,
    wish: RunRequest,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    events: Events,
    stop: Stop,
) -> Result<RunReport, AppError> {
    let began_ms = clock.monotonic_ms();
    let mut told = String::new();
    let mut notes = Notes::default();
    loop {
        let (clock, chance, events) = (Arc::clone(&clock), Arc::clone(&chance), Arc::clone(&events));
        let here = RunLocation { clock: Arc::clone(&clock), chance, events: Arc::clone(&events) };
        let tried = run_once(settings, &wish, here, stop.clone(), &mut notes).await;
        let Overlap::Queue { wait_ms } = wish.overlap else { return tried };
        let (by, again) = match &tried {
            Err(AppError::Busy { holder }) => (holder.clone(), TRY_THE_LOCK),
            Err(AppError::Pass(RunError::Held { holder, .. })) => {
                (format!("run {} on {}", holder.run, holder.host), LOOK_AGAIN)
            }
            _ => return tried,
        };
        if clock.monotonic_ms().saturating_sub(began_ms) >= wait_ms {
            return tried;
        }
        if told != by {
            events(Event::Waiting { why: format!("{by} is at work") });
            told = by;
        }
        tokio::select! {
            () = clock.sleep(again.min(Duration::from_millis(wait_ms))) => {}
            reason = stop.reason() => return Err(AppError::Pass(RunError::Stopped { reason })),
        }
    }
}

/// What a run has of the world around it.
struct RunLocation {
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    events: Events,
}

/// What is told once, however often a run that waits looks again.
#[derive(Default)]
struct Notes {
    unlocked: bool,
}

impl Notes {
    /// Without a lock, and a journal beside it, some promises are weaker: whoever relies on them has to know.
    fn warn_about_missing_lock(&mut self, why: &str, has_programs: bool, events: &Events) {
        if std::mem::replace(&mut self.unlocked, true) {
            return;
        }
        let programs = if has_programs {
            ", and after a crash the programs of all items that are not on the sheet run again"
        } else {
            ""
        };
        let message = format!("{why}; there is no lock: only the sheet keeps overlapping runs apart{programs}");
        events(Event::Anomaly { message });
    }
}

async fn run_once(
    settings: &Settings,
    wish: &RunRequest,
    here: RunLocation,
    stop: Stop,
    notes: &mut Notes,
) -> Result<RunReport, AppError> {
    let RunLocation { clock, chance, events } = here;
    if wish.retrying.processes_items() {
        ensure_programs_exist(settings)?;
    }
    let mut source = source_for(settings, &wish.retrying, &events)?;
    let installation = Arc::new(enter(settings, chance.as_ref())?);
    installation.tell(&format!("a run on {}", wish.host));
    // Before anything is made, a local file included. A pipe can't be read twice: the pass looks once it knows that it may run.
    let source_is_read = wish.retrying.reads_source();
    if let Some(source) = source.as_mut().filter(|source| source_is_read && source.rereadable()) {
        check_header(source.as_mut(), &settings.identify(), &events, &stop).await?;
    }
    let Sheet { sheets, id, file } = connect(settings, &clock, &chance)?;
    let preview = if wish.retrying.reads_source() { settings.preview(&clock) } else { None };
    let has_programs = settings.steps.iter().any(|step| matches!(step.deed, StepAction::Command(_)));
    if let Some(why) = &installation.unlocked {
        notes.warn_about_missing_lock(why, has_programs, &events);
    }
    let store = SheetsStore::new(sheets, id, &settings.job, &settings.tab, Arc::clone(&clock))
        .keeping(settings.mode, settings.again)
        .leaving(wish.adopt)
        .previewing(preview)
        .missing(if wish.remakes { MissingTab::Remade } else { MissingTab::Stops });
    let plan = plan(settings, wish, &installation);
    let parts = Dependencies {
        store: Arc::new(store),
        source,
        identify: Arc::new(settings.identify()),
        steps: settings.make_steps(&clock),
        journal: journal(settings).filter(|_| installation.is_locked()),
        processes: Arc::new(SystemProcesses),
        prepared: wish.errands.clone(),
        events: telling(installation, &wish.host, clock.now(), events),
        clock,
        chance,
    };
    file.judge(pass(parts, plan, stop).await.map_err(AppError::from))
}

/// The source, where the run reads it. Whoever tries failures again looks there for their records, as far as it can be read more than once,
/// and does without it where it can't be opened.
fn source_for(
    settings: &Settings,
    retrying: &RetryScope,
    events: &Events,
) -> Result<Option<Box<dyn Source>>, AppError> {
    if retrying.reads_source() {
        return settings.open_source_for_run().map(Some).map_err(AppError::Source);
    }
    if !retrying.filters_source() {
        return Ok(None);
    }
    match settings.open_source_for_run() {
        Ok(source) => Ok(Some(source).filter(|source| source.rereadable())),
        Err(error) => {
            events(Event::Anomaly { message: unreadable_message(&error) });
            Ok(None)
        }
    }
}

/// A program that can't be run would make a failure of each item, and use up its tries.
fn ensure_programs_exist(settings: &Settings) -> Result<(), AppError> {
    for step in &settings.steps {
        let StepAction::Command(command) = &step.deed else { continue };
        command.program().map_err(|why| AppError::NoProgram { step: step.name.clone(), why })?;
    }
    Ok(())
}

/// Where results wait for the sheet: beside the installation's id, where there is a disk.
fn journal(settings: &Settings) -> Option<Arc<dyn Journal>> {
    let dir = settings.state_dir.as_deref()?;
    Some(Arc::new(FileJournal::new(dir, &settings.job, &target_name(settings))))
}

/// Whether results of an earlier run wait on this machine for the sheet, or can't be looked at.
pub fn results_wait(settings: &Settings) -> bool {
    journal(settings).is_some_and(|journal| journal.take_leftovers().map_or(true, |left| !left.is_empty()))
}

/// Where this machine remembers that a forced run was asked for; none without a disk.
pub fn request_file(settings: &Settings) -> Option<RequestFile> {
    Some(RequestFile::of(settings.state_dir.as_deref()?, &settings.job, &target_name(settings)))
}

/// What the job's place is called on this machine.
fn target_name(settings: &Settings) -> String {
    match &settings.target {
        Target::Google { id } => id.clone(),
        Target::Embedded { file } => real(file).display().to_string(),
    }
}

/// The lock is held until the last part of the run that may tell something is gone.
fn enter(settings: &Settings, chance: &dyn Chance) -> Result<Installation, AppError> {
    Installation::enter(settings.state_dir.as_deref(), &settings.job, &target_name(settings), chance).map_err(
        |barred| match barred {
            LockHeld::Alive(holder) => AppError::Busy { holder },
            LockHeld::Machine(trouble) => AppError::Machine(trouble),
        },
    )
}

/// What is known of a run of the job that is alive on this very machine, if one is.
pub fn running_here(settings: &Settings) -> Option<String> {
    alive(settings.state_dir.as_deref(), &settings.job, &target_name(settings))
}

/// The file by its one real path, so that a second way to it leads to the same lock; it may not be there yet.
fn real(file: &Path) -> PathBuf {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let parent = absolute.parent().and_then(|parent| parent.canonicalize().ok());
    let beside = parent.and_then(|parent| absolute.file_name().map(|name| parent.join(name)));
    absolute.canonicalize().ok().or(beside).unwrap_or(absolute)
}

/// The run's id is told in the lock file as soon as it is known, so that a second run can name it.
fn telling(installation: Arc<Installation>, host: &str, now: crate::time::Timestamp, events: Events) -> Events {
    let host = host.to_owned();
    let process = std::process::id();
    Arc::new(move |event| {
        if let Event::Started { run, .. } = &event {
            installation.tell(&format!("run {run} on {host} (process {process}, since {now})"));
        }
        events(event);
    })
}

/// What may not change between runs of the job; the spreadsheet is known once it is loaded.
pub fn definition(settings: &Settings) -> Definition {
    let (kind, key) = (settings.source.kind(), settings.key.source());
    Definition {
        spreadsheet: String::new(),
        tab: settings.tab.clone(),
        mode: settings.mode.as_str().to_owned(),
        key: key.to_owned(),
        hash: Definition::hash_of(kind, key, &settings.step_expressions()),
    }
}

fn plan(settings: &Settings, wish: &RunRequest, installation: &Installation) -> RunConfig {
    let definition = definition(settings);
    // What is done at most once is not tried again by itself, neither in this run nor in the next.
    let once = settings.delivery == Delivery::AtMostOnce;
    let retry = if once { RetryPolicy { max_attempts: 1, ..settings.retry } } else { settings.retry };
    RunConfig {
        job: settings.job.clone(),
        tab: settings.tab.clone(),
        columns: settings.columns.clone(),
        key_column: settings.key_column.clone(),
        mode: settings.mode,
        definition,
        holder: Holder {
            install: installation.id.clone(),
            run: String::new(),
            host: wish.host.clone(),
            process: SystemProcesses.own(),
        },
        locked: installation.is_locked(),
        steal: wish.overlap == Overlap::Replace,
        adopt: wish.adopt,
        trigger: wish.trigger.clone(),
        ttl_ms: settings.lease_ttl_ms,
        commit_every_ms: settings.commit.every_ms,
        max_rows: settings.commit.max_rows,
        max_bytes: MAX_BATCH_BYTES,
        concurrency: if settings.programs().is_empty() { ITEMS_IN_HAND } else { 1 },
        retry,
        retrying: wish.retrying.clone(),
        rollover: wish.rollover.clone(),
        max_attempts: if once { 1 } else { settings.max_attempts },
        stop_after: settings.stop_after,
        delivery: settings.delivery,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
