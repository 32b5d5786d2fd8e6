//! The port for a source around another one.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::port::lease_check::LeaseCheck;
use crate::port::source::{HeaderRow, Record, Source, SourceError};

/// A source that does something else with records, or with a new pass, than the one behind it.
/// Everything else is that source's.
pub(crate) trait SourceLayer: Send {
    /// Returns the source behind it.
    fn inner(&self) -> &dyn Source;

    /// Returns the source behind it, to read on.
    fn inner_mut(&mut self) -> &mut dyn Source;

    /// Returns the next record, as `Source::next` does.
    fn next_in_layer(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>>;

    /// Sets the source back, as `Source::rewind` does.
    fn rewind_in_layer(&mut self) -> Result<(), SourceError>;
}

impl<T: SourceLayer> Source for T {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        self.next_in_layer()
    }

    fn header_row(&mut self) -> BoxFuture<'_, Option<HeaderRow>> {
        self.inner_mut().header_row()
    }

    fn rereadable(&self) -> bool {
        self.inner().rereadable()
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.rewind_in_layer()
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.inner_mut().take_notes()
    }

    fn on_claimed(&mut self, index: &ProcessedIndex, lease: &Arc<dyn LeaseCheck>) {
        self.inner_mut().on_claimed(index, lease);
    }

    fn ends_on_stop(&self) -> bool {
        self.inner().ends_on_stop()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner().progress()
    }
}
