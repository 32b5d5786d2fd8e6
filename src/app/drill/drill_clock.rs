//! Simulated time: it stops while anything can happen, and jumps to the next timer when nothing
//! can.
//!
//! In scope: the clock, and the runtime that drives it. Out of scope: everything that waits.
//!
//! tokio calls a hook right before its only thread would sleep, which is when no task can proceed.
//! The hook moves the clock to the earliest timer and wakes its task. Work outside the runtime,
//! such as a program, a file, or a jq process, holds a [`BusyGuard`]; meanwhile time does not move.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::clock::Clock;
use crate::machine::MachineError;
use crate::runner::shutdown::StopHandle;
use crate::time::Timestamp;

/// The time at which each drill begins, 2026-03-02T08:00:00Z. A drill that began at the present
/// time would not be the same each time.
const ORIGIN: Timestamp = Timestamp(1_772_438_400_000);
/// The deep types of google-sheets4 need more stack than the usual 2 MiB when built without
/// optimisation.
const STACK_BYTES: usize = 16 << 20;

/// A clock of simulated time. Clones show the same time.
#[derive(Clone, Default)]
pub struct DrillClock {
    timers: Arc<Mutex<BTreeMap<(u64, u64), Waker>>>,
    now_ms: Arc<AtomicU64>,
    next_timer: Arc<AtomicU64>,
    busy: Arc<AtomicUsize>,
}

impl DrillClock {
    /// Keeps time from moving until the guard is dropped.
    pub fn mark_busy(&self) -> BusyGuard {
        self.busy.fetch_add(1, Ordering::SeqCst);
        BusyGuard { busy: Arc::clone(&self.busy) }
    }

    /// Moves to the earliest timer and wakes everyone who waits for that time.
    fn advance(&self) {
        if self.busy.load(Ordering::SeqCst) > 0 {
            return;
        }
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((&(at, _), _)) = timers.first_key_value() else { return };
        self.now_ms.fetch_max(at, Ordering::SeqCst);
        let later = timers.split_off(&(at + 1, 0));
        let due = std::mem::replace(&mut *timers, later);
        drop(timers);
        due.into_values().for_each(Waker::wake);
    }
}

impl Clock for DrillClock {
    fn now(&self) -> Timestamp {
        ORIGIN.add_ms(self.monotonic_ms())
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let until = self.monotonic_ms().saturating_add(wait);
        let number = self.next_timer.fetch_add(1, Ordering::SeqCst);
        Box::pin(DrillSleep { clock: self.clone(), timer: (until, number) })
    }
}

/// Keeps simulated time from moving.
#[derive(Debug)]
pub struct BusyGuard {
    busy: Arc<AtomicUsize>,
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

struct DrillSleep {
    clock: DrillClock,
    /// The time in milliseconds, and a number that is given once.
    timer: (u64, u64),
}

impl Future for DrillSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.clock.monotonic_ms() >= self.timer.0 {
            return Poll::Ready(());
        }
        let mut timers = self.clock.timers.lock().unwrap_or_else(PoisonError::into_inner);
        timers.insert(self.timer, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for DrillSleep {
    fn drop(&mut self) {
        self.clock.timers.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.timer);
    }
}

/// Runs `play` on simulated time, on a thread of its own, and waits for its result. `None` if it
/// panicked, whose message is on standard error, or if `stop` was requested. Then all it had is
/// dropped. Fails if this machine refuses the thread.
pub fn play_on_simulated_time<T, F, R>(play: F, stop: &StopHandle) -> Result<Option<T>, MachineError>
where
    F: FnOnce(DrillClock) -> R + Send + 'static,
    R: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let clock = DrillClock::default();
    let hook = clock.clone();
    let stop = stop.clone();
    let work = move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let built = builder.enable_all().on_thread_park(move || hook.advance()).build();
        // The work is a task: a wake-up of the main future alone would not keep the hook from
        // moving time.
        built.map(|runtime| {
            runtime.block_on(async {
                tokio::select! {
                    played = tokio::spawn(play(clock)) => played.ok(),
                    () = stop.wait() => None,
                }
            })
        })
    };
    let refused = |error| {
        MachineError::from_io("the drill can't be started", &error)
            .unwrap_or_else(|| MachineError::resource(format!("the drill can't be started: {error}")))
    };
    let thread = std::thread::Builder::new().name("drill".to_owned()).stack_size(STACK_BYTES).spawn(work);
    thread.map_err(refused)?.join().unwrap_or(Ok(None)).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::shutdown::StopReason;

    #[test]
    fn timers_fire_in_order_and_cost_no_real_time() {
        let seen = play_on_simulated_time(
            |clock| async move {
                let seen = Arc::new(Mutex::new(Vec::new()));
                let waits = [5_000_u64, 86_400_000, 1].map(|ms| {
                    let (clock, seen) = (clock.clone(), Arc::clone(&seen));
                    tokio::spawn(async move {
                        clock.sleep(Duration::from_millis(ms)).await;
                        seen.lock().expect("no test panics in it").push((ms, clock.monotonic_ms()));
                    })
                });
                for wait in waits {
                    wait.await.expect("no panic");
                }
                Arc::try_unwrap(seen).expect("all are done").into_inner().expect("no panic")
            },
            &StopHandle::default(),
        );
        assert_eq!(seen, Ok(Some(vec![(1, 1), (5_000, 5_000), (86_400_000, 86_400_000)])));
    }

    #[test]
    fn time_does_not_move_while_work_goes_on_outside() {
        let shown = play_on_simulated_time(
            |clock| async move {
                let timer = tokio::spawn({
                    let clock = clock.clone();
                    async move { clock.sleep(Duration::from_mins(1)).await }
                });
                tokio::task::yield_now().await;
                let busy = clock.mark_busy();
                tokio::task::spawn_blocking(std::thread::yield_now).await.expect("no panic");
                let before = clock.monotonic_ms();
                drop(busy);
                timer.await.expect("no panic");
                (before, clock.monotonic_ms())
            },
            &StopHandle::default(),
        );
        assert_eq!(shown, Ok(Some((0, 60_000))));
    }

    #[test]
    fn a_stop_drops_what_is_under_way() {
        let stop = StopHandle::default();
        let kept = Arc::new(());
        let (asked, held) = (stop.clone(), Arc::clone(&kept));
        let played = play_on_simulated_time(
            move |_| async move {
                asked.request_stop(StopReason::Interrupt);
                std::future::pending::<()>().await;
                drop(held);
            },
            &stop,
        );
        assert_eq!((played, Arc::strong_count(&kept)), (Ok(None), 1));
    }
}
