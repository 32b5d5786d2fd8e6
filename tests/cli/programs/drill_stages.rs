//! `sheetkeep drill` of a job of stages, and its end by a signal.

use std::fs;

use crate::live::Live;
use crate::programs::stages::Team;
use crate::temp_project::{Ended, TempProject, ended};

/// An upload that appends at each call.
const APPENDS: &str = "mkdir -p outbox\ncat \"$1\" >> outbox/all.csv\n";

fn drill(team: &Team, args: &[&str]) -> Ended {
    let mut command = team.project.command(&[&["drill", "prices.toml"], args].concat());
    command.env("SHEETKEEP_LOGICAL_DATE", "2026-11-29").env("PATH", "/usr/bin:/bin");
    ended(command)
}

#[test]
fn the_stages_of_the_fixtures_recover_from_every_drill() {
    let team = Team::new();
    let before = team.project.listed();
    let ended = drill(&team, &["--seeds", "12"]);
    ended.exits(0).shows("12 drills of prices: 3 stages").shows("their commands are counted, not run");
    ended.shows("0 doubled, 0 lost").shows("killed in stage").shows("and its file is replaced as a whole");
    assert_eq!(team.project.listed(), before, "nothing was made or changed in the job's folder");
    let report = drill(&team, &["--seeds", "12", "--json"]).document();
    assert_eq!(
        (&report["records"], &report["doubled"], &report["findings"]),
        (&3.into(), &0.into(), &serde_json::json!([]))
    );
    assert!(report["kills"].as_u64() >= Some(12), "{report:#}");
    let steps: Vec<&str> =
        report["steps"].as_array().expect("steps").iter().filter_map(|step| step["step"].as_str()).collect();
    assert_eq!(steps, ["fetch", "transform", "upload"]);
}

#[test]
fn a_stage_that_is_not_idempotent_is_named_with_its_repeats() {
    let team = Team::new();
    team.project.write("upload.sh", APPENDS);
    let found = drill(&team, &["--seeds", "12"]);
    found.exits(4).shows("finding: stage upload is not idempotent: it ran more than once in");
    found.shows("its command does not read SHEETKEEP_IDEMPOTENCY_KEY");
    assert_eq!(found.out.matches("finding:").count(), 1, "files that are replaced are none: {}", found.out);
    drill(&team, &["--seeds", "12", "--idempotent", "upload"]).exits(0);
    drill(&team, &["--idempotent", "uplaod"]).exits(2).says("no step or stage of that name");
}

#[test]
fn a_seed_of_stages_plays_the_same_each_time() {
    let team = Team::new();
    let first = drill(&team, &["--seeds", "8"]);
    assert_eq!(first.out, drill(&team, &["--seeds", "8"]).out);
}

#[test]
fn with_really_stages_run_in_a_copy_of_the_folder() {
    let team = Team::new();
    let before = team.project.listed();
    let log = team.project.path("log");
    fs::create_dir(&log).expect("a folder");
    team.project.write("upload.sh", &format!("echo sent >> '{}/sent'\n", log.display()));
    let report = drill(&team, &["--seed", "3", "--really", "--json"]).document();
    assert_eq!((&report["doubled"], &report["lost"]), (&0.into(), &0.into()), "{report:#}");
    let counted = report["steps"][2]["runs"].as_u64().expect("a number");
    let kills = report["kills"].as_u64().expect("a number");
    // The undisturbed run comes first. A command that is killed is killed before it does anything.
    let sent = team.project.read("log/sent").lines().count() as u64;
    assert!(sent <= counted + 1 && sent + kills > counted, "{sent} sent: {report:#}");
    let after: Vec<String> = team.project.listed().into_iter().filter(|name| name != "log").collect();
    assert_eq!(after, before, "files of the stages are in the copy");
}

#[test]
fn a_drill_of_stages_says_what_it_cannot_keep_apart() {
    let team = Team::new();
    drill(&team, &["--input", "feed.csv"]).exits(2).says("--input names records");
    team.project.change("prices.toml", "data/${SHEETKEEP_LOGICAL_DATE}/clean.csv", "../clean.csv");
    drill(&team, &[]).exits(2).says("stage transform makes ../clean.csv, which is outside of the job file's folder");
    team.project.write("prices.toml", "name = \"prices\"\n[[stage]]\nname = \"fetch\"\ncommand = [\"./none\"]\n");
    drill(&team, &[]).exits(78).says("the program of step fetch can't be run");
}

#[test]
fn a_drill_that_is_interrupted_leaves_no_folder() {
    let (quakes, team) = (TempProject::few_quakes(40), Team::new());
    for (project, job) in [(&quakes, "quakes.toml"), (&team.project, "prices.toml")] {
        for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
            let temporary = project.path("tmp");
            fs::create_dir_all(&temporary).expect("a folder");
            let mut command = project.command(&["drill", job, "--seeds", "100000"]);
            command.env("TMPDIR", &temporary);
            let mut live = Live::start(command);
            while fs::read_dir(&temporary).expect("a folder").next().is_none() {
                std::thread::yield_now();
            }
            live.signal(signal);
            live.ends_by_itself().exits(code).says("the drill was stopped by SIG");
            assert_eq!(fs::read_dir(&temporary).expect("a folder").count(), 0, "{job} {signal}");
        }
    }
}
