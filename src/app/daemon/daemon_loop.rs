//! The loop of the daemon: one timer, and whatever comes before it.
//!
//! In scope: waiting, starting calls, taking changed job files, stopping in order. Out of scope:
//! when a job is called (`schedule::call_queue`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::daemon::due_call::{CallOrder, CallReport, JobCaller};
use crate::app::daemon::job_files::{JobFileChange, JobFileWatch, ScheduledJob};
use crate::app::daemon::notification::ServiceNotifier;
use crate::clock::Clock;
use crate::config::job_file::JobFileForm;
use crate::rng::Rng;
use crate::schedule::call_queue::{AfterCall, CallQueue, ClockReading, PlannedCall};

/// How often the metadata of the job files is read, in milliseconds. It is also the longest sleep:
/// the monotonic timer does not run while the machine is suspended.
pub const POLL_MS: u64 = 10_000;
/// How long the daemon waits for its children at its end, in milliseconds.
pub const DRAIN_MS: u64 = 90_000;
/// A job that waits longer than this for a free place is reported, in milliseconds.
const LONG_WAIT_MS: u64 = 60_000;
/// Exit codes of a job file that is broken or missing.
const FILE_EXITS: [u8; 2] = [66, 78];

/// What the daemon is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonRequest {
    /// To look at its job files now.
    Reload,
    /// To end once its children have; asked again, immediately.
    Stop,
}

/// How the daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonEnd {
    /// All children had ended.
    Drained,
    /// A second request, or the time limit, came before the end of this many children, which were
    /// killed.
    Abandoned(usize),
}

/// The parts that a daemon works with.
pub struct DaemonParts {
    /// The clock by which calls are due.
    pub clock: Arc<dyn Clock>,
    /// Random numbers, for the backoff.
    pub rng: Arc<dyn Rng>,
    /// Makes the calls.
    pub caller: Arc<dyn JobCaller>,
    /// Notifies the service manager.
    pub notifier: ServiceNotifier,
    /// How many jobs are called at the same time.
    pub most_at_once: usize,
}

/// A running daemon.
pub struct Daemon {
    parts: DaemonParts,
    jobs: Vec<DaemonJob>,
    queue: CallQueue,
    calls: FuturesUnordered<BoxFuture<'static, (usize, CallReport)>>,
    stop: CancellationToken,
    /// None while a poll is under way.
    watch: Option<JobFileWatch>,
    polling: Option<JoinHandle<(JobFileWatch, Vec<JobFileChange>)>>,
    /// The monotonic time of the next poll.
    poll_at: u64,
    /// Whether a long wait for a free place has been reported.
    is_crowded: bool,
}

struct DaemonJob {
    path: PathBuf,
    name: String,
    /// The last good form of the job file.
    form: Arc<JobFileForm>,
    /// Whether the file has changed to something that can't be used.
    is_broken: bool,
}

impl Daemon {
    /// Creates a daemon of these jobs, by the paths of their files and in the order of the watch,
    /// which has read them. Each has a schedule.
    pub fn new(parts: DaemonParts, watch: JobFileWatch, jobs: Vec<(PathBuf, ScheduledJob)>) -> Self {
        let now = read_clocks(parts.clock.as_ref());
        let schedules = jobs.iter().filter_map(|(_, job)| job.schedule.clone()).collect();
        let queue = CallQueue::new(schedules, parts.most_at_once, now);
        let jobs =
            jobs.into_iter().map(|(path, job)| DaemonJob { path, name: job.name, form: job.form, is_broken: false });
        Self {
            parts,
            jobs: jobs.collect(),
            queue,
            calls: FuturesUnordered::new(),
            stop: CancellationToken::new(),
            watch: Some(watch),
            polling: None,
            poll_at: now.monotonic_ms.saturating_add(POLL_MS),
            is_crowded: false,
        }
    }

    /// Calls the jobs until a request to stop; then waits for the calls that are being made.
    pub async fn run(mut self, mut requests: UnboundedReceiver<DaemonRequest>) -> DaemonEnd {
        self.parts.notifier.notify_ready(self.jobs.len());
        tracing::info!(event = "daemon.started", jobs = self.jobs.len(), "schedule run has started");
        loop {
            let now = read_clocks(self.parts.clock.as_ref());
            self.notice_jump(now);
            self.begin_poll(now);
            self.make_calls(now);
            self.parts.notifier.keep_alive(now.monotonic_ms);
            let wait = self.parts.clock.sleep(Duration::from_millis(self.wait_ms(now)));
            tokio::select! {
                Some((nth, report)) = self.calls.next(), if !self.calls.is_empty() => self.end_call(nth, &report),
                polled = end_of(&mut self.polling) => self.take_changes(polled),
                request = requests.recv() => match request {
                    Some(DaemonRequest::Reload) => self.poll_at = 0,
                    Some(DaemonRequest::Stop) | None => break,
                },
                () = wait => {}
            }
        }
        self.drain_calls(requests).await
    }

    fn notice_jump(&mut self, now: ClockReading) {
        match self.queue.observe(now).map(|jump_ms| jump_ms / 1_000) {
            None => {}
            Some(seconds) if seconds < 0 => {
                tracing::warn!(
                    event = "daemon.clock_jumped",
                    "the clock was set back by {} s; all jobs are called again",
                    -seconds
                );
            }
            Some(seconds) => {
                tracing::warn!(
                    event = "daemon.clock_jumped",
                    "the machine was suspended, or its clock set forward, by {seconds} s"
                );
            }
        }
    }

    fn make_calls(&mut self, now: ClockReading) {
        while let Some(call) = self.queue.take_due(now) {
            self.make_call(call);
        }
        let is_crowded = self.queue.longest_wait_ms(now).is_some_and(|ms| ms > LONG_WAIT_MS);
        if is_crowded && !self.is_crowded {
            let running = self.queue.active();
            tracing::warn!(
                event = "daemon.crowded",
                "{running} jobs run, and another waits for a minute; --at-once allows more at the same time"
            );
        }
        self.is_crowded = is_crowded;
    }

    fn make_call(&mut self, call: PlannedCall) {
        let Some(job) = self.jobs.get(call.job) else { return };
        let form = job.is_broken.then(|| Arc::clone(&job.form));
        let order = CallOrder { path: job.path.clone(), name: job.name.clone(), form };
        tracing::debug!(event = "daemon.job_called", job = job.name, late_ms = call.late_ms, "run --due is called");
        let calling = self.parts.caller.call(order, self.stop.clone());
        self.calls.push(Box::pin(async move { (call.job, calling.await) }));
    }

    fn end_call(&mut self, nth: usize, report: &CallReport) {
        let now = read_clocks(self.parts.clock.as_ref());
        let after = self.queue.end(nth, &report.end, now, self.parts.rng.next_f64());
        let Some(job) = self.jobs.get(nth) else { return };
        log_report(&job.name, report);
        match after {
            AfterCall::CallAgain { after_ms } if report.end.can_try_again() => {
                tracing::warn!(
                    event = "daemon.job_retrying",
                    delay_ms = after_ms,
                    job = job.name,
                    "it is called again in {} s",
                    after_ms.div_ceil(1_000)
                );
            }
            AfterCall::GiveUp => {
                tracing::error!(
                    event = "daemon.job_given_up",
                    job = job.name,
                    "misfire_grace is over: it is called again at its next time only"
                );
            }
            AfterCall::CallAgain { .. } | AfterCall::NextOccurrence => {
                let next = self.queue.next_start(nth).map(|next| next.to_string()).unwrap_or_default();
                tracing::debug!(event = "daemon.call_planned", job = job.name, next, "the next call is planned");
            }
        }
        if report.end.exit_code.is_some_and(|code| FILE_EXITS.contains(&code)) {
            // The file may have changed since the last poll.
            self.poll_at = 0;
        }
    }

    /// Reads the job files on a thread of its own: a network disk that hangs delays no call.
    fn begin_poll(&mut self, now: ClockReading) {
        if now.monotonic_ms < self.poll_at {
            return;
        }
        let Some(mut watch) = self.watch.take() else { return };
        self.poll_at = now.monotonic_ms.saturating_add(POLL_MS);
        self.polling = Some(tokio::task::spawn_blocking(move || {
            let changes = watch.poll_files();
            (watch, changes)
        }));
    }

    fn take_changes(&mut self, polled: Option<(JobFileWatch, Vec<JobFileChange>)>) {
        self.polling = None;
        let Some((watch, changes)) = polled else {
            tracing::error!(
                event = "daemon.reload_failed",
                "job files are no longer read again, for that failed; restart schedule run"
            );
            return;
        };
        self.watch = Some(watch);
        for change in changes {
            self.take_change(change);
        }
    }

    fn take_change(&mut self, change: JobFileChange) {
        let now = read_clocks(self.parts.clock.as_ref());
        let Some(job) = self.jobs.get_mut(change.nth) else { return };
        match change.found {
            Ok(found) => {
                if found.schedule.is_some() {
                    tracing::info!(event = "daemon.job_reloaded", job = found.name, file = %job.path.display(), "its job file was read again");
                } else {
                    tracing::warn!(
                        event = "daemon.job_unscheduled",
                        job = found.name,
                        "{} has no schedule any more: the job is not called until it has one",
                        job.path.display()
                    );
                }
                (job.name, job.form, job.is_broken) = (found.name, found.form, false);
                self.queue.replace(change.nth, found.schedule, now);
            }
            Err(error) => {
                for line in error.problem_lines() {
                    tracing::error!(event = "daemon.job_file_broken", job = job.name, "{line}");
                }
                tracing::error!(
                    event = "daemon.job_file_broken",
                    job = job.name,
                    "the job keeps the last good form of its file; correct the file"
                );
                job.is_broken = true;
                self.queue.call_soon(change.nth, now);
            }
        }
    }

    /// Returns the milliseconds until something is due.
    fn wait_ms(&self, now: ClockReading) -> u64 {
        let poll = self.watch.as_ref().map(|_| self.poll_at.saturating_sub(now.monotonic_ms));
        let call = self.queue.wait_ms(now);
        let notification = self.parts.notifier.wait_ms(now.monotonic_ms);
        [poll, call, notification].into_iter().flatten().min().map_or(POLL_MS, |ms| ms.min(POLL_MS))
    }

    /// Asks the children to end, and waits for them: no new call is made.
    async fn drain_calls(mut self, mut requests: UnboundedReceiver<DaemonRequest>) -> DaemonEnd {
        self.parts.notifier.notify_stopping(self.calls.len());
        if !self.calls.is_empty() {
            let at_work = self.calls.len();
            tracing::info!(
                event = "daemon.stopping",
                at_work,
                "waits for the jobs at work to commit and end; a second signal kills them"
            );
        }
        self.stop.cancel();
        let until = self.parts.clock.monotonic_ms().saturating_add(DRAIN_MS);
        while !self.calls.is_empty() {
            let now_ms = self.parts.clock.monotonic_ms();
            if now_ms >= until {
                return DaemonEnd::Abandoned(self.calls.len());
            }
            self.parts.notifier.keep_alive(now_ms);
            let left = (until - now_ms).min(self.parts.notifier.wait_ms(now_ms).unwrap_or(u64::MAX));
            let wait = self.parts.clock.sleep(Duration::from_millis(left));
            tokio::select! {
                Some((nth, report)) = self.calls.next() => {
                    if let Some(job) = self.jobs.get(nth) {
                        log_report(&job.name, &report);
                    }
                }
                request = requests.recv() => if request != Some(DaemonRequest::Reload) {
                    return DaemonEnd::Abandoned(self.calls.len());
                },
                () = wait => {}
            }
        }
        DaemonEnd::Drained
    }
}

fn read_clocks(clock: &dyn Clock) -> ClockReading {
    ClockReading { wall: clock.now(), monotonic_ms: clock.monotonic_ms() }
}

/// Waits for a poll; for ever if none is under way. None if it failed.
async fn end_of(
    polling: &mut Option<JoinHandle<(JobFileWatch, Vec<JobFileChange>)>>,
) -> Option<(JobFileWatch, Vec<JobFileChange>)> {
    match polling {
        Some(polling) => polling.await.ok(),
        None => std::future::pending().await,
    }
}

fn log_report(job: &str, report: &CallReport) {
    for run in &report.runs {
        tracing::info!(event = "daemon.run_ended", job, "{run}");
    }
    match (report.end.exit_code, &report.error) {
        (Some(0), _) if report.runs.is_empty() && (report.reason.is_empty() || report.end.is_active) => {
            tracing::debug!(event = "daemon.nothing_ran", job, reason = report.reason, "nothing ran");
        }
        (Some(0), _) if report.runs.is_empty() => {
            tracing::warn!(event = "daemon.nothing_ran", job, "{}", report.reason);
        }
        (Some(0), _) => {}
        (Some(exit_code), Some(error)) => tracing::error!(event = "daemon.call_failed", job, exit_code, "{error}"),
        (Some(exit_code), None) => {
            tracing::warn!(event = "daemon.call_failed", job, exit_code, "it ended with exit code {exit_code}");
        }
        (None, Some(error)) => tracing::error!(event = "daemon.call_failed", job, "{error}"),
        (None, None) => {
            tracing::error!(event = "daemon.call_failed", job, "its process was killed; the next run records that");
        }
    }
}
