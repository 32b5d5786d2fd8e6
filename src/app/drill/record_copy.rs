//! The records of a job, read once from its real source.
//!
//! In scope: how many are read, and whether there are more. Out of scope: formats
//! (`crate::source`), the runs that read them (`drill::run_parts::replay_source`).

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
