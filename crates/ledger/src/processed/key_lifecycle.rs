//! The lifecycle of one version of a key within a run, as a total function.
//!
//! In scope: which event may follow which state. Out of scope: storing the states
//! (`ledger::processed::processed_index`).
//!
//! ```text
//!  Unknown ──admit──▶ InHand ──done──▶ Done
//!                      ▲   └──fail──▶ Failed ─┐
//!                      └────────admit─────────┘
//! ```

use thiserror::Error;

/// The state of a version of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// This run has not met it.
    Unknown,
    /// It is in its steps, or its result waits for a commit.
    InHand,
    /// Its rows are applied.
    Done,
    /// Its steps failed in this run; the next run may try it again.
    Failed,
}

/// An event in the lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyEvent {
    /// An item of it was admitted.
    Admit,
    /// The admitted item was processed.
    Done,
    /// The admitted item failed.
    Fail,
}

/// An event that can't follow a state: a programming error, never a property of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{event:?} can't follow {from:?}")]
pub struct IllegalTransition {
    /// The state that the version had.
    pub from: KeyState,
    /// The event that came.
    pub event: KeyEvent,
}

impl KeyState {
    /// Returns the state after an event.
    pub fn next(self, event: KeyEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Unknown | Self::Failed, KeyEvent::Admit) => Ok(Self::InHand),
            (Self::InHand, KeyEvent::Done) => Ok(Self::Done),
            (Self::InHand, KeyEvent::Fail) => Ok(Self::Failed),
            (from, event) => Err(IllegalTransition { from, event }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn steps() -> impl Strategy<Value = KeyEvent> {
        prop_oneof![Just(KeyEvent::Admit), Just(KeyEvent::Done), Just(KeyEvent::Fail)]
    }

    proptest! {
        #[test]
        fn invariant_1_no_version_becomes_done_twice(events in prop::collection::vec(steps(), 0..60)) {
            let mut entry = KeyState::Unknown;
            let mut times_done = 0;
            for event in events {
                if let Ok(next) = entry.next(event) {
                    times_done += u32::from(next == KeyState::Done);
                    entry = next;
                }
            }
            prop_assert!(times_done <= 1);
        }
    }
}
