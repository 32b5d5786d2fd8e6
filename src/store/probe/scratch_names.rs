//! Creates the names of a probe's tabs and ranges, and recognises them. All such names are defined
//! here.
//!
//! In scope: titles, names, metadata keys, ids.
//! Out of scope: creating and deleting (`store::probe::client`, `store::probe::cleanup`).
//!
//! A title is `sheetkeep probe <seconds>-<16 hex digits>-<number>`: the probe's start by the
//! service's clock, the probe's token, and a running number. It contains no `#`, so it can't be a
//! job's state tab. The cleanup deletes only texts of exactly this form.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::rng::Rng;
use crate::time::Timestamp;

const TITLE: &str = "sheetkeep probe ";
const NAME: &str = "skprobe_";

/// The probe that created a tab or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScratchOrigin {
    /// The start of the probe, in seconds since the Unix epoch.
    pub seconds: i64,
    /// The random token of the probe.
    pub token: u64,
}

/// Creates the names of one probe, each only once.
pub struct ScratchName {
    origin: ScratchOrigin,
    rng: Arc<dyn Rng>,
    made: AtomicU32,
}

impl ScratchName {
    /// Creates the names of a probe that starts at `now`.
    pub fn new(now: Timestamp, rng: Arc<dyn Rng>) -> Self {
        let origin = ScratchOrigin { seconds: now.0.div_euclid(1_000), token: rng.next_u64() };
        Self { origin, rng, made: AtomicU32::new(0) }
    }

    /// The probe to which the names belong.
    pub fn origin(&self) -> ScratchOrigin {
        self.origin
    }

    /// The title of a new tab.
    pub fn next_title(&self) -> String {
        self.next(TITLE, '-')
    }

    /// A new name for a range, or a new metadata key.
    pub fn next_name(&self) -> String {
        self.next(NAME, '_')
    }

    /// A new id for a tab or metadata.
    pub fn next_number(&self) -> i32 {
        i32::try_from(self.rng.next_u64() >> 33).unwrap_or(i32::MAX).max(1)
    }

    /// A new id for a named range.
    pub fn next_id(&self) -> String {
        format!("{}{:020}", self.origin.seconds, self.rng.next_u64())
    }

    fn next(&self, start: &str, dash: char) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let ScratchOrigin { seconds, token } = self.origin;
        format!("{start}{seconds}{dash}{token:016x}{dash}{number}")
    }
}

/// Parses a tab's title; `None` if no probe created it.
pub fn parse_title(title: &str) -> Option<ScratchOrigin> {
    parse_origin(title.strip_prefix(TITLE)?, '-')
}

/// Parses a range's name; `None` if no probe created it.
pub fn parse_name(name: &str) -> Option<ScratchOrigin> {
    parse_origin(name.strip_prefix(NAME)?, '_')
}

fn parse_origin(rest: &str, dash: char) -> Option<ScratchOrigin> {
    let mut parts = rest.split(dash);
    let (seconds, token, number) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let whole = parts.next().is_none() && plain(seconds) && plain(number) && token.len() == 16;
    let token =
        u64::from_str_radix(token, 16).ok().filter(|_| whole && token.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some(ScratchOrigin { seconds: seconds.parse().ok()?, token })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::guard::head_guard::read_title;
    use crate::system::SeededRng;

    #[test]
    fn what_a_probe_makes_is_found_again_and_never_made_twice() {
        let scratch = ScratchName::new(Timestamp(1_790_000_000_123), Arc::new(SeededRng::new(1)));
        let (first, second) = (scratch.next_title(), scratch.next_title());
        assert_ne!(first, second);
        assert_eq!((parse_title(&first), parse_title(&second)), (Some(scratch.origin()), Some(scratch.origin())));
        assert_eq!(parse_name(&scratch.next_name()), Some(scratch.origin()));
        assert_eq!(scratch.origin().seconds, 1_790_000_000);
    }

    #[test]
    fn a_tab_of_a_job_or_a_person_is_no_probes() {
        for title in [
            "sheetkeep probe #3",
            "sheetkeep probe 1790000000-0123456789abcdef-1 #3",
            "sheetkeep probe 1790000000-0123456789abcdef-",
            "sheetkeep probe 1790000000-0123456789abcde-1",
            "sheetkeep probe 1790000000-0123456789abcdef-1-2",
            "sheetkeep probe +790000000-0123456789abcdef-1",
            "sheetkeep probe mine",
            "Sheetkeep probe 1790000000-0123456789abcdef-1",
        ] {
            assert_eq!(parse_title(title), None, "{title}");
        }
        assert_eq!(parse_name("sheetkeep_probe_0123ab"), None);
    }

    #[test]
    fn a_tab_of_a_probe_is_no_state_tab_of_any_job() {
        let scratch = ScratchName::new(Timestamp(0), Arc::new(SeededRng::new(1)));
        assert_eq!(read_title(&scratch.next_title()), None);
    }
}
