//! SIGINT, SIGTERM and SIGHUP, as callbacks.
//!
//! In scope: receiving them, with their ordinal. Out of scope: what a run does about them
//! (`runner`).
//!
//! One request may arrive as several signals: coreutils' `timeout` signals its child and the whole
//! group, and a service manager may do the same. So a further signal counts only a while after the
//! last one that counted.
//!
//! `nohup` makes a process ignore SIGHUP, so that it keeps running: then that signal is not
//! handled.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::task::JoinHandle;

use crate::clock::Clock;

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from a service manager.
    Terminate,
    /// SIGHUP, as from a terminal that is closed.
    HangUp,
}

impl Signal {
    /// Its name, `SIGINT`, `SIGTERM` or `SIGHUP`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A signal that arrives sooner than this after the last one that counted is the same request, in
/// milliseconds.
const SAME_REQUEST_MS: u64 = 1_000;

/// Counts stop requests.
#[derive(Debug, Default)]
struct StopRequestCounter {
    count: u32,
    last_ms: u64,
}

impl StopRequestCounter {
    /// Records a signal. Returns the ordinal of the request, from 1, unless it repeats the one
    /// before.
    fn record(&mut self, now_ms: u64) -> Option<u32> {
        if self.count > 0 && now_ms.saturating_sub(self.last_ms) < SAME_REQUEST_MS {
            return None;
        }
        (self.count, self.last_ms) = (self.count.saturating_add(1), now_ms);
        Some(self.count)
    }
}

/// Receives signals for as long as it lives.
#[derive(Debug)]
pub struct SignalWatch {
    first: Arc<OnceLock<Signal>>,
    task: JoinHandle<()>,
}

impl SignalWatch {
    /// Starts to receive signals, within a tokio runtime. Calls `on` for every request, with its
    /// ordinal from 1: the first asks for a graceful stop. Signals within a second are one request.
    pub fn start(clock: Arc<dyn Clock>, on: impl FnMut(Signal, u32) + Send + 'static) -> io::Result<Self> {
        Self::watch_signals(clock, on, || false)
    }

    /// Starts to receive signals for a daemon: SIGHUP does not ask it to end, and calls `reload`.
    pub fn start_for_daemon(
        clock: Arc<dyn Clock>,
        on: impl FnMut(Signal, u32) + Send + 'static,
        mut reload: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        Self::watch_signals(clock, on, move || {
            reload();
            true
        })
    }

    /// `on_hang_up` returns whether it has handled a SIGHUP.
    fn watch_signals(
        clock: Arc<dyn Clock>,
        mut on: impl FnMut(Signal, u32) + Send + 'static,
        mut on_hang_up: impl FnMut() -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let first = Arc::new(OnceLock::new());
        let kept = Arc::clone(&first);
        let mut ears = SignalStreams::new()?;
        let task = tokio::spawn(async move {
            let mut wishes = StopRequestCounter::default();
            while let Some(signal) = ears.next().await {
                if signal == Signal::HangUp && on_hang_up() {
                    continue;
                }
                if let Some(ordinal) = wishes.record(clock.monotonic_ms()) {
                    let _ = kept.set(signal);
                    on(signal, ordinal);
                }
            }
        });
        Ok(Self { first, task })
    }

    /// Returns the first signal, if any; it decides the exit code.
    pub fn first_signal(&self) -> Option<Signal> {
        self.first.get().copied()
    }
}

impl Drop for SignalWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes a write beyond the file size limit fail (`EFBIG`), as on a full disk. Without a handler,
/// SIGXFSZ kills the process in the middle of an operation. Call it within a tokio runtime.
#[cfg(unix)]
pub fn outlive_file_limits() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // The handler stays installed after the receiver is dropped.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Does nothing: this system has no such signal.
#[cfg(not(unix))]
pub fn outlive_file_limits() -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
struct SignalStreams {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` if the process was started to ignore it.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl SignalStreams {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hang_up = if ignores_hang_ups() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hang_up })
    }

    async fn next(&mut self) -> Option<Signal> {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            heard = self.interrupt.recv() => heard.map(|()| Signal::Interrupt),
            heard = self.terminate.recv() => heard.map(|()| Signal::Terminate),
            heard = hang_up => heard.map(|()| Signal::HangUp),
        }
    }
}

/// Returns whether this process was started to ignore SIGHUP. If the system does not report it, the
/// signal counts as ignored. A run that continues can still be stopped, but one that was meant to
/// outlive its terminal can't be restored.
#[cfg(unix)]
fn ignores_hang_ups() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .map_or(true, |status| is_ignored(&status, rustix::process::Signal::HUP.as_raw()))
}

/// Returns whether `/proc`'s status of a process lists this signal as ignored, in a hexadecimal
/// mask.
#[cfg(unix)]
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
struct SignalStreams;

#[cfg(not(unix))]
impl SignalStreams {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<Signal> {
        tokio::signal::ctrl_c().await.ok().map(|()| Signal::Interrupt)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::time::Timestamp;

    /// A clock that a test advances.
    #[derive(Default)]
    struct MovedClock(AtomicU64);

    impl Clock for MovedClock {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn monotonic_ms(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn signals_have_names_and_numbers_and_the_first_is_kept() {
        let clock = Arc::new(MovedClock::default());
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let on = move |signal, nth| sender.send((signal, nth)).expect("the test listens");
        let watch = SignalWatch::start(Arc::clone(&clock) as Arc<dyn Clock>, on).expect("signals can be heard");
        let signals = [("-TERM", Signal::Terminate, 1), ("-INT", Signal::Interrupt, 2), ("-HUP", Signal::HangUp, 3)];
        // Under nohup the last signal is ignored, as it should be.
        let heard = if ignores_hang_ups() { 2 } else { 3 };
        for (flag, signal, nth) in signals.into_iter().take(heard) {
            let me = std::process::id().to_string();
            std::process::Command::new("kill").args([flag, &me]).status().expect("kill runs");
            assert_eq!(receiver.recv().await, Some((signal, nth)));
            clock.0.fetch_add(SAME_REQUEST_MS, Ordering::SeqCst);
        }
        assert_eq!(watch.first_signal(), Some(Signal::Terminate));
    }

    #[test]
    fn a_process_under_nohup_is_known_by_its_mask() {
        let hang_up = rustix::process::Signal::HUP.as_raw();
        let statuses = ["SigIgn:\t0000000000001001", "SigIgn:\t0000000000001000", "Name:\tsheetkeep"];
        let is_ignored = statuses.map(|status| is_ignored(&format!("State:\tR\n{status}\n"), hang_up));
        assert_eq!(is_ignored, [true, false, true]);
    }

    #[test]
    fn signals_within_a_second_of_the_last_that_counted_are_one() {
        let mut wishes = StopRequestCounter::default();
        let heard = [0, 1, 400, 999, 1_000, 1_900, 2_500, 2_600].map(|now_ms| wishes.record(now_ms));
        assert_eq!(heard, [Some(1), None, None, None, Some(2), None, Some(3), None]);
    }
}
