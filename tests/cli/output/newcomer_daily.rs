//! What a person needs every day: warnings in a quiet run, reasons of skipped records, failures by
//! kind.

use serde_json::json;

use crate::emulator_process::ApiClient;
use crate::temp_project::TempProject;

const JOB: &str = "name = \"orders\"\n[source]\ncsv = \"orders.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Orders\"\n\
                   columns = { amount = \"number\" }\n";

fn make_orders(csv: &str) -> TempProject {
    let project = TempProject::empty();
    project.write("orders.toml", JOB);
    project.write("orders.csv", csv);
    project
}

#[test]
fn a_quiet_run_reports_fields_that_came_and_went() {
    let project = make_orders("id,amount,note\n1,5,a\n");
    let first = project.run(&["run", "orders.toml", "--quiet"]);
    first.exits(0);
    assert!(!first.stderr.contains("warning"), "{}", first.stderr);
    project.write("orders.csv", "id,amount,colour\n1,5,red\n2,6,blue\n");
    project
        .run(&["run", "orders.toml", "--quiet"])
        .exits(0)
        .stderr_has("warning: orders.csv no longer has the field \"note\"")
        .stderr_has("warning: tab Orders has got new columns, because records have new fields: \"colour\"");
    let again = project.run(&["run", "orders.toml", "--quiet"]);
    assert!(!again.stderr.contains("new columns"), "{}", again.stderr);
}

#[test]
fn a_field_that_is_always_empty_now_is_reported_once() {
    const EMPTY: &str = "warning: the source's field \"note\" is empty in all 3 records";
    let project = make_orders("id,amount,note,spare\n1,5,a,\n2,6,b,\n3,7,c,\n");
    let run = || project.run(&["run", "orders.toml", "--quiet"]);
    for _ in 0..2 {
        // A column that was empty from the first run on is not a change.
        assert!(!run().stderr.contains("warning"));
    }
    project.write("orders.csv", "id,amount,note,spare\n4,5,,\n5,6,,\n6,7,,\n");
    run().exits(0).stderr_has(EMPTY);
    assert!(!run().stderr.contains("warning"));
    project.write("orders.csv", "id,amount,note,spare\n4,5,,\n5,6,x,\n6,7,,\n");
    assert!(!run().stderr.contains("warning"));
}

#[test]
fn skipped_records_have_a_reason_each() {
    let project = make_orders("id,amount\n1,5\n1,5\n2,x\n3,7\n");
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("skipped 1 (1 twice in this source)");
    project.run(&["failures", "skip", "orders.toml", "2"]).exits(0);
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("skipped 4 (3 done before, 1 by request)");
}

#[test]
fn failures_are_retried_by_what_they_are() {
    let project = make_orders("id,amount\n1,x\n2,\"1,5\"\n,7\n3,7\n");
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("failed 3");
    let listed = project.run(&["failures", "list", "orders.toml"]);
    listed
        .exits(0)
        .stdout_has("where  orders.csv:3 (record 2)")
        .stdout_has("a decimal comma?")
        .stdout_has("3 failures, in local file");
    let is_id = |word: &&str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = listed.stdout.split_whitespace().find(is_id).expect("the id of a record without a key");
    project.run(&["failures", "retry", "orders.toml", "--error", "a decimal comma?"]).exits(3).stdout_has("read 1");
    project.run(&["failures", "retry", "orders.toml", "--step", "output"]).exits(3).stdout_has("read 2");
    project.run(&["failures", "skip", "orders.toml", id]).exits(0).stdout_has("skipped 1 (1 by request)");
    project
        .run(&["failures", "retry", "orders.toml", "--step", "notify"])
        .exits(5)
        .stderr_has("no failure is of this kind");
    project.run(&["failures", "retry", "orders.toml"]).exits(2);
    project.write("orders.csv", "id,amount\n1,1\n2,2\n,7\n3,7\n");
    let all = project.run(&["failures", "retry", "orders.toml", "--all"]);
    all.exits(0).stdout_has("recovered 2").stderr_has("1 skipped failure left as before");
}

const UPSERT: &str = "name = \"orders\"\n[source]\ncsv = \"orders.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Orders\"\n\
                      mode = \"upsert\"\n";

/// Runs the job twice under `--quiet`: the second run has nothing to say. Returns what the first said.
fn expect_said_once(project: &TempProject) -> String {
    let run = || project.run(&["run", "orders.toml", "--quiet"]);
    let first = run();
    first.exits(0);
    for _ in 0..2 {
        let again = run();
        assert_eq!((again.exits(0).stdout.as_str(), again.stderr.as_str()), ("", ""));
    }
    first.stderr
}

#[test]
fn a_guessed_encoding_is_reported_once_until_it_changes() {
    const GUESS: &str = "warning: orders.csv: the text is not UTF-8 and is read as windows-1252";
    let project = make_orders("");
    std::fs::write(project.path("orders.csv"), b"id,amount,note\n1,5,caf\xe9\n").expect("a file of the test");
    let said = expect_said_once(&project);
    assert!(said.contains(GUESS), "{said}");
    // The guess is forgotten once the text is UTF-8.
    project.write("orders.csv", "id,amount,note\n2,5,café\n");
    let fine = project.run(&["run", "orders.toml", "--quiet"]);
    assert_eq!((fine.exits(0).stdout.as_str(), fine.stderr.as_str()), ("", ""));
    std::fs::write(project.path("orders.csv"), b"id,amount,note\n3,5,caf\xe9\n").expect("a file of the test");
    assert!(expect_said_once(&project).contains(GUESS));
    // Those who ask hear of it each time.
    project.run(&["run", "orders.toml"]).exits(0).stderr_has(GUESS);
    project.run(&["check", "orders.toml"]).stdout_has("read as windows-1252");
    project.run(&["plan", "orders.toml"]).stdout_has("read as windows-1252");
}

#[test]
fn what_people_changed_on_the_sheet_is_reported_once() {
    for (job, row, column, text, said) in [
        (JOB, 0, 2, "Remark", "warning: column \"note\" of tab Orders is now called \"Remark\""),
        (UPSERT, 0, 2, "Remark", "warning: column \"note\" of tab Orders is now called \"Remark\""),
        (UPSERT, 2, 0, "1", "warning: tab Orders: row 3 has the key of a row above it"),
    ] {
        let project = make_orders("id,amount,note\n1,5,a\n2,6,b\n");
        project.write("orders.toml", job);
        project.run(&["run", "orders.toml", "--quiet"]).exits(0);
        let sheet = ApiClient::of_file(&project, "orders.sheet");
        let start = json!({"sheetId": sheet.tab_id("Orders"), "rowIndex": row, "columnIndex": column});
        let rows = json!([{"values": [{"userEnteredValue": {"stringValue": text}}]}]);
        sheet.edit_sheet(&json!([{"updateCells": {"start": start, "rows": rows, "fields": "userEnteredValue"}}]));
        drop(sheet);
        let first = expect_said_once(&project);
        assert!(first.contains(said), "{first}");
    }
}

#[test]
fn what_stays_wrong_in_the_source_is_reported_once() {
    let project = make_orders("id,amount,note\n1,5,a\n");
    project.run(&["run", "orders.toml", "--quiet"]).exits(0);
    project.write("orders.csv", "id,amount\n1,5\n");
    let said = expect_said_once(&project);
    assert!(said.contains("no longer has the field \"note\""), "{said}");
    project.write("orders.csv", "id,amount\n");
    let said = expect_said_once(&project);
    assert!(said.contains("the source has no record"), "{said}");
    // Each time that it is empty again is news.
    project.write("orders.csv", "id,amount\n1,5\n");
    project.run(&["run", "orders.toml", "--quiet"]).exits(0);
    project.write("orders.csv", "id,amount\n");
    let said = expect_said_once(&project);
    assert!(said.contains("the source has no record"), "{said}");
}

#[test]
fn advice_about_settings_is_given_once() {
    let project = make_orders("id,amount\n1,5\n");
    std::fs::create_dir(project.path("shared")).expect("a folder of the test");
    project.write("shared/.env", "NAME=value\n");
    project.write(".env", "OTHER=value\n");
    project.write("shared/orders.toml", JOB);
    std::fs::remove_file(project.path("orders.toml")).expect("the job file");
    std::os::unix::fs::symlink("shared/orders.toml", project.path("orders.toml")).expect("a link of the test");
    let said = expect_said_once(&project);
    assert!(said.contains("warning:") && said.contains("is not read: the job file is a link"), "{said}");
    project.run(&["check", "orders.toml"]).stdout_has("is not read");
    project.run(&["plan", "orders.toml"]).stderr_has("is not read");
}
