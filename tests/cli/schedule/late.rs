//! `sheetkeep late`: one word and one exit code for each job, without a write.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{CommandOutput, TempProject, run_to_end};

const ID: &str = "1LateSpreadsheet0000000000000000000000000000";
const DAILY: &str = "\n[schedule]\ncron = \"0 9 * * *\"\ntimezone = \"Europe/Berlin\"\n";
/// 2023-03-15, long before any clock that runs these tests.
const LONG_AGO: f64 = 45_000.0;

/// A scheduled job of three records on a spreadsheet of its own.
struct LateFixture {
    project: TempProject,
    client: ApiClient,
}

impl LateFixture {
    fn new() -> Self {
        let project = TempProject::with_few_quakes(3);
        project.replace_in("quakes.toml", "[sheet]", "[retry]\nattempts = 1\n\n[sheet]");
        let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
        let client = ApiClient::of(emulator, ID);
        Self { project, client }
    }

    fn say(&self, args: &[&str]) -> CommandOutput {
        self.client.emulator.run(&self.project, ID, args)
    }

    /// Changes a field of the job's state.
    fn change_state(&self, field: &str, change: impl Fn(&str) -> String) {
        let state = self.client.tabs().into_iter().find(|title| title.starts_with("sheetkeep quakes #"));
        let state = state.expect("a state tab");
        let fields: Vec<Vec<Value>> = self.client.rows(&state);
        let at = fields.iter().position(|row| row[0] == field).expect("the field");
        let text = fields[at].get(1).and_then(Value::as_str).unwrap_or_default();
        self.type_in(&state, at + 1, 1, &[json!(change(text))]);
    }

    fn type_in(&self, tab: &str, row: usize, column: usize, values: &[Value]) {
        let cell = |value: &Value| match value {
            Value::String(text) => json!({"userEnteredValue": {"stringValue": text}}),
            number => json!({"userEnteredValue": {"numberValue": number}}),
        };
        let rows = [json!({"values": values.iter().map(cell).collect::<Vec<_>>()})];
        let start = json!({"sheetId": self.client.tab_id(tab), "rowIndex": row, "columnIndex": column});
        self.client.edit_sheet(&json!([{"updateCells": {"start": start, "rows": rows, "fields": "userEnteredValue"}}]));
    }

    /// Moves the run in the first row of `Runs` to 2023.
    fn age_the_first_run(&self) {
        self.type_in("Runs", 1, 5, &[json!(LONG_AGO), json!(LONG_AGO + 0.001)]);
    }
}

#[test]
fn late_judges_a_schedule_by_runs_and_writes_nothing() {
    let fixture = LateFixture::new();
    fixture
        .say(&["late", "quakes.toml"])
        .exits(6)
        .stdout_has("NEVER RAN quakes  expected ")
        .stdout_has("; no run succeeded yet; next ");
    fixture.say(&["run", "quakes.toml"]).exits(0);
    fixture.client.emulator.reset_stats();
    let before = fixture.project.list_entries();
    fixture
        .say(&["late", "quakes.toml"])
        .exits(0)
        .stdout_has("ok        quakes  last success ")
        .stdout_has("09:00:00+");
    let stats = fixture.client.emulator.stats();
    assert_eq!((&stats["writes"], stats["reads"].as_u64()), (&0.into(), Some(3)), "{stats}");
    assert_eq!(fixture.project.list_entries(), before, "no lock and no file");
    fixture.age_the_first_run();
    let late = fixture.say(&["late", "quakes.toml", "--json"]);
    let document = late.exits(6).document();
    let job = &document["jobs"][0];
    assert_eq!((&document["exit_code"], &job["state"], &job["job"]), (&6.into(), &"LATE".into(), &"quakes".into()));
    assert_eq!(job["last_success"], "2023-03-15T00:01:26.400Z");
    assert!(job["expected"].is_string() && job["next"].is_string() && job["age_seconds"].is_u64(), "{job}");
    assert_eq!(document["schema_version"], 2);
}

#[test]
fn sorted_runs_of_several_jobs_are_judged_alike() {
    let fixture = LateFixture::new();
    fixture.say(&["run", "quakes.toml"]).exits(0);
    fixture.say(&["run", "quakes.toml"]).exits(0);
    // The newest run is above the oldest, and the last row is of another job.
    fixture.type_in("Runs", 2, 5, &[json!(LONG_AGO), json!(LONG_AGO + 0.001)]);
    let now = json!(80_000.0);
    fixture.type_in("Runs", 3, 0, &[json!("20991231-000000-00000"), json!("others"), json!(""), json!("cli")]);
    fixture.type_in("Runs", 3, 5, &[now.clone(), now.clone(), json!("failed")]);
    fixture.say(&["late", "quakes.toml"]).exits(0).stdout_has("ok ");
    // A skipped and a missed occurrence are not runs.
    fixture.type_in("Runs", 1, 7, &[json!("skipped")]);
    fixture.say(&["late", "quakes.toml"]).exits(6).stdout_has("LATE ");
    fixture.type_in("Runs", 2, 7, &[json!("missed")]);
    fixture.say(&["late", "quakes.toml"]).exits(6).stdout_has("NEVER RAN ");
}

#[test]
fn many_pages_of_runs_are_read_to_their_end() {
    let fixture = LateFixture::new();
    fixture.say(&["run", "quakes.toml"]).exits(0);
    let tab = fixture.client.tab_id("Runs");
    let cell = |text: &str| json!({"userEnteredValue": {"stringValue": text}});
    let row = json!({"values": [cell("20200101-000000-00000"), cell("others")]});
    let rows = vec![row; 11_000];
    for _ in 0..2 {
        fixture
            .client
            .edit_sheet(&json!([{"appendCells": {"sheetId": tab, "rows": rows, "fields": "userEnteredValue"}}]));
    }
    fixture.client.emulator.reset_stats();
    fixture.say(&["late", "quakes.toml"]).exits(0).stdout_has("ok ");
    assert_eq!(fixture.client.emulator.stats()["reads"], 5, "metadata, state and header, three pages");
}

#[test]
fn a_run_that_died_is_stuck_once_its_lease_is_over() {
    let fixture = LateFixture::new();
    fixture.say(&["run", "quakes.toml"]).exits(0);
    let whole = fixture.project.read("usgs-all-week.geojson");
    let (head, _) = whole.split_at(whole.len() / 2);
    let mut run = crate::running_command::RunningCommand::start(fixture.client.emulator.command(
        &fixture.project,
        ID,
        &["run", "quakes.toml", "--input", "-", "-v"],
    ));
    run.write_input(head);
    run.wait_for_line("claimed");
    fixture.say(&["late", "quakes.toml"]).exits(0).stdout_has("ok ");
    run.kill();
    fixture.change_state("lease until", |_| "2026-01-01T00:00:00Z".to_owned());
    let stuck = fixture.say(&["late", "quakes.toml"]);
    stuck.exits(6).stdout_has("STUCK     quakes  a run began at ").stdout_has("the next run records it as crashed");
    fixture.say(&["run", "quakes.toml"]).exits(0);
    fixture.say(&["late", "quakes.toml"]).exits(0).stdout_has("ok ");
}

#[test]
fn a_job_that_can_not_be_read_is_unknown_and_never_late() {
    let fixture = LateFixture::new();
    fixture.say(&["run", "quakes.toml"]).exits(0);
    fixture.age_the_first_run();
    let mut command = fixture.client.emulator.command(&fixture.project, ID, &["late", "quakes.toml"]);
    command.env("SHEETKEEP_API_URL", "http://127.0.0.1:9");
    run_to_end(command).exits(69).stdout_has("UNKNOWN   quakes  failed to ").stdout_has("http://127.0.0.1:9");
    fixture.client.emulator.inject_faults("[{\"on\": \"reads\", \"do\": \"fail\", \"status\": 403}]");
    fixture.say(&["late", "quakes.toml"]).exits(69).stdout_has("UNKNOWN ").stdout_has("share the spreadsheet");
    fixture.say(&["late", "quakes.toml"]).exits(6).stdout_has("LATE ");
}

#[test]
fn a_broken_job_file_hides_no_other_job() {
    let fixture = LateFixture::new();
    fixture.say(&["run", "quakes.toml"]).exits(0);
    fixture.project.write("broken.toml", "name = \"broken\"\n[sheett]\n");
    let several = fixture.say(&["late", "quakes.toml", "broken.toml", "gone.toml"]);
    several
        .exits(69)
        .stdout_has("ok        quakes")
        .stdout_has("UNKNOWN   broken")
        .stdout_has("UNKNOWN   gone")
        .stderr_has("sheett");
    fixture.age_the_first_run();
    fixture.say(&["late", "broken.toml", "quakes.toml"]).exits(6).stdout_has("LATE ");
    fixture.say(&["late", "broken.toml"]).exits(78).stderr_has("sheett");
    fixture.say(&["late", "broken.toml", "broken.toml"]).exits(78).stdout_has("UNKNOWN ");
    let document = fixture.say(&["late", "broken.toml", "broken.toml", "--json"]).exits(78).document();
    assert_eq!((&document["state"], &document["exit_code"]), (&"UNKNOWN".into(), &78.into()));
}

#[test]
fn without_a_schedule_the_greatest_age_is_needed() {
    let project = TempProject::with_few_quakes(2);
    project.replace_in("quakes.toml", "schedule = { cron = \"0 9 * * *\", timezone = \"Europe/Berlin\" }", "");
    project.run(&["late", "quakes.toml"]).exits(2).stderr_has("add --max-age 26h, or [schedule]");
    project.run(&["late", "quakes.toml", "--max-age", "26h"]).exits(6).stdout_has("NEVER RAN");
    project.run(&["run", "quakes.toml"]).exits(0);
    project.run(&["late", "quakes.toml", "--max-age", "26h"]).exits(0).stdout_has("ok ");
    project.run(&["late", "--max-age", "26h"]).exits(2);
    project.run(&["late", "quakes.toml", "--max-age", "soon"]).exits(2);
}

#[test]
fn an_old_success_is_stale_without_a_schedule() {
    let fixture = LateFixture::new();
    fixture.project.replace_in("quakes.toml", "schedule = { cron = \"0 9 * * *\", timezone = \"Europe/Berlin\" }", "");
    fixture.say(&["run", "quakes.toml"]).exits(0);
    fixture.age_the_first_run();
    let stale = fixture.say(&["late", "quakes.toml", "--max-age", "26h"]);
    stale.exits(6).stdout_has("STALE     quakes  last success ").stdout_has("and --max-age is 26 h 00 min");
    fixture.say(&["late", "quakes.toml", "--max-age", "99999d"]).exits(0).stdout_has("ok ");
}

#[test]
fn a_degraded_run_is_reported_and_failures_are_counted() {
    let project = TempProject::empty();
    let job = "name = \"orders\"\n[source]\ncsv = \"o.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Orders\"\n[expect]\nread = \"2..\"\n";
    project.write("orders.toml", &(job.to_owned() + DAILY));
    project.write("o.csv", "id\na\n");
    project.run(&["run", "orders.toml"]).exits(3);
    project.run(&["late", "orders.toml"]).exits(3).stdout_has("DEGRADED  orders  last success ");
    project.write("o.csv", "id\na\nb\n");
    project.run(&["run", "orders.toml"]).exits(0);
    project.run(&["late", "orders.toml"]).exits(0).stdout_has("ok ");
    project.run(&["prune", "orders.toml", "--older-than", "1d", "--yes"]);
    project.run(&["late", "orders.toml"]).exits(0).stdout_has("ok ");
}

#[test]
fn the_heartbeat_file_is_judged_without_a_network() {
    let project = TempProject::with_few_quakes(3);
    project.write("quakes.toml", &(project.read("quakes.toml") + "\n[heartbeat]\nfile = \"beat.json\"\n"));
    let unknown = project.run(&["late", "--file", "beat.json", "--max-age", "26h"]);
    unknown.exits(69).stdout_has("UNKNOWN   beat  failed to read the heartbeat file beat.json: it does not exist");
    project.run(&["run", "quakes.toml"]).exits(0);
    // Neither a network nor the spreadsheet is needed.
    let by_file = |args: &[&str]| {
        let url = [("SHEETKEEP_API_URL", "http://127.0.0.1:9"), ("SHEETKEEP_SPREADSHEET_ID", ID)];
        project.run_with(&url, &[&["late", "--file", "beat.json"], args].concat())
    };
    by_file(&["--max-age", "26h"]).exits(0).stdout_has("ok        quakes");
    by_file(&["quakes.toml"]).exits(0).stdout_has("next ");
    by_file(&[]).exits(2).stderr_has("add --max-age 26h");
    by_file(&["quakes.toml", "quakes.toml"]).exits(2).stderr_has("one job");
    let beat: Value = serde_json::from_str(&project.read("beat.json")).expect("JSON");
    let old = |name: &str| beat[name].as_str().expect("a time").to_owned();
    for (name, to) in [("last_success", "2023-03-15T08:00:30Z"), ("last_success_started", "2023-03-15T08:00:00Z")] {
        project.replace_in("beat.json", &format!("\"{name}\": \"{}\"", old(name)), &format!("\"{name}\": \"{to}\""));
    }
    by_file(&["quakes.toml"]).exits(6).stdout_has("LATE ");
    by_file(&["--max-age", "26h"]).exits(6).stdout_has("STALE ");
    project.replace_in("quakes.toml", "name = \"quakes\"", "name = \"others\"");
    by_file(&["quakes.toml"]).exits(69).stdout_has("it is of job quakes, not of others");
    project.write("beat.json", "{}");
    by_file(&["--max-age", "26h"]).exits(69).stdout_has("it is not a file that `[heartbeat] file` writes");
}

#[test]
fn after_a_rollover_earlier_runs_count() {
    let fixture = LateFixture::new();
    fixture.say(&["run", "quakes.toml"]).exits(0);
    let next = fixture.client.emulator.create_spreadsheet("next");
    fixture.say(&["rollover", "quakes.toml", "--to", &next, "--yes"]).exits(0);
    let there = fixture.client.emulator.run(&fixture.project, &next, &["late", "quakes.toml"]);
    there.exits(0).stdout_has("ok        quakes  last success ");
    let here = fixture.say(&["late", "quakes.toml"]);
    here.exits(69)
        .stdout_has("UNKNOWN ")
        .stdout_has(&format!("it continues in spreadsheet {next}"))
        .stdout_has("--spreadsheet");
}

#[test]
fn a_pause_in_the_tab_jobs_is_reported_also_when_it_is_renamed() {
    let fixture = LateFixture::new();
    fixture.say(&["run", "quakes.toml"]).exits(0);
    fixture.age_the_first_run();
    fixture.say(&["late", "quakes.toml"]).exits(6).stdout_has("LATE ");
    let paused = 13;
    let checkbox = json!({"values": [{"userEnteredValue": {"boolValue": true}}]});
    let tab = fixture.client.tab_id("Jobs");
    let start = json!({"sheetId": tab, "rowIndex": 1, "columnIndex": paused});
    fixture
        .client
        .edit_sheet(&json!([{"updateCells": {"start": start, "rows": [checkbox], "fields": "userEnteredValue"}}]));
    fixture.say(&["late", "quakes.toml"]).exits(0).stdout_has("PAUSED    quakes");
    let renamed = json!({"properties": {"sheetId": tab, "title": "Our jobs"}, "fields": "title"});
    fixture.client.edit_sheet(&json!([{"updateSheetProperties": renamed}]));
    fixture.say(&["late", "quakes.toml"]).exits(0).stdout_has("PAUSED    quakes");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the real binary runs by the real clock")]
fn a_job_that_outgrows_its_interval_is_named_by_late_and_check() {
    let fixture = LateFixture::new();
    fixture.project.replace_in("quakes.toml", "0 9 * * *", "* * * * *");
    let unix_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs_f64();
    for nth in 0..3 {
        fixture.say(&["run", "quakes.toml"]).exits(0);
        // It took 72 seconds.
        let began = unix_s / 86_400.0 + 25_569.0 - 0.001 * f64::from(3 - nth);
        let row = usize::try_from(nth).expect("few") + 1;
        fixture.type_in("Runs", row, 5, &[json!(began), json!(began + 72.0 / 86_400.0)]);
    }
    let sentence = "a run takes about 1 min 12 s, and the schedule starts one every 1 min; let it run less often";
    let late = fixture.say(&["late", "quakes.toml"]);
    assert!(late.stdout.contains(sentence), "{late:?}");
    let checked = fixture.say(&["check", "quakes.toml"]);
    assert!(!checked.stdout.contains(sentence), "its state knows that they were short: {checked:?}");
    fixture.change_state("schedule", |history| {
        let mut history: Value = serde_json::from_str(history).expect("it is JSON");
        for run in history["ended"].as_array_mut().expect("runs") {
            run[1] = json!(72);
        }
        history.to_string()
    });
    fixture.say(&["check", "quakes.toml"]).exits(0).stdout_has(sentence);
}

#[test]
fn a_hundred_thousand_rows_of_runs_are_read_in_pages() {
    let fixture = LateFixture::new();
    fixture.say(&["run", "quakes.toml"]).exits(0);
    let tab = fixture.client.tab_id("Runs");
    let cell = |text: &str| json!({"userEnteredValue": {"stringValue": text}});
    let number = json!({"userEnteredValue": {"numberValue": 45_000.0}});
    let row = json!({"values": [cell("20230315-000000-00000"), cell("quakes"), cell(""), cell("cli"), cell(""),
        number, number, cell("succeeded")]});
    for _ in 0..10 {
        let rows = vec![row.clone(); 10_000];
        fixture
            .client
            .edit_sheet(&json!([{"appendCells": {"sheetId": tab, "rows": rows, "fields": "userEnteredValue"}}]));
    }
    fixture.client.emulator.reset_stats();
    // The newest run counts, wherever its row is.
    fixture.say(&["late", "quakes.toml"]).exits(0).stdout_has("ok ");
    assert_eq!(fixture.client.emulator.stats()["reads"], 2 + 11, "metadata, state and header, 10,000 rows a page");
}
