//! The logical runs of stages: by schedule, for past dates, with a deadline, and of a dead letter.

use crate::programs::stages::{DAY, SLOW_TRANSFORM, StagedProject, list_skipped};
use crate::running_command::RunningCommand;
use crate::temp_project::run_to_end;

/// Adds a schedule to the team's job.
fn make_schedule(staged: &StagedProject, schedule: &str) {
    let job = format!("schedule = {schedule}\n{}", staged.project.read("prices.toml"));
    staged.project.write("prices.toml", &job);
}

#[test]
fn stages_that_are_due_run_once_an_occurrence() {
    let staged = StagedProject::new();
    make_schedule(&staged, "{ cron = \"every 7d\", timezone = \"Europe/Berlin\", misfire_grace = \"7d\" }");
    let due = || staged.project.run(&["run", "--due", "prices.toml"]);
    due().exits(0).stdout_has("✔ succeeded").stdout_has("new 3");
    due().exits(0).stdout_has("prices: nothing is due; next ");
    assert_eq!(staged.column("Runs", "trigger"), ["schedule"]);
    let occurrence = staged.column("Runs", "scheduled_for").remove(0);
    let (key, files) = (staged.column("Processed prices", "key").remove(0), staged.files("data"));
    assert_eq!(files.len(), 1, "one date");
    assert_eq!(key, format!("{} fetch", files[0]), "the stages are of the occurrence's date, {occurrence}");
}

#[test]
fn an_occurrence_whose_stage_failed_goes_on_by_hand() {
    let staged = StagedProject::new();
    make_schedule(&staged, "{ cron = \"every 7d\", timezone = \"UTC\", misfire_grace = \"7d\" }");
    staged.project.write("transform.sh", "exit 1\n");
    staged.project.run(&["run", "--due", "prices.toml"]).exits(1).stderr_has("transform failed");
    staged.restore("transform.sh");
    let date = staged.files("data").remove(0);
    let by_hand = run_to_end(staged.command(&date, &[]));
    by_hand.exits(0).stdout_has("new 2");
    assert_eq!(list_skipped(&by_hand), ["fetch"]);
}

#[test]
fn a_backfill_runs_the_stages_of_each_missing_date() {
    let staged = StagedProject::new();
    make_schedule(&staged, "{ cron = \"0 9 * * *\", timezone = \"Europe/Berlin\" }");
    let range = ["backfill", "prices.toml", "--from", "2026-01-05", "--to", "2026-01-07"];
    staged.project.run(&range).exits(0);
    assert_eq!(staged.files("data"), ["2026-01-05", "2026-01-06", "2026-01-07"]);
    assert_eq!(staged.files("outbox"), ["2026-01-05.csv", "2026-01-06.csv", "2026-01-07.csv"]);
    assert_eq!(staged.column("Processed prices", "key").len(), 9);
    assert_eq!(staged.column("Runs", "trigger"), ["backfill"; 3]);
    staged.project.run(&range).exits(0).stdout_has("3 ran before");
    assert_eq!(staged.column("Runs", "trigger").len(), 3);
}

#[test]
fn a_deadline_ends_a_stage_and_the_next_run_goes_on() {
    let staged = StagedProject::new();
    staged.project.write("transform.sh", SLOW_TRANSFORM);
    let mut live = RunningCommand::start(staged.command("2026-11-29", &["--deadline", "3s"]));
    live.wait_for_line("up");
    live.wait_for_end().exits(124).stdout_has("timed out");
    assert_eq!(staged.files("data/2026-11-29"), ["raw.csv"]);
    assert_eq!(staged.column("Runs", "status"), ["timed out"]);
    assert_eq!(staged.column("Failures prices", "key"), Vec::<String>::new());
    staged.restore("transform.sh");
    assert_eq!(list_skipped(staged.run(&[]).exits(0)), ["fetch"]);
}

#[test]
fn a_dead_letter_is_sent_with_the_time_of_its_own_run() {
    let staged = StagedProject::new();
    make_schedule(&staged, "{ cron = \"0 9,15 * * *\", timezone = \"Europe/Berlin\" }");
    staged.project.replace_in("prices.toml", "{SHEETKEEP_LOGICAL_DATE}", "{SHEETKEEP_LOGICAL_RUN}");
    staged.project.write("upload.sh", "exit 1\n");
    let at = |time: &str| {
        let mut command = staged.command("2026-11-29", &[]);
        command.env("SHEETKEEP_SCHEDULED_FOR", time);
        run_to_end(command)
    };
    at("2026-11-29T08:00:00Z").exits(1);
    staged.project.write(
        "upload.sh",
        "echo \"$SHEETKEEP_SCHEDULED_FOR $SHEETKEEP_LOGICAL_RUN $SHEETKEEP_LOGICAL_DATE\" >> sent\n",
    );
    // The run of the afternoon sends its own file, and that of the morning with the morning's time.
    at("2026-11-29T14:00:00Z").exits(0);
    let sent = staged.project.read("sent");
    let mut lines: Vec<&str> = sent.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "2026-11-29T08:00:00Z 2026-11-29T09:00+01:00 2026-11-29",
            "2026-11-29T14:00:00Z 2026-11-29T15:00+01:00 2026-11-29"
        ]
    );
}

#[test]
fn a_dead_letter_of_a_date_has_no_time_of_the_schedule() {
    let staged = StagedProject::new();
    staged.project.write("upload.sh", "exit 1\n");
    staged.run(&[]).exits(1);
    staged.project.write("upload.sh", "echo \"<$SHEETKEEP_SCHEDULED_FOR>\" > sent\n");
    let mut retry = staged.project.command(&["failures", "retry", "prices.toml", "2026-11-29 upload"]);
    retry.env("SHEETKEEP_LOGICAL_DATE", "2026-12-01");
    run_to_end(retry).exits(0);
    assert_eq!(staged.project.read("sent"), "<>\n");
}

#[test]
fn a_flag_names_the_date_of_a_run_and_two_are_side_by_side() {
    let staged = StagedProject::new();
    let run = |args: &[&str]| staged.project.run(&[&["run", "prices.toml"], args].concat());
    // The flag counts, whatever the environment says.
    staged.run(&["--date", "2026-11-27"]).exits(0);
    run(&["--date", "2026-11-28"]).exits(0);
    assert_eq!(list_skipped(run(&["--date", "2026-11-27"]).exits(0)), ["fetch", "transform", "upload"]);
    assert_eq!(staged.files("data"), ["2026-11-27", "2026-11-28"]);
    assert_eq!(staged.files("outbox"), ["2026-11-27.csv", "2026-11-28.csv"]);
    let dates = ["27", "27", "27", "28", "28", "28"].map(|day| format!("2026-11-{day}"));
    let keys = staged.column("Processed prices", "key");
    assert_eq!(keys.iter().filter_map(|key| key.split(' ').next()).collect::<Vec<_>>(), dates);
    // One date is made again, from a stage on; the other stays as it is.
    assert_eq!(list_skipped(run(&["--date", "2026-11-27", "--from", "upload"]).exits(0)), ["fetch", "transform"]);
    run(&["--date", "2026-11-27", "--force"]).exits(0).stdout_has("new 3");
    assert_eq!(list_skipped(run(&["--date", "2026-11-28"]).exits(0)), ["fetch", "transform", "upload"]);
    let project = &staged.project;
    project.run(&["plan", "prices.toml", "--date", "2026-11-26"]).exits(0).stdout_has("prices for 2026-11-26");
    run(&["--dry-run", "--date", "2026-11-26"]).exits(0).stdout_has("prices for 2026-11-26");
    project.run(&["status", "prices.toml", "--date", "2026-11-26"]).exits(0).stdout_has("2026-11-26");
}

#[test]
fn a_date_that_is_none_or_has_several_runs_is_refused() {
    let staged = StagedProject::new();
    for date in ["2026-02-30", "2026-2-3", "yesterday", "", "2026-11-29T08:00", "2026-11-29\n", "-1"] {
        let ended = staged.project.run(&["run", "prices.toml", &format!("--date={date}")]);
        ended.exits(2).stderr_has("is not a valid date; write it as 2026-11-29");
    }
    staged.project.run(&["run", "prices.toml", "--due", "--date", DAY]).exits(2).stderr_has("cannot be used with");
    make_schedule(&staged, "{ cron = \"0 9,15 * * *\", timezone = \"Europe/Berlin\" }");
    staged.project.replace_in("prices.toml", "{SHEETKEEP_LOGICAL_DATE}", "{SHEETKEEP_LOGICAL_RUN}");
    let of_day = |time: Option<&str>| {
        let mut command = staged.project.command(&["run", "prices.toml", "--date", "2026-11-03"]);
        command.envs(time.map(|time| ("SHEETKEEP_SCHEDULED_FOR", time)));
        run_to_end(command)
    };
    of_day(None).exits(78).stderr_has("the run is for 2026-11-03, a day with several times of the schedule");
    of_day(Some("2026-11-04T08:00:00Z")).exits(78).stderr_has("set SHEETKEEP_SCHEDULED_FOR to one of them in UTC");
    of_day(Some("2026-11-03T08:00:00Z")).exits(0);
    assert_eq!(staged.column("Processed prices", "key")[0], "2026-11-03T09:00+01:00 fetch");
}
