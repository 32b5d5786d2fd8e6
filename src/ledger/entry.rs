//! The life of one key within a run, as a total function.
//!
//! In scope: which event may follow which state. Out of scope: remembering entries (`ledger::book`).
//!
//! ```text
//!  Unknown ──admit──▶ InHand ──done──▶ Done ──admit (newer version)──▶ InHand
//!  Failed ───admit──▶ InHand ──fail──▶ Failed
//! ```

use thiserror::Error;

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Never seen.
    Unknown,
    /// A step works on it, or its result waits for a commit.
    InHand {
        /// The version in hand, as its mark.
        version: u64,
    },
    /// Its rows are on the sheet.
    Done {
        /// The version that was done.
        version: u64,
    },
    /// It could not be processed.
    Failed {
        /// The version that failed.
        version: u64,
    },
}

/// What may happen to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// An item of this version is taken in hand.
    Admit {
        /// The item's version.
        version: u64,
    },
    /// The item in hand was processed.
    Done,
    /// The item in hand could not be processed.
    Fail,
}

/// An event that can't follow a state: an error of this program, never of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{step:?} can't follow {entry:?}")]
pub struct Illegal {
    /// The state.
    pub entry: Entry,
    /// The event.
    pub step: Step,
}

impl Entry {
    /// The state after an event.
    pub fn next(self, step: Step) -> Result<Self, Illegal> {
        match (self, step) {
            (Self::Unknown | Self::Failed { .. }, Step::Admit { version }) => Ok(Self::InHand { version }),
            (Self::Done { version: old }, Step::Admit { version }) if old != version => Ok(Self::InHand { version }),
            (Self::InHand { version }, Step::Done) => Ok(Self::Done { version }),
            (Self::InHand { version }, Step::Fail) => Ok(Self::Failed { version }),
            (entry, step) => Err(Illegal { entry, step }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![(0_u64..3).prop_map(|version| Step::Admit { version }), Just(Step::Done), Just(Step::Fail)]
    }

    proptest! {
        #[test]
        fn invariant_1_no_version_becomes_done_twice(events in prop::collection::vec(steps(), 0..60)) {
            let mut entry = Entry::Unknown;
            let mut last_done = None;
            for event in events {
                if let Ok(next) = entry.next(event) {
                    if let Entry::Done { version } = next {
                        prop_assert_ne!(last_done, Some(version));
                        last_done = Some(version);
                    }
                    if let Entry::Failed { .. } = next {
                        last_done = None;
                    }
                    entry = next;
                }
            }
        }
    }
}
