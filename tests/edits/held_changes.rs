//! Changes of existing rows that wait for a person: ticks and codes in Jobs, crashes, lost answers,
//! two runners, the place in the source.
//!
//! The real client over the emulator, in process, with the paused clock.

mod overwritten_sources;

use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::runs::event::RunReport;
use sheetkeep::ledger::runs::expectation::{CountRange, Expectations};
use sheetkeep::ledger::runs::held_changes::{Approval, ChangeLimit, HeldPlan};
use sheetkeep::ledger::runs::run::RunStatus;
use sheetkeep::ledger::state::snapshot::State;
use sheetkeep::port::store::Store as _;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::store::tabs::jobs::{JOBS, JobsView};
use tokio::sync::oneshot;

use crate::job_fixture::JobFixture;
use crate::test_job::{TestJob, ValueSource};

const ITEM_COUNT: usize = 12;

/// A job whose runs may change two rows.
struct ChangeLimitFixture {
    fixture: JobFixture,
}

impl ChangeLimitFixture {
    /// With a sheet that holds version 1 of each item.
    async fn new(nth: usize) -> Self {
        let fixture = JobFixture::new(WriteMode::Upsert, ReprocessPolicy::OnChange, nth);
        let job = Self { fixture };
        job.run(&make_items(ITEM_COUNT, 1), Approval::None).await;
        job
    }

    fn store(&self, seed: u64) -> SheetsStore {
        let view = JobsView { recalculates: false, owner: None };
        self.fixture.store(seed).with_jobs(Some(view))
    }

    fn job(&self, approval: Approval) -> TestJob {
        let mut job = self.fixture.job_on(&self.fixture.clock, RunScope::Default);
        job = job.with_step(|item, _| crate::job_fixture::row_unless_bad(item, item.clone()));
        job.plan.definition.mode = "upsert".into();
        job.plan.hold.limit = Some(ChangeLimit { rows: Some(2), share: Some(20.0) });
        job.plan.hold.approval = approval;
        job
    }

    async fn try_run(&self, items: &[Value], approval: Approval) -> Result<RunReport, RunError> {
        let job = self.job(approval);
        self.fixture.run_job(&job, self.store(job.seed), items).await
    }

    async fn run(&self, items: &[Value], approval: Approval) -> RunReport {
        self.try_run(items, approval).await.expect("a run")
    }

    async fn state(&self) -> State {
        self.store(99).load().await.expect("a load").snapshot.expect("it has run").state
    }

    async fn held_plan(&self) -> Option<HeldPlan> {
        self.state().await.held
    }

    /// The versions of the rows, as people see them.
    async fn versions(&self) -> Vec<String> {
        self.fixture.column("Data", "v").await
    }

    async fn type_into_approve(&self, text: &str) {
        let at = JOBS.iter().position(|column| *column == "approve").expect("a column");
        self.fixture.proxy.type_text("Jobs", 1, at, text).await;
    }

    async fn held_cell(&self) -> String {
        self.fixture.column("Jobs", "held").await.join(" ")
    }
}

fn make_items(count: usize, version: u32) -> Vec<Value> {
    (0..count).map(|n| json!({"id": format!("k{n}"), "v": version.to_string()})).collect()
}

fn repeat_version(count: usize, version: u32) -> Vec<String> {
    vec![version.to_string(); count]
}

#[tokio::test(start_paused = true)]
async fn a_tick_lets_the_next_run_apply_the_changes() {
    let job = ChangeLimitFixture::new(0).await;
    let held = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
    assert_eq!((held.run.status, held.run.counts.new, held.updated), (RunStatus::Degraded, 0, 0));
    let code = held.held.expect("it is held").code;
    assert_eq!(job.held_cell().await, format!("12 of 12 rows would change: write {code} in approve"));
    assert_eq!(job.versions().await, repeat_version(ITEM_COUNT, 1));
    job.type_into_approve("TRUE").await;
    let applied = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
    assert_eq!((applied.run.status, applied.updated), (RunStatus::Succeeded, 12));
    assert_eq!(
        (job.versions().await, job.held_cell().await.as_str(), job.held_plan().await),
        (repeat_version(ITEM_COUNT, 2), "no", None)
    );
    // The tick is left in the cell, and answers no later plan.
    for _ in 0..2 {
        let next = job.run(&make_items(ITEM_COUNT, 3), Approval::None).await;
        assert_eq!((next.run.status, next.updated), (RunStatus::Degraded, 0));
    }
    job.type_into_approve("").await;
    job.run(&make_items(ITEM_COUNT, 3), Approval::None).await;
    job.type_into_approve("TRUE").await;
    assert_eq!(job.run(&make_items(ITEM_COUNT, 3), Approval::None).await.updated, 12);
}

#[tokio::test(start_paused = true)]
async fn a_changed_plan_is_held_anew_and_the_tick_is_void() {
    let job = ChangeLimitFixture::new(0).await;
    let first = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await.held.expect("it is held").code;
    job.type_into_approve("TRUE").await;
    let second = job.run(&make_items(ITEM_COUNT, 3), Approval::None).await.held.expect("other changes").code;
    assert_ne!(first, second);
    assert!(
        job.run(&make_items(ITEM_COUNT, 3), Approval::None).await.held.is_some(),
        "the tick was for the first plan"
    );
    job.type_into_approve(&first.to_string()).await;
    assert!(job.run(&make_items(ITEM_COUNT, 4), Approval::None).await.held.is_some(), "the code of another plan");
    assert_eq!(job.versions().await, repeat_version(ITEM_COUNT, 1));
    let third = job.run(&make_items(ITEM_COUNT, 4), Approval::None).await.held.expect("it is held").code;
    job.type_into_approve(&third.to_string().to_uppercase()).await;
    assert_eq!(job.run(&make_items(ITEM_COUNT, 4), Approval::None).await.updated, 12);
}

#[tokio::test(start_paused = true)]
async fn new_rows_are_written_and_the_place_stays_before_changes() {
    let job = ChangeLimitFixture::new(0).await;
    let before = job.state().await.low_watermark;
    let mut source = make_items(1, 1);
    source.extend(make_items(ITEM_COUNT, 2).split_off(1));
    source.extend([json!({"id": "new", "v": "1"})]);
    let held = job.run(&source, Approval::None).await;
    assert_eq!((held.run.counts.new, held.rows, held.updated), (1, 1, 0));
    assert_eq!((before.as_deref(), job.state().await.low_watermark.as_deref()), (Some("12"), Some("1")));
    let approval = Approval::OfPlan(held.held.expect("it is held").code);
    assert_eq!(job.run(&source, approval).await.updated, 11);
    assert_eq!(job.state().await.low_watermark.as_deref(), Some("13"));
}

#[tokio::test(start_paused = true)]
async fn few_changes_go_through_and_release_what_was_held() {
    let job = ChangeLimitFixture::new(0).await;
    job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
    let mut source = make_items(2, 2);
    source.extend(make_items(ITEM_COUNT, 1).split_off(2));
    let report = job.run(&source, Approval::None).await;
    assert_eq!((report.run.status, report.updated, report.held), (RunStatus::Succeeded, 2, None));
    assert_eq!((job.held_plan().await, job.held_cell().await.as_str()), (None, "no"));
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_leaves_the_rest_of_its_plan_approved() {
    let mut partly = 0;
    for calls in 1..14 {
        let job = ChangeLimitFixture::new(calls % 8).await;
        let held = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await.held.expect("it is held");
        let killed = job.job(Approval::OfPlan(held.code));
        let store = job.store(killed.seed);
        let dies = async {
            job.fixture.proxy.wait_for_calls(u64::try_from(calls).expect("few")).await;
        };
        let _ = futures_util::future::select(
            Box::pin(killed.run(store, ValueSource::of(make_items(ITEM_COUNT, 2)))),
            Box::pin(dies),
        )
        .await;
        job.fixture.clock.sleep(Duration::from_hours(1)).await;
        let changed = job.versions().await.iter().filter(|version| *version == "2").count();
        let next = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
        if changed == 0 {
            // Nothing of it shows that it was approved: all or nothing.
            let expected =
                if next.held.is_some() { repeat_version(ITEM_COUNT, 1) } else { repeat_version(ITEM_COUNT, 2) };
            assert_eq!(job.versions().await, expected, "{calls} calls");
        } else {
            partly += usize::from(changed < ITEM_COUNT);
            assert_eq!((next.held, job.versions().await), (None, repeat_version(ITEM_COUNT, 2)), "{calls} calls");
        }
    }
    assert!(partly > 2, "runs were killed amid their changes: {partly}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_takes_no_approval_and_changes_no_row() {
    for is_applied in [true, false] {
        for write in 0..4 {
            let job = ChangeLimitFixture::new(0).await;
            job.fixture.proxy.lose_write(write, is_applied);
            let held = job.run(&make_items(ITEM_COUNT + 1, 2), Approval::None).await;
            let at = format!("write {write}, applied: {is_applied}");
            assert_eq!(
                (held.run.status, job.versions().await[..12].to_vec()),
                (RunStatus::Degraded, repeat_version(12, 1)),
                "{at}"
            );
            let approval = Approval::OfPlan(held.held.expect("it is held").code);
            job.fixture.proxy.lose_write(write, is_applied);
            let applied = job.run(&make_items(ITEM_COUNT + 1, 2), approval).await;
            assert_eq!((applied.updated, job.held_plan().await), (12, None), "{at}");
            assert_eq!(job.versions().await[..12], repeat_version(12, 2), "{at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_one_applies_an_approved_plan() {
    let job = ChangeLimitFixture::new(0).await;
    job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
    job.type_into_approve("yes").await;
    let (here, there) = (job.job(Approval::None), job.job(Approval::None).on_other_machine());
    let source = || ValueSource::of(make_items(ITEM_COUNT, 2));
    let ends = tokio::join!(here.run(job.store(1), source()), there.run(job.store(2), source()));
    let applied = |end: &Result<RunReport, RunError>| end.as_ref().is_ok_and(|report| report.updated == 12);
    assert!(applied(&ends.0) != applied(&ends.1), "{ends:?}");
    for end in [&ends.0, &ends.1] {
        let is_refused =
            matches!(end, Err(RunError::LeaseHeld { .. } | RunError::Fenced { .. } | RunError::SheetChanged));
        assert!(applied(end) || is_refused, "{end:?}");
    }
    assert_eq!((job.versions().await, job.held_plan().await), (repeat_version(ITEM_COUNT, 2), None));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_void_once_another_run_has_written() {
    let job = ChangeLimitFixture::new(0).await;
    job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
    let late = job.job(Approval::None);
    let (begins, begun) = oneshot::channel::<()>();
    let (ends, ended) = oneshot::channel::<()>();
    let other = async {
        begun.await.expect("the write arrives");
        let applies = job.job(Approval::OfAll).on_other_machine();
        applies.run(job.store(7), ValueSource::of(make_items(ITEM_COUNT, 2))).await.expect("a run");
        ends.send(()).expect("the write waits");
    };
    let waits = async move {
        let _ = begins.send(());
        let _ = ended.await;
    };
    job.fixture.proxy.edit_at_write(1, true, Box::pin(waits));
    let (end, ()) = tokio::join!(late.run(job.store(late.seed), ValueSource::of(make_items(ITEM_COUNT, 2))), other);
    assert!(matches!(end, Err(RunError::Fenced { .. } | RunError::SheetChanged)), "{end:?}");
    assert_eq!(
        (job.versions().await, job.held_plan().await),
        (repeat_version(ITEM_COUNT, 2), None),
        "no stale plan is kept"
    );
}

#[tokio::test(start_paused = true)]
async fn failures_of_an_approved_plan_stay_approved() {
    let job = ChangeLimitFixture::new(0).await;
    let mut source = make_items(ITEM_COUNT, 2);
    for item in &mut source[..5] {
        item["bad"] = json!("not now");
    }
    let code = job.run(&source, Approval::None).await.held.expect("it is held").code;
    let partial = job.run(&source, Approval::OfPlan(code)).await;
    assert_eq!((partial.run.status, partial.updated, partial.run.counts.failed), (RunStatus::Partial, 7, 5));
    let left = job.held_plan().await.expect("five are left");
    assert_eq!((left.left.changes, left.is_approved, job.held_cell().await.as_str()), (5, true, "no"));
    let rest = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
    assert_eq!(
        (rest.run.counts.recovered, job.versions().await, job.held_plan().await),
        (5, repeat_version(ITEM_COUNT, 2), None)
    );
}

#[tokio::test(start_paused = true)]
async fn corrected_records_of_exhausted_failures_are_changes() {
    let job = ChangeLimitFixture::new(0).await;
    let run = async |approval: Approval, first: Value| {
        let mut job_of_run = job.job(approval);
        job_of_run.plan.max_attempts = 1;
        let mut items = make_items(ITEM_COUNT, 1);
        for item in items.iter_mut().take(3) {
            item["v"] = "2".into();
            item.as_object_mut().expect("an object").extend(first.as_object().cloned().unwrap_or_default());
        }
        let store = job.store(job_of_run.seed);
        job.fixture.run_job(&job_of_run, store, &items).await.expect("a run")
    };
    let failed = run(Approval::OfAll, json!({"bad": "no price"})).await;
    assert_eq!((failed.run.counts.failed, failed.exhausted_failures), (3, 3));
    let held = run(Approval::None, json!({})).await;
    assert_eq!((held.run.status, held.updated), (RunStatus::Degraded, 0), "three rows would change, and two may");
    assert_eq!(job.versions().await, repeat_version(ITEM_COUNT, 1));
    assert_eq!(run(Approval::OfAll, json!({})).await.updated, 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_over_failures_leaves_the_held_plan_as_it_is() {
    let job = ChangeLimitFixture::new(0).await;
    let held = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await.held.expect("it is held");
    let mut retry = job.job(Approval::None);
    retry.plan.scope = RunScope::FailuresOnly;
    job.fixture.run_job(&retry, job.store(5), &make_items(ITEM_COUNT, 2)).await.expect("a run");
    assert_eq!(job.held_plan().await.map(|plan| plan.code()), Some(held.code));
    assert!(job.held_cell().await.starts_with("12 of 12 rows would change"));
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_or_an_expectation_nothing_is_held() {
    let job = ChangeLimitFixture::new(0).await;
    job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
    let mut free = job.job(Approval::None);
    free.plan.hold.limit = None;
    let report = job.fixture.run_job(&free, job.store(5), &make_items(ITEM_COUNT, 2)).await.expect("a run");
    assert_eq!((report.updated, job.held_plan().await, job.held_cell().await.as_str()), (12, None, "no"));
}

#[tokio::test(start_paused = true)]
async fn a_missed_expectation_is_named_before_anything_changes() {
    let job = ChangeLimitFixture::new(0).await;
    let mut expecting = job.job(Approval::None);
    expecting.plan.hold.limit = None;
    let expectations = Expectations { read: CountRange::parse("5.."), ..Expectations::default() };
    expecting.plan.expectations = expectations.into();
    let report = job.fixture.run_job(&expecting, job.store(5), &make_items(2, 2)).await.expect("a run");
    let held = report.held.expect("it is held");
    assert_eq!((held.changes, held.reasons), (2, vec!["read 2, expected at least 5".to_owned()]));
    assert_eq!(job.versions().await, repeat_version(ITEM_COUNT, 1));
}

#[tokio::test(start_paused = true)]
async fn a_held_run_writes_no_more_often_than_another() {
    let job = ChangeLimitFixture::new(0).await;
    let held = job.run(&make_items(ITEM_COUNT, 2), Approval::None).await;
    let mut free = job.job(Approval::None);
    free.plan.hold.limit = None;
    let same = job.fixture.run_job(&free, job.store(5), &make_items(ITEM_COUNT, 1)).await.expect("a run");
    assert_eq!((held.writes, held.reads), (same.writes, same.reads));
}
