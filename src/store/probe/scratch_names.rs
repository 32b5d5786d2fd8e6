//! Names of what a probe makes, and telling them again. All of them stand here.
//!
//! In scope: titles, names, keys of marks, ids. Out of scope: making and deleting (`store::probe::client`, `store::probe::cleanup`).
//!
//! A title is `sheetkeep probe <seconds>-<16 hex digits>-<number>`: when the probe began by the service's clock, which probe it
//! was, and the how-manieth name. It holds no `#`, so it is no state tab of any job, and only a text of exactly this form is ever swept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::port::chance::Chance;
use crate::time::Timestamp;

const TITLE: &str = "sheetkeep probe ";
const NAME: &str = "skprobe_";

/// Which probe made something, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScratchOrigin {
    /// When it began, in seconds.
    pub seconds: i64,
    /// Chance.
    pub token: u64,
}

/// Makes the names of one probe; none twice.
pub struct ScratchName {
    origin: ScratchOrigin,
    chance: Arc<dyn Chance>,
    made: AtomicU32,
}

impl ScratchName {
    /// The names of a probe that begins at `now`.
    pub fn new(now: Timestamp, chance: Arc<dyn Chance>) -> Self {
        let origin = ScratchOrigin { seconds: now.0.div_euclid(1_000), token: chance.bits() };
        Self { origin, chance, made: AtomicU32::new(0) }
    }

    /// Whose names they are.
    pub fn origin(&self) -> ScratchOrigin {
        self.origin
    }

    /// The title of a new tab.
    pub fn title(&self) -> String {
        self.next(TITLE, '-')
    }

    /// A new name of a range, or key of a mark.
    pub fn name(&self) -> String {
        self.next(NAME, '_')
    }

    /// An id for a tab or a mark.
    pub fn number(&self) -> i32 {
        i32::try_from(self.chance.bits() >> 33).unwrap_or(i32::MAX).max(1)
    }

    /// An id for a name.
    pub fn id(&self) -> String {
        format!("{}{:020}", self.origin.seconds, self.chance.bits())
    }

    fn next(&self, start: &str, dash: char) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let ScratchOrigin { seconds, token } = self.origin;
        format!("{start}{seconds}{dash}{token:016x}{dash}{number}")
    }
}

/// Whose tab it is, if a probe's.
pub fn of_title(title: &str) -> Option<ScratchOrigin> {
    origin(title.strip_prefix(TITLE)?, '-')
}

/// Whose name it is, if a probe's.
pub fn of_name(name: &str) -> Option<ScratchOrigin> {
    origin(name.strip_prefix(NAME)?, '_')
}

fn origin(rest: &str, dash: char) -> Option<ScratchOrigin> {
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
    use crate::system::SeededChance;

    #[test]
    fn what_a_probe_makes_is_told_again_and_never_made_twice() {
        let scratch = ScratchName::new(Timestamp(1_790_000_000_123), Arc::new(SeededChance::new(1)));
        let (first, second) = (scratch.title(), scratch.title());
        assert_ne!(first, second);
        assert_eq!((of_title(&first), of_title(&second)), (Some(scratch.origin()), Some(scratch.origin())));
        assert_eq!(of_name(&scratch.name()), Some(scratch.origin()));
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
            assert_eq!(of_title(title), None, "{title}");
        }
        assert_eq!(of_name("sheetkeep_probe_0123ab"), None);
    }

    #[test]
    fn a_tab_of_a_probe_is_no_state_tab_of_any_job() {
        let scratch = ScratchName::new(Timestamp(0), Arc::new(SeededChance::new(1)));
        assert_eq!(read_title(&scratch.title()), None);
    }
}
