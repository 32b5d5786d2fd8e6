//! One machine: when its calls arrive, what happens to them, and when the
//! machine itself stops.
//!
//! No two machines' calls arrive in the same millisecond, and each machine draws from a random
//! source of its own. So a seed is one game, however the threads beneath are scheduled.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sheetkeep::clock::Clock;
use sheetkeep::rng::Rng;
use sheetkeep::system::SeededRng;
use sheetkeep::time::Timestamp;

use crate::call_fault::CallFault;
use crate::game_record::GameRecord;

/// Machines at most; each has its own milliseconds.
const MAX_MACHINES: u64 = 8;

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
    pub fault_probability: f64,
    /// The longest way of a request or an answer, in milliseconds.
    pub latency_ms: u64,
    /// At which of its calls the machine stops, and how.
    pub halt: Option<(u64, Halt)>,
    /// At which of its items the machine refuses what the step needs.
    pub refused_item: Option<u64>,
}

/// How far a machine's clock may be from the others', either way.
const MAX_SKEW_MS: u64 = 600_000;
/// How long a wrong clock stays as it is before it is set, as wrong the other way.
const CLOCK_SET_INTERVAL_MS: u64 = 90_000;

/// The clock of a machine: it runs as the others do, and says another time.
struct SkewedClock {
    inner: Arc<dyn Clock>,
    skew_ms: i64,
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let is_ahead = (self.inner.monotonic_ms() / CLOCK_SET_INTERVAL_MS).is_multiple_of(2);
        Timestamp(self.inner.now().0.saturating_add(if is_ahead { self.skew_ms } else { -self.skew_ms }))
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
    fault_plan: Mutex<FaultPlan>,
    halt_signal: tokio::sync::watch::Sender<Option<Halt>>,
    record: Arc<GameRecord>,
}

impl Machine {
    pub fn new(number: u64, seed: u64, clock: &Arc<dyn Clock>, record: &Arc<GameRecord>) -> Arc<Self> {
        let rng = SeededRng::new(seed.wrapping_mul(MAX_MACHINES).wrapping_add(number) ^ 0x1A4E);
        let (clock, record) = (Arc::clone(clock), Arc::clone(record));
        let halt_signal = tokio::sync::watch::Sender::default();
        Arc::new(Self { number, seed, clock, rng, fault_plan: Mutex::default(), halt_signal, record })
    }

    pub fn draw_below(&self, bound: u64) -> u64 {
        self.rng.next_u64() % bound.max(1)
    }

    /// The machine's own clock: of two machines one is wrong by up to ten minutes, ahead or behind,
    /// and jumps from time to time.
    pub fn own_clock(&self) -> Arc<dyn Clock> {
        let rng = SeededRng::new(self.seed.wrapping_mul(MAX_MACHINES).wrapping_add(self.number) ^ 0xC10C);
        if rng.next_u64().is_multiple_of(2) {
            return Arc::clone(&self.clock);
        }
        self.record.count(|counts| counts.skewed_clock_runs += 1);
        let skew_ms = i64::try_from(rng.next_u64() % (2 * MAX_SKEW_MS)).expect("minutes") - MAX_SKEW_MS.cast_signed();
        Arc::new(SkewedClock { inner: Arc::clone(&self.clock), skew_ms })
    }

    /// The fault plan of the next run.
    pub fn set_fault_plan(&self, fault_plan: FaultPlan) {
        *self.fault_plan.lock().expect("no thread panics while it holds it") = fault_plan;
        self.halt_signal.send_replace(None);
    }

    /// Waits while a request or an answer is under way, until one of this machine's milliseconds.
    pub async fn wait_in_transit(&self) {
        let longest = self.fault_plan.lock().expect("no thread panics while it holds it").latency_ms;
        let now = self.clock.monotonic_ms();
        let at = now + 1 + self.draw_below(longest + 1);
        let at = at + (MAX_MACHINES + self.number - at % MAX_MACHINES) % MAX_MACHINES;
        self.clock.sleep(Duration::from_millis(at - now)).await;
    }

    /// Draws the fault that an arriving call meets. The machine may stop at it.
    pub fn draw_fault(&self, is_write: bool) -> Option<CallFault> {
        let mut fault_plan = self.fault_plan.lock().expect("no thread panics while it holds it");
        match &mut fault_plan.halt {
            Some((0, halt)) => {
                let halt = *halt;
                fault_plan.halt = None;
                self.halt_signal.send_replace(Some(halt));
            }
            Some((calls, _)) => *calls -= 1,
            None => {}
        }
        let call_fault =
            (self.rng.next_f64() < fault_plan.fault_probability).then(|| CallFault::draw(&self.rng, is_write))?;
        self.record.count_fault(call_fault);
        Some(call_fault)
    }

    /// Resolves when the machine stops.
    pub async fn wait_for_halt(&self) -> Halt {
        let mut halt_signal = self.halt_signal.subscribe();
        let halt = halt_signal.wait_for(Option::is_some).await.map(|halt| *halt);
        self.halt_signal.send_replace(None);
        halt.ok().flatten().expect("the machine outlives its run")
    }
}
