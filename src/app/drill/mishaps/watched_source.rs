//! The source of one run of a drill, which may be killed at a record.
//!
//! In scope: the number of the last record, the kill. Out of scope: the records
//! (`drill::run_parts::replay_source`, `app::stages`).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;

use crate::app::drill::mishaps::mishap::PlannedMishap;
use crate::app::drill::mishaps::run_mishaps::RunMishaps;
use crate::port::source::{Record, Source, SourceError};
use crate::port::source_layer::SourceLayer;

/// A source whose run may be killed when it has read a record.
pub struct WatchedSource {
    inner: Box<dyn Source>,
    mishaps: Arc<RunMishaps>,
    read: u64,
}

impl WatchedSource {
    /// Creates the source of one run.
    pub fn new(inner: Box<dyn Source>, mishaps: Arc<RunMishaps>) -> Self {
        Self { inner, mishaps, read: 0 }
    }
}

impl SourceLayer for WatchedSource {
    fn inner(&self) -> &dyn Source {
        self.inner.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn Source {
        self.inner.as_mut()
    }

    fn next_in_layer(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        Box::pin(async move {
            let record = self.inner.next().await?;
            if record.is_some() {
                self.read += 1;
                let number = self.read;
                self.mishaps.position().store(number, Ordering::SeqCst);
                let due = |mishap: &PlannedMishap| matches!(mishap, PlannedMishap::KillAtRecord(at) if *at == number);
                if !self.mishaps.queue.take(due).is_empty() {
                    self.mishaps.kill_run("").await;
                }
            }
            Ok(record)
        })
    }

    fn rewind_in_layer(&mut self) -> Result<(), SourceError> {
        self.read = 0;
        self.inner.rewind()
    }
}
