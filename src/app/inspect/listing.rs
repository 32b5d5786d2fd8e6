//! Reads everything that a job has stored, for commands that change it. Nothing is written.
//!
//! In scope: connecting and scanning. Out of scope: the changes (`maintain`), and writing them
//! (`app::single_run`).

use std::sync::Arc;

use crate::app::connect::{Sheet, SheetFile, connect_existing};
use crate::app::error::AppError;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::state::snapshot::Snapshot;
use crate::port::store::Store;
use crate::rng::Rng;
use crate::runner::startup::preconditions::check_job_location;
use crate::store::scan::scanned_tabs::ScannedTabs;
use crate::store::scan::scanner::ScanScope;
use crate::store::scan::trailing_blanks::TabExtent;
use crate::store::spreadsheet::store::SheetsStore;

/// Reads Processed row by row, and the other wanted tabs, with the state that belongs to them.
pub async fn list_tabs(
    settings: &Settings,
    wanted: ScanScope,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<ScannedTabs, AppError> {
    let (store, file) = open_store(settings, clock, &rng)?;
    file.check(scan_tabs(&store, wanted).await)
}

/// Reads the same, and the ends of the job's tabs.
pub async fn list_tabs_with_ends(
    settings: &Settings,
    wanted: ScanScope,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<(ScannedTabs, Vec<TabExtent>), AppError> {
    let (store, file) = open_store(settings, clock, &rng)?;
    let both = async { Ok((scan_tabs(&store, wanted).await?, store.measure_tabs().await?)) };
    file.check(both.await)
}

async fn scan_tabs(store: &SheetsStore, wanted: ScanScope) -> Result<ScannedTabs, AppError> {
    store.scan_rows(wanted).await?.ok_or(AppError::NeverRan)
}

/// Checks that the job runs in the listed spreadsheet. Nothing may change in one that it has left,
/// or that it has not reached yet.
pub fn ensure_current_spreadsheet(listing: &ScannedTabs) -> Result<(), AppError> {
    Ok(check_job_location(&listing.snapshot, None)?)
}

/// Returns a job's state and index; `None` if it has never run.
pub async fn load_snapshot(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<Option<Snapshot>, AppError> {
    let (store, file) = open_store(settings, clock, &rng)?;
    Ok(file.check(store.load().await.map_err(AppError::from))?.snapshot)
}

/// Opens the job's store, if it has ever run.
pub fn open_store(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<(SheetsStore, SheetFile), AppError> {
    let Sheet { sheets, id, file } = connect_existing(settings, &clock, rng)?;
    let store = SheetsStore::new(sheets, id, &settings.job, &settings.tab, clock);
    let store = store.with_mode(settings.mode, settings.reprocess_policy).with_version_texts(settings.stages.is_some());
    Ok((store, file))
}
