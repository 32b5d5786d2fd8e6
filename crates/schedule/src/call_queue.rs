//! When a daemon calls each of its jobs: at its start, at each start of an occurrence, and again
//! after an incomplete call.
//!
//! In scope: the next call of each job, the number of calls at the same time, backoff, clock jumps. Out of
//! scope: what a call does. A call is `run --due`, which asks the sheet. A call too many changes
//! nothing, so the daemon calls wherever the clock or an answer leaves a doubt.
//!
//! Starts of occurrences are wall times. Everything else is counted by the monotonic clock: the
//! wall clock may be set, and it continues while the machine is suspended.

use sheetkeep_base::time::Timestamp;

use crate::job_schedule::{JobSchedule, MisfirePolicy};

/// The time between the first calls of two jobs, in milliseconds.
pub const CALL_SPACING_MS: u64 = 250;
/// Calls at the same time beside those of occurrences that start: first calls, repeated ones, and
/// those after a jump of the clock. So an outage ends without a flurry.
pub const MAX_CONCURRENT_CALLS: usize = 8;
/// The time after which a job is called again that waits: for an active run, or for the service's
/// clock, which is behind this machine's. In milliseconds.
pub const WAITING_INTERVAL_MS: u64 = 60_000;
/// The longest first wait after a call that could not be completed, in milliseconds; it doubles.
pub const BACKOFF_BASE_MS: u64 = 10_000;
/// The longest wait after a call that could not be completed, in milliseconds.
pub const BACKOFF_CAP_MS: u64 = 300_000;
/// The smallest difference between the two clocks that counts as a jump, in milliseconds.
pub const JUMP_MS: u64 = 60_000;
/// How often a job with `ready_by` is called whose sheet has not answered when its next run starts,
/// in milliseconds.
const UNANSWERED_INTERVAL_MS: u64 = 3_600_000;
/// Exit codes after which the same call may succeed later. The causes are a service out of reach, a
/// resource that this machine refused, a lease or a quota, an unexpected response.
const RETRYABLE_CODES: [u8; 4] = [69, 71, 75, UNEXPECTED];
/// The exit code of an unexpected response of a service.
const UNEXPECTED: u8 = 76;

/// Both clocks of this machine at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// The wall time.
    pub wall: Timestamp,
    /// Milliseconds since a fixed time, without the time for which the machine was suspended.
    pub monotonic_ms: u64,
}

/// A call to be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedCall {
    /// The number of the job.
    pub job: usize,
    /// How long ago the occurrence's start was, in milliseconds; none for any other call.
    pub late_ms: Option<u64>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallEnd {
    /// The exit code; none if the process was killed or could not be started.
    pub exit_code: Option<u8>,
    /// The start of the next occurrence, as the sheet answered.
    pub next: Option<Timestamp>,
    /// Whether a run of the job was active, so that nothing could be done.
    pub is_active: bool,
}

impl CallEnd {
    /// Returns whether the same call may succeed later without a person's action.
    pub fn can_try_again(&self) -> bool {
        self.exit_code.is_none_or(|code| RETRYABLE_CODES.contains(&code))
    }
}

/// What follows the end of a call, beside the next occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCall {
    /// Nothing else: the job is called at its next occurrence.
    NextOccurrence,
    /// The job is called again.
    CallAgain {
        /// In this many milliseconds.
        after_ms: u64,
    },
    /// Nothing: `misfire_grace` is over, and the calls could not be completed. So it is where a run
    /// may not be later (`misfire = "skip"`), and after unexpected responses.
    GiveUp,
}

/// The calls of all jobs. A job is called once at a time.
#[derive(Debug)]
pub struct CallQueue {
    jobs: Vec<QueuedJob>,
    most_at_once: usize,
    read: ClockReading,
}

#[derive(Debug)]
struct QueuedJob {
    /// None while its file has no schedule.
    schedule: Option<JobSchedule>,
    /// The wall time of the next start.
    starts_at: Option<Timestamp>,
    /// The monotonic time of a call beside it.
    again_at: Option<u64>,
    is_called: bool,
    /// Calls in a row that could not be completed.
    failed: u32,
    /// The monotonic time at which the first of them was made.
    failed_since: Option<u64>,
}

impl CallQueue {
    /// Creates the queue of these jobs, which are numbered in their order. Each is called immediately,
    /// a little after the one before it. At most `most_at_once` are called at the same time. At
    /// most `MAX_CONCURRENT_CALLS` are called for another reason than the start of an occurrence.
    pub fn new(schedules: Vec<JobSchedule>, most_at_once: usize, now: ClockReading) -> Self {
        let jobs = schedules.into_iter().map(|schedule| QueuedJob::new(schedule, now.wall)).collect();
        let mut queue = Self { jobs, most_at_once, read: now };
        queue.ask_all(now);
        queue
    }

    /// Notices a jump of the wall clock since the last reading, and returns it in milliseconds. It
    /// is less than 0 if the clock was set back, more if it was set forward or the machine was
    /// suspended. After it was set back, all jobs are called again, for it is not known which time
    /// was right.
    pub fn observe(&mut self, now: ClockReading) -> Option<i64> {
        let passed = now.monotonic_ms.saturating_sub(self.read.monotonic_ms);
        let jump = now.wall.0.saturating_sub(self.read.wall.add_ms(passed).0);
        self.read = now;
        if jump.unsigned_abs() < JUMP_MS {
            return None;
        }
        if jump < 0 {
            for job in &mut self.jobs {
                job.starts_at = job.schedule.as_ref().and_then(|schedule| find_next_start(schedule, now.wall));
            }
            self.ask_all(now);
        }
        Some(jump)
    }

    /// Takes the call that has waited longest; none if none is due, or as many as may be are made.
    pub fn take_due(&mut self, now: ClockReading) -> Option<PlannedCall> {
        let room = self.find_capacity();
        let due = self.jobs.iter().enumerate().filter(|(_, job)| room.allows(job, now));
        let waiting = due.filter_map(|(nth, job)| Some((job.overdue_ms(now)?, nth)));
        let (_, nth) = waiting.max_by_key(|(overdue_ms, nth)| (*overdue_ms, std::cmp::Reverse(*nth)))?;
        let job = self.jobs.get_mut(nth)?;
        let started_at = job.starts_at.filter(|start| *start <= now.wall);
        if started_at.is_some() {
            // A new occurrence has its own time for further calls.
            job.failed_since = None;
        }
        (job.is_called, job.again_at) = (true, None);
        job.starts_at = job.schedule.as_ref().and_then(|schedule| find_next_start(schedule, now.wall));
        Some(PlannedCall { job: nth, late_ms: started_at.map(|start| now.wall.ms_since(start)) })
    }

    /// Returns the milliseconds until the next call; none while the end of a call comes first.
    pub fn wait_ms(&self, now: ClockReading) -> Option<u64> {
        match self.find_capacity() {
            CallCapacity::None => None,
            CallCapacity::ForStarts => self.jobs.iter().filter_map(|job| job.start_wait_ms(now)).min(),
            CallCapacity::ForAll => self.jobs.iter().filter_map(|job| job.wait_ms(now)).min(),
        }
    }

    /// Plans the next call of a job whose call has ended. `draw` is uniform in [0, 1).
    pub fn end(&mut self, nth: usize, end: &CallEnd, now: ClockReading, draw: f64) -> AfterCall {
        let Some(job) = self.jobs.get_mut(nth) else { return AfterCall::NextOccurrence };
        job.is_called = false;
        let Some(schedule) = &job.schedule else { return AfterCall::NextOccurrence };
        let answered = end.next.filter(|next| *next > now.wall);
        let has_passed = job.starts_at.is_some_and(|start| start <= now.wall);
        job.starts_at = answered.into_iter().chain(find_next_start(schedule, now.wall)).min();
        let after = if end.can_try_again() {
            let since = *job.failed_since.get_or_insert(now.monotonic_ms);
            job.failed = job.failed.saturating_add(1);
            let after_ms = draw_backoff_ms(job.failed, draw);
            let until = since.saturating_add(limit_repeats_ms(schedule, end));
            let is_in_time = now.monotonic_ms.saturating_add(after_ms) <= until;
            if is_in_time { AfterCall::CallAgain { after_ms } } else { AfterCall::GiveUp }
        } else if has_passed && answered.is_none() {
            // It came during the call, and the sheet may not have been asked about it.
            AfterCall::CallAgain { after_ms: 0 }
        } else {
            wait_for_answer(schedule, end, now.wall)
        };
        if let AfterCall::CallAgain { after_ms } = after {
            job.call_soon(now.monotonic_ms.saturating_add(after_ms));
        }
        if !end.can_try_again() || after == AfterCall::GiveUp {
            (job.failed, job.failed_since) = (0, None);
        }
        after
    }

    /// Gives a job the schedule of its changed file, and calls it; none ends its calls.
    pub fn replace(&mut self, nth: usize, schedule: Option<JobSchedule>, now: ClockReading) {
        let Some(job) = self.jobs.get_mut(nth) else { return };
        job.starts_at = schedule.as_ref().and_then(|schedule| find_next_start(schedule, now.wall));
        (job.schedule, job.failed, job.failed_since) = (schedule, 0, None);
        job.again_at = None;
        self.call_soon(nth, now);
    }

    /// Calls a job as soon as that is possible.
    pub fn call_soon(&mut self, nth: usize, now: ClockReading) {
        if let Some(job) = self.jobs.get_mut(nth).filter(|job| job.schedule.is_some()) {
            job.call_soon(now.monotonic_ms);
        }
    }

    /// Returns how many jobs are called now.
    pub fn active(&self) -> usize {
        self.jobs.iter().filter(|job| job.is_called).count()
    }

    /// Returns the start of the next occurrence of a job.
    pub fn next_start(&self, nth: usize) -> Option<Timestamp> {
        self.jobs.get(nth)?.starts_at
    }

    /// Returns how long the job has waited that waits longest because as many calls as may be are
    /// made, in milliseconds.
    pub fn longest_wait_ms(&self, now: ClockReading) -> Option<u64> {
        let room = self.find_capacity();
        self.jobs.iter().filter(|job| !room.allows(job, now)).filter_map(|job| job.overdue_ms(now)).max()
    }

    fn find_capacity(&self) -> CallCapacity {
        match self.active() {
            active if active >= self.most_at_once => CallCapacity::None,
            active if active >= MAX_CONCURRENT_CALLS => CallCapacity::ForStarts,
            _ => CallCapacity::ForAll,
        }
    }

    fn ask_all(&mut self, now: ClockReading) {
        let mut at = now.monotonic_ms;
        for job in self.jobs.iter_mut().filter(|job| job.schedule.is_some()) {
            job.call_soon(at);
            at = at.saturating_add(CALL_SPACING_MS);
        }
    }
}

/// Which further calls may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallCapacity {
    /// No call: the most that may be made at the same time are under way.
    None,
    /// Calls of occurrences that start.
    ForStarts,
    /// Every call that is due.
    ForAll,
}

impl CallCapacity {
    fn allows(self, job: &QueuedJob, now: ClockReading) -> bool {
        match self {
            Self::None => false,
            Self::ForStarts => job.start_wait_ms(now) == Some(0),
            Self::ForAll => true,
        }
    }
}

impl QueuedJob {
    fn new(schedule: JobSchedule, now: Timestamp) -> Self {
        let starts_at = find_next_start(&schedule, now);
        Self { schedule: Some(schedule), starts_at, again_at: None, is_called: false, failed: 0, failed_since: None }
    }

    fn call_soon(&mut self, at: u64) {
        self.again_at = Some(self.again_at.map_or(at, |planned| planned.min(at)));
    }

    /// Milliseconds since the call is due; none if it is not, or if a call is being made.
    fn overdue_ms(&self, now: ClockReading) -> Option<u64> {
        if self.is_called {
            return None;
        }
        let start = self.starts_at.filter(|start| *start <= now.wall).map(|start| now.wall.ms_since(start));
        start.max(self.again_at.and_then(|at| now.monotonic_ms.checked_sub(at)))
    }

    /// Milliseconds until the next start of an occurrence.
    fn start_wait_ms(&self, now: ClockReading) -> Option<u64> {
        self.starts_at.filter(|_| !self.is_called).map(|start| start.ms_since(now.wall))
    }

    fn wait_ms(&self, now: ClockReading) -> Option<u64> {
        if self.is_called {
            return None;
        }
        let start = self.start_wait_ms(now);
        let again = self.again_at.map(|at| at.saturating_sub(now.monotonic_ms));
        start.into_iter().chain(again).min()
    }
}

/// Returns the first start after `now`. With `ready_by` that is the latest possible one: how long a
/// run takes is known by the sheet only, which answers with the start.
fn find_next_start(schedule: &JobSchedule, now: Timestamp) -> Option<Timestamp> {
    let delay = i64::try_from(schedule.delay_ms).unwrap_or(i64::MAX);
    let mut after = Timestamp(now.0.saturating_sub(delay));
    // Starts come at most a day before their deadline, so a few are enough.
    for _ in 0..10 {
        let next = schedule.next_after(after, 0)?;
        if next.starts_at > now {
            return Some(next.starts_at);
        }
        after = next.scheduled_for;
    }
    None
}

/// Returns how long calls that could not be completed are repeated, in milliseconds. A run that may
/// be late is waited for until the next occurrence; an unexpected response rarely passes by itself.
fn limit_repeats_ms(schedule: &JobSchedule, end: &CallEnd) -> u64 {
    let is_bounded = schedule.misfire == MisfirePolicy::Skip || end.exit_code == Some(UNEXPECTED);
    if is_bounded { schedule.misfire_grace_ms } else { u64::MAX }
}

/// Returns whether a job waits for something else than its next occurrence, at the wall time `now`.
fn wait_for_answer(schedule: &JobSchedule, end: &CallEnd, now: Timestamp) -> AfterCall {
    // Also where occurrences during a run are skipped: what is active may be a command that keeps
    // the lease for a moment.
    // By the service's clock it is yet to come.
    let is_ahead = end.next.is_some_and(|next| next <= now);
    if end.is_active || is_ahead {
        return AfterCall::CallAgain { after_ms: WAITING_INTERVAL_MS };
    }
    match (schedule.ready_by, end.next) {
        (Some(_), None) => AfterCall::CallAgain { after_ms: UNANSWERED_INTERVAL_MS },
        _ => AfterCall::NextOccurrence,
    }
}

/// Returns the wait after the `failed`-th call that could not be completed, in milliseconds. It is
/// from half of a ceiling to the whole; the ceiling doubles up to its cap.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "waits are far below 2^53 ms, and draw is clamped to [0, 1]"
)]
fn draw_backoff_ms(failed: u32, draw: f64) -> u64 {
    let ceiling = BACKOFF_BASE_MS.saturating_mul(1_u64 << failed.saturating_sub(1).min(32)).min(BACKOFF_CAP_MS);
    ceiling / 2 + ((ceiling / 2) as f64 * draw.clamp(0.0, 1.0)) as u64
}
