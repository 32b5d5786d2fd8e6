//! Any number of clocks call `run --due`: each occurrence of the schedule ends as one row in Runs.
//!
//! The real client over the emulator, in process, with the paused clock.

mod missed_times;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sheetkeep::app::schedule::due::{DueRun, DueStep, decide_next_step};
use sheetkeep::ledger::leases::lease::Holder;
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::port::step::StepError;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::runner::schedule_claim::ScheduleClaim;
use sheetkeep::schedule::job_schedule::ReadyTime;
use sheetkeep::system::SeededRng;
use sheetkeep::time::Timestamp;

use crate::scheduled_fixture::ScheduledFixture;
use crate::skewed_clock::SkewedClock;
use crate::test_job::{SlowSource, TestJob, ValueSource};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A scheduled job on a spreadsheet of its own.
struct ScheduledJob {
    fixture: ScheduledFixture,
    /// How long a run takes for each of its two items.
    item_ms: u64,
    /// How far the clock of the machine is ahead of the service's.
    machine_ahead_ms: i64,
}

/// What a call of one clock came to.
#[derive(Debug)]
#[expect(dead_code, reason = "a failed test prints what is in it")]
enum CallOutcome {
    NotDue,
    Active,
    Ran(Box<RunReport>),
    Recorded,
    Taken,
    Failed(RunError),
}

impl ScheduledJob {
    /// A job that runs at this cron expression in Berlin; `start` is the time of its spreadsheet.
    fn new(cron: &str, start: &str) -> Self {
        Self::with_behavior(cron, start, 0)
    }

    fn with_behavior(cron: &str, start: &str, nth: usize) -> Self {
        Self { fixture: ScheduledFixture::new(cron, start, nth), item_ms: 0, machine_ahead_ms: 0 }
    }

    /// One call of `run --due` on this machine, over this source.
    async fn call(&self, host: &str, items: Vec<Value>) -> CallOutcome {
        let seed = self.fixture.next_seed();
        match self.fixture.next_step(host, seed).await {
            DueStep::NotDue { .. } => CallOutcome::NotDue,
            DueStep::Active { .. } => CallOutcome::Active,
            DueStep::Run(due) => self.run(host, seed, items, Some(*due), RunScope::Default).await,
            DueStep::Record(due) => match self.run(host, seed, Vec::new(), Some(*due), RunScope::None).await {
                CallOutcome::Ran(_) => CallOutcome::Recorded,
                other => other,
            },
        }
    }

    /// A run that a person starts.
    async fn run_by_hand(&self, items: Vec<Value>) -> CallOutcome {
        let seed = self.fixture.next_seed();
        self.run("by hand", seed, items, None, RunScope::Default).await
    }

    async fn run(
        &self,
        host: &str,
        seed: u64,
        items: Vec<Value>,
        due: Option<DueRun>,
        retrying: RunScope,
    ) -> CallOutcome {
        let machine = SkewedClock::new(&self.fixture.clock, self.machine_ahead_ms);
        let mut job = TestJob::new(machine).with_step(|value, _| match value["bad"].as_str() {
            Some(why) => Err(StepError::Rejected(why.to_owned())),
            None => Ok(vec![value.clone()]),
        });
        job.seed = seed;
        job.plan.scope = retrying;
        job.plan.schedule = Some(Arc::new(self.fixture.schedule.clone()));
        job.plan.holder.installation = host.to_owned();
        job.plan.holder.host = host.to_owned();
        job.plan.has_lock = false;
        let due = due.unwrap_or_else(|| DueRun {
            claim: ScheduleClaim::default(),
            trigger: job.plan.trigger.clone(),
            occurrence: None,
            next: None,
        });
        (job.plan.trigger, job.plan.claim) = (due.trigger, Some(due.claim));
        let values = ValueSource::of(items.clone());
        let values =
            if items.iter().any(|item| item["breaks"] == true) { values.with_broken_end("cut off") } else { values };
        let source = SlowSource::new(values, Arc::clone(&self.fixture.clock), Duration::from_millis(self.item_ms));
        match job.run_source(self.fixture.store(seed), Box::new(source)).await {
            Ok(report) => CallOutcome::Ran(Box::new(report)),
            Err(RunError::AlreadyClaimed { .. } | RunError::LeaseHeld { .. }) => CallOutcome::Taken,
            Err(error) => CallOutcome::Failed(error),
        }
    }

    /// Waits until this long after the start of the test's spreadsheet.
    async fn wait(&self, ms: u64) {
        self.fixture.clock.sleep(Duration::from_millis(ms)).await;
    }

    /// The rows of Runs: the logical time and the status, oldest logical time first.
    async fn run_rows(&self) -> Vec<(String, String)> {
        let times = self.fixture.proxy.column("Runs", "scheduled_for").await;
        let statuses = self.fixture.proxy.column("Runs", "status").await;
        let mut rows: Vec<_> = times.into_iter().zip(statuses).collect();
        rows.sort();
        rows
    }

    /// The logical times with a run, each as often as it ran.
    async fn run_times(&self) -> Vec<String> {
        let ran = self.run_rows().await.into_iter().filter(|(_, status)| status != "skipped" && status != "missed");
        ran.map(|(time, _)| time).collect()
    }

    /// The logical times of the schedule in this window, as Runs shows them.
    fn expected_times(&self, from: &str, until: &str) -> Vec<String> {
        let parse = |text| Timestamp::parse(text).expect("a time");
        let found = self.fixture.schedule.last_between(parse(from), parse(until), usize::MAX, 0);
        found.occurrences.iter().map(|one| format_time(one.scheduled_for)).collect()
    }
}

/// A time as a tab shows it.
fn format_time(at: Timestamp) -> String {
    at.to_string().replace('T', " ").replace(".000Z", "")
}

fn make_items() -> Vec<Value> {
    vec![json!({"id": 1, "v": "a"}), json!({"id": 2, "v": "b"})]
}

#[tokio::test(start_paused = true)]
async fn three_clocks_make_one_run_of_each_day_of_a_year() {
    // Nine in Berlin, from before the switch of autumn 2026 to after the one of autumn 2027.
    let job = ScheduledJob::new("0 9 * * *", "2026-10-20T00:00:00Z");
    // Cron in UTC: every UTC time that can be nine in Berlin. A workflow that comes 40 minutes
    // late. A laptop that calls at the very moment of the first, and sleeps at weekends.
    let calls = [(7 * HOUR, "utc"), (7 * HOUR, "laptop"), (7 * HOUR + 40 * MINUTE, "workflow"), (8 * HOUR, "utc")];
    let mut now = 0;
    for day in 0..380 {
        let mut at_once = Vec::new();
        for (at, clock) in calls.iter().chain(&[(8 * HOUR, "laptop"), (8 * HOUR + 40 * MINUTE, "workflow")]) {
            let call = day * DAY + at;
            if call != now {
                join_all(at_once.drain(..).map(|clock| job.call(clock, Vec::new()))).await;
                job.wait(call - now).await;
                now = call;
            }
            if *clock != "laptop" || day % 7 < 5 {
                at_once.push(*clock);
            }
        }
        join_all(at_once.drain(..).map(|clock| job.call(clock, Vec::new()))).await;
    }
    let expected = job.expected_times("2026-10-20T00:00:00Z", "2027-11-03T12:00:00Z");
    assert_eq!(job.run_rows().await, expected.into_iter().map(|at| (at, "succeeded".to_owned())).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn two_clocks_at_one_moment_make_one_run() {
    for nth in 0..8 {
        let job = ScheduledJob::with_behavior("0 9 * * *", "2026-11-29T08:00:00Z", nth);
        job.fixture.proxy.set_latency(Duration::from_millis(200));
        for _ in 0..3 {
            let ends = join_all(["a", "b", "c"].map(|host| job.call(host, Vec::new()))).await;
            let ran = ends.iter().filter(|end| matches!(end, CallOutcome::Ran(_))).count();
            assert_eq!(ran, 1, "{nth}: {ends:?}");
            assert!(!ends.iter().any(|end| matches!(end, CallOutcome::Failed(_))), "{nth}: {ends:?}");
            job.wait(DAY).await;
        }
        assert_eq!(job.run_rows().await.len(), 3, "{nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_not_due_reads_twice_and_writes_nothing() {
    let job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    job.fixture.proxy.start_recording();
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::NotDue));
    let calls = job.fixture.proxy.take_recording();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls.iter().all(|call| call.method == hyper::Method::GET), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_is_one_run() {
    for is_applied in [true, false] {
        let job = ScheduledJob::new("0 9 * * *", "2026-11-28T08:00:00Z");
        assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
        job.wait(DAY).await;
        job.fixture.proxy.lose_write(0, is_applied);
        let ends = join_all(["a", "b"].map(|host| job.call(host, make_items()))).await;
        assert_eq!(ends.iter().filter(|end| matches!(end, CallOutcome::Ran(_))).count(), 1, "{ends:?}");
        assert_eq!(job.run_times().await, ["2026-11-28 08:00:00", "2026-11-29 08:00:00"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_once_by_any_number_of_clocks() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    job.wait(HOUR).await;
    job.fixture.requests.run_now = Some("46355.43".to_owned());
    let ends = join_all(["a", "b", "c"].map(|host| job.call(host, make_items()))).await;
    assert_eq!(ends.iter().filter(|end| matches!(end, CallOutcome::Ran(_))).count(), 1, "{ends:?}");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::NotDue));
    assert_eq!(job.fixture.proxy.column("Runs", "trigger").await, ["schedule", "run now"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_on_a_fast_machine_does_not_skip_the_next_time() {
    let mut job = ScheduledJob::new("* * * * *", "2026-11-29T08:00:00Z");
    (job.item_ms, job.machine_ahead_ms) = (4_000, 50_000);
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    job.wait(MINUTE).await;
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    assert_eq!(job.run_times().await, ["2026-11-29 08:00:00", "2026-11-29 08:01:00"]);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_jump_by_three_hours_run_each_time_once() {
    for nth in [0, 5] {
        let mut job = ScheduledJob::with_behavior("0 * * * *", "2026-11-29T08:00:00Z", nth);
        // The machine's clock jumps ahead, back to the right time, behind, and back again.
        let jumps = [(6, 3), (14, 0), (20, -3), (30, 0)];
        for half_hour in 0..36 {
            if let Some((_, hours)) = jumps.iter().find(|(at, _)| *at == half_hour) {
                job.machine_ahead_ms = hours * 3_600_000;
            }
            let end = job.call("a", make_items()).await;
            assert_eq!(matches!(end, CallOutcome::Ran(_)), half_hour % 2 == 0, "{half_hour}: {end:?}");
            job.wait(30 * MINUTE).await;
        }
        assert_eq!(job.run_times().await, job.expected_times("2026-11-29T07:59:59Z", "2026-11-30T01:59:59Z"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_to_be_ready_starts_by_its_usual_length() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-11-29T06:00:00Z");
    job.fixture.schedule.ready_by = Some(ReadyTime { not_before: None, margin_ms: 10 * MINUTE });
    job.item_ms = 5 * MINUTE;
    let mut starts = Vec::new();
    for day in 0..3 {
        for minute in 0..120 {
            let now = job.fixture.clock.now();
            if matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)) {
                starts.push((day, format_time(now)[11..16].to_owned()));
                break;
            }
            assert!(minute < 119, "it never starts on day {day}");
            job.wait(MINUTE).await;
        }
        let midnight = 24 * HOUR - (job.fixture.clock.now().0.rem_euclid(86_400_000)).unsigned_abs();
        job.wait(midnight + 6 * HOUR).await;
    }
    // Ready at nine in Berlin, eight in UTC: ten minutes before, and then the length of a run. The
    // run reads two records and the end of its source. A call may be a minute early.
    assert_eq!(starts, [(0, "07:49".into()), (1, "07:34".into()), (2, "07:34".into())]);
    assert_eq!(job.run_times().await, ["2026-11-29 08:00:00", "2026-11-30 08:00:00", "2026-12-01 08:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_clocks_that_cannot_start_one_writes_the_row() {
    let job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    let record = |host: &'static str| {
        let job = &job;
        async move {
            let seed = job.fixture.next_seed();
            let DueStep::Run(mut due) = job.fixture.next_step(host, seed).await else { return None };
            let is_new = !due.claim.has_failed_start;
            due.claim.recorded_outcome = Some((RunStatus::Failed, "orders.csv does not exist".into()));
            if is_new {
                job.run(host, seed, Vec::new(), Some(*due), RunScope::None).await;
            }
            Some(is_new)
        }
    };
    let both = tokio::join!(record("a"), record("b"));
    assert_eq!(both, (Some(true), Some(true)));
    assert_eq!(record("a").await, Some(false), "it is known, and still due");
    assert_eq!(job.fixture.proxy.column("Runs", "status").await, ["failed"]);
    job.wait(DAY).await;
    assert_eq!(record("a").await, Some(true), "the next day's has a row of its own");
    assert!(matches!(job.call("b", make_items()).await, CallOutcome::Ran(_)));
    assert_eq!(job.fixture.proxy.column("Runs", "status").await, ["failed", "failed", "succeeded"]);
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::NotDue));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_no_run_can_hold_keeps_no_occurrence() {
    let job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
    job.wait(DAY).await;
    let mut standing = job.fixture.store(50).read_standing().await.expect("the state can be read");
    // No lease is longer than a day: a wrong clock has written the others.
    for (hours, is_active) in [(1, true), (24, true), (25, false), (400_000, false)] {
        let state = standing.state.as_mut().expect("it has run");
        state.lease.holder = Some(Holder { run: "r2".into(), ..Holder::default() });
        state.lease.until = standing.service_time.add_ms(hours * HOUR);
        let step = decide_next_step(&job.fixture.schedule, "j", "b", &standing, &SeededRng::new(50));
        assert_eq!(matches!(step, DueStep::Active { .. }), is_active, "{hours} h: {step:?}");
        assert_eq!(matches!(step, DueStep::Run(_)), !is_active, "{hours} h: {step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_run_that_cannot_start_counts_for_the_pause() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-11-29T07:00:00Z");
    job.fixture.schedule.pause_after = 2;
    for _ in 0..2 {
        let seed = job.fixture.next_seed();
        let end = Some((RunStatus::Failed, "orders.csv does not exist".to_owned()));
        let mut run = TestJob::new(Arc::clone(&job.fixture.clock));
        (run.seed, run.plan.scope, run.plan.recorded_end) = (seed, RunScope::None, end);
        (run.plan.schedule, run.plan.claim) =
            (Some(Arc::new(job.fixture.schedule.clone())), Some(ScheduleClaim::default()));
        run.run_source(job.fixture.store(seed), Box::new(ValueSource::of(Vec::new()))).await.expect("it is recorded");
    }
    assert_eq!(job.fixture.proxy.column("Runs", "status").await, ["failed", "failed"]);
    job.wait(HOUR).await;
    assert!(matches!(job.call("a", make_items()).await, CallOutcome::Recorded), "the schedule pauses");
    let messages = job.fixture.proxy.column("Runs", "message").await;
    assert!(messages.iter().any(|message| message.contains("paused after 2 failed runs")), "{messages:?}");
    assert!(!job.fixture.proxy.column("Runs", "status").await.contains(&"succeeded".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_outgrows_its_interval_says_so_in_runs() {
    let mut job = ScheduledJob::new("*/10 * * * *", "2026-11-29T08:00:00Z");
    job.item_ms = 4 * MINUTE;
    for _ in 0..3 {
        assert!(matches!(job.call("a", make_items()).await, CallOutcome::Ran(_)));
        job.wait(8 * MINUTE).await;
    }
    let messages = job.fixture.proxy.column("Runs", "message").await.join("|");
    assert!(messages.contains("a run takes about 12 min, and the schedule starts one every 10 min"), "{messages}");
}
