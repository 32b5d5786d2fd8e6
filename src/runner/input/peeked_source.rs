//! A source whose first record was read before the run writes anything.
//!
//! In scope: keeping that record for the run. Out of scope: when a source is read so early
//! (`runner::source_checks`).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::port::lease_check::LeaseCheck;
use crate::port::source::{HeaderRow, Record, Source, SourceError};

/// A source of which the first record has been read.
pub(crate) struct PeekedSource {
    inner: Box<dyn Source>,
    /// What was read, until the run takes it: a record, or the end.
    first: Option<Option<Record>>,
}

impl PeekedSource {
    /// Reads the first record of a source that nothing was read of. Fails if it can't be read.
    pub(crate) async fn read(mut inner: Box<dyn Source>) -> Result<Self, SourceError> {
        let first = inner.next().await?;
        Ok(Self { inner, first: Some(first) })
    }
}

impl Source for PeekedSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        match self.first.take() {
            Some(first) => Box::pin(std::future::ready(Ok(first))),
            None => self.inner.next(),
        }
    }

    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        self.inner.header_row()
    }

    fn rereadable(&self) -> bool {
        self.inner.rereadable()
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.first = None;
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
