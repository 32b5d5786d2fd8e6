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
    first: FirstRead,
}

/// What was read.
enum FirstRead {
    /// A record, or the end, which the run has not taken yet.
    Waiting(Option<Record>),
    Taken,
}

impl PeekedSource {
    /// Reads the first record of a source that nothing was read of. Fails if it can't be read.
    pub(crate) async fn read(mut inner: Box<dyn Source>) -> Result<Self, SourceError> {
        let first = inner.next().await?;
        Ok(Self { inner, first: FirstRead::Waiting(first) })
    }
}

impl Source for PeekedSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        // The record is taken when the future is polled, so that one that is dropped before loses none.
        Box::pin(async move {
            match std::mem::replace(&mut self.first, FirstRead::Taken) {
                FirstRead::Waiting(first) => Ok(first),
                FirstRead::Taken => self.inner.next().await,
            }
        })
    }

    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        self.inner.header_row()
    }

    fn is_rereadable(&self) -> bool {
        self.inner.is_rereadable()
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.first = FirstRead::Taken;
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
