//! The tab Jobs on an emulated spreadsheet: what its formulas show at which time, whatever people
//! do with the tab, and what it costs.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use sheetkeep::app::schedule::due::{DueRun, DueStep, decide_next_step};
use sheetkeep::clock::Clock;
use sheetkeep::emulator::UnknownBehaviors;
use sheetkeep::ledger::runs::event::{Event, RunReport};
use sheetkeep::ledger::runs::job_requests::JobRequests;
use sheetkeep::port::step::StepError;
use sheetkeep::runner::run_config::RunError;
use sheetkeep::schedule::cron::CronExpression;
use sheetkeep::schedule::job_schedule::JobSchedule;
use sheetkeep::schedule::recurrence::Recurrence;
use sheetkeep::store::spreadsheet::store::SheetsStore;
use sheetkeep::store::tabs::jobs::{JOBS, JobsView};
use sheetkeep::system::{SeededRng, TestClock};
use sheetkeep::time::Timestamp;

use crate::front::EmulatorProxy;
use crate::support::{Job, Values};

/// The day's run starts at nine in Berlin.
const NINE: &str = "2026-06-02T07:00:00Z";
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

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn view() -> JobsView {
    JobsView { recalculates: true, owner: Some("ops@example.com".into()) }
}

fn daily(cron: &str) -> JobSchedule {
    let expression = CronExpression::parse(cron).expect("an expression");
    JobSchedule::new(Recurrence::Cron(expression), TimeZone::get("Europe/Berlin").expect("a zone"))
}

fn nightly() -> TestRun<'static> {
    TestRun { job: "nightly", schedule: Some(daily("0 9 * * *")), view: Some(view()), due: None }
}

impl JobsFixture {
    fn starting(now: &str, nth: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::starting_at(at(now)));
        let doubts = UnknownBehaviors::all().nth(nth).expect("there are eight");
        Self { proxy: EmulatorProxy::new(doubts, 1, &clock, None), clock }
    }

    /// A spreadsheet in Berlin.
    async fn in_berlin(now: &str, locale: &str) -> Self {
        let fixture = Self::starting(now, 0);
        let properties = json!({"locale": locale, "timeZone": "Europe/Berlin"});
        let change = json!({"properties": properties, "fields": "locale,timeZone"});
        fixture.proxy.hands(json!([{"updateSpreadsheetProperties": change}])).await;
        fixture
    }

    fn store(&self, job: &str, view: Option<JobsView>) -> SheetsStore {
        let sheets = Arc::new(self.proxy.sheets(u64::try_from(self.clock.now().0).unwrap_or(0)));
        let tab = format!("Data {job}");
        SheetsStore::new(sheets, EmulatorProxy::id(), job, &tab, Arc::clone(&self.clock)).with_jobs(view)
    }

    async fn try_run(&self, run: TestRun<'_>, items: &[Value]) -> (Result<RunReport, RunError>, Vec<String>) {
        let mut job = Job::new(Arc::clone(&self.clock)).step(|value, _| match value["bad"].as_str() {
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
        let report = job.run(self.store(run.job, run.view), Values::of(items.to_vec())).await;
        let events = job.events.lock().expect("no thread panics while it holds it");
        let warnings = events.iter().filter_map(|event| match event {
            Event::Anomaly { message } | Event::LastingAnomaly { message, .. } => Some(message.clone()),
            _ => None,
        });
        (report, warnings.collect())
    }

    /// One call of `run --due` of the nightly job. Returns whether it ran.
    async fn run_due(&self) -> bool {
        let store = self.store("nightly", Some(view()));
        let standing = store.read_standing().await.expect("the state can be read");
        let seed = u64::try_from(self.clock.now().0).expect("a time after 1970");
        match decide_next_step(&daily("0 9 * * *"), "nightly", "host", &standing, &SeededRng::new(seed)) {
            DueStep::Run(due) => self.run(TestRun { due: Some(*due), ..nightly() }, &items(1)).await,
            _ => return false,
        };
        true
    }

    async fn run(&self, run: TestRun<'_>, items: &[Value]) -> RunReport {
        self.try_run(run, items).await.0.expect("a run")
    }

    /// Lets time pass until this moment.
    async fn wait_until(&self, moment: &str) {
        let ms = u64::try_from(at(moment).0 - self.clock.now().0).expect("a later moment");
        self.clock.sleep(Duration::from_millis(ms)).await;
    }

    /// The row of a job in Jobs, as people see it.
    async fn row(&self, job: &str) -> Vec<(String, String)> {
        let rows = self.proxy.tab("Jobs").await;
        let at = rows[0].iter().position(|cell| cell == "job").expect("the column");
        let row = rows.iter().skip(1).find(|row| row.get(at).is_some_and(|cell| cell == job)).expect("a row");
        let cells =
            rows[0].iter().enumerate().map(|(at, name)| (name.clone(), row.get(at).cloned().unwrap_or_default()));
        let place = |name: &str| JOBS.iter().position(|column| *column == name);
        let mut cells: Vec<_> = cells.filter(|(name, _)| place(name).is_some()).collect();
        cells.sort_by_key(|(name, _)| place(name));
        cells
    }

    async fn cell(&self, job: &str, column: &str) -> String {
        let row = self.row(job).await;
        row.into_iter().find(|(name, _)| name == column).expect("the column").1
    }

    async fn titles(&self) -> Vec<String> {
        let (_, metadata) = self.proxy.ask(Method::GET, "", "fields=sheets.properties.title", Value::Null).await;
        let sheets = metadata["sheets"].as_array().expect("sheets").iter();
        sheets.map(|sheet| sheet["properties"]["title"].as_str().expect("a title").to_owned()).collect()
    }

    /// The background of a cell, as the service shows it.
    async fn background(&self, cell: &str) -> Value {
        let fields = format!("ranges={cell}&fields=sheets.data.rowData.values.effectiveFormat.backgroundColor");
        let (_, data) = self.proxy.ask(Method::GET, "", &fields, Value::Null).await;
        data["sheets"][0]["data"][0]["rowData"][0]["values"][0]["effectiveFormat"]["backgroundColor"].clone()
    }

    async fn recalculation(&self) -> Value {
        let (_, metadata) = self.proxy.ask(Method::GET, "", "fields=properties.autoRecalc", Value::Null).await;
        metadata["properties"]["autoRecalc"].clone()
    }
}

fn items(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"id": format!("k{n}")})).collect()
}

#[tokio::test(start_paused = true)]
async fn a_row_shows_the_last_run_in_the_sheets_time() {
    for locale in LOCALES {
        let fixture = JobsFixture::in_berlin(NINE, locale).await;
        let mut records = items(3);
        records.push(json!({"id": "k9", "bad": "no price"}));
        fixture.run(nightly(), &records).await;
        let row = fixture.row("nightly").await;
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
        fixture.run(TestRun { job: "hourly", ..nightly() }, &records[..3]).await;
        fixture.wait_until("2026-06-04T07:00:00Z").await;
        fixture.run(TestRun { job: "hourly", ..nightly() }, &records[..3]).await;
        let expected = ["succeeded", "2026-06-04 09:00:00", "2026-06-03 09:00:00", "0"];
        for (column, expected) in ["state", "last success", "last change", "new"].into_iter().zip(expected) {
            assert_eq!(fixture.cell("hourly", column).await, expected, "{locale}: {column}");
        }
        assert_eq!(fixture.cell("nightly", "state").await, "partial");
    }
}

#[tokio::test(start_paused = true)]
async fn the_overdue_cell_turns_by_itself_within_the_hour() {
    for locale in LOCALES {
        let fixture = JobsFixture::in_berlin(NINE, locale).await;
        fixture.run(nightly(), &items(1)).await;
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
            assert_eq!(fixture.cell("nightly", "overdue").await, expected, "{locale} at {moment}");
            let is_red = expected == "yes";
            assert_eq!(fixture.background("Jobs!G2").await["red"].as_f64().is_some_and(|red| red < 1.0), is_red);
        }
        fixture.run(nightly(), &items(1)).await;
        assert_eq!(fixture.cell("nightly", "overdue").await, "no", "{locale}");
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
        fixture.run(nightly(), &items(1)).await;
        for (moment, expected) in [(before, "no"), (after, "yes")] {
            fixture.wait_until(moment).await;
            assert_eq!(fixture.cell("nightly", "overdue").await, expected, "at {moment}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_schedule_is_due_at_no_time() {
    let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
    fixture.run(nightly(), &items(1)).await;
    let unscheduled = || TestRun { schedule: None, ..nightly() };
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    fixture.run(unscheduled(), &items(1)).await;
    fixture.wait_until("2026-06-05T07:00:00Z").await;
    for column in ["next due", "overdue"] {
        assert_eq!(fixture.cell("nightly", column).await, "", "{column}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_named_like_a_number_finds_its_own_rows() {
    let fixture = JobsFixture::in_berlin(NINE, "de_DE").await;
    for (job, count) in [("2024", 1), ("1.5", 2), ("1-2", 3), ("2024 b", 4)] {
        fixture.run(TestRun { job, ..nightly() }, &items(count)).await;
        fixture.clock.sleep(Duration::from_secs(1)).await;
    }
    for (job, expected) in [("2024", "1"), ("1.5", "2"), ("1-2", "3"), ("2024 b", "4")] {
        assert_eq!(fixture.cell(job, "new").await, expected, "{job}");
    }
}

#[tokio::test(start_paused = true)]
async fn people_sort_insert_and_rename_and_the_rows_stay_right() {
    let fixture = JobsFixture::in_berlin(NINE, "de_DE").await;
    fixture.run(nightly(), &items(2)).await;
    fixture.run(TestRun { job: "hourly", ..nightly() }, &items(5)).await;
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    fixture.run(nightly(), &items(3)).await;
    let expected = [fixture.row("nightly").await, fixture.row("hourly").await];
    let same = async |edit: &str| {
        let rows = [fixture.row("nightly").await, fixture.row("hourly").await];
        assert_eq!(rows, expected, "after {edit}");
    };
    let sort = async |title: &str, column: u32, order: &str| {
        let range = json!({"sheetId": fixture.proxy.id_of(title).await, "startRowIndex": 1, "endRowIndex": 20});
        let specs = json!([{"dimensionIndex": column, "sortOrder": order}]);
        fixture.proxy.hands(json!([{"sortRange": {"range": range, "sortSpecs": specs}}])).await;
    };
    for (title, column, order) in
        [("Jobs", 0, "ASCENDING"), ("Jobs", 0, "DESCENDING"), ("Runs", 5, "DESCENDING"), ("Runs", 1, "ASCENDING")]
    {
        sort(title, column, order).await;
        same(&format!("sorting {title} {order}")).await;
    }
    for (title, dimension) in [("Jobs", "COLUMNS"), ("Runs", "COLUMNS"), ("Jobs", "ROWS"), ("Runs", "ROWS")] {
        let id = fixture.proxy.id_of(title).await;
        let range = json!({"sheetId": id, "dimension": dimension, "startIndex": 1, "endIndex": 2});
        fixture.proxy.hands(json!([{"insertDimension": {"range": range, "inheritFromBefore": false}}])).await;
        same(&format!("inserting {dimension} into {title}")).await;
    }
    fixture.proxy.move_column("Runs", 6, 2).await;
    fixture.proxy.move_column("Jobs", 3, 0).await;
    same("moving columns").await;
    let runs = fixture.proxy.id_of("Runs").await;
    let properties = json!({"sheetId": runs, "title": "What ran"});
    fixture.proxy.hands(json!([{"updateSheetProperties": {"properties": properties, "fields": "title"}}])).await;
    same("renaming Runs").await;
    fixture.run(TestRun { job: "third", ..nightly() }, &items(1)).await;
    assert_eq!(fixture.cell("third", "state").await, "succeeded");
    assert_eq!(fixture.cell("third", "next due").await, "2026-06-04 09:00:00");
    same("the first run of another job").await;
}

#[tokio::test(start_paused = true)]
async fn two_jobs_that_begin_at_once_make_one_tab_and_two_rows() {
    for nth in [0, 7] {
        let fixture = JobsFixture::starting(NINE, nth);
        fixture.proxy.slow_down(Duration::from_millis(100));
        let (few, more) = (items(2), items(3));
        let other = TestRun { job: "hourly", ..nightly() };
        let (one, two) = tokio::join!(fixture.run(nightly(), &few), fixture.run(other, &more));
        assert_eq!((one.run.counts.new, two.run.counts.new), (2, 3));
        let titles = fixture.titles().await;
        assert_eq!(titles.iter().filter(|title| title.starts_with("Jobs")).count(), 1, "{titles:?}");
        let mut jobs = fixture.proxy.column("Jobs", "job").await;
        jobs.sort();
        assert_eq!(jobs, ["hourly", "nightly"]);
        assert_eq!(
            (fixture.cell("nightly", "new").await, fixture.cell("hourly", "new").await),
            ("2".into(), "3".into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sheet_of_an_earlier_version_gets_columns_and_tab_once() {
    let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
    for job in ["nightly", "hourly"] {
        fixture.run(TestRun { job, view: None, schedule: None, due: None }, &items(1)).await;
    }
    // As an earlier version made it, with a column of a person's.
    let runs = fixture.proxy.id_of("Runs").await;
    let range = json!({"sheetId": runs, "dimension": "COLUMNS", "startIndex": 21, "endIndex": 28});
    fixture.proxy.hands(json!([{"deleteDimension": {"range": range}}])).await;
    let old = fixture.proxy.tab("Runs").await;
    fixture.proxy.slow_down(Duration::from_millis(100));
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    let (few, other) = (items(2), TestRun { job: "hourly", ..nightly() });
    tokio::join!(fixture.run(nightly(), &few), fixture.run(other, &few));
    let now = fixture.proxy.tab("Runs").await;
    assert_eq!(now[0].len(), 28);
    assert!(old.iter().skip(1).zip(now.iter().skip(1)).all(|(old, now)| now.starts_with(old)), "{now:?}");
    for job in ["nightly", "hourly"] {
        assert_eq!(fixture.cell(job, "state").await, "succeeded", "{job}");
    }
    let jobs = fixture.proxy.column("Jobs", "job").await;
    assert_eq!(jobs.len(), 2, "{jobs:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_starts_while_others_make_runs_and_then_jobs() {
    let fixture = Arc::new(JobsFixture::in_berlin(NINE, "en_US").await);
    let (first, second) = (Arc::clone(&fixture), Arc::clone(&fixture));
    let edit = Box::pin(async move {
        first.run(TestRun { job: "weekly", view: None, schedule: None, due: None }, &items(1)).await;
        // The batch is refused for Runs. Before it is sent again, a third job makes Jobs.
        let edit = Box::pin(async move {
            second.run(TestRun { job: "hourly", ..nightly() }, &items(1)).await;
        });
        first.proxy.at_write(1, true, edit);
    });
    fixture.proxy.at_write(0, true, edit);
    let (report, warnings) = fixture.try_run(nightly(), &items(2)).await;
    assert_eq!(report.expect("a run").run.counts.new, 2);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(fixture.proxy.column("Jobs", "job").await, ["hourly", "nightly"]);
}

#[tokio::test(start_paused = true)]
async fn a_jobs_tab_made_without_the_column_held_works_as_before() {
    let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
    fixture.run(nightly(), &items(1)).await;
    // As an earlier version made it, with a tick in a column after it.
    let at = JOBS.iter().position(|name| *name == "held").expect("the column");
    let range = json!({"sheetId": fixture.proxy.id_of("Jobs").await, "dimension": "COLUMNS", "startIndex": at, "endIndex": at + 1});
    fixture.proxy.hands(json!([{"deleteDimension": {"range": range}}])).await;
    let header = fixture.proxy.tab("Jobs").await.swap_remove(0);
    let run_now = header.iter().position(|name| name == "run now").expect("a column");
    fixture.proxy.type_in("Jobs", 1, run_now, "please").await;
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    let other = TestRun { job: "hourly", ..nightly() };
    for run in [nightly(), other] {
        let (report, warnings) = fixture.try_run(run, &items(2)).await;
        assert!(report.is_ok() && warnings.is_empty(), "{report:?} {warnings:?}");
    }
    assert_eq!(fixture.proxy.tab("Jobs").await[0], header, "a column is a person's to add");
    for job in ["nightly", "hourly"] {
        assert_eq!(fixture.cell(job, "state").await, "succeeded", "{job}");
        assert_eq!(fixture.cell(job, "overdue").await, "no", "{job}");
    }
    let asked = fixture.cell("nightly", "run now").await;
    assert_eq!(asked, "please", "the cells of people stay where they are");
}

#[tokio::test(start_paused = true)]
async fn a_runs_tab_that_lost_a_new_column_stops_nothing() {
    let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
    fixture.run(nightly(), &items(1)).await;
    let header = fixture.proxy.tab("Runs").await.swap_remove(0);
    let at = header.iter().position(|name| name == "next_due").expect("the column");
    let range = json!({"sheetId": fixture.proxy.id_of("Runs").await, "dimension": "COLUMNS", "startIndex": at, "endIndex": at + 1});
    fixture.proxy.hands(json!([{"deleteDimension": {"range": range}}])).await;
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    let (report, warnings) = fixture.try_run(nightly(), &items(2)).await;
    assert_eq!(report.expect("a run").run.counts.new, 1);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(fixture.cell("nightly", "next due").await, "#REF!");
    assert_eq!(fixture.cell("nightly", "new").await, "1");
}

#[tokio::test(start_paused = true)]
async fn a_persons_tab_named_jobs_is_not_written_to() {
    for title in ["Jobs", "JOBS"] {
        let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
        fixture.proxy.hands(json!([{"addSheet": {"properties": {"sheetId": 5, "title": title}}}])).await;
        fixture.proxy.type_in(title, 0, 0, "job").await;
        fixture.proxy.type_in(title, 1, 0, "plumber").await;
        for _ in 0..2 {
            let (report, warnings) = fixture.try_run(nightly(), &items(1)).await;
            assert_eq!(report.expect("a run").run.status.as_str(), "succeeded");
            let named = warnings.iter().filter(|warning| warning.contains("rename it, and the job makes its own"));
            assert_eq!(named.count(), 1, "{warnings:?}");
            fixture.clock.sleep(Duration::from_mins(1)).await;
        }
        assert_eq!(fixture.proxy.tab(title).await, [["job"], ["plumber"]]);
        assert_eq!(fixture.recalculation().await, "ON_CHANGE");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_row_and_a_deleted_tab_are_made_again() {
    let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
    fixture.run(nightly(), &items(1)).await;
    let id = fixture.proxy.id_of("Jobs").await;
    let range = json!({"sheetId": id, "dimension": "ROWS", "startIndex": 1, "endIndex": 2});
    for edit in [json!({"deleteDimension": {"range": range}}), json!({"deleteSheet": {"sheetId": id}})] {
        fixture.proxy.hands(json!([edit])).await;
        fixture.clock.sleep(Duration::from_hours(1)).await;
        fixture.run(nightly(), &items(1)).await;
        assert_eq!(fixture.proxy.column("Jobs", "job").await, ["nightly"]);
    }
    fixture.run(TestRun { view: None, ..nightly() }, &items(1)).await;
    assert_eq!(fixture.proxy.column("Jobs", "job").await, ["nightly"]);
}

#[tokio::test(start_paused = true)]
async fn a_protected_tab_is_left_and_the_run_goes_on() {
    let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
    fixture.run(TestRun { job: "hourly", ..nightly() }, &items(1)).await;
    let range = json!({"sheetId": fixture.proxy.id_of("Jobs").await});
    let protected = json!({"range": range, "editors": {"users": ["boss@example.com"]}});
    fixture.proxy.owner_does(json!([{"addProtectedRange": {"protectedRange": protected}}])).await;
    let (report, warnings) = fixture.try_run(nightly(), &items(4)).await;
    assert_eq!(report.expect("a run").run.counts.new, 4);
    assert!(warnings.iter().any(|warning| warning.starts_with("the tab Jobs was left as it is")), "{warnings:?}");
    assert_eq!(fixture.proxy.column("Jobs", "job").await, ["hourly"]);
}

#[tokio::test(start_paused = true)]
async fn the_tab_costs_no_write_and_no_read() {
    let mut calls = Vec::new();
    for view in [None, Some(view())] {
        let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
        let mut counts = Vec::new();
        for _ in 0..3 {
            let report = fixture.run(TestRun { view: view.clone(), ..nightly() }, &items(3)).await;
            counts.push((report.reads, report.writes));
            fixture.clock.sleep(Duration::from_hours(1)).await;
        }
        calls.push(counts);
    }
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test(start_paused = true)]
async fn what_people_ask_is_read_in_two_calls() {
    let fixture = JobsFixture::in_berlin(NINE, "de_DE").await;
    let store = fixture.store("nightly", Some(view()));
    assert_eq!(store.read_standing().await.expect("an answer").state, None);
    fixture.run(nightly(), &items(1)).await;
    let column = |name: &str| JOBS.iter().position(|column| *column == name).expect("a column");
    for (name, text) in [("paused", "ja"), ("run now", " today "), ("silence until", "2026-06-04 08:00")] {
        fixture.proxy.type_in("Jobs", 1, column(name), text).await;
    }
    fixture.proxy.record();
    let standing = fixture.store("nightly", Some(view())).read_standing().await.expect("an answer");
    assert_eq!(fixture.proxy.recorded().len(), 2);
    let expected = JobRequests {
        is_paused: true,
        silence_until: Some(at("2026-06-04T06:00:00Z")),
        run_now: Some("today".into()),
        ..JobRequests::default()
    };
    assert_eq!((standing.requests, standing.warnings), (expected, Vec::new()));
    assert_eq!(standing.state.expect("a state").job, "nightly");
    // A paused job is not overdue.
    fixture.wait_until("2026-06-05T12:00:00Z").await;
    assert_eq!(fixture.cell("nightly", "overdue").await, "no");
    fixture.proxy.type_in("Jobs", 1, column("paused"), "No").await;
    assert_eq!(fixture.cell("nightly", "overdue").await, "yes");
    // Moved columns cost one more call.
    fixture.proxy.move_column("Jobs", column("run now"), 0).await;
    fixture.proxy.record();
    let standing = fixture.store("nightly", Some(view())).read_standing().await.expect("an answer");
    assert_eq!((fixture.proxy.recorded().len(), standing.requests.run_now.as_deref()), (3, Some("today")));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_understood_is_answered_in_the_runs_row() {
    let fixture = JobsFixture::in_berlin(NINE, "de_DE").await;
    fixture.run(nightly(), &items(1)).await;
    let column = |name: &str| JOBS.iter().position(|column| *column == name).expect("a column");
    for (name, text) in [("paused", "until Monday"), ("run now", "#NAME?"), ("silence until", "soon")] {
        fixture.proxy.type_in("Jobs", 1, column(name), text).await;
    }
    let expected = [
        "tab Jobs: \"until Monday\" in paused counts as a pause: tick it, or write yes or no",
        "tab Jobs: \"soon\" in silence until is not a time: enter a date, such as 2026-12-24 09:00",
        "tab Jobs: \"#NAME?\" in run now asks for no run: write today's date",
    ];
    let standing = fixture.store("nightly", Some(view())).read_standing().await.expect("an answer");
    assert_eq!(standing.requests.unclear, expected, "run --due says so, too");
    fixture.proxy.record();
    let (report, warnings) = fixture.try_run(nightly(), &items(2)).await;
    assert_eq!(warnings, expected);
    assert_eq!(report.expect("a run").run.message, expected.join("; "));
    let messages = fixture.proxy.column("Runs", "message").await;
    assert!(messages.iter().any(|message| *message == expected.join("; ")), "{messages:?}");
    // Once: the state keeps what was answered, and `run --due` keeps quiet as well.
    let (report, warnings) = fixture.try_run(nightly(), &items(2)).await;
    assert_eq!((report.expect("a run").run.message.as_str(), warnings.len()), ("", 0));
    fixture.proxy.type_in("Jobs", 1, column("silence until"), "later").await;
    let again = "tab Jobs: \"later\" in silence until is not a time: enter a date, such as 2026-12-24 09:00";
    assert_eq!(fixture.try_run(nightly(), &items(2)).await.1, [again]);
    for (name, text) in [("paused", ""), ("run now", "2026-06-03"), ("silence until", "")] {
        fixture.proxy.type_in("Jobs", 1, column(name), text).await;
    }
    assert_eq!(fixture.run(nightly(), &items(3)).await.run.message, "");
    // Cleared and written again, the same text is answered again.
    fixture.proxy.type_in("Jobs", 1, column("silence until"), "later").await;
    assert_eq!(fixture.try_run(nightly(), &items(3)).await.1, [again]);
    fixture.proxy.type_in("Jobs", 1, column("silence until"), "").await;
    // A job without a schedule has no call that would act on it.
    let plain = TestRun { schedule: None, ..nightly() };
    let message = "tab Jobs: run now has no effect, because the job has no schedule";
    assert_eq!(fixture.run(plain, &items(4)).await.run.message, message);
}

#[tokio::test(start_paused = true)]
async fn a_request_counts_again_once_its_cell_was_empty() {
    let fixture = JobsFixture::in_berlin(NINE, "de_DE").await;
    let run_now = JOBS.iter().position(|column| *column == "run now").expect("a column");
    assert!(fixture.run_due().await, "the first occurrence");
    fixture.proxy.type_in("Jobs", 1, run_now, "please").await;
    assert!(fixture.run_due().await && !fixture.run_due().await, "the request is answered once");
    // An error of a formula and a tab that a run can't use are not an empty cell.
    fixture.proxy.type_in("Jobs", 1, run_now, "#REF!").await;
    fixture.wait_until("2026-06-03T07:00:00Z").await;
    assert!(fixture.run_due().await, "by its schedule");
    fixture.proxy.type_in("Jobs", 1, run_now, "please").await;
    assert!(!fixture.run_due().await, "the same request");
    fixture.proxy.type_in("Jobs", 0, run_now, "now?").await;
    fixture.wait_until("2026-06-04T07:00:00Z").await;
    assert!(fixture.run_due().await, "by its schedule");
    fixture.proxy.type_in("Jobs", 0, run_now, "run now").await;
    assert!(!fixture.run_due().await, "the same request");
    fixture.proxy.type_in("Jobs", 1, run_now, "").await;
    fixture.wait_until("2026-06-05T07:00:00Z").await;
    assert!(fixture.run_due().await, "by its schedule");
    fixture.proxy.type_in("Jobs", 1, run_now, "please").await;
    assert!(fixture.run_due().await && !fixture.run_due().await, "a new request");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_adds_no_second_row() {
    for is_applied in [true, false] {
        for write in 0..3 {
            let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
            fixture.proxy.lose(Some((write, is_applied)));
            fixture.run(nightly(), &items(3)).await;
            let jobs = fixture.proxy.column("Jobs", "job").await;
            assert_eq!(jobs, ["nightly"], "write {write}, applied: {is_applied}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_skipped_time_and_a_command_are_no_runs_of_the_job() {
    let fixture = JobsFixture::in_berlin(NINE, "en_US").await;
    fixture.run(nightly(), &items(2)).await;
    let header = fixture.proxy.tab("Runs").await.swap_remove(0);
    let row = |status: &str, trigger: &str, days: f64| {
        let cell = |name: &String| match name.as_str() {
            "job" => json!({"userEnteredValue": {"stringValue": "nightly"}}),
            "status" => json!({"userEnteredValue": {"stringValue": status}}),
            "trigger" => json!({"userEnteredValue": {"stringValue": trigger}}),
            "started" => json!({"userEnteredValue": {"numberValue": days}}),
            _ => json!({}),
        };
        json!({"values": header.iter().map(cell).collect::<Vec<_>>()})
    };
    let before = fixture.row("nightly").await;
    let later = at("2026-06-02T09:00:00Z").serial();
    let rows =
        json!([row("skipped", "schedule", later), row("missed", "schedule", later), row("succeeded", "prune", later)]);
    let append = json!({"sheetId": fixture.proxy.id_of("Runs").await, "rows": rows, "fields": "userEnteredValue"});
    fixture.proxy.hands(json!([{"appendCells": append}])).await;
    assert_eq!(fixture.row("nightly").await, before);
}
