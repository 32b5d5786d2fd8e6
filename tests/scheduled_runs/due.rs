//! Any number of clocks call `run --due`: each occurrence of the schedule ends as one row in Runs.
//!
//! The real client over the emulator, in process, with the paused clock.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use serde_json::{Value, json};
use sheetkeep::app::schedule::due::{DueRun, DueStep, decide_next_step};
use sheetkeep::clock::Clock;
use sheetkeep::ledger::leases::lease::Holder;
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::port::step::StepError;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::runner::schedule_claim::ScheduleClaim;
use sheetkeep::schedule::job_schedule::{OverlapPolicy, ReadyTime};
use sheetkeep::schedule::recurrence::Recurrence;
use sheetkeep::system::SeededRng;
use sheetkeep::time::Timestamp;

use crate::scheduled_rig::ScheduledRig;
use crate::support::{Job, Slow, Values};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A scheduled job on a spreadsheet of its own.
struct ScheduledJob {
    rig: ScheduledRig,
    /// How long a run takes for each of its two items.
    item_ms: u64,
    /// How far the clock of the machine is ahead of the service's.
    machine_ahead_ms: i64,
}

/// A clock that shows another time than the service's.
struct MachineClock {
    inner: Arc<dyn Clock>,
    ahead_ms: i64,
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.inner.now().0 + self.ahead_ms)
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'static, ()> {
        self.inner.sleep(wait)
    }
}

/// What a call of one clock came to.
#[derive(Debug)]
#[expect(dead_code, reason = "a failed test prints what is in it")]
enum Outcome {
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
        Self { rig: ScheduledRig::new(cron, start, nth), item_ms: 0, machine_ahead_ms: 0 }
    }

    /// One call of `run --due` on this machine, over this source.
    async fn call(&self, host: &str, items: Vec<Value>) -> Outcome {
        let seed = self.rig.next_seed();
        match self.rig.next_step(host, seed).await {
            DueStep::NotDue { .. } => Outcome::NotDue,
            DueStep::Active { .. } => Outcome::Active,
            DueStep::Run(due) => self.run(host, seed, items, Some(*due), RunScope::Default).await,
            DueStep::Record(due) => match self.run(host, seed, Vec::new(), Some(*due), RunScope::None).await {
                Outcome::Ran(_) => Outcome::Recorded,
                other => other,
            },
        }
    }

    /// A run that a person starts.
    async fn run_by_hand(&self, items: Vec<Value>) -> Outcome {
        let seed = self.rig.next_seed();
        self.run("by hand", seed, items, None, RunScope::Default).await
    }

    async fn run(&self, host: &str, seed: u64, items: Vec<Value>, due: Option<DueRun>, scope: RunScope) -> Outcome {
        let machine = Arc::new(MachineClock { inner: Arc::clone(&self.rig.clock), ahead_ms: self.machine_ahead_ms });
        let mut job = Job::new(machine).step(|value, _| match value["bad"].as_str() {
            Some(why) => Err(StepError::Rejected(why.to_owned())),
            None => Ok(vec![value.clone()]),
        });
        job.seed = seed;
        job.plan.scope = scope;
        job.plan.schedule = Some(Arc::new(self.rig.schedule.clone()));
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
        let values = Values::of(items.clone());
        let values =
            if items.iter().any(|item| item["breaks"] == true) { values.then_broken("cut off") } else { values };
        let source = Slow::new(values, Arc::clone(&self.rig.clock), Duration::from_millis(self.item_ms));
        match job.run_over(self.rig.store(seed), Box::new(source)).await {
            Ok(report) => Outcome::Ran(Box::new(report)),
            Err(RunError::AlreadyClaimed { .. } | RunError::LeaseHeld { .. }) => Outcome::Taken,
            Err(error) => Outcome::Failed(error),
        }
    }

    /// Waits until this long after the start of the test's spreadsheet.
    async fn wait(&self, ms: u64) {
        self.rig.clock.sleep(Duration::from_millis(ms)).await;
    }

    /// The rows of Runs: the logical time and the status, oldest logical time first.
    async fn rows(&self) -> Vec<(String, String)> {
        let times = self.rig.proxy.column("Runs", "scheduled_for").await;
        let statuses = self.rig.proxy.column("Runs", "status").await;
        let mut rows: Vec<_> = times.into_iter().zip(statuses).collect();
        rows.sort();
        rows
    }

    /// The logical times with a run, each as often as it ran.
    async fn ran(&self) -> Vec<String> {
        let ran = self.rows().await.into_iter().filter(|(_, status)| status != "skipped" && status != "missed");
        ran.map(|(time, _)| time).collect()
    }

    /// The logical times of the schedule in this window, as Runs shows them.
    fn expected(&self, from: &str, until: &str) -> Vec<String> {
        let parse = |text| Timestamp::parse(text).expect("a time");
        let found = self.rig.schedule.last_between(parse(from), parse(until), usize::MAX, 0);
        found.occurrences.iter().map(|one| shown(one.scheduled_for)).collect()
    }
}

/// A time as a tab shows it.
fn shown(at: Timestamp) -> String {
    at.to_string().replace('T', " ").replace(".000Z", "")
}

fn items() -> Vec<Value> {
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
    let expected = job.expected("2026-10-20T00:00:00Z", "2027-11-03T12:00:00Z");
    assert_eq!(job.rows().await, expected.into_iter().map(|at| (at, "succeeded".to_owned())).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn two_clocks_at_one_moment_make_one_run() {
    for nth in 0..8 {
        let job = ScheduledJob::with_behavior("0 9 * * *", "2026-11-29T08:00:00Z", nth);
        job.rig.proxy.slow_down(Duration::from_millis(200));
        for _ in 0..3 {
            let ends = join_all(["a", "b", "c"].map(|host| job.call(host, Vec::new()))).await;
            let ran = ends.iter().filter(|end| matches!(end, Outcome::Ran(_))).count();
            assert_eq!(ran, 1, "{nth}: {ends:?}");
            assert!(!ends.iter().any(|end| matches!(end, Outcome::Failed(_))), "{nth}: {ends:?}");
            job.wait(DAY).await;
        }
        assert_eq!(job.rows().await.len(), 3, "{nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_not_due_reads_twice_and_writes_nothing() {
    let job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    job.rig.proxy.record();
    assert!(matches!(job.call("a", items()).await, Outcome::NotDue));
    let calls = job.rig.proxy.recorded();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls.iter().all(|call| call.method == hyper::Method::GET), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_is_one_run() {
    for is_applied in [true, false] {
        let job = ScheduledJob::new("0 9 * * *", "2026-11-28T08:00:00Z");
        assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
        job.wait(DAY).await;
        job.rig.proxy.lose(Some((0, is_applied)));
        let ends = join_all(["a", "b"].map(|host| job.call(host, items()))).await;
        assert_eq!(ends.iter().filter(|end| matches!(end, Outcome::Ran(_))).count(), 1, "{ends:?}");
        assert_eq!(job.ran().await, ["2026-11-28 08:00:00", "2026-11-29 08:00:00"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_recorded_and_the_latest_occurrence_runs() {
    let job = ScheduledJob::new("0 * * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    // A suspend of ten hours.
    job.wait(10 * HOUR + 5 * MINUTE).await;
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    let rows = job.rows().await;
    assert_eq!(
        rows.iter().map(|(at, _)| at.clone()).collect::<Vec<_>>(),
        job.expected("2026-11-29T07:30:00Z", "2026-11-29T18:00:00Z")
    );
    assert_eq!(rows.iter().filter(|(_, status)| status == "missed").count(), 9);
    assert_eq!(job.ran().await, ["2026-11-29 08:00:00", "2026-11-29 18:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn an_occurrence_during_a_run_is_recorded_after_it() {
    let mut job = ScheduledJob::new("*/10 * * * *", "2026-11-29T08:00:00Z");
    job.item_ms = 4 * MINUTE;
    // Three waits of four minutes: one for each item, and one for the end.
    let (run, active) = tokio::join!(job.call("a", items()), async {
        job.wait(11 * MINUTE).await;
        job.call("b", items()).await
    });
    assert!(matches!(run, Outcome::Ran(_)) && matches!(active, Outcome::Active), "{run:?} {active:?}");
    assert_eq!(job.rows().await.len(), 1, "the holder of the lease alone writes");
    assert!(matches!(job.call("b", items()).await, Outcome::Recorded));
    assert!(matches!(job.call("b", items()).await, Outcome::NotDue));
    let rows = job.rows().await;
    assert_eq!(rows[1], ("2026-11-29 08:10:00".to_owned(), "skipped".to_owned()), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_is_recorded_and_its_occurrence_is_not_run_twice() {
    let mut job = ScheduledJob::new("0 * * * *", "2026-11-29T08:00:00Z");
    job.item_ms = 5 * MINUTE;
    tokio::select! {
        _ = job.call("a", items()) => panic!("it takes a quarter of an hour"),
        () = job.wait(8 * MINUTE) => {}
    }
    assert!(matches!(job.call("b", items()).await, Outcome::Active), "its lease is not over");
    job.wait(20 * MINUTE).await;
    assert!(matches!(job.call("b", items()).await, Outcome::NotDue), "the occurrence was claimed");
    job.item_ms = 0;
    job.wait(32 * MINUTE).await;
    assert!(matches!(job.call("b", items()).await, Outcome::Ran(_)));
    let rows = job.rows().await;
    let expected = [("2026-11-29 08:00:00", "crashed"), ("2026-11-29 09:00:00", "succeeded")];
    assert_eq!(rows, expected.map(|(at, status)| (at.to_owned(), status.to_owned())));
    assert_eq!(job.rig.proxy.column("Data", "id").await, ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_pauses_after_failures_until_a_run_by_hand_succeeds() {
    let mut job = ScheduledJob::new("0 * * * *", "2026-11-29T08:00:00Z");
    job.rig.schedule.pause_after = 2;
    let broken = vec![json!({"id": 1, "breaks": true})];
    for _ in 0..2 {
        assert!(matches!(job.call("a", broken.clone()).await, Outcome::Failed(RunError::Source { .. })));
        job.wait(HOUR).await;
    }
    assert!(matches!(job.call("a", items()).await, Outcome::Recorded));
    let messages = job.rig.proxy.column("Runs", "message").await;
    assert_eq!(messages.last().map(String::as_str), Some("skipped: paused after 2 failed runs in a row"));
    assert!(matches!(job.run_by_hand(items()).await, Outcome::Ran(_)));
    job.wait(HOUR).await;
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    let statuses: Vec<String> = job.rig.proxy.column("Runs", "status").await;
    assert_eq!(statuses, ["failed", "failed", "skipped", "succeeded", "succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_job_and_a_blackout_date_get_a_row_and_no_run() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-12-24T08:00:00Z");
    job.rig.schedule.blackout.add("2026-12-25").expect("a date");
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    job.wait(DAY).await;
    assert!(matches!(job.call("a", items()).await, Outcome::Recorded));
    job.wait(DAY).await;
    job.rig.requests.is_paused = true;
    assert!(matches!(job.call("a", items()).await, Outcome::Recorded));
    let messages = job.rig.proxy.column("Runs", "message").await;
    assert_eq!(messages, ["", "skipped: blackout date", "skipped: the job is paused"]);
    assert_eq!(job.ran().await, ["2026-12-24 08:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_once_by_any_number_of_clocks() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    job.wait(HOUR).await;
    job.rig.requests.run_now = Some("46355.43".to_owned());
    let ends = join_all(["a", "b", "c"].map(|host| job.call(host, items()))).await;
    assert_eq!(ends.iter().filter(|end| matches!(end, Outcome::Ran(_))).count(), 1, "{ends:?}");
    assert!(matches!(job.call("a", items()).await, Outcome::NotDue));
    assert_eq!(job.rig.proxy.column("Runs", "trigger").await, ["schedule", "run now"]);
}

#[tokio::test(start_paused = true)]
async fn a_queued_occurrence_runs_once_the_active_run_has_ended() {
    let mut job = ScheduledJob::new("*/10 * * * *", "2026-11-29T08:00:00Z");
    (job.item_ms, job.rig.schedule.overlap) = (4 * MINUTE, OverlapPolicy::Queue);
    let (run, active) = tokio::join!(job.call("a", items()), async {
        job.wait(11 * MINUTE).await;
        job.call("b", items()).await
    });
    assert!(matches!(run, Outcome::Ran(_)) && matches!(active, Outcome::Active), "{run:?} {active:?}");
    job.item_ms = 0;
    assert!(matches!(job.call("b", items()).await, Outcome::Ran(_)));
    assert_eq!(job.ran().await, ["2026-11-29 08:00:00", "2026-11-29 08:10:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_job_first_called_after_its_grace_runs_the_next_day() {
    // Nine in Berlin, and a clock that calls at eleven.
    let job = ScheduledJob::new("0 9 * * *", "2026-11-29T10:00:00Z");
    assert!(matches!(job.call("a", items()).await, Outcome::Recorded));
    assert!(matches!(job.call("a", items()).await, Outcome::NotDue));
    job.wait(DAY).await;
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    let expected = [("2026-11-29 08:00:00", "skipped"), ("2026-11-30 08:00:00", "succeeded")];
    assert_eq!(job.rows().await, expected.map(|(at, status)| (at.to_owned(), status.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_changed_schedule_invents_no_missed_times() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    job.wait(22 * HOUR + MINUTE).await;
    job.rig.schedule.recurrence = Recurrence::parse("*/10 * * * *").expect("an expression");
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    let rows = job.rows().await;
    // Those of the last hour count, as for a new job.
    assert_eq!(rows.len(), 7, "{rows:?}");
    assert_eq!(rows[6], ("2026-11-30 06:00:00".to_owned(), "succeeded".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_run_on_a_fast_machine_does_not_skip_the_next_time() {
    let mut job = ScheduledJob::new("* * * * *", "2026-11-29T08:00:00Z");
    (job.item_ms, job.machine_ahead_ms) = (4_000, 50_000);
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    job.wait(MINUTE).await;
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    assert_eq!(job.ran().await, ["2026-11-29 08:00:00", "2026-11-29 08:01:00"]);
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
            let end = job.call("a", items()).await;
            assert_eq!(matches!(end, Outcome::Ran(_)), half_hour % 2 == 0, "{half_hour}: {end:?}");
            job.wait(30 * MINUTE).await;
        }
        assert_eq!(job.ran().await, job.expected("2026-11-29T07:59:59Z", "2026-11-30T01:59:59Z"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_of_three_hours_and_one_of_ten_are_recorded() {
    let job = ScheduledJob::new("0 * * * *", "2026-11-29T08:00:00Z");
    for hours in [0, 3, 10] {
        job.wait(hours * HOUR).await;
        assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)), "after {hours} h");
    }
    let rows = job.rows().await;
    let statuses = |status: &str| rows.iter().filter(|(_, of)| of == status).count();
    assert_eq!((statuses("succeeded"), statuses("missed"), rows.len()), (3, 2 + 9, 14), "{rows:?}");
    assert_eq!(rows.iter().map(|(time, _)| time.clone()).collect::<Vec<_>>().len(), 14);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_to_be_ready_starts_by_its_usual_length() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-11-29T06:00:00Z");
    job.rig.schedule.ready_by = Some(ReadyTime { not_before: None, margin_ms: 10 * MINUTE });
    job.item_ms = 5 * MINUTE;
    let mut starts = Vec::new();
    for day in 0..3 {
        for minute in 0..120 {
            let now = job.rig.clock.now();
            if matches!(job.call("a", items()).await, Outcome::Ran(_)) {
                starts.push((day, shown(now)[11..16].to_owned()));
                break;
            }
            assert!(minute < 119, "it never starts on day {day}");
            job.wait(MINUTE).await;
        }
        let midnight = 24 * HOUR - (job.rig.clock.now().0.rem_euclid(86_400_000)).unsigned_abs();
        job.wait(midnight + 6 * HOUR).await;
    }
    // Ready at nine in Berlin, eight in UTC: ten minutes before, and then the length of a run. The
    // run reads two records and the end of its source. A call may be a minute early.
    assert_eq!(starts, [(0, "07:49".into()), (1, "07:34".into()), (2, "07:34".into())]);
    assert_eq!(job.ran().await, ["2026-11-29 08:00:00", "2026-11-30 08:00:00", "2026-12-01 08:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_clocks_that_cannot_start_one_writes_the_row() {
    let job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    let record = |host: &'static str| {
        let job = &job;
        async move {
            let seed = job.rig.next_seed();
            let DueStep::Run(mut due) = job.rig.next_step(host, seed).await else { return None };
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
    assert_eq!(job.rig.proxy.column("Runs", "status").await, ["failed"]);
    job.wait(DAY).await;
    assert_eq!(record("a").await, Some(true), "the next day's has a row of its own");
    assert!(matches!(job.call("b", items()).await, Outcome::Ran(_)));
    assert_eq!(job.rig.proxy.column("Runs", "status").await, ["failed", "failed", "succeeded"]);
    assert!(matches!(job.call("a", items()).await, Outcome::NotDue));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_no_run_can_hold_keeps_no_occurrence() {
    let job = ScheduledJob::new("0 9 * * *", "2026-11-29T08:00:00Z");
    assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
    job.wait(DAY).await;
    let mut standing = job.rig.store(50).read_standing().await.expect("the state can be read");
    // No lease is longer than a day: a wrong clock has written the others.
    for (hours, is_active) in [(1, true), (24, true), (25, false), (400_000, false)] {
        let state = standing.state.as_mut().expect("it has run");
        state.lease.holder = Some(Holder { run: "r2".into(), ..Holder::default() });
        state.lease.until = standing.service_time.add_ms(hours * HOUR);
        let step = decide_next_step(&job.rig.schedule, "j", "b", &standing, &SeededRng::new(50));
        assert_eq!(matches!(step, DueStep::Active { .. }), is_active, "{hours} h: {step:?}");
        assert_eq!(matches!(step, DueStep::Run(_)), !is_active, "{hours} h: {step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_run_that_cannot_start_counts_for_the_pause() {
    let mut job = ScheduledJob::new("0 9 * * *", "2026-11-29T07:00:00Z");
    job.rig.schedule.pause_after = 2;
    for _ in 0..2 {
        let seed = job.rig.next_seed();
        let end = Some((RunStatus::Failed, "orders.csv does not exist".to_owned()));
        let mut run = Job::new(Arc::clone(&job.rig.clock));
        (run.seed, run.plan.scope, run.plan.recorded_end) = (seed, RunScope::None, end);
        (run.plan.schedule, run.plan.claim) =
            (Some(Arc::new(job.rig.schedule.clone())), Some(ScheduleClaim::default()));
        run.run_over(job.rig.store(seed), Box::new(Values::of(Vec::new()))).await.expect("it is recorded");
    }
    assert_eq!(job.rig.proxy.column("Runs", "status").await, ["failed", "failed"]);
    job.wait(HOUR).await;
    assert!(matches!(job.call("a", items()).await, Outcome::Recorded), "the schedule pauses");
    let messages = job.rig.proxy.column("Runs", "message").await;
    assert!(messages.iter().any(|message| message.contains("paused after 2 failed runs")), "{messages:?}");
    assert!(!job.rig.proxy.column("Runs", "status").await.contains(&"succeeded".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_outgrows_its_interval_says_so_in_runs() {
    let mut job = ScheduledJob::new("*/10 * * * *", "2026-11-29T08:00:00Z");
    job.item_ms = 4 * MINUTE;
    for _ in 0..3 {
        assert!(matches!(job.call("a", items()).await, Outcome::Ran(_)));
        job.wait(8 * MINUTE).await;
    }
    let messages = job.rig.proxy.column("Runs", "message").await.join("|");
    assert!(messages.contains("a run takes about 12 min, and the schedule starts one every 10 min"), "{messages}");
}
