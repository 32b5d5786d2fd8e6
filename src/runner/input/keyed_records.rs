//! Reads records of a source with their keys, one by one.
//!
//! In scope: a read that the caller may cancel at any point without loss.
//! Out of scope: which records count (`ledger::items::source_survey`), reading ahead
//! (`runner::input::input_queue`).

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use crate::port::source::{Record, Source, SourceError};
use crate::port::step::{Identity, KeyFinder};

/// A record, with its key and version if they can be read.
pub type KeyedRecord = (Record, Option<Identity>);

/// How much of a record is needed to find its key and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordExtent {
    /// The whole record.
    Whole,
    /// The members that contain key and version, or more (`KeyFinder::identify_reduced`).
    Reduced,
}

/// Reads records and their keys. The present record stays here while its key is looked up.
#[derive(Default)]
pub struct KeyedRecords {
    in_hand: Option<BoxFuture<'static, KeyedRecord>>,
}

impl KeyedRecords {
    /// Returns the next record of `source`; `None` at its end.
    pub async fn next(
        &mut self,
        source: &mut dyn Source,
        key_finder: &Arc<dyn KeyFinder>,
        extent: RecordExtent,
    ) -> Result<Option<KeyedRecord>, SourceError> {
        if self.in_hand.is_none() {
            let Some(record) = source.next().await? else { return Ok(None) };
            self.in_hand = Some(find_key(record, Arc::clone(key_finder), extent));
        }
        let Some(in_hand) = &mut self.in_hand else { return Ok(None) };
        let keyed = in_hand.await;
        self.in_hand = None;
        Ok(Some(keyed))
    }
}

/// Looks up the key and version of a readable record.
pub fn find_key(
    record: Record,
    key_finder: Arc<dyn KeyFinder>,
    extent: RecordExtent,
) -> BoxFuture<'static, KeyedRecord> {
    async move {
        let found = match (&record.body, extent) {
            (Ok(body), RecordExtent::Whole) => Some(key_finder.identify(body).await),
            (Ok(body), RecordExtent::Reduced) => Some(key_finder.identify_reduced(body).await),
            (Err(_), _) => None,
        };
        (record, found)
    }
    .boxed()
}
