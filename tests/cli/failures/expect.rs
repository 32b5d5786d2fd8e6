//! `[expect]`: a run that "succeeded, 0 rows" is degraded.

use crate::temp_project::TempProject;

const EXPECTED: &str = r#"
[expect]
read = "3.."
failed = "..50%"
filled = ["price"]
"#;

fn make_project(rows: &str) -> TempProject {
    TempProject::orders(EXPECTED, rows)
}

#[test]
fn a_source_that_is_empty_degrades_the_run() {
    let project = make_project("a,1\nb,2\nc,3\n");
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("succeeded");
    project.write("orders.csv", "id,price\n");
    let degraded = project.run(&["run", "orders.toml"]);
    degraded.exits(3).stdout_has("▲ degraded").stdout_has("read 0, expected at least 3");
    assert_eq!(project.column("orders.toml", "Runs", "status"), ["succeeded", "degraded"]);
    let message = project.column("orders.toml", "Runs", "message");
    assert_eq!(message[1], "read 0, expected at least 3");
    assert_eq!(project.column("orders.toml", "Orders", "id"), ["a", "b", "c"], "nothing was removed");
    project.run(&["run", "orders.toml", "--fail-on", "none"]).exits(0).stdout_has("degraded");
    project.run(&["status", "orders.toml"]).exits(0).stdout_has("degraded");
}

#[test]
fn a_column_that_went_empty_degrades_the_run() {
    let project = make_project("a,\nb,\nc,\n");
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("no row has a value in column price");
    project.write("orders.csv", "id,price\nd,\ne,5\nf,\n");
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("succeeded");
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("new 0");
}

#[test]
fn a_share_of_failures_is_tolerated_and_no_more() {
    let project = make_project("a,1\n,2\nc,3\n");
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("partial");
    project.write("orders.csv", "id,price\na,1\n,4\n,5\n");
    let degraded = project.run(&["run", "orders.toml"]);
    degraded.exits(3).stdout_has("failed 2, expected at most 50 % of those read; 2 failed; see Failures orders");
    project.run(&["run", "orders.toml", "--retry-failures"]).exits(3).stdout_has("partial");
}

#[test]
fn a_range_that_is_none_is_refused_with_its_line() {
    let project = make_project("a,1\n");
    project.replace_in("orders.toml", "\"3..\"", "\"3...\"");
    project
        .run(&["check", "orders.toml"])
        .exits(78)
        .stderr_has("`expect.read` is not a range of counts")
        .stderr_has("\"1..\" for at least 1");
}

#[test]
fn a_plan_names_the_expectation_that_a_run_would_miss() {
    let project = make_project("a,1\n");
    project.run(&["plan", "orders.toml"]).exits(0).stdout_has("would be degraded: read 1, expected at least 3");
}

/// Rows `from` to `to`, each with a price.
fn read_rows(range: std::ops::Range<u32>) -> String {
    range.fold(String::new(), |rows, n| rows + &format!("k{n},{n}\n"))
}

#[test]
fn a_source_that_shrinks_or_empties_removes_nothing() {
    for mode in ["append", "upsert"] {
        let project = make_project(&read_rows(0..100));
        project.replace_in("orders.toml", "tab = \"Orders\"", &format!("tab = \"Orders\"\nmode = \"{mode}\""));
        project.replace_in("orders.toml", "read = \"3..\"", "read = \"20..\"");
        project.run(&["run", "orders.toml"]).exits(0).stdout_has("new 100");
        for (left, read) in [(0, "read 0"), (3, "read 3"), (19, "read 19")] {
            project.write("orders.csv", &format!("id,price\n{}", read_rows(0..left)));
            let degraded = project.run(&["run", "orders.toml"]);
            let line = format!("{read}, expected at least 20");
            degraded.exits(3).stdout_has("degraded").stdout_has(&line);
            assert_eq!(degraded.stdout.matches("expected at least").count(), 1, "one line: {}", degraded.stdout);
            let message = project.column("orders.toml", "Runs", "message");
            assert_eq!(message.last(), Some(&line));
        }
        assert_eq!(project.column("orders.toml", "Orders", "id").len(), 100, "nothing was removed");
        let fsck = project.run(&["fsck", "orders.toml"]);
        fsck.exits(0).stdout_has("100 keys, 100 data rows; consistent");
        project.write("orders.csv", &format!("id,price\n{}", read_rows(0..101)));
        project.run(&["run", "orders.toml"]).exits(0).stdout_has("new 1");
    }
}

fn upsert_project(rows: &str) -> TempProject {
    let project = make_project(rows);
    project.replace_in("orders.toml", "tab = \"Orders\"", "tab = \"Orders\"\nmode = \"upsert\"");
    project.run(&["run", "orders.toml"]).exits(0);
    project
}

#[test]
fn a_column_that_went_empty_changes_no_row() {
    let project = upsert_project("a,1\nb,2\nc,3\n");
    project.write("orders.csv", "id,price\na,\nb,\nc,\nd,\n");
    let degraded = project.run(&["run", "orders.toml"]);
    degraded
        .exits(3)
        .stdout_has("no row has a value in column price; 3 changed rows are held back")
        .stdout_has("1 row added");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["1", "2", "3", ""]);
    project.run(&["plan", "orders.toml"]).exits(0).stdout_has("no row has a value in column price; 3 changed rows");
    project.write("orders.csv", "id,price\na,1\nb,2\nc,4\nd,5\n");
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("2 rows updated");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["1", "2", "4", "5"]);
    project.write("orders.csv", "id,price\na,\nb,2\nc,4\nd,5\n");
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("1 changed row is held back");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["1", "2", "4", "5"]);
    project
        .run(&["run", "orders.toml", "--approve"])
        .exits(3)
        .stdout_has("1 row updated")
        .stdout_has("no row has a value in column price");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["", "2", "4", "5"]);
}

#[test]
fn a_source_that_shrinks_changes_no_row() {
    let project = upsert_project("a,1\nb,2\nc,3\n");
    project.write("orders.csv", "id,price\na,9\nd,4\n");
    let degraded = project.run(&["run", "orders.toml"]);
    degraded.exits(3).stdout_has("read 2, expected at least 3; 1 changed row is held back").stdout_has("1 row added");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["1", "2", "3", "4"]);
}

#[test]
fn too_many_failures_change_no_row() {
    let project = upsert_project("a,1\nb,2\nc,3\nd,4\n");
    project.write("orders.csv", "id,price\na,9\n,1\n,2\n,3\n");
    let degraded = project.run(&["run", "orders.toml"]);
    degraded.exits(3).stdout_has("failed 3, expected at most 50 % of those read; 1 changed row is held back");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["1", "2", "3", "4"]);
}

#[test]
fn a_program_leaves_only_what_was_read_to_judge() {
    let project = upsert_project("a,1\nb,2\nc,3\n");
    project.replace_in("orders.toml", "[sheet]", "[[step]]\ncommand = [\"/bin/cat\"]\n\n[sheet]");
    project.write("orders.csv", "id,price\na,\nb,\nc,\n");
    project
        .run(&["run", "orders.toml"])
        .exits(3)
        .stdout_has("no row has a value in column price")
        .stdout_has("3 rows updated");
    project.write("orders.csv", "id,price\na,1\n");
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("1 changed row is held back");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["", "", ""]);
}

#[test]
fn a_scheduled_job_warns_of_counts_far_from_the_usual_ones() {
    let project = TempProject::orders("\n[schedule]\ncron = \"0 9 * * *\"\ntimezone = \"UTC\"\n", "");
    let run = |count: u32| {
        project.write("orders.csv", &format!("id,price\n{}", read_rows(0..count)));
        project.run(&["run", "orders.toml"])
    };
    for count in [40, 41, 42] {
        assert!(!run(count).exits(0).stderr.contains("usually"), "nothing is usual yet");
    }
    assert!(!run(41).exits(0).stderr.contains("usually"));
    let unusual = "read 3, usually about 41";
    run(3).exits(0).stdout_has("succeeded").stderr_has(unusual).stderr_has("[expect]");
    run(0).exits(0).stderr_has("read 0, usually about 41");
    let message = project.column("orders.toml", "Runs", "message");
    assert_eq!(message.last().map(String::as_str), Some("read 0, usually about 41"));
    project.run(&["plan", "orders.toml"]).exits(0).stdout_has("read 0, usually about 41");
    // What the job file expects comes in the place of what is usual.
    project.write("orders.toml", &(project.read("orders.toml") + "[expect]\nread = \"0..\"\n"));
    assert!(!run(0).exits(0).stderr.contains("usually"));
    assert_eq!(project.column("orders.toml", "Orders", "id").len(), 42, "nothing was removed");
}
