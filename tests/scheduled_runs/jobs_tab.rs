//! The tab Jobs on an emulated spreadsheet: what its formulas show at which time, whatever people
//! do with the tab, and what it costs.

mod jobs_tab_creation;

mod jobs_tab_requests;

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use sheetkeep::app::schedule::due::{DueRun, DueStep, decide_next_step};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::port::step::StepError;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::schedule::cron::CronExpression;
use sheetkeep::schedule::job_schedule::JobSchedule;
use sheetkeep::schedule::recurrence::Recurrence;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::store::tabs::jobs::{JOBS, JobsView};
use sheetkeep::system::{SeededRng, TestClock};
use sheetkeep::time::Timestamp;

use crate::emulator_proxy::proxy::EmulatorProxy;
use crate::test_job::{TestJob, ValueSource};

/// The day's run starts at nine in Berlin.
const RUN_TIME: &str = "2026-06-02T07:00:00Z";
const LOCALES: [&str; 2] = ["en_US", "de_DE"];

struct JobsFixture {
    proxy: EmulatorProxy,
    clock: Arc<dyn Clock>,
}

/// What a run of a test is like.
struct TestRun<'a> {
    job: &'a str,
    schedule: Option<JobSchedule>,
    view: Option<JobsView>,
    /// What `run --due` decided.
    due: Option<DueRun>,
}

fn parse_time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn make_view() -> JobsView {
    JobsView { recalculates: true, owner: Some("ops@example.com".into()) }
}

fn make_schedule(cron: &str) -> JobSchedule {
    let expression = CronExpression::parse(cron).expect("an expression");
    JobSchedule::new(Recurrence::Cron(expression), TimeZone::get("Europe/Berlin").expect("a zone"))
}

fn nightly_run() -> TestRun<'static> {
    TestRun { job: "nightly", schedule: Some(make_schedule("0 9 * * *")), view: Some(make_view()), due: None }
}

impl JobsFixture {
    fn starting_at(now: &str, nth: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(parse_time(now)));
        let behaviors = UnknownBehaviors::all().nth(nth).expect("there are eight");
        Self { proxy: EmulatorProxy::new(behaviors, 1, &clock, None), clock }
    }

    /// A spreadsheet in Berlin.
    async fn in_berlin(now: &str, locale: &str) -> Self {
        let fixture = Self::starting_at(now, 0);
        let properties = json!({"locale": locale, "timeZone": "Europe/Berlin"});
        let change = json!({"properties": properties, "fields": "locale,timeZone"});
        fixture.proxy.edit_sheet(json!([{"updateSpreadsheetProperties": change}])).await;
        fixture
    }

    fn store(&self, job: &str, view: Option<JobsView>) -> SheetsStore {
        let sheets = Arc::new(self.proxy.sheets(u64::try_from(self.clock.now().0).unwrap_or(0)));
        let tab = format!("Data {job}");
        SheetsStore::new(sheets, EmulatorProxy::spreadsheet_id(), job, &tab, Arc::clone(&self.clock)).with_jobs(view)
    }

    async fn try_run(&self, run: TestRun<'_>, items: &[Value]) -> (Result<RunReport, RunError>, Vec<String>) {
        let mut job = TestJob::new(Arc::clone(&self.clock)).with_step(|value, _| match value["bad"].as_str() {
            Some(why) => Err(StepError::Rejected(why.to_owned())),
            None => Ok(vec![value.clone()]),
        });
        job.seed = u64::try_from(self.clock.now().0).unwrap_or(0) ^ u64::try_from(run.job.len()).unwrap_or(0);
        (job.plan.job, job.plan.tab) = (run.job.to_owned(), format!("Data {}", run.job));
        job.plan.definition.tab.clone_from(&job.plan.tab);
        job.plan.schedule = run.schedule.map(Arc::new);
        if let Some(due) = run.due {
            (job.plan.trigger, job.plan.claim) = (due.trigger, Some(due.claim));
        }
        let report = job.run(self.store(run.job, run.view), ValueSource::of(items.to_vec())).await;
        let events = job.events.lock().expect("no thread panics while it holds it");
        let warnings = events.iter().filter_map(|event| match event {
            Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => Some(message.clone()),
            _ => None,
        });
        (report, warnings.collect())
    }

    /// One call of `run --due` of the nightly job. Returns whether it ran.
    async fn run_due(&self) -> bool {
        let store = self.store("nightly", Some(make_view()));
        let standing = store.read_standing().await.expect("the state can be read");
        let seed = u64::try_from(self.clock.now().0).expect("a time after 1970");
        match decide_next_step(&make_schedule("0 9 * * *"), "nightly", "host", &standing, &SeededRng::new(seed)) {
            DueStep::Run(due) => self.run(TestRun { due: Some(*due), ..nightly_run() }, &make_items(1)).await,
            _ => return false,
        };
        true
    }

    async fn run(&self, run: TestRun<'_>, items: &[Value]) -> RunReport {
        self.try_run(run, items).await.0.expect("a run")
    }

    /// Lets time pass until this moment.
    async fn wait_until(&self, moment: &str) {
        let ms = u64::try_from(parse_time(moment).0 - self.clock.now().0).expect("a later moment");
        self.clock.sleep(Duration::from_millis(ms)).await;
    }

    /// The row of a job in Jobs, as people see it.
    async fn job_row(&self, job: &str) -> Vec<(String, String)> {
        let rows = self.proxy.tab_rows("Jobs").await;
        let at = rows[0].iter().position(|cell| cell == "job").expect("the column");
        let row = rows.iter().skip(1).find(|row| row.get(at).is_some_and(|cell| cell == job)).expect("a row");
        let cells =
            rows[0].iter().enumerate().map(|(at, name)| (name.clone(), row.get(at).cloned().unwrap_or_default()));
        let position = |name: &str| JOBS.iter().position(|column| *column == name);
        let mut cells: Vec<_> = cells.filter(|(name, _)| position(name).is_some()).collect();
        cells.sort_by_key(|(name, _)| position(name));
        cells
    }

    async fn job_cell(&self, job: &str, column: &str) -> String {
        let row = self.job_row(job).await;
        row.into_iter().find(|(name, _)| name == column).expect("the column").1
    }

    async fn tab_titles(&self) -> Vec<String> {
        let (_, metadata) = self.proxy.call(Method::GET, "", "fields=sheets.properties.title", Value::Null).await;
        let sheets = metadata["sheets"].as_array().expect("sheets").iter();
        sheets.map(|sheet| sheet["properties"]["title"].as_str().expect("a title").to_owned()).collect()
    }

    /// The background of a cell, as the service shows it.
    async fn cell_background(&self, cell: &str) -> Value {
        let fields = format!("ranges={cell}&fields=sheets.data.rowData.values.effectiveFormat.backgroundColor");
        let (_, data) = self.proxy.call(Method::GET, "", &fields, Value::Null).await;
        data["sheets"][0]["data"][0]["rowData"][0]["values"][0]["effectiveFormat"]["backgroundColor"].clone()
    }

    async fn recalculation(&self) -> Value {
        let (_, metadata) = self.proxy.call(Method::GET, "", "fields=properties.autoRecalc", Value::Null).await;
        metadata["properties"]["autoRecalc"].clone()
    }
}

fn make_items(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"id": format!("k{n}")})).collect()
}

#[tokio::test(start_paused = true)]
async fn a_row_shows_the_last_run_in_the_sheets_time() {
    for locale in LOCALES {
        let fixture = JobsFixture::in_berlin(RUN_TIME, locale).await;
        let mut records = make_items(3);
        records.push(json!({"id": "k9", "bad": "no price"}));
        fixture.run(nightly_run(), &records).await;
        let row = fixture.job_row("nightly").await;
        let cell = |name: &str| row.iter().find(|(at, _)| at == name).map(|(_, cell)| cell.as_str());
        assert_eq!(row.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), JOBS, "{locale}");
        for (column, expected) in [
            ("state", "partial"),
            ("last run", "2026-06-02 09:00:00"),
            ("last success", ""),
            ("last change", "2026-06-02 09:00:00"),
            ("next due", "2026-06-03 09:00:00"),
            ("overdue", "no"),
            ("read", "4"),
            ("new", "3"),
            ("failed", "1"),
            ("failures open", "1"),
            ("owner", "ops@example.com"),
            ("paused", ""),
        ] {
            assert_eq!(cell(column), Some(expected), "{locale}: {column} in {row:?}");
        }
        let left: u64 = cell("cells left").and_then(|cells| cells.parse().ok()).expect("a count");
        assert!((9_900_000..10_000_000).contains(&left), "{left}");
        fixture.wait_until("2026-06-03T07:00:00Z").await;
        records[3] = json!({"id": "k2"});
        fixture.run(TestRun { job: "hourly", ..nightly_run() }, &records[..3]).await;
        fixture.wait_until("2026-06-04T07:00:00Z").await;
        fixture.run(TestRun { job: "hourly", ..nightly_run() }, &records[..3]).await;
        let expected = ["succeeded", "2026-06-04 09:00:00", "2026-06-03 09:00:00", "0"];
        for (column, expected) in ["state", "last success", "last change", "new"].into_iter().zip(expected) {
            assert_eq!(fixture.job_cell("hourly", column).await, expected, "{locale}: {column}");
        }
        assert_eq!(fixture.job_cell("nightly", "state").await, "partial");
    }
}

#[tokio::test(start_paused = true)]
async fn the_overdue_cell_turns_by_itself_within_the_hour() {
    for locale in LOCALES {
        let fixture = JobsFixture::in_berlin(RUN_TIME, locale).await;
        fixture.run(nightly_run(), &make_items(1)).await;
        assert_eq!(fixture.recalculation().await, "HOUR");
        // Due at 9:00, with an hour of grace. No runner lives, and no cell is edited.
        for (moment, expected) in [
            ("2026-06-03T06:59:00Z", "no"),
            ("2026-06-03T07:59:59Z", "no"),
            ("2026-06-03T08:00:30Z", "no"),
            ("2026-06-03T09:00:30Z", "yes"),
            ("2026-06-09T09:00:00Z", "yes"),
        ] {
            fixture.wait_until(moment).await;
            assert_eq!(fixture.job_cell("nightly", "overdue").await, expected, "{locale} at {moment}");
            let is_red = expected == "yes";
            assert_eq!(fixture.cell_background("Jobs!G2").await["red"].as_f64().is_some_and(|red| red < 1.0), is_red);
        }
        fixture.run(nightly_run(), &make_items(1)).await;
        assert_eq!(fixture.job_cell("nightly", "overdue").await, "no", "{locale}");
    }
}

#[tokio::test(start_paused = true)]
async fn overdue_is_right_across_both_clock_changes() {
    // 9:00 in Berlin is 8:00 UTC in winter and 7:00 in summer; an hour of grace.
    for (last, before, after) in [
        ("2026-03-28T08:00:00Z", "2026-03-29T07:59:59Z", "2026-03-29T09:00:30Z"),
        ("2026-10-24T07:00:00Z", "2026-10-25T08:59:59Z", "2026-10-25T10:00:30Z"),
    ] {
        let fixture = JobsFixture::in_berlin(last, "de_DE").await;
        fixture.run(nightly_run(), &make_items(1)).await;
        for (moment, expected) in [(before, "no"), (after, "yes")] {
            fixture.wait_until(moment).await;
            assert_eq!(fixture.job_cell("nightly", "overdue").await, expected, "at {moment}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_schedule_is_due_at_no_time() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
    fixture.run(nightly_run(), &make_items(1)).await;
    let unscheduled = || TestRun { schedule: None, ..nightly_run() };
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    fixture.run(unscheduled(), &make_items(1)).await;
    fixture.wait_until("2026-06-05T07:00:00Z").await;
    for column in ["next due", "overdue"] {
        assert_eq!(fixture.job_cell("nightly", column).await, "", "{column}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_named_like_a_number_finds_its_own_rows() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "de_DE").await;
    for (job, count) in [("2024", 1), ("1.5", 2), ("1-2", 3), ("2024 b", 4)] {
        fixture.run(TestRun { job, ..nightly_run() }, &make_items(count)).await;
        fixture.clock.sleep(Duration::from_secs(1)).await;
    }
    for (job, expected) in [("2024", "1"), ("1.5", "2"), ("1-2", "3"), ("2024 b", "4")] {
        assert_eq!(fixture.job_cell(job, "new").await, expected, "{job}");
    }
}

#[tokio::test(start_paused = true)]
async fn people_sort_insert_and_rename_and_the_rows_stay_right() {
    let fixture = JobsFixture::in_berlin(RUN_TIME, "de_DE").await;
    fixture.run(nightly_run(), &make_items(2)).await;
    fixture.run(TestRun { job: "hourly", ..nightly_run() }, &make_items(5)).await;
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    fixture.run(nightly_run(), &make_items(3)).await;
    let expected = [fixture.job_row("nightly").await, fixture.job_row("hourly").await];
    let same = async |edit: &str| {
        let rows = [fixture.job_row("nightly").await, fixture.job_row("hourly").await];
        assert_eq!(rows, expected, "after {edit}");
    };
    let sort = async |title: &str, column: u32, order: &str| {
        let range = json!({"sheetId": fixture.proxy.tab_id(title).await, "startRowIndex": 1, "endRowIndex": 20});
        let specs = json!([{"dimensionIndex": column, "sortOrder": order}]);
        fixture.proxy.edit_sheet(json!([{"sortRange": {"range": range, "sortSpecs": specs}}])).await;
    };
    for (title, column, order) in
        [("Jobs", 0, "ASCENDING"), ("Jobs", 0, "DESCENDING"), ("Runs", 5, "DESCENDING"), ("Runs", 1, "ASCENDING")]
    {
        sort(title, column, order).await;
        same(&format!("sorting {title} {order}")).await;
    }
    for (title, dimension) in [("Jobs", "COLUMNS"), ("Runs", "COLUMNS"), ("Jobs", "ROWS"), ("Runs", "ROWS")] {
        let id = fixture.proxy.tab_id(title).await;
        let range = json!({"sheetId": id, "dimension": dimension, "startIndex": 1, "endIndex": 2});
        fixture.proxy.edit_sheet(json!([{"insertDimension": {"range": range, "inheritFromBefore": false}}])).await;
        same(&format!("inserting {dimension} into {title}")).await;
    }
    fixture.proxy.move_column("Runs", 6, 2).await;
    fixture.proxy.move_column("Jobs", 3, 0).await;
    same("moving columns").await;
    let runs = fixture.proxy.tab_id("Runs").await;
    let properties = json!({"sheetId": runs, "title": "What ran"});
    fixture.proxy.edit_sheet(json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}])).await;
    same("renaming Runs").await;
    fixture.run(TestRun { job: "third", ..nightly_run() }, &make_items(1)).await;
    assert_eq!(fixture.job_cell("third", "state").await, "succeeded");
    assert_eq!(fixture.job_cell("third", "next due").await, "2026-06-04 09:00:00");
    same("the first run of another job").await;
}

#[tokio::test(start_paused = true)]
async fn the_tab_costs_no_write_and_no_read() {
    let mut calls = Vec::new();
    for view in [None, Some(make_view())] {
        let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
        let mut counts = Vec::new();
        for _ in 0..3 {
            let report = fixture.run(TestRun { view: view.clone(), ..nightly_run() }, &make_items(3)).await;
            counts.push((report.reads, report.writes));
            fixture.clock.sleep(Duration::from_hours(1)).await;
        }
        calls.push(counts);
    }
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_adds_no_second_row() {
    for is_applied in [true, false] {
        for write in 0..3 {
            let fixture = JobsFixture::in_berlin(RUN_TIME, "en_US").await;
            fixture.proxy.lose_write(write, is_applied);
            fixture.run(nightly_run(), &make_items(3)).await;
            let jobs = fixture.proxy.column("Jobs", "job").await;
            assert_eq!(jobs, ["nightly"], "write {write}, applied: {is_applied}");
        }
    }
}
