//! Keys that the source yields more than once, before a run says so.
//!
//! In scope: reading the first records within bounds, and what was found. Out of scope: which record counts, which a run decides once it
//! has read the whole source (`ledger::item::source_survey`).

use std::sync::Arc;
use std::time::Duration;

use crate::ledger::item::key::Version;
use crate::ledger::item::repeated_keys::{RepeatWatch, RepeatedKeys};
use crate::ledger::item::write_mode::ReprocessPolicy;
use crate::port::clock::Clock;
use crate::port::source::{Source, SourceError};
use crate::port::step::Identify;
use crate::runner::keyed_records::{Extent, KeyedRecords};

/// Records that are read at most.
pub const MOST_RECORDS: u64 = 100_000;
/// How long is read at most; a record that is in hand then is left.
pub const LONGEST: Duration = Duration::from_secs(5);

/// What the first records of a source have shown.
#[derive(Debug)]
pub struct RepeatedKeyScan {
    /// Keys that came more than once with different content.
    pub repeats: RepeatedKeys,
    /// Records that were read.
    pub records: u64,
    /// Whether the source was read to its end.
    pub is_whole: bool,
    /// On what a run would stop behind the records that were read.
    pub broken: Option<SourceError>,
    /// Which record of a key counts.
    pub again: ReprocessPolicy,
}

impl RepeatedKeyScan {
    /// What to say of the keys, without a full stop; none where no key came again.
    pub fn sentence(&self) -> Option<String> {
        let said = self.repeats.sentence(self.again)?;
        Some(if self.is_whole { said } else { format!("in its first {} records: {said}", self.records) })
    }
}

/// Reads the first records of a source that stands at its start.
pub async fn look(
    source: &mut dyn Source,
    identify: Arc<dyn Identify>,
    again: ReprocessPolicy,
    clock: &dyn Clock,
) -> RepeatedKeyScan {
    let mut watch = RepeatWatch::new(false);
    let mut keyed = KeyedRecords::default();
    let mut records = 0;
    let (mut is_whole, mut broken) = (false, None);
    let ends_ms = clock.monotonic_ms().saturating_add(u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX));
    let mut time_is_up = clock.sleep(LONGEST);
    // A source that is always ready leaves the wait no moment to end in.
    while records < MOST_RECORDS && clock.monotonic_ms() < ends_ms {
        let next = tokio::select! {
            next = keyed.next(source, &identify, Extent::Whole) => next,
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
            // One that has no order is its record's failure, and none of the others'.
            ReprocessPolicy::OnNewer if !again.accepts(&version) => {}
            ReprocessPolicy::OnNewer | ReprocessPolicy::OnChange => {
                watch.add(&key, &Version::default(), &record.position, body);
            }
        }
    }
    RepeatedKeyScan { repeats: watch.end().1, records, is_whole, broken, again }
}
