//! When a daemon calls its jobs: a simulated machine whose clocks jump, and calls that fail.

use std::collections::BTreeMap;

use super::{at, schedule, short};
use crate::call_queue::{AfterCall, CALL_SPACING_MS, CallEnd, CallQueue, ClockReading, WAITING_INTERVAL_MS};
use crate::job_schedule::{JobSchedule, MisfirePolicy, OverlapPolicy, ReadyTime, build_deadline_recurrence};
use crate::zone::parse_zone;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// The longest sleep of the daemon.
const SLICE: u64 = 10_000;

/// A machine on which each call takes a moment and ends well.
struct Machine {
    queue: CallQueue,
    now: ClockReading,
    /// Monotonic ends of the calls that are being made.
    ends: BTreeMap<usize, u64>,
    call_ms: u64,
    /// Wall time, lateness and job of each call.
    calls: Vec<(String, Option<u64>, usize)>,
    most_active: usize,
}

impl Machine {
    fn new(schedules: Vec<JobSchedule>, start: &str) -> Self {
        let now = ClockReading { wall: at(start), monotonic_ms: 5_000 };
        let queue = CallQueue::new(schedules, 8, now);
        Self { queue, now, ends: BTreeMap::new(), call_ms: 500, calls: Vec::new(), most_active: 0 }
    }

    /// Lives for this long, and forgets the calls before.
    fn advance_by(&mut self, ms: u64) -> Vec<(String, Option<u64>, usize)> {
        self.calls.clear();
        let until = self.now.monotonic_ms + ms;
        while self.now.monotonic_ms < until {
            self.queue.observe(self.now);
            self.end_calls();
            while let Some(call) = self.queue.take_due(self.now) {
                self.ends.insert(call.job, self.now.monotonic_ms + self.call_ms);
                self.calls.push((short(self.now.wall), call.late_ms, call.job));
                self.most_active = self.most_active.max(self.queue.active());
            }
            let next_end = self.ends.values().min().map(|end| end - self.now.monotonic_ms);
            let wait = self.queue.wait_ms(self.now).into_iter().chain(next_end).min().unwrap_or(SLICE);
            self.pass_time(wait.clamp(1, SLICE).min(until - self.now.monotonic_ms));
        }
        self.calls.clone()
    }

    fn end_calls(&mut self) {
        let ended: Vec<usize> =
            self.ends.iter().filter(|(_, end)| **end <= self.now.monotonic_ms).map(|(job, _)| *job).collect();
        for job in ended {
            self.ends.remove(&job);
            self.queue.end(job, &CallEnd { exit_code: Some(0), ..CallEnd::default() }, self.now, 0.5);
        }
    }

    fn pass_time(&mut self, ms: u64) {
        self.now = ClockReading { wall: self.now.wall.add_ms(ms), monotonic_ms: self.now.monotonic_ms + ms };
    }

    /// Sets the wall clock, or suspends the machine: the monotonic clock stays.
    fn jump_clock(&mut self, ms: i64) {
        self.now.wall.0 += ms;
    }
}

fn hours(hours: i64) -> i64 {
    hours * 3_600_000
}

fn read_clock(text: &str, monotonic_ms: u64) -> ClockReading {
    ClockReading { wall: at(text), monotonic_ms }
}

/// A queue of one job whose first call is being made at this time.
fn make_queue(schedule: JobSchedule, text: &str) -> CallQueue {
    let now = read_clock(text, 0);
    let mut queue = CallQueue::new(vec![schedule], 8, now);
    assert!(queue.take_due(now).is_some(), "called at the start");
    queue
}

fn exit(code: u8) -> CallEnd {
    CallEnd { exit_code: Some(code), ..CallEnd::default() }
}

#[test]
fn each_job_is_called_at_the_start_at_most_eight_at_once() {
    let mut machine = Machine::new(vec![schedule("0 9 * * *", "UTC"); 200], "2026-06-02T10:00:00Z");
    machine.call_ms = 4_000;
    let calls = machine.advance_by(3 * MINUTE);
    let jobs: Vec<usize> = calls.iter().map(|(.., job)| *job).collect();
    assert_eq!(jobs, (0..200).collect::<Vec<_>>(), "in their order, each once");
    assert_eq!(machine.most_active, 8);
    let mut quick = Machine::new(vec![schedule("0 9 * * *", "UTC"); 200], "2026-06-02T10:00:00Z");
    let calls = quick.advance_by(10_000);
    assert_eq!(u64::try_from(calls.len()).expect("few"), 10_000 / CALL_SPACING_MS, "no flurry");
}

#[test]
fn fifty_jobs_at_one_minute_are_called_at_once() {
    let mut machine = Machine::new(vec![schedule("0 9 * * *", "UTC"); 80], "2026-06-02T08:50:00Z");
    machine.queue = CallQueue::new(vec![schedule("0 9 * * *", "UTC"); 80], 64, machine.now);
    machine.call_ms = 4_000;
    machine.advance_by(5 * MINUTE);
    assert_eq!(machine.most_active, 8, "first calls are few at once");
    let calls = machine.advance_by(30 * MINUTE);
    assert_eq!((calls.len(), machine.most_active), (80, 64));
    let in_time = calls.iter().filter(|(_, late_ms, _)| *late_ms == Some(0)).count();
    assert_eq!(in_time, 64, "the others wait for a place");
}

#[test]
fn each_occurrence_is_called_at_its_very_start() {
    let mut machine = Machine::new(vec![schedule("*/15 * * * *", "Europe/Berlin")], "2026-06-02T09:58:07.123Z");
    machine.advance_by(MINUTE);
    let calls = machine.advance_by(24 * HOUR);
    assert_eq!(calls.len(), 96);
    assert!(calls.iter().all(|(_, late_ms, _)| *late_ms == Some(0)), "{calls:?}");
}

#[test]
fn two_hundred_jobs_at_one_minute_all_get_their_call() {
    let mut machine = Machine::new(vec![schedule("0 9 * * *", "UTC"); 200], "2026-06-02T08:50:00Z");
    machine.advance_by(5 * MINUTE);
    let calls = machine.advance_by(30 * MINUTE);
    assert_eq!((calls.len(), machine.most_active), (200, 8));
    // 25 times eight calls of half a second.
    assert!(calls.iter().all(|(_, late_ms, _)| *late_ms <= Some(12_500)), "{calls:?}");
}

#[test]
fn a_clock_set_forward_over_a_start_makes_the_call_at_once() {
    let mut machine = Machine::new(vec![schedule("0 9 * * *", "UTC")], "2026-06-02T07:00:00Z");
    machine.advance_by(MINUTE);
    machine.jump_clock(hours(3));
    let calls = machine.advance_by(SLICE);
    assert_eq!(calls, [("2026-06-02T10:01Z".to_owned(), Some(3_660_000), 0)]);
    let next = machine.advance_by(24 * HOUR);
    assert_eq!(next, [("2026-06-03T09:00Z".to_owned(), Some(0), 0)]);
}

#[test]
fn a_clock_set_back_asks_every_job_and_repeats_its_times() {
    let jobs = vec![schedule("0 9 * * *", "UTC"), schedule("0 12 * * *", "UTC")];
    let mut machine = Machine::new(jobs, "2026-06-02T10:00:00Z");
    machine.advance_by(MINUTE);
    machine.jump_clock(hours(-3));
    let asked = machine.advance_by(MINUTE);
    assert_eq!(asked.iter().map(|(_, late, job)| (*late, *job)).collect::<Vec<_>>(), [(None, 0), (None, 1)]);
    let calls = machine.advance_by(8 * HOUR);
    let times: Vec<_> = calls.iter().map(|(time, late_ms, job)| (time.as_str(), *late_ms, *job)).collect();
    assert_eq!(times, [("2026-06-02T09:00Z", Some(0), 0), ("2026-06-02T12:00Z", Some(0), 1)]);
}

#[test]
fn a_suspend_of_ten_hours_ends_in_one_call_of_each_job() {
    let mut machine = Machine::new(vec![schedule("*/15 * * * *", "UTC"); 20], "2026-06-02T00:01:00Z");
    machine.advance_by(MINUTE);
    machine.jump_clock(hours(10));
    let calls = machine.advance_by(5 * MINUTE);
    let jobs: Vec<usize> = calls.iter().map(|(.., job)| *job).collect();
    assert_eq!((jobs, machine.most_active), ((0..20).collect(), 8));
    let at_next: Vec<_> = machine.advance_by(15 * MINUTE).into_iter().map(|(time, ..)| time).collect();
    assert_eq!(at_next, vec!["2026-06-02T10:15Z"; 20]);
}

#[test]
fn a_small_correction_of_the_clock_calls_nothing() {
    let mut machine = Machine::new(vec![schedule("0 9 * * *", "UTC")], "2026-06-02T07:00:00Z");
    machine.advance_by(MINUTE);
    machine.jump_clock(-5_000);
    assert_eq!(machine.advance_by(HOUR), []);
    assert_eq!(machine.queue.observe(machine.now), None);
}

#[test]
fn calls_that_fail_wait_twice_as_long_each_time() {
    let mut queue = make_queue(schedule("0 9 * * *", "UTC"), "2026-06-02T09:00:00Z");
    let mut waits = Vec::new();
    let mut now = read_clock("2026-06-02T09:00:01Z", 1_000);
    for draw in [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0] {
        let AfterCall::CallAgain { after_ms } = queue.end(0, &exit(69), now, draw) else {
            unreachable!("the service may come back")
        };
        waits.push(after_ms / 1_000);
        assert_eq!(queue.wait_ms(now), Some(after_ms));
        now = ClockReading { wall: now.wall.add_ms(after_ms), monotonic_ms: now.monotonic_ms + after_ms };
        assert!(queue.take_due(now).is_some());
    }
    assert_eq!(waits, [5, 20, 20, 40, 80, 300, 150]);
    assert_eq!(queue.end(0, &exit(0), now, 0.0), AfterCall::NextOccurrence);
    assert_eq!(queue.next_start(0).map(short), Some("2026-06-03T09:00Z".into()));
}

#[test]
fn what_may_not_run_late_is_given_up_after_its_grace() {
    let skipped = JobSchedule { misfire: MisfirePolicy::Skip, ..schedule("0 9 * * *", "UTC") };
    let kept = schedule("0 9 * * *", "UTC");
    for (schedule, code, gives_up) in [(&skipped, 69, true), (&kept, 69, false), (&kept, 76, true), (&kept, 75, false)]
    {
        let mut queue = make_queue(schedule.clone(), "2026-06-02T09:00:00Z");
        queue.end(0, &exit(code), read_clock("2026-06-02T09:00:01Z", 1_000), 0.0);
        let late = read_clock("2026-06-02T10:00:00Z", 3_600_000);
        assert!(queue.take_due(late).is_some());
        let is_over = queue.end(0, &exit(code), late, 0.5) == AfterCall::GiveUp;
        assert_eq!(is_over, gives_up, "{code}, {:?}", schedule.misfire);
        assert_eq!(queue.wait_ms(late), Some(if is_over { 23 * HOUR } else { 15_000 }));
    }
}

#[test]
fn a_crash_is_tried_again_and_a_failed_run_is_not() {
    let now = read_clock("2026-06-02T09:00:01Z", 1_000);
    for (end, again) in [(CallEnd::default(), true), (exit(71), true), (exit(1), false), (exit(78), false)] {
        let mut queue = make_queue(schedule("0 9 * * *", "UTC"), "2026-06-02T09:00:00Z");
        assert_eq!(queue.end(0, &end, now, 0.5) != AfterCall::NextOccurrence, again, "{end:?}");
    }
}

#[test]
fn a_job_is_called_each_minute_while_a_run_is_active() {
    let now = read_clock("2026-06-02T09:00:01Z", 1_000);
    let active = CallEnd { exit_code: Some(0), next: None, is_active: true };
    let waits = |overlap| {
        let mut queue = make_queue(JobSchedule { overlap, ..schedule("0 9 * * *", "UTC") }, "2026-06-02T09:00:00Z");
        queue.end(0, &active, now, 0.5)
    };
    assert_eq!(waits(OverlapPolicy::Queue), AfterCall::CallAgain { after_ms: WAITING_INTERVAL_MS });
    // What is active may be a command that keeps the lease for a moment.
    assert_eq!(waits(OverlapPolicy::Skip), AfterCall::CallAgain { after_ms: WAITING_INTERVAL_MS });
}

#[test]
fn with_ready_by_the_sheet_answers_when_the_run_starts() {
    let recurrence = build_deadline_recurrence("09:00", "*").expect("a deadline");
    let ready_by = Some(ReadyTime { not_before: None, margin_ms: 10 * MINUTE });
    let schedule = JobSchedule { ready_by, ..JobSchedule::new(recurrence, parse_zone("UTC").expect("a zone")) };
    let now = read_clock("2026-06-02T09:30:00Z", 1_000);
    let mut queue = make_queue(schedule, "2026-06-02T09:29:00Z");
    assert_eq!(queue.next_start(0).map(short), Some("2026-06-03T08:50Z".into()), "without an answer: the margin only");
    let answered = CallEnd { exit_code: Some(0), next: Some(at("2026-06-03T07:05:00Z")), is_active: false };
    assert_eq!(queue.end(0, &answered, now, 0.5), AfterCall::NextOccurrence);
    assert_eq!(queue.next_start(0).map(short), Some("2026-06-03T07:05Z".into()));
    queue.call_soon(0, now);
    assert!(queue.take_due(now).is_some());
    assert_eq!(queue.end(0, &exit(1), now, 0.5), AfterCall::CallAgain { after_ms: HOUR }, "asked again in an hour");
}

#[test]
fn a_machine_ahead_of_the_service_asks_until_it_is_time() {
    // By the service it is 08:59, and the occurrence of 09:00 has not come.
    let mut queue = make_queue(schedule("0 9 * * *", "UTC"), "2026-06-02T09:05:00Z");
    let not_yet = CallEnd { exit_code: Some(0), next: Some(at("2026-06-02T09:00:00Z")), is_active: false };
    let now = read_clock("2026-06-02T09:05:01Z", 1_000);
    assert_eq!(queue.end(0, &not_yet, now, 0.5), AfterCall::CallAgain { after_ms: WAITING_INTERVAL_MS });
}

#[test]
fn a_start_during_a_call_is_called_after_it() {
    let now = read_clock("2026-06-02T10:01:00Z", 61 * MINUTE);
    let mut queue = make_queue(schedule("0 * * * *", "UTC"), "2026-06-02T09:00:00Z");
    assert_eq!(queue.take_due(now), None, "a job is called once at a time");
    assert_eq!(queue.end(0, &exit(1), now, 0.5), AfterCall::CallAgain { after_ms: 0 });
    let mut queue = make_queue(schedule("0 * * * *", "UTC"), "2026-06-02T09:00:00Z");
    let answered = CallEnd { exit_code: Some(0), next: Some(at("2026-06-02T11:00:00Z")), is_active: false };
    assert_eq!(queue.end(0, &answered, now, 0.5), AfterCall::NextOccurrence, "the sheet was asked about it");
}

#[test]
fn a_changed_schedule_is_called_at_once_and_a_removed_one_never() {
    let now = read_clock("2026-06-02T10:00:00Z", HOUR);
    let mut queue = make_queue(schedule("0 9 * * *", "UTC"), "2026-06-02T09:00:00Z");
    queue.end(0, &exit(0), now, 0.5);
    assert_eq!(queue.take_due(now), None);
    queue.replace(0, Some(schedule("1 10 * * *", "UTC")), now);
    assert_eq!(queue.take_due(now).map(|call| (call.job, call.late_ms)), Some((0, None)));
    queue.end(0, &exit(0), now, 0.5);
    assert_eq!(queue.next_start(0).map(short), Some("2026-06-02T10:01Z".into()));
    queue.replace(0, None, now);
    assert_eq!((queue.take_due(now), queue.wait_ms(now)), (None, None));
}

#[test]
fn a_delayed_occurrence_is_called_at_its_own_start() {
    let delayed = JobSchedule { delay_ms: 90_000, ..schedule("0 9 * * *", "UTC") };
    let mut machine = Machine::new(vec![delayed], "2026-06-02T09:01:00Z");
    machine.advance_by(1_000);
    let calls = machine.advance_by(HOUR);
    assert_eq!(calls, [("2026-06-02T09:01Z".to_owned(), Some(0), 0)]);
}
