//! What prevents a rollover, and what stops a job after one.

use crate::test_job::{TestJob, ValueSource};
use hyper::Method;
use serde_json::Value;
use sheetkeep::ledger::items::write_mode::{ReprocessPolicy, WriteMode};
use sheetkeep::ledger::state::rollover::Rollover;
use sheetkeep::maintain::rollover::{RolloverRefusal, plan_rollover};
use sheetkeep::port::store::Store;
use sheetkeep::runner::run_config::PreparedChanges;
use sheetkeep::runner::run_scope::RunScope;
use std::sync::Arc;

use super::{RolloverFixture, make_bad_item, make_item};

#[tokio::test(start_paused = true)]
async fn what_prevents_a_move_is_reported() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_item("a", "1"), make_bad_item("x")]).await.expect("a run");
    let at =
        fixture.job.proxy.tab_rows("Failures j").await[0].iter().position(|name| name == "action").expect("a column");
    fixture.job.proxy.type_text("Failures j", 1, at, "retry").await;
    assert_eq!(fixture.plan_move(0).await.map(|_| ()), Err(RolloverRefusal::ActionPending));
    fixture.run(0, &[make_item("x", "1")]).await.expect("a run");
    fixture.run(1, &[make_item("q", "1")]).await.expect("another life of its own");
    assert_eq!(fixture.plan_move(0).await.map(|_| ()), Err(RolloverRefusal::NameTaken(fixture.ids[1].clone())));
    let old = fixture.listing(0).await;
    let (from, other) = (&fixture.ids[0], &fixture.ids[2]);
    let out = PreparedChanges { from: Some(old.snapshot.head), settled: Vec::new() };
    let order = Some(Rollover::LastRun(other.clone()));
    fixture.run_for(0, &[], RunScope::None, Some(out), order).await.expect("it names a place that was emptied since");
    let now = fixture.job.clock.now();
    let found = plan_rollover(&fixture.listing(0).await, None, from, other, now).map(|_| ());
    assert_eq!(found, Err(RolloverRefusal::NothingLeft(other.clone())));
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_own_move_has_not_come_to_its_end_is_not_moved_on() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_item("a", "1")]).await.expect("a run");
    fixture.begin_move(0).await;
    assert_eq!(
        fixture.plan_move(1).await.map(|_| ()),
        Err(RolloverRefusal::RolloverIncomplete(fixture.ids[0].clone()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_earlier_spreadsheet_stops_the_job() {
    let fixture = RolloverFixture::new(WriteMode::Append, ReprocessPolicy::EachVersion, 0).await;
    fixture.run(0, &[make_item("a", "1")]).await.expect("a run");
    Box::pin(fixture.roll_over(0)).await;
    fixture.run(1, &[make_item("b", "1")]).await.expect("a run");
    Box::pin(fixture.roll_over(1)).await;
    fixture.run(2, &[make_item("c", "1")]).await.expect("a run");
    let path = format!("/drive/v3/files/{}", fixture.ids[1]);
    assert_eq!(fixture.job.proxy.call_path(&path, Method::DELETE, "", Value::Null).await.0, 204);
    let items = [make_item("a", "1"), make_item("b", "1"), make_item("c", "1")];
    let ended = fixture.run(2, &items).await;
    assert!(matches!(&ended, Err(error) if error.to_string().contains(&fixture.ids[1])), "{ended:?}");
    let left = fixture
        .store(2, 9)
        .allow_missing_predecessors(true)
        .load()
        .await
        .expect("a load")
        .snapshot
        .expect("it has run");
    assert!(left.state.predecessors.is_empty() && left.anomalies.iter().any(|one| one.message.contains("left behind")));
    let job = TestJob::new(Arc::clone(&fixture.job.clock)).with_step(|value, _| Ok(vec![value.clone()]));
    let report = job
        .run(fixture.store(2, 9).allow_missing_predecessors(true), ValueSource::of(items.to_vec()))
        .await
        .expect("a run");
    assert_eq!((report.run.counts.new, report.run.counts.skipped), (2, 1));
    assert_eq!(fixture.run(2, &items).await.expect("a run").run.counts.new, 0);
}
