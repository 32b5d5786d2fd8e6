//! Repeated keys of the source, before a run reports them.
//!
//! In scope: reading the first records within bounds. Out of scope: which record counts; a run
//! decides that after it has read the whole source (`ledger::items::source_survey`).

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::ledger::items::key::Version;
use crate::ledger::items::repeated_keys::{RepeatWatch, RepeatedKeys};
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::port::source::{Source, SourceError};
use crate::port::step::KeyFinder;
use crate::runner::input::keyed_records::{KeyedRecords, RecordExtent};

/// Records that are read at most.
pub const MAX_RECORDS: u64 = 100_000;
/// Time for reading; a record in progress at its end is dropped.
pub const LONGEST: Duration = Duration::from_secs(5);

/// The result of reading a source's first records.
#[derive(Debug)]
pub struct RepeatedKeyScan {
    /// Keys that were repeated with different content.
    pub repeats: RepeatedKeys,
    /// Number of records read.
    pub records: u64,
    /// Whether the source was read to its end.
    pub is_whole: bool,
    /// The error on which a run would stop after these records.
    pub broken: Option<SourceError>,
    /// Which record of a key counts.
    pub again: ReprocessPolicy,
}

impl RepeatedKeyScan {
    /// Returns a sentence about the keys, without a full stop; `None` if no key was repeated.
    pub fn sentence(&self) -> Option<String> {
        let sentence = self.repeats.sentence(self.again)?;
        Some(if self.is_whole { sentence } else { format!("in its first {} records: {sentence}", self.records) })
    }
}

/// Reads the first records of a source at its start.
pub async fn scan_repeated_keys(
    source: &mut dyn Source,
    identify: Arc<dyn KeyFinder>,
    again: ReprocessPolicy,
    clock: &dyn Clock,
) -> RepeatedKeyScan {
    let mut watch = RepeatWatch::new(false);
    let mut keyed = KeyedRecords::default();
    let mut records = 0;
    let (mut is_whole, mut broken) = (false, None);
    let ends_ms = clock.monotonic_ms().saturating_add(u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX));
    let mut time_is_up = clock.sleep(LONGEST);
    // A source that is always ready never lets the timeout run.
    while records < MAX_RECORDS && clock.monotonic_ms() < ends_ms {
        let next = tokio::select! {
            next = keyed.next(source, &identify, RecordExtent::Whole) => next,
            () = &mut time_is_up => break,
        };
        let (record, found) = match next {
            Ok(Some(keyed)) => keyed,
            Ok(None) => {
                is_whole = true;
                break;
            }
            Err(error) => {
                broken = Some(error);
                break;
            }
        };
        records += 1;
        let (Ok(body), Some(Ok((key, version)))) = (&record.body, found) else { continue };
        match again {
            ReprocessPolicy::EachVersion => watch.add(&key, &version, &record.position, body),
            // A version without an order is a failure of its record, and of no other.
            ReprocessPolicy::OnNewer if !again.accepts(&version) => {}
            ReprocessPolicy::OnNewer | ReprocessPolicy::OnChange => {
                watch.add(&key, &Version::default(), &record.position, body);
            }
        }
    }
    RepeatedKeyScan { repeats: watch.end().1, records, is_whole, broken, again }
}
