//! The emulator on this crate's clock and randomness.
//!
//! In scope: adapters for its two ports, the failpoints around its commits. Out of scope: the
//! embedded sheet (`app::connect`), the command `emulate` (`cli`).

use std::sync::Arc;

use crate::clock::Clock;
use crate::emulator::{CommitHook, CommitStage, Emulator, EmulatorOptions, RandomSource, StorageError, TimeSource};
use crate::failpoint;
use crate::rng::Rng;

/// The emulator's time, read from a clock of this crate.
pub struct EmulatorTime(pub Arc<dyn Clock>);

impl TimeSource for EmulatorTime {
    fn unix_ms(&self) -> i64 {
        self.0.now().0
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.monotonic_ms()
    }
}

/// The emulator's randomness, drawn from a source of this crate.
pub struct EmulatorRandom(pub Arc<dyn Rng>);

impl RandomSource for EmulatorRandom {
    fn next_u64(&self) -> u64 {
        self.0.next_u64()
    }
}

/// Opens an emulator on this clock and this randomness.
pub fn open(options: EmulatorOptions, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<Emulator, StorageError> {
    let options = EmulatorOptions { commit_hook: Some(make_failpoint_hook()), ..options };
    Emulator::open(options, Arc::new(EmulatorTime(clock)), Arc::new(EmulatorRandom(rng)))
}

/// Passes the failpoints of a commit.
pub fn make_failpoint_hook() -> CommitHook {
    CommitHook::new(|stage| {
        failpoint::pass_point(match stage {
            CommitStage::BeforeSync => failpoint::BEFORE_SYNC,
            CommitStage::AfterSync => failpoint::AFTER_SYNC,
        });
    })
}
