//! The records of a job, replayed to each run of a drill.
//!
//! In scope: the order, the header. Out of scope: reading them (`drill::record_copy`), kills
//! (`drill::mishaps::watched_source`).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::app::drill::record_copy::RecordCopy;
use crate::port::source::{HeaderRow, Record, Source, SourceError};

/// A source that replays records to one run.
pub struct ReplaySource {
    copy: Arc<RecordCopy>,
    next: usize,
}

impl ReplaySource {
    /// Creates the source of one run.
    pub fn new(copy: Arc<RecordCopy>) -> Self {
        Self { copy, next: 0 }
    }
}

impl Source for ReplaySource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        let record = self.copy.records.get(self.next).cloned();
        self.next += 1;
        Box::pin(async move { Ok(record) })
    }

    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        let header = self.copy.header.clone();
        Box::pin(async move { header })
    }

    fn is_rereadable(&self) -> bool {
        true
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next = 0;
        Ok(())
    }

    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}
