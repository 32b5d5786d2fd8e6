//! A job's failures, read for people. Nothing is written.
//!
//! In scope: failures that are not closed, with their records. Out of scope: retrying (`app::single_run`),
//! output (`cli`).

use std::sync::Arc;

use crate::app::connect::{Sheet, connect_existing};
use crate::app::error::AppError;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::items::failure::{Failure, RequestedAction};
use crate::port::store::Store;
use crate::rng::Rng;
use crate::store::spreadsheet::store::SheetsStore;
use crate::store::tabs::load_plan::MissingTabPolicy;

/// Some failures of a job, oldest row first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureList {
    /// The title of the Failures tab.
    pub tab: String,
    /// The failures, each with the requested action that no run has answered.
    pub some: Vec<(Failure, Option<RequestedAction>)>,
    /// The number of failures; `None` if it can't be read.
    pub total: Option<u64>,
    /// The anomalies that keep failures from being read.
    pub notes: Vec<String>,
}

/// Reads the last `count` failures that are not closed.
pub async fn read_failures(
    settings: &Settings,
    count: u64,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> Result<FailureList, AppError> {
    let Sheet { sheets, id, file } = connect_existing(settings, &clock, &rng)?;
    let store = SheetsStore::new(sheets, id, &settings.job, &settings.tab, clock)
        .with_mode(settings.mode, settings.reprocess_policy);
    let store = store.with_missing_tabs(MissingTabPolicy::ReadOthers);
    file.check(read_failures_in(&store, count).await)
}

async fn read_failures_in(store: &SheetsStore, count: u64) -> Result<FailureList, AppError> {
    let Some(snapshot) = store.load().await?.snapshot else { return Err(AppError::NeverRan) };
    let tabs = store.tabs();
    if !(tabs.failures_are_readable() && tabs.keys_are_readable()) {
        let blocking = snapshot.anomalies.iter().filter(|anomaly| anomaly.is_blocking);
        let notes = blocking.map(|anomaly| anomaly.message.clone()).collect();
        return Ok(FailureList { tab: store.failures_title(), some: Vec::new(), total: None, notes });
    }
    let all = snapshot.processed_index.failures();
    let spare = all.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
    let rows: Vec<_> = all.iter().skip(spare).map(|(key, prior)| (*key, prior.row)).collect();
    let stored = store.read_failures(&rows).await?;
    let some = stored.into_iter().map(|stored| {
        let prior = snapshot.processed_index.prior_failure(&stored.failure.key);
        let attempts = snapshot
            .processed_index
            .attempts(&stored.failure.key, &stored.failure.version)
            .max(stored.failure.attempts);
        (Failure { attempts, ..stored.failure }, prior.and_then(|prior| prior.requested))
    });
    Ok(FailureList {
        tab: store.failures_title(),
        some: some.collect(),
        total: Some(all.len() as u64),
        notes: Vec::new(),
    })
}
