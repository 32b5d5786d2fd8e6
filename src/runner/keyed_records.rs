//! Records of a source with their keys, one after the other.
//!
//! In scope: reading a record and finding its key so that a caller may stop waiting at any point and loses nothing. Out of scope: which
//! records count (`ledger::item::source_survey`), reading ahead of the steps (`runner::input_queue`).

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};

use crate::port::source::{Record, Source, SourceError};
use crate::port::step::{Identify, Identity};

/// A record, and its key and version if it can be read.
pub type KeyedRecord = (Record, Option<Identity>);

/// How much of a record is there to find its key and version in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// What its key and version are found in, or more (`Identify::sight`).
    Survey,
}

/// Reads records and finds their keys. The record in hand stays here while its key is being found.
#[derive(Default)]
pub struct KeyedRecords {
    in_hand: Option<BoxFuture<'static, KeyedRecord>>,
}

impl KeyedRecords {
    /// The next record of `source`; `None` at its end.
    pub async fn next(
        &mut self,
        source: &mut dyn Source,
        identify: &Arc<dyn Identify>,
        extent: Extent,
    ) -> Result<Option<KeyedRecord>, SourceError> {
        if self.in_hand.is_none() {
            let Some(record) = source.next().await? else { return Ok(None) };
            self.in_hand = Some(find_key(record, Arc::clone(identify), extent));
        }
        let Some(in_hand) = &mut self.in_hand else { return Ok(None) };
        let keyed = in_hand.await;
        self.in_hand = None;
        Ok(Some(keyed))
    }
}

/// Finds the key and version of a record that can be read.
pub fn find_key(record: Record, identify: Arc<dyn Identify>, extent: Extent) -> BoxFuture<'static, KeyedRecord> {
    async move {
        let found = match (&record.body, extent) {
            (Ok(body), Extent::Whole) => Some(identify.identify(body).await),
            (Ok(body), Extent::Survey) => Some(identify.sight(body).await),
            (Err(_), _) => None,
        };
        (record, found)
    }
    .boxed()
}
