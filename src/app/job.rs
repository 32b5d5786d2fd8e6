//! One run of a job, from its settings.
//!
//! In scope: parts and plan. Out of scope: the pass (`runner`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::error::AppError;
use crate::app::installation::{Alive, Installation};
use crate::app::sheet::{Sheet, connect};
use crate::config::settings::Settings;
use crate::config::target::Target;
use crate::ledger::event::{Event, Report};
use crate::ledger::lease::Holder;
use crate::ledger::run::Trigger;
use crate::ledger::snapshot::Definition;
use crate::port::chance::Chance;
use crate::port::clock::Clock;
use crate::runner::feed::Retrying;
use crate::runner::pass::pass;
use crate::runner::plan::{Events, Parts, Plan};
use crate::runner::stop::Stop;
use crate::store::sheets::SheetsStore;

/// Bytes in one commit, roughly; Google recommends payloads of at most 2 MB.
const MAX_BATCH_BYTES: usize = 2_000_000;

/// What a run is asked for beside the job.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Accept a changed definition.
    pub adopt: bool,
    /// Take the lease over though its holder may be alive.
    pub steal: bool,
    /// Which failures are tried again.
    pub retrying: Retrying,
    /// Who asks.
    pub trigger: Trigger,
    /// The machine's name.
    pub host: String,
}

/// Runs a job once.
pub async fn run(
    settings: &Settings,
    wish: Wish,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    events: Events,
    stop: Stop,
) -> Result<Report, AppError> {
    let source = wish.retrying.reads_source().then(|| settings.source.open()).transpose().map_err(AppError::Source)?;
    let installation = Arc::new(enter(settings, chance.as_ref())?);
    installation.tell(&format!("a run on {}", wish.host));
    let Sheet { sheets, id } = connect(settings, &clock, &chance)?;
    let store = SheetsStore::new(sheets, id, &settings.job, &settings.tab, Arc::clone(&clock))
        .keeping(settings.mode, settings.again);
    let plan = plan(settings, &wish, &installation);
    let parts = Parts {
        store: Arc::new(store),
        source,
        identify: Arc::new(settings.identify()),
        steps: settings.make_steps(),
        events: telling(installation, &wish.host, clock.now(), events),
        clock,
        chance,
    };
    Ok(pass(parts, plan, stop).await?)
}

/// The lock is held until the last part of the run that may tell something is gone.
fn enter(settings: &Settings, chance: &dyn Chance) -> Result<Installation, AppError> {
    let target = match &settings.target {
        Target::Google { id } => id.clone(),
        Target::Embedded { file } => real(file).display().to_string(),
    };
    Installation::enter(settings.state_dir.as_deref(), &settings.job, &target, chance)
        .map_err(|Alive(holder)| AppError::Busy { holder })
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

fn plan(settings: &Settings, wish: &Wish, installation: &Installation) -> Plan {
    let kind = settings.source.kind();
    let key = settings.key.source();
    let definition = Definition {
        spreadsheet: String::new(),
        tab: settings.tab.clone(),
        mode: settings.mode.word().to_owned(),
        key: key.to_owned(),
        hash: Definition::hash_of(kind, key, &settings.step_expressions()),
    };
    Plan {
        job: settings.job.clone(),
        tab: settings.tab.clone(),
        columns: settings.columns.clone(),
        key_column: settings.key_column.clone(),
        mode: settings.mode,
        definition,
        holder: Holder { install: installation.id.clone(), run: String::new(), host: wish.host.clone() },
        locked: installation.is_locked(),
        steal: wish.steal,
        adopt: wish.adopt,
        trigger: wish.trigger.clone(),
        ttl_ms: settings.lease_ttl_ms,
        commit_every_ms: settings.commit.every_ms,
        max_rows: settings.commit.max_rows,
        max_bytes: MAX_BATCH_BYTES,
        concurrency: 1,
        retry: settings.retry,
        retrying: wish.retrying.clone(),
        max_attempts: settings.max_attempts,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
