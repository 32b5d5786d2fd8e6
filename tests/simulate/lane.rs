//! One machine's way to the sheet: when its calls arrive, what happens to them, and when the
//! machine itself stops.
//!
//! No two machines' calls arrive in the same millisecond, and each machine draws from a random
//! source of its own.
//! So a seed is one story, however the threads beneath are scheduled.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sheetkeep::clock::Clock;
use sheetkeep::rng::Rng;
use sheetkeep::system::SeededRng;
use sheetkeep::time::Timestamp;

use crate::kind::Kind;
use crate::record::Record;

/// Machines at most; each has its own milliseconds.
const LANES: u64 = 8;

/// What stops a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// It is gone.
    Crash,
    /// It pauses for so many milliseconds.
    Pause(u64),
}

/// The faults that a run will meet.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultPlan {
    /// How likely a call meets a fault.
    pub faults: f64,
    /// The longest way of a request or an answer, in milliseconds.
    pub latency_ms: u64,
    /// At which of its calls the machine stops, and how.
    pub halt: Option<(u64, Halt)>,
    /// At which of its items the machine refuses what the step needs.
    pub refuses: Option<u64>,
}

/// How far a machine's clock may be from the others', either way.
const MOST_OFF_MS: u64 = 600_000;
/// How long a wrong clock stays as it is before it is set, as wrong the other way.
const SET_EVERY_MS: u64 = 90_000;

/// The clock of a machine: it runs as the others do, and says another time.
struct Off {
    inner: Arc<dyn Clock>,
    by_ms: i64,
}

impl Clock for Off {
    fn now(&self) -> Timestamp {
        let is_ahead = (self.inner.monotonic_ms() / SET_EVERY_MS).is_multiple_of(2);
        Timestamp(self.inner.now().0.saturating_add(if is_ahead { self.by_ms } else { -self.by_ms }))
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(wait)
    }
}

/// One machine of a game: its clock, its random source and the faults to come.
pub struct Machine {
    pub number: u64,
    seed: u64,
    clock: Arc<dyn Clock>,
    rng: SeededRng,
    fortune: Mutex<FaultPlan>,
    halting: tokio::sync::watch::Sender<Option<Halt>>,
    record: Arc<Record>,
}

impl Machine {
    pub fn new(number: u64, seed: u64, clock: &Arc<dyn Clock>, record: &Arc<Record>) -> Arc<Self> {
        let rng = SeededRng::new(seed.wrapping_mul(LANES).wrapping_add(number) ^ 0x1A4E);
        let (clock, record) = (Arc::clone(clock), Arc::clone(record));
        let halting = tokio::sync::watch::Sender::default();
        Arc::new(Self { number, seed, clock, rng, fortune: Mutex::default(), halting, record })
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    /// The machine's own clock: of two machines one is wrong by up to ten minutes, ahead or behind,
    /// and jumps from time to time.
    pub fn own_clock(&self) -> Arc<dyn Clock> {
        let rng = SeededRng::new(self.seed.wrapping_mul(LANES).wrapping_add(self.number) ^ 0xC10C);
        if rng.next_u64().is_multiple_of(2) {
            return Arc::clone(&self.clock);
        }
        self.record.count(|tally| tally.wrong_clocks += 1);
        let by_ms = i64::try_from(rng.next_u64() % (2 * MOST_OFF_MS)).expect("minutes") - MOST_OFF_MS.cast_signed();
        Arc::new(Off { inner: Arc::clone(&self.clock), by_ms })
    }

    /// The fault plan of the next run.
    pub fn begin(&self, fortune: FaultPlan) {
        *self.fortune.lock().expect("no thread panics while it holds it") = fortune;
        self.halting.send_replace(None);
    }

    /// A request or an answer is under way, until one of this machine's own milliseconds.
    pub async fn under_way(&self) {
        let longest = self.fortune.lock().expect("no thread panics while it holds it").latency_ms;
        let now = self.clock.monotonic_ms();
        let at = now + 1 + self.below(longest + 1);
        let at = at + (LANES + self.number - at % LANES) % LANES;
        self.clock.sleep(Duration::from_millis(at - now)).await;
    }

    /// A call arrives: what happens to it. The machine may stop at it.
    pub fn meets(&self, is_write: bool) -> Option<Kind> {
        let mut fortune = self.fortune.lock().expect("no thread panics while it holds it");
        match &mut fortune.halt {
            Some((0, halt)) => {
                let halt = *halt;
                fortune.halt = None;
                self.halting.send_replace(Some(halt));
            }
            Some((calls, _)) => *calls -= 1,
            None => {}
        }
        let kind = (self.rng.next_f64() < fortune.faults).then(|| Kind::random(&self.rng, is_write))?;
        self.record.count_fault(kind);
        Some(kind)
    }

    /// Resolves when the machine stops.
    pub async fn halts(&self) -> Halt {
        let mut halting = self.halting.subscribe();
        let halt = halting.wait_for(Option::is_some).await.map(|halt| *halt);
        self.halting.send_replace(None);
        halt.ok().flatten().expect("the lane outlives its run")
    }
}
