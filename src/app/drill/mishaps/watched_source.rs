//! The source of one run of a drill, which may be killed at a record.
//!
//! In scope: the number of the last record, the kill. Out of scope: the records
//! (`drill::run_parts::replay_source`, `app::stages`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;

use crate::app::drill::mishaps::mishap::Mishap;
use crate::app::drill::mishaps::run_mishaps::RunMishaps;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::port::lease_check::LeaseCheck;
use crate::port::source::{HeaderRow, Record, Source, SourceError};

/// A source whose run may be killed when it has read a record.
pub struct WatchedSource {
    inner: Box<dyn Source>,
    trouble: Arc<RunMishaps>,
    read: u64,
}

impl WatchedSource {
    /// Creates the source of one run.
    pub fn new(inner: Box<dyn Source>, trouble: Arc<RunMishaps>) -> Self {
        Self { inner, trouble, read: 0 }
    }
}

impl Source for WatchedSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        Box::pin(async move {
            let record = self.inner.next().await?;
            if record.is_some() {
                self.read += 1;
                let number = self.read;
                self.trouble.position().store(number, Ordering::SeqCst);
                let due = |mishap: &Mishap| matches!(mishap, Mishap::KillAtRecord(at) if *at == number);
                if !self.trouble.schedule.take(due).is_empty() {
                    self.trouble.kill("").await;
                }
            }
            Ok(record)
        })
    }

    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        self.inner.header_row()
    }

    fn is_rereadable(&self) -> bool {
        self.inner.is_rereadable()
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.read = 0;
        self.inner.rewind()
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.inner.take_notes()
    }

    fn on_claimed(&mut self, index: &ProcessedIndex, lease: &Arc<dyn LeaseCheck>) {
        self.inner.on_claimed(index, lease);
    }

    fn ends_on_stop(&self) -> bool {
        self.inner.ends_on_stop()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner.progress()
    }
}
