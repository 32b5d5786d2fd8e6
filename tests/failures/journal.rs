//! Steps with outside effects: what a crash or an outage leaves of them, at least once and at most
//! once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sheetkeep::app::local_state::journal::FileJournal;
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::items::write_mode::Delivery;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::port::step::StepError;
use sheetkeep::retry::RetryPolicy;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::runner::run_scope::RunScope;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::system::TestClock;
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};

/// How often the step ran for each key.
type RunCounts = Arc<Mutex<HashMap<String, u32>>>;

/// A spreadsheet, a disk, and a job with an outside effect for each item.
struct JournalFixture {
    proxy: EmulatorProxy,
    clock: Arc<dyn Clock>,
    disk: tempfile::TempDir,
    ran: RunCounts,
    is_at_most_once: bool,
    definition: &'static str,
    runs: u64,
}

impl JournalFixture {
    fn new(is_at_most_once: bool) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(Timestamp(1_790_000_000_000)));
        let behaviors = UnknownBehaviors::all().next().expect("there are eight");
        let disk = tempfile::tempdir().expect("a directory");
        let proxy = EmulatorProxy::new(behaviors, 1, &clock, None);
        Self { proxy, clock, disk, ran: RunCounts::default(), is_at_most_once, definition: "d", runs: 0 }
    }

    fn set_fault(&self, spec: &str) {
        let faults = if spec.is_empty() { Vec::new() } else { vec![spec.parse().expect("a fault")] };
        self.proxy.emulator.set_faults(faults);
    }

    fn job(&mut self) -> TestJob {
        self.runs += 1;
        let ran = Arc::clone(&self.ran);
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_outside_step(move |value, context| {
            *ran.lock()
                .expect("no thread panics while it holds it")
                .entry(context.key.as_str().to_owned())
                .or_default() += 1;
            match value["bad"].as_str() {
                Some(why) => Err(StepError::Rejected(why.to_owned())),
                None => Ok(vec![json!({"id": value["id"], "receipt": context.idempotency_key})]),
            }
        });
        job.seed = self.runs;
        job.plan.definition.hash = self.definition.into();
        if self.is_at_most_once {
            (job.plan.delivery, job.plan.max_attempts) = (Delivery::AtMostOnce, 1);
            job.plan.retry = RetryPolicy { max_attempts: 1, ..job.plan.retry };
        }
        job.journal = Some(Arc::new(FileJournal::new(self.disk.path(), "j", "s")));
        job
    }

    /// Starts a run and kills it after this time, unless it has ended. Returns the result and its
    /// notes.
    async fn run_for(
        &mut self,
        ms: u64,
        retrying: RunScope,
        items: &[Value],
    ) -> (Option<Result<RunReport, RunError>>, Vec<String>) {
        let mut job = self.job();
        job.plan.scope = retrying;
        let sheets = Arc::new(self.proxy.sheets(job.seed));
        let store = SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), "j", "Data", Arc::clone(&self.clock));
        let ended = tokio::select! {
            ended = job.run(store, ValueSource::of(items.to_vec())) => Some(ended),
            () = self.clock.sleep(Duration::from_millis(ms)) => None,
        };
        let notes =
            job.events.lock().expect("no thread panics while it holds it").iter().filter_map(read_anomaly).collect();
        self.clock.sleep(Duration::from_mins(10)).await;
        (ended, notes)
    }

    async fn run(&mut self, items: &[Value]) -> (Result<RunReport, RunError>, Vec<String>) {
        let (ended, notes) = self.run_for(u64::MAX / 4, RunScope::Default, items).await;
        (ended.expect("the run was not killed"), notes)
    }

    async fn column(&self, tab: &str, name: &str) -> Vec<String> {
        self.proxy.column(tab, name).await
    }

    fn run_count(&self, key: &str) -> u32 {
        self.ran.lock().expect("no thread panics while it holds it").get(key).copied().unwrap_or(0)
    }

    /// Returns the journals on the disk.
    fn journals(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.disk.path().join("journals")).into_iter().flatten().flatten();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
        files.map(|file| file.path()).collect()
    }
}

fn read_anomaly(event: &Event) -> Option<String> {
    match event {
        Event::Anomaly { message } => Some(message.clone()),
        _ => None,
    }
}

fn make_items(count: u64) -> Vec<Value> {
    (0..count).map(|n| json!({"id": format!("k{n}")})).collect()
}

#[tokio::test(start_paused = true)]
async fn results_wait_in_the_journal_while_the_service_is_down() {
    let mut fixture = JournalFixture::new(false);
    fixture.run(&[]).await.0.expect("a first run");
    fixture.set_fault("on=writes,do=fail,status=503,skip=1,times=1000");
    let (ended, _) = fixture.run(&make_items(5)).await;
    assert!(ended.expect_err("the service is down").fault().passes());
    assert_eq!((fixture.journals().len(), fixture.run_count("k3")), (1, 1));
    fixture.set_fault("");
    // The source has meanwhile lost one of them.
    let (ended, notes) = fixture.run(&make_items(4)).await;
    let report = ended.expect("the service is well again");
    assert_eq!((report.keys, report.run.counts.new), (5, 5), "{notes:?}");
    assert_eq!(fixture.column("Data", "id").await, ["k0", "k1", "k2", "k3", "k4"]);
    assert!(make_items(5).iter().all(|item| fixture.run_count(item["id"].as_str().unwrap_or_default()) == 1));
    assert!(fixture.journals().is_empty() && notes[0].starts_with("5 results"), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn results_of_a_journal_are_no_records_that_were_read() {
    for (records, read) in [(make_items(0), 0), (make_items(2), 2), (make_items(3), 3)] {
        let mut fixture = JournalFixture::new(false);
        fixture.run(&[]).await.0.expect("a first run");
        fixture.set_fault("on=writes,do=fail,status=503,skip=1,times=1000");
        fixture.run(&make_items(3)).await.0.expect_err("the service is down");
        fixture.set_fault("");
        let counts = fixture.run(&records).await.0.expect("the service is well again").run.counts;
        assert_eq!((counts.read, counts.new), (read, 3), "{counts:?}");
        let listed = fixture.column("Runs", "read").await;
        assert_eq!(listed.last(), Some(&read.to_string()), "{listed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_whose_key_another_run_settled_is_not_used() {
    let mut fixture = JournalFixture::new(false);
    fixture.run(&[]).await.0.expect("a first run");
    fixture.set_fault("on=writes,do=fail,status=503,skip=1,times=1000");
    fixture.run(&make_items(2)).await.0.expect_err("the service is down");
    fixture.set_fault("");
    // Another machine fails on one of the keys, and processes the other one.
    let here = std::mem::replace(&mut fixture.disk, tempfile::tempdir().expect("a directory"));
    fixture.run(&[json!({"id": "k0", "bad": "no such customer"}), json!({"id": "k1"})]).await.0.expect("a run");
    fixture.disk = here;
    let (ended, notes) = fixture.run(&[]).await;
    ended.expect("a run");
    assert_eq!(fixture.column("Data", "id").await, ["k1"]);
    assert!(notes.iter().any(|note| note.starts_with("1 results of the journal")), "{notes:?}");
    assert!(fixture.journals()[0].to_string_lossy().ends_with(".aside"));
    // The failure's own record is tried again, as usual.
    assert_eq!(fixture.run_count("k0"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_or_damaged_journal_is_set_aside_with_a_note() {
    for damaged in [false, true] {
        let mut fixture = JournalFixture::new(false);
        fixture.run(&[]).await.0.expect("a first run");
        fixture.set_fault("on=writes,do=fail,status=503,skip=1,times=1000");
        fixture.run(&make_items(3)).await.0.expect_err("the service is down");
        fixture.set_fault("");
        let file = fixture.journals().remove(0);
        if damaged {
            let text = std::fs::read_to_string(&file).expect("a journal").replace("\"k1\"", "\"k7\"");
            std::fs::write(&file, text).expect("a disk");
        } else {
            fixture.definition = "other steps";
        }
        let bytes = std::fs::read(&file).expect("a journal");
        let (ended, notes) = fixture.run(&make_items(3)).await;
        assert_eq!(ended.expect("a run").keys, 3);
        let why = if damaged { "1 line of the journal" } else { "the job's steps have changed" };
        assert!(notes.iter().any(|note| note.contains(why)), "{notes:?}");
        let kept = std::fs::read(fixture.journals().remove(0)).expect("it is kept");
        assert_eq!((kept, fixture.run_count("k1")), (bytes, 2));
        // A damaged line loses that line, and not the journal.
        assert_eq!([fixture.run_count("k0"), fixture.run_count("k2")], if damaged { [1, 1] } else { [2, 2] });
    }
}

#[tokio::test(start_paused = true)]
async fn killed_anywhere_each_key_has_one_row_and_results_are_kept() {
    for at_ms in (0..6_000).step_by(250) {
        let mut fixture = JournalFixture::new(false);
        fixture.proxy.set_latency(Duration::from_millis(300));
        let (ended, _) = fixture.run_for(at_ms, RunScope::Default, &make_items(8)).await;
        let last = fixture.run(&make_items(8)).await.0.expect("a run that ends");
        assert_eq!(last.keys, 8, "{at_ms}: {ended:?}");
        let mut rows = fixture.column("Data", "id").await;
        rows.sort();
        assert_eq!(rows, ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"], "{at_ms}");
        assert!(
            make_items(8).iter().all(|item| fixture.run_count(item["id"].as_str().unwrap_or_default()) <= 2),
            "{at_ms}"
        );
        assert!(fixture.journals().is_empty(), "{at_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_once_no_step_runs_twice_and_doubts_are_reported() {
    let mut behaviors = 0;
    for at_ms in (0..8_000).step_by(250) {
        let mut fixture = JournalFixture::new(true);
        fixture.proxy.set_latency(Duration::from_millis(300));
        // No disk: only what was begun is known.
        for kill in [at_ms, at_ms / 2] {
            fixture.run_for(kill, RunScope::Default, &make_items(30)).await;
            fixture.disk = tempfile::tempdir().expect("a directory");
        }
        let last = fixture.run(&make_items(30)).await.0.expect("a run that ends");
        let rows = fixture.column("Data", "id").await;
        let listed = fixture.column("Failures j", "key").await;
        behaviors += listed.len();
        assert_eq!(rows.len() + listed.len(), 30, "{at_ms}: {rows:?} {listed:?}");
        assert_eq!((last.keys, last.exhausted_failures), (rows.len() as u64, listed.len() as u64), "{at_ms}");
        assert!(
            make_items(30).iter().all(|item| fixture.run_count(item["id"].as_str().unwrap_or_default()) <= 1),
            "{at_ms}"
        );
        assert!(listed.iter().all(|key| !rows.contains(key)));
        assert_eq!(fixture.column("Failures j", "state").await, vec!["dead"; listed.len()]);
        // Nothing is retried automatically.
        fixture.run(&make_items(30)).await.0.expect("a run that ends");
        assert!(listed.iter().all(|key| fixture.run_count(key) <= 1), "{at_ms}");
    }
    assert!(behaviors > 0, "no run was killed in the middle of a step");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_is_done_when_a_user_asks_for_it() {
    let mut fixture = JournalFixture::new(true);
    fixture.proxy.set_latency(Duration::from_millis(300));
    fixture.run_for(2_250, RunScope::Default, &make_items(30)).await;
    fixture.disk = tempfile::tempdir().expect("a directory");
    fixture.run(&make_items(30)).await.0.expect("a run that ends");
    let listed = fixture.column("Failures j", "key").await;
    assert!(!listed.is_empty(), "nothing was in doubt");
    let (ended, _) = fixture.run_for(u64::MAX / 4, RunScope::FailuresOnly, &[]).await;
    let report = ended.expect("the run was not killed").expect("a run that ends");
    assert_eq!((report.keys, report.exhausted_failures, report.run.counts.recovered), (30, 0, listed.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn at_most_once_a_result_kept_on_this_machine_is_not_in_doubt() {
    let mut fixture = JournalFixture::new(true);
    fixture.run(&[]).await.0.expect("a first run");
    fixture.set_fault("on=writes,do=fail,status=503,skip=2,times=1000");
    fixture.run(&make_items(5)).await.0.expect_err("the service is down");
    assert!((0..5).all(|n| fixture.run_count(&format!("k{n}")) == 1));
    fixture.set_fault("");
    let report = fixture.run(&make_items(5)).await.0.expect("the service is well again");
    assert_eq!((report.keys, report.run.counts.failed), (5, 0));
    assert!((0..5).all(|n| fixture.run_count(&format!("k{n}")) == 1));
}

#[tokio::test(start_paused = true)]
async fn a_doubt_about_an_item_missing_from_the_source_is_reported() {
    let mut fixture = JournalFixture::new(true);
    fixture.proxy.set_latency(Duration::from_millis(300));
    fixture.run_for(2_250, RunScope::Default, &make_items(30)).await;
    fixture.disk = tempfile::tempdir().expect("a directory");
    let report = fixture.run(&[]).await.0.expect("a run that ends");
    assert!(report.exhausted_failures > 0);
    assert!(fixture.column("Failures j", "retryable").await.iter().all(|word| word == "no"));
    // Reported once: the sheet no longer shows anything as begun.
    let again = fixture.run(&[]).await.0.expect("a run that ends");
    assert_eq!(again.run.counts.failed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_only_forgets_leaves_journal_and_doubts() {
    for retrying in [RunScope::None, RunScope::Reprocess] {
        let mut fixture = JournalFixture::new(true);
        fixture.run(&[]).await.0.expect("a first run");
        fixture.set_fault("on=writes,do=fail,status=503,skip=2,times=1000");
        fixture.run(&make_items(5)).await.0.expect_err("the service is down");
        fixture.set_fault("");
        let (ended, _) = fixture.run_for(u64::MAX / 4, retrying, &[]).await;
        let report = ended.expect("the run was not killed").expect("a run that ends");
        assert_eq!((fixture.journals().len(), report.keys, report.exhausted_failures), (1, 0, 0));
        let report = fixture.run(&make_items(5)).await.0.expect("a run");
        assert_eq!((report.keys, report.exhausted_failures), (5, 0));
        assert!((0..5).all(|n| fixture.run_count(&format!("k{n}")) == 1));
    }
}
