//! The logical runs of stages: by schedule, for past dates, with a deadline, and of a dead letter.

use crate::live::Live;
use crate::programs::stages::{DAY, SLOW_TRANSFORM, Team, skipped};
use crate::temp_project::ended;

/// Adds a schedule to the team's job.
fn schedule(team: &Team, schedule: &str) {
    let job = format!("schedule = {schedule}\n{}", team.project.read("prices.toml"));
    team.project.write("prices.toml", &job);
}

#[test]
fn stages_that_are_due_run_once_an_occurrence() {
    let team = Team::new();
    schedule(&team, "{ cron = \"every 7d\", timezone = \"Europe/Berlin\", misfire_grace = \"7d\" }");
    let due = || team.project.run(&["run", "--due", "prices.toml"]);
    due().exits(0).shows("✔ succeeded").shows("new 3");
    due().exits(0).shows("prices: nothing is due; next ");
    assert_eq!(team.column("Runs", "trigger"), ["schedule"]);
    let occurrence = team.column("Runs", "scheduled_for").remove(0);
    let (key, files) = (team.column("Processed prices", "key").remove(0), team.files("data"));
    assert_eq!(files.len(), 1, "one date");
    assert_eq!(key, format!("{} fetch", files[0]), "the stages are of the occurrence's date, {occurrence}");
}

#[test]
fn an_occurrence_whose_stage_failed_goes_on_by_hand() {
    let team = Team::new();
    schedule(&team, "{ cron = \"every 7d\", timezone = \"UTC\", misfire_grace = \"7d\" }");
    team.project.write("transform.sh", "exit 1\n");
    team.project.run(&["run", "--due", "prices.toml"]).exits(1).says("transform failed");
    team.restore("transform.sh");
    let date = team.files("data").remove(0);
    let by_hand = ended(team.command(&date, &[]));
    by_hand.exits(0).shows("new 2");
    assert_eq!(skipped(&by_hand), ["fetch"]);
}

#[test]
fn a_backfill_runs_the_stages_of_each_missing_date() {
    let team = Team::new();
    schedule(&team, "{ cron = \"0 9 * * *\", timezone = \"Europe/Berlin\" }");
    let range = ["backfill", "prices.toml", "--from", "2026-01-05", "--to", "2026-01-07"];
    team.project.run(&range).exits(0);
    assert_eq!(team.files("data"), ["2026-01-05", "2026-01-06", "2026-01-07"]);
    assert_eq!(team.files("outbox"), ["2026-01-05.csv", "2026-01-06.csv", "2026-01-07.csv"]);
    assert_eq!(team.column("Processed prices", "key").len(), 9);
    assert_eq!(team.column("Runs", "trigger"), ["backfill"; 3]);
    team.project.run(&range).exits(0).shows("3 ran before");
    assert_eq!(team.column("Runs", "trigger").len(), 3);
}

#[test]
fn a_deadline_ends_a_stage_and_the_next_run_goes_on() {
    let team = Team::new();
    team.project.write("transform.sh", SLOW_TRANSFORM);
    let mut live = Live::start(team.command("2026-11-29", &["--deadline", "3s"]));
    live.hears("up");
    live.ends_by_itself().exits(124).shows("timed out");
    assert_eq!(team.files("data/2026-11-29"), ["raw.csv"]);
    assert_eq!(team.column("Runs", "status"), ["timed out"]);
    assert_eq!(team.column("Failures prices", "key"), Vec::<String>::new());
    team.restore("transform.sh");
    assert_eq!(skipped(team.run(&[]).exits(0)), ["fetch"]);
}

#[test]
fn a_dead_letter_is_sent_with_the_time_of_its_own_run() {
    let team = Team::new();
    schedule(&team, "{ cron = \"0 9,15 * * *\", timezone = \"Europe/Berlin\" }");
    team.project.change("prices.toml", "{SHEETKEEP_LOGICAL_DATE}", "{SHEETKEEP_LOGICAL_RUN}");
    team.project.write("upload.sh", "exit 1\n");
    let at = |time: &str| {
        let mut command = team.command("2026-11-29", &[]);
        command.env("SHEETKEEP_SCHEDULED_FOR", time);
        ended(command)
    };
    at("2026-11-29T08:00:00Z").exits(1);
    team.project.write(
        "upload.sh",
        "echo \"$SHEETKEEP_SCHEDULED_FOR $SHEETKEEP_LOGICAL_RUN $SHEETKEEP_LOGICAL_DATE\" >> sent\n",
    );
    // The run of the afternoon sends its own file, and that of the morning with the morning's time.
    at("2026-11-29T14:00:00Z").exits(0);
    let sent = team.project.read("sent");
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
    let team = Team::new();
    team.project.write("upload.sh", "exit 1\n");
    team.run(&[]).exits(1);
    team.project.write("upload.sh", "echo \"<$SHEETKEEP_SCHEDULED_FOR>\" > sent\n");
    let mut retry = team.project.command(&["failures", "retry", "prices.toml", "2026-11-29 upload"]);
    retry.env("SHEETKEEP_LOGICAL_DATE", "2026-12-01");
    ended(retry).exits(0);
    assert_eq!(team.project.read("sent"), "<>\n");
}

#[test]
fn a_flag_names_the_date_of_a_run_and_two_are_side_by_side() {
    let team = Team::new();
    let run = |args: &[&str]| team.project.run(&[&["run", "prices.toml"], args].concat());
    // The flag counts, whatever the environment says.
    team.run(&["--date", "2026-11-27"]).exits(0);
    run(&["--date", "2026-11-28"]).exits(0);
    assert_eq!(skipped(run(&["--date", "2026-11-27"]).exits(0)), ["fetch", "transform", "upload"]);
    assert_eq!(team.files("data"), ["2026-11-27", "2026-11-28"]);
    assert_eq!(team.files("outbox"), ["2026-11-27.csv", "2026-11-28.csv"]);
    let dates = ["27", "27", "27", "28", "28", "28"].map(|day| format!("2026-11-{day}"));
    let keys = team.column("Processed prices", "key");
    assert_eq!(keys.iter().filter_map(|key| key.split(' ').next()).collect::<Vec<_>>(), dates);
    // One date is made again, from a stage on; the other stays as it is.
    assert_eq!(skipped(run(&["--date", "2026-11-27", "--from", "upload"]).exits(0)), ["fetch", "transform"]);
    run(&["--date", "2026-11-27", "--force"]).exits(0).shows("new 3");
    assert_eq!(skipped(run(&["--date", "2026-11-28"]).exits(0)), ["fetch", "transform", "upload"]);
    let project = &team.project;
    project.run(&["plan", "prices.toml", "--date", "2026-11-26"]).exits(0).shows("prices for 2026-11-26");
    run(&["--dry-run", "--date", "2026-11-26"]).exits(0).shows("prices for 2026-11-26");
    project.run(&["status", "prices.toml", "--date", "2026-11-26"]).exits(0).shows("2026-11-26");
}

#[test]
fn a_date_that_is_none_or_has_several_runs_is_refused() {
    let team = Team::new();
    for date in ["2026-02-30", "2026-2-3", "yesterday", "", "2026-11-29T08:00", "2026-11-29\n", "-1"] {
        let ended = team.project.run(&["run", "prices.toml", &format!("--date={date}")]);
        ended.exits(2).says("is not a valid date; write it as 2026-11-29");
    }
    team.project.run(&["run", "prices.toml", "--due", "--date", DAY]).exits(2).says("cannot be used with");
    schedule(&team, "{ cron = \"0 9,15 * * *\", timezone = \"Europe/Berlin\" }");
    team.project.change("prices.toml", "{SHEETKEEP_LOGICAL_DATE}", "{SHEETKEEP_LOGICAL_RUN}");
    let of_day = |time: Option<&str>| {
        let mut command = team.project.command(&["run", "prices.toml", "--date", "2026-11-03"]);
        command.envs(time.map(|time| ("SHEETKEEP_SCHEDULED_FOR", time)));
        ended(command)
    };
    of_day(None).exits(78).says("the run is for 2026-11-03, a day with several times of the schedule");
    of_day(Some("2026-11-04T08:00:00Z")).exits(78).says("set SHEETKEEP_SCHEDULED_FOR to one of them in UTC");
    of_day(Some("2026-11-03T08:00:00Z")).exits(0);
    assert_eq!(team.column("Processed prices", "key")[0], "2026-11-03T09:00+01:00 fetch");
}
