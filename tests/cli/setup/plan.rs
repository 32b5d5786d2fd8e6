//! `sheetkeep plan` and `run --dry-run`: what a run would do, and that nothing is written.

use serde_json::{Value, json};

use crate::emulator_process::{EMBEDDED, EmulatorProcess};
use crate::temp_project::{CommandOutput, TempProject};

/// Returns what a plan predicts of a run, and what the run then reported.
fn predict_run(plan: &Value) -> Value {
    json!({
        "read": plan["read"], "new": plan["new"], "skipped": plan["unchanged"], "failed": plan["failed"],
        "added": plan["rows"]["inserted"], "updated": plan["rows"]["updated"],
        "reads": plan["calls"]["reads"], "writes": plan["calls"]["writes"],
        "open": plan["open_failures"]["after"], "recovered": plan["open_failures"]["recovered"],
    })
}

fn run_and_report(run: &Value) -> Value {
    let counts = &run["counts"];
    json!({
        "read": counts["read"], "new": counts["new"], "skipped": counts["skipped"], "failed": counts["failed"],
        "added": run["rows"], "updated": run["updated"],
        "reads": run["calls"]["reads"], "writes": run["calls"]["writes"],
        "open": run["open_failures"], "recovered": counts["recovered"],
    })
}

/// Plans, runs, and compares. The plan may not change any file.
#[track_caller]
fn plan_then_run(project: &TempProject, job: &str, exit: i32) -> Value {
    let before = read_contents(project);
    let plan = project.run(&["plan", job, "--json"]).exits(0).document();
    assert_eq!(read_contents(project), before, "the plan wrote something");
    let run = project.run(&["run", job, "--json"]).exits(exit).document();
    assert_eq!(predict_run(&plan), run_and_report(&run));
    plan
}

/// Returns each file of the project with its contents, those of the state directory included.
fn read_contents(project: &TempProject) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| {
        let bytes = std::fs::read(project.path(&name)).unwrap_or_default();
        (name, bytes)
    };
    project.list_entries().into_iter().map(read).collect()
}

const ORDERS: &str = r#"
name = "orders"

[source]
csv = "orders.csv"

[item]
key = ".id"

[[step]]
map = '{id, state, total: (.total | tonumber)}'

[sheet]
tab = "Orders"
mode = "upsert"
"#;

fn make_orders() -> TempProject {
    let project = TempProject::empty();
    project.write("orders.toml", ORDERS);
    project.write("orders.csv", "id,state,total\na,open,1\nb,open,2\nc,open,dear\n");
    project
}

#[test]
fn a_plan_predicts_the_run_and_writes_nothing() {
    let project = TempProject::quakes().with_small_commits(500);
    let plan = plan_then_run(&project, "quakes.toml", 0);
    assert_eq!((&plan["new"], &plan["written"]), (&1_707.into(), &false.into()));
    assert_eq!(plan["columns_added"].as_array().map(Vec::len), Some(8));
    assert_eq!(plan["sample"][0]["action"], "insert");
    let plan = plan_then_run(&project, "quakes.toml", 0);
    assert_eq!((&plan["new"], &plan["unchanged"]), (&0.into(), &1_707.into()));
    assert_eq!(plan["sample"], json!([]));
    project
        .run(&["run", "quakes.toml", "--dry-run"])
        .exits(0)
        .stdout_has("nothing was written")
        .stdout_has("unchanged 1,707");
    project.run(&["run", "quakes.toml", "-n", "--force"]).exits(2);
}

#[test]
fn a_plan_counts_updates_inserts_and_failures_apart() {
    let project = make_orders();
    plan_then_run(&project, "orders.toml", 3);
    project.write("orders.csv", "id,state,total\na,paid,1\nb,open,2\nc,open,3\nd,open,4\n");
    let plan = plan_then_run(&project, "orders.toml", 0);
    assert_eq!(plan["rows"], json!({"inserted": 2, "updated": 1}));
    assert_eq!(plan["open_failures"], json!({"before": 1, "recovered": 1, "after": 0}));
    let first = &plan["sample"][0];
    assert_eq!((&first["key"], &first["action"]), (&"a".into(), &"update".into()));
    assert_eq!(first["cells"], json!({"id": "a", "state": "paid", "total": 1}));
    project.write("orders.csv", "id,state,total\ne,open,cheap\n");
    let ended = project.run(&["plan", "orders.toml"]);
    ended.exits(0).stdout_has("would fail: e (orders.csv:2 (record 1)), step map");
}

#[test]
fn a_plan_of_a_served_sheet_makes_no_write_call() {
    let project = make_orders();
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", EMBEDDED]);
    for _ in 0..2 {
        emulator.reset_stats();
        emulator
            .run(&project, EMBEDDED, &["plan", "orders.toml"])
            .exits(0)
            .stdout_has("less than a minute of the quota");
        let stats = emulator.stats();
        assert_eq!(stats["writes"], 0, "{stats}");
        assert_ne!(stats["reads"], 0, "{stats}");
        emulator.run(&project, EMBEDDED, &["run", "orders.toml"]).exits(3);
        project.write("orders.csv", "id,state,total\na,paid,1\nb,open,2\nc,open,dear\nd,open,4\n");
    }
}

#[test]
fn a_plan_starts_no_program_and_says_what_each_needs() {
    let project = make_orders();
    let steps = r#"
[[step]]
name = "keyless"
command = ["sh", "post.sh"]

[[step]]
name = "keyed"
command = ["sh", "-c", "curl -H \"Idempotency-Key: $SHEETKEEP_IDEMPOTENCY_KEY\""]

[sheet]"#;
    project.replace_in("orders.toml", "\n[sheet]", steps);
    project.write("post.sh", "touch started; cat\n");
    let plan = project.run(&["plan", "orders.toml", "--json"]).exits(0).document();
    assert!(!project.path("started").exists(), "the program was started");
    let verdict = |step: &str| {
        let all = plan["reruns"].as_array().expect("a list");
        all.iter().find(|one| one["step"] == step).map(|one| one["verdict"].clone())
    };
    assert_eq!(verdict("keyless"), Some("not_safe".into()));
    assert_eq!(verdict("keyed"), Some("safe_with_key".into()));
    assert_eq!(verdict("source").zip(verdict("sheet")), Some(("safe".into(), "safe".into())));
    assert_eq!(plan["programs"][0], json!({"step": "keyless", "values": 2}));
    project.write("post.sh", "curl -H \"Idempotency-Key: $SHEETKEEP_IDEMPOTENCY_KEY\" x\n");
    let ended = project.run(&["plan", "orders.toml"]);
    ended.exits(0).stdout_has("write with key: safe").stdout_has("its program would get 2 values");
    project.replace_in(
        "orders.toml",
        "command = [\"sh\", \"post.sh\"]",
        "command = [\"sh\", \"post.sh\"]\ndelivery = \"at-most-once\"",
    );
    project.run(&["plan", "orders.toml"]).exits(0).stdout_has("never runs twice");
}

#[test]
fn a_note_is_markdown_that_keeps_names_as_they_are() {
    let project = make_orders();
    project.replace_in("orders.toml", "tab = \"Orders\"", "tab = \"Or|ders\"");
    let ended = project.run(&["plan", "orders.toml", "--note"]);
    ended
        .exits(0)
        .stdout_has("## Plan of job orders")
        .stdout_has("| step | what it does | if it runs twice | what to add |")
        .stdout_has("keeps one row a key in tab Or\\|ders");
}

#[track_caller]
fn expect_refused(ended: &CommandOutput, what: &str) {
    ended.exits(65).stderr_has("apply the plan: ").stderr_has(what).stderr_has("nothing was written");
}

#[test]
fn a_stored_plan_runs_only_while_nothing_has_moved() {
    let project = make_orders();
    let store = || {
        project.run(&["plan", "orders.toml", "--out", "p.json"]).exits(0).stderr_has("run orders.toml --plan p.json");
    };
    let apply = || project.run(&["run", "orders.toml", "--plan", "p.json"]);
    store();
    apply().exits(3).stdout_has("new 2");
    expect_refused(&apply(), "another run has written to the sheet");
    store();
    project.write("orders.csv", "id,state,total\na,paid,1\n");
    expect_refused(&apply(), "the source orders.csv has changed");
    store();
    project.replace_in("orders.toml", "tonumber", "tonumber + 1");
    expect_refused(&apply(), "the job file orders.toml has changed");
    store();
    let other = project.run(&["run", "orders.toml", "--plan", "p.json", "--embedded", "other.sheet"]);
    expect_refused(&other, "the spreadsheet is ");
    project
        .run(&["run", "orders.toml", "--plan", "none.json"])
        .exits(66)
        .stderr_has("sheetkeep plan JOB.toml --out FILE");
    project.run(&["run", "orders.toml", "--plan", "orders.csv"]).exits(65).stderr_has("use orders.csv as a plan");
    project.run(&["plan", "orders.toml", "--out", "orders.csv"]).exits(73).stderr_has("it exists and is not a plan");
    project.run(&["plan", "orders.toml", "--out", "none/p.json"]).exits(73);
    assert_eq!(project.read("orders.csv"), "id,state,total\na,paid,1\n");
    apply().exits(3).stdout_has("1 row updated");
}

#[test]
fn a_comparison_shows_which_columns_would_look_different() {
    let project = make_orders();
    project.write("old.toml", &project.read("orders.toml"));
    project.replace_in("orders.toml", "{id, state,", "{id, state: (.state | ascii_upcase), again: .state,");
    let ended = project.run(&["plan", "orders.toml", "--against", "old.toml"]);
    ended
        .exits(0)
        .stdout_has("2 rows look different · 0 the same")
        .stdout_has("state: 2 rows")
        .stdout_has("a: open → OPEN");
    let document = project.run(&["plan", "orders.toml", "--against", "old.toml", "--json"]).exits(0).document();
    assert_eq!(document["failed_old"], 1);
    let again = &document["columns"][0];
    assert_eq!(
        (&again["column"], &again["examples"][1]),
        (&"again".into(), &json!({"key": "b", "old": null, "new": "open"}))
    );
    project.write("orders.csv", "id,state,total\na,open,1\na,paid,2\nb,open,3\n");
    let same = project.run(&["plan", "old.toml", "--against", "old.toml", "--json"]).exits(0).document();
    assert_eq!((&same["same"], &same["columns"]), (&2.into(), &json!([])));
    assert!(!project.path("orders.sheet").exists());
}

#[test]
fn a_plan_beside_an_active_run_names_it() {
    let project = TempProject::with_few_quakes(6);
    let whole = project.read("usgs-all-week.geojson");
    let (head, tail) = whole.split_at(whole.len() / 2);
    let mut first = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    first.wait_for_line("claimed");
    project.run(&["plan", "quakes.toml"]).exits(0).stdout_has("is active").stdout_has("new 6");
    first.write_input(head);
    first.write_input(tail);
    first.close_and_wait().exits(0).stdout_has("new 6");
    project.expect_each_quake_once(6);
}

#[test]
fn a_plan_ends_with_the_error_that_the_run_would_end_with() {
    let project = make_orders();
    project.replace_in("orders.toml", "key = \".id\"", "key = \".nr\"");
    for command in ["plan", "run"] {
        project.run(&[command, "orders.toml"]).exits(78).stderr_has(".nr");
    }
    project.run(&["plan", "gone.toml"]).exits(66);
}

#[test]
fn a_plan_is_refused_where_values_from_outside_have_changed() {
    let project = make_orders();
    project.replace_in("orders.toml", "tab = \"Orders\"", "tab = \"${TAB}\"");
    project.write(".env", "TAB=Orders\n");
    project.run(&["plan", "orders.toml", "--out", "p.json"]).exits(0);
    project.write(".env", "TAB=Other\n");
    let apply = || project.run(&["run", "orders.toml", "--plan", "p.json"]);
    expect_refused(&apply(), "the values that the job file takes from the environment have changed");
    project.write(".env", "TAB=Orders\n");
    apply().exits(3).stdout_has("new 2");
}

#[test]
fn a_plan_runs_with_settings_that_can_be_read_once() {
    let project = make_orders();
    project.replace_in("orders.toml", "tab = \"Orders\"", "tab = \"${TAB}\"");
    let run_with_settings = |args: &[&str]| {
        let mut live = project.start(&[args, &["--env-file", "/dev/stdin"]].concat());
        live.write_input("TAB=Orders\n");
        live.close_and_wait()
    };
    run_with_settings(&["plan", "orders.toml", "--out", "p.json"]).exits(0);
    run_with_settings(&["run", "orders.toml", "--plan", "p.json"]).exits(3).stdout_has("tab Orders: 2 rows added");
}

#[test]
fn a_stored_plan_is_refused_when_a_program_has_changed() {
    let project = make_orders();
    let step = "\n[[step]]\nname = \"note\"\ncommand = [\"sh\", \"note.sh\"]\n\n[sheet]";
    project.replace_in("orders.toml", "\n[sheet]", step);
    project.write("note.sh", "cat\n");
    let apply = || project.run(&["run", "orders.toml", "--plan", "p.json"]);
    project.run(&["plan", "orders.toml", "--out", "p.json"]).exits(0);
    project.write("note.sh", "cat; true\n");
    expect_refused(&apply(), "note.sh of a step has changed");
    std::fs::remove_file(project.path("note.sh")).expect("it is there");
    expect_refused(&apply(), "note.sh of a step has changed");
    project.write("note.sh", "cat\n");
    apply().exits(3).stdout_has("new 2");
}

#[test]
fn a_comparison_gives_examples_of_keys_with_several_rows() {
    let project = TempProject::empty();
    let job = "name = \"j\"\n[source]\njsonl = \"in.jsonl\"\n[item]\nkey = \".id\"\n[[step]]\nmap = '.parts[] | {n: .}'\n\
               [sheet]\ntab = \"Data\"\n";
    project.write("old.toml", job);
    project.write("new.toml", &job.replace("{n: .}", "{n: (. * (if . == 2 then 10 else 1 end))}"));
    project.write("in.jsonl", "{\"id\": \"a\", \"parts\": [1, 2, 3]}\n{\"id\": \"b\", \"parts\": [2, 4]}\n");
    let compared = project.run(&["plan", "new.toml", "--against", "old.toml", "--json"]).exits(0).document();
    assert_eq!((&compared["different"], &compared["same"]), (&2.into(), &3.into()));
    let examples = json!([{"key": "a", "old": 2, "new": 20}, {"key": "b", "old": 2, "new": 20}]);
    assert_eq!(compared["columns"], json!([{"column": "n", "rows": 2, "examples": examples}]));
}

#[test]
fn a_comparison_counts_the_newest_record_where_a_run_does() {
    let project = TempProject::empty();
    let job = "name = \"j\"\n[source]\ncsv = \"in.csv\"\n[item]\nkey = \".id\"\nversion = \".v\"\norder = \"newer\"\n\
               [sheet]\ntab = \"Data\"\nmode = \"upsert\"\n";
    project.write("new.toml", job);
    project.write("old.toml", &job.replace("order = \"newer\"\n", ""));
    project.write("in.csv", "id,v,s\na,2,paid\na,1,open\nb,1,open\nb,1,sent\nc,soon,open\n");
    let compared = project.run(&["plan", "new.toml", "--against", "old.toml", "--json"]).exits(0).document();
    assert_eq!((&compared["failed_new"], &compared["only_old"], &compared["same"]), (&1.into(), &1.into(), &1.into()));
    let columns = compared["columns"].as_array().expect("columns");
    let state = columns.iter().find(|column| column["column"] == "s").expect("it differs");
    assert_eq!(state["examples"], json!([{"key": "a", "old": "open", "new": "paid"}]));
    project.run(&["run", "new.toml"]).exits(3);
    assert_eq!(project.column("new.toml", "Data", "s"), ["paid", "sent"], "as the run writes them");
}

#[test]
fn a_plan_warns_of_repeated_keys_and_of_items_without_a_row() {
    let project = make_orders();
    project.write("orders.csv", "id,state,total\na,open,1\na,paid,2\nb,gone,3\n");
    project.replace_in("orders.toml", "map = '", "map = 'select(.state != \"gone\") | ");
    let plan = project.run(&["plan", "orders.toml"]);
    plan.exits(0)
        .stdout_has("key a (orders.csv:2 and orders.csv:3) came more than once with different content")
        .stdout_has("items that make no row: 1");
}

#[test]
fn a_plan_fails_where_the_run_could_not_make_its_file() {
    let project = make_orders();
    for command in ["run", "plan", "check"] {
        let ended = project.run(&[command, "orders.toml", "--embedded", "none/o.sheet"]);
        ended.exits(74);
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(all.contains("its folder is not there; make it, or name another"), "{all}");
    }
    assert!(!project.path("none").exists());
}
