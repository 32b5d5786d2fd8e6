//! `backfill`: past dates that have not run.

use crate::temp_project::TempProject;

const JOB: &str = r#"
name = "orders"
schedule = { cron = "0 9 * * 1-5", timezone = "Europe/Berlin", blackout = ["2026-01-06"] }

[source]
csv = "orders-${SHEETKEEP_LOGICAL_DATE}.csv"

[item]
key = ".id"

[sheet]
tab = "Orders"
"#;

fn make_project() -> TempProject {
    let project = TempProject::empty();
    project.write("orders.toml", JOB);
    for day in 1..=9 {
        project.write(&format!("orders-2026-01-0{day}.csv"), &format!("id\n{day}\n"));
    }
    project
}

#[test]
fn a_backfill_runs_each_missing_date_once_with_its_date() {
    let project = make_project();
    let range = ["backfill", "orders.toml", "--from", "2026-01-01", "--to", "2026-01-07"];
    let dry = [range.as_slice(), &["--dry-run"]].concat();
    project
        .run(&dry)
        .exits(0)
        .stdout_has("orders: 4 to run, 0 ran before, 1 on blackout dates")
        .stdout_has("2026-01-05");
    assert!(!project.list_entries().contains(&"orders.sheet".to_owned()), "a dry run writes nothing");
    project.run(&range).exits(0);
    // The 3rd and 4th are a weekend, the 6th is a blackout date.
    assert_eq!(project.column("orders.toml", "Orders", "id"), ["1", "2", "5", "7"]);
    assert_eq!(project.column("orders.toml", "Runs", "trigger"), ["backfill"; 4]);
    assert_eq!(project.column("orders.toml", "Runs", "scheduled_for")[0], "2026-01-01 08:00:00");
    let longer = ["backfill", "orders.toml", "--from", "2026-01-01", "--to", "2026-01-09", "-q"];
    project.run(&longer).exits(0).stdout_has("orders: 2 to run, 4 ran before");
    assert_eq!(project.column("orders.toml", "Orders", "id"), ["1", "2", "5", "7", "8", "9"]);
}

#[test]
fn a_backfill_stops_at_the_first_date_that_fails() {
    let project = make_project();
    std::fs::remove_file(project.path("orders-2026-01-02.csv")).expect("it was there");
    let range = ["backfill", "orders.toml", "--from", "2026-01-01", "--to", "2026-01-07"];
    project.run(&range).exits(66).stderr_has("orders-2026-01-02.csv");
    assert_eq!(project.column("orders.toml", "Orders", "id"), ["1"]);
    project.write("orders-2026-01-02.csv", "id\n2\n");
    project.run(&range).exits(0).stdout_has("3 to run, 1 ran before");
}

#[test]
fn a_range_that_is_none_is_refused() {
    let project = make_project();
    let reversed = ["backfill", "orders.toml", "--from", "2026-01-07", "--to", "2026-01-01"];
    project.run(&reversed).exits(2).stderr_has("--from 2026-01-07 is later than --to 2026-01-01");
    for from in ["7.1.2026", "20260101", "2026-01-01T23:00", "2026-02-30"] {
        let wrong = ["backfill", "orders.toml", "--from", from, "--to", "2026-01-01"];
        project.run(&wrong).exits(2).stderr_has("write it as 2026-11-29");
    }
}

#[test]
fn a_held_date_is_filled_in_once_it_is_approved() {
    let project = make_project();
    project.replace_in("orders.toml", "tab = \"Orders\"", "tab = \"Orders\"\nmode = \"upsert\"\nmax_changed = 1");
    for (day, price) in [(1, 10), (2, 20), (5, 50)] {
        let rows = format!("id,price\na,{price}\nb,{price}\nc,{price}\nd{day},1\n");
        project.write(&format!("orders-2026-01-0{day}.csv"), &rows);
    }
    let range = ["backfill", "orders.toml", "--from", "2026-01-01", "--to", "2026-01-05"];
    project.run(&range).exits(3).stdout_has("3 of 4 rows would change").stdout_has("3 changed rows are held back");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["10", "10", "10", "1", "1"]);
    // The date is still to do, and so are those after it.
    project.run(&range).exits(3).stdout_has("2 to run, 1 ran before");
    let approved = [range.as_slice(), &["--approve"]].concat();
    project.run(&approved).exits(0).stdout_has("2 to run, 1 ran before");
    assert_eq!(project.column("orders.toml", "Orders", "price"), ["50", "50", "50", "1", "1", "1"]);
    project.run(&range).exits(0).stdout_has("0 to run, 3 ran before");
}
