//! What the service manager is notified of: ready, alive, stopping.
//!
//! In scope: the protocol of `sd_notify(3)`, by the crate `sd-notify`. Without a service manager
//! that asked for it, nothing is sent.

use std::time::Duration;

/// Notifies the service manager that started this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServiceNotifier {
    /// How often it is notified that the daemon is alive.
    interval: Option<Duration>,
    next_ms: u64,
}

/// The environment variables of the protocol, which the daemon's children do not inherit.
pub const NOTIFY_VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

impl ServiceNotifier {
    /// Creates the notifier for the service manager in the environment, if there is one. The
    /// watchdog is served twice as often as it demands.
    pub fn from_environment() -> Self {
        Self { interval: read_watchdog_period().map(|period| period / 2), next_ms: 0 }
    }

    /// Notifies that all is set up, for this many jobs.
    pub fn notify_ready(&self, jobs: usize) {
        send(&["READY=1".to_owned(), format!("STATUS=jobs: {jobs}")]);
    }

    /// Notifies that the daemon is alive, if that is due at this monotonic time.
    pub fn keep_alive(&mut self, now_ms: u64) {
        let Some(interval) = self.interval.filter(|_| now_ms >= self.next_ms) else { return };
        send(&["WATCHDOG=1".to_owned()]);
        self.next_ms = now_ms.saturating_add(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX));
    }

    /// Returns the milliseconds until `keep_alive` is due.
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        self.interval.map(|_| self.next_ms.saturating_sub(now_ms))
    }

    /// Notifies that the daemon ends once its calls have ended.
    pub fn notify_stopping(&self, calls: usize) {
        send(&["STOPPING=1".to_owned(), format!("STATUS=waits for jobs at work: {calls}")]);
    }
}

#[cfg(unix)]
fn read_watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|period| !period.is_zero())
}

#[cfg(unix)]
fn send(lines: &[String]) {
    let lines: Vec<_> = lines.iter().map(|line| sd_notify::NotifyState::Custom(line)).collect();
    if let Err(error) = sd_notify::notify(&lines) {
        tracing::warn!(event = "daemon.notification_failed", %error, "the service manager can't be notified");
    }
}

#[cfg(not(unix))]
fn read_watchdog_period() -> Option<Duration> {
    None
}

#[cfg(not(unix))]
fn send(_: &[String]) {}
