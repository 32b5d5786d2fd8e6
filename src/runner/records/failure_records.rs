//! Filters the source for records of requested failures: the source's present record takes
//! precedence over the kept one.
//!
//! In scope: which records match.
//! Out of scope: admission (`runner::records::intake`), and failures without a record in the
//! source, which are retried from the kept record (`runner::input::input_queue`).

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::ledger::items::failure::RequestedAction;
use crate::ledger::items::key::{Fingerprint, Key, Version};
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::processed::processed_index::ProcessedIndex;
use crate::ledger::runs::event::{Event, EventSink};
use crate::port::source::{Record, Source, SourceError};
use crate::port::step::KeyFinder;
use crate::runner::input::keyed_records::{KeyedRecords, RecordExtent};

/// A source that yields only records of requested failures. If it can't be read, that is reported
/// and the run continues with the kept records.
pub struct FailureRecords {
    inner: Box<dyn Source>,
    /// Whether the source broke off, and whether that was reported.
    is_broken: bool,
    is_reported: bool,
    keyed: KeyedRecords,
    key_finder: Arc<dyn KeyFinder>,
    reprocess_policy: ReprocessPolicy,
    /// The requested failures, each with the hash of the failed version.
    requested: HashMap<Fingerprint, u64>,
    events: EventSink,
}

impl FailureRecords {
    /// Wraps a source, for the failures that are requested in the index.
    pub fn new(
        inner: Box<dyn Source>,
        index: &ProcessedIndex,
        key_finder: Arc<dyn KeyFinder>,
        events: EventSink,
    ) -> Self {
        let requested =
            index.failures().into_iter().filter(|(_, prior)| prior.requested == Some(RequestedAction::Retry));
        let requested = requested.map(|(key, prior)| (key, prior.version)).collect();
        Self {
            inner,
            is_broken: false,
            is_reported: false,
            keyed: KeyedRecords::default(),
            key_finder,
            reprocess_policy: index.policy(),
            requested,
            events,
        }
    }

    /// If each version counts, another version is another item. If one counts, it replaces the
    /// failed one.
    fn is_asked_for(&self, key: &Key, version: &Version) -> bool {
        let of = self.requested.get(&key.fingerprint());
        of.is_some_and(|of| {
            self.reprocess_policy != ReprocessPolicy::EachVersion || *of == self.reprocess_policy.version_hash(version)
        })
    }
}

impl Source for FailureRecords {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Record>, SourceError>> {
        Box::pin(async move {
            loop {
                if self.is_broken {
                    return Ok(None);
                }
                let (record, identity) =
                    match self.keyed.next(self.inner.as_mut(), &self.key_finder, RecordExtent::Reduced).await {
                        Ok(Some(keyed)) => keyed,
                        Ok(None) => return Ok(None),
                        Err(error) => {
                            self.is_broken = true;
                            if !std::mem::replace(&mut self.is_reported, true) {
                                (self.events)(Event::Anomaly { message: describe_unreadable_source(&error) });
                            }
                            return Ok(None);
                        }
                    };
                let identified = identity.and_then(Result::ok);
                if identified.is_some_and(|(key, version)| self.is_asked_for(&key, &version)) {
                    // No cursor: this pass skips the other records, so the watermark must stay.
                    return Ok(Some(Record { cursor: None, ..record }));
                }
            }
        })
    }

    fn is_rereadable(&self) -> bool {
        true
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.is_broken = false;
        self.inner.rewind()
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.inner.take_notes()
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.inner.progress()
    }
}

/// Returns the message for a source that can't be read.
pub fn describe_unreadable_source(error: &SourceError) -> String {
    format!("the source can't be read ({error}), so failures are tried from the records that are stored in Failures")
}
