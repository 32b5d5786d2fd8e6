//! The records of a job, read once and replayed to each run of a drill.
//!
//! In scope: reading the first records of the real source, replaying them. Out of scope: formats
//! (`crate::source`), kills (`drill::mishaps::watched_source`).

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::port::source::{HeaderRow, Record, Source, SourceError};

/// Records of a source that were read beforehand.
#[derive(Debug, Clone, Default)]
pub struct RecordCopy {
    /// The records, in order.
    pub records: Vec<Record>,
    /// What is known about all of them.
    pub header: Option<HeaderRow>,
    /// True if the source has more.
    pub is_cut: bool,
}

impl RecordCopy {
    /// Reads the first `most` records.
    pub async fn read(source: &mut dyn Source, most: usize) -> Result<Self, SourceError> {
        let mut copy = Self { header: source.header_row().await, ..Self::default() };
        while let Some(record) = source.next().await? {
            if copy.records.len() == most {
                copy.is_cut = true;
                break;
            }
            copy.records.push(record);
        }
        Ok(copy)
    }
}

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

    fn rereadable(&self) -> bool {
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
