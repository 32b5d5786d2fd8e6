//! `sheetkeep drill` of a job of stages, and its end by a signal.

use std::fs;

use crate::programs::stages::StagedProject;
use crate::running_command::RunningCommand;
use crate::temp_project::{CommandOutput, TempProject, run_to_end};

/// An upload that appends at each call.
const APPENDS: &str = "mkdir -p outbox\ncat \"$1\" >> outbox/all.csv\n";

fn run_drill(staged: &StagedProject, args: &[&str]) -> CommandOutput {
    let mut command = staged.project.command(&[&["drill", "prices.toml"], args].concat());
    command.env("SHEETKEEP_LOGICAL_DATE", "2026-11-29").env("PATH", "/usr/bin:/bin");
    run_to_end(command)
}

#[test]
fn the_stages_of_the_fixtures_recover_from_every_drill() {
    let staged = StagedProject::new();
    let before = staged.project.list_entries();
    let ended = run_drill(&staged, &["--seeds", "12"]);
    ended.exits(0).stdout_has("12 drills of prices: 3 stages").stdout_has("their commands are counted, not run");
    ended
        .stdout_has("0 doubled, 0 lost")
        .stdout_has("killed in stage")
        .stdout_has("and its file is replaced as a whole");
    assert_eq!(staged.project.list_entries(), before, "nothing was made or changed in the job's folder");
    let report = run_drill(&staged, &["--seeds", "12", "--json"]).document();
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
    let staged = StagedProject::new();
    staged.project.write("upload.sh", APPENDS);
    let found = run_drill(&staged, &["--seeds", "12"]);
    found.exits(4).stdout_has("finding: stage upload is not idempotent: it ran more than once in");
    found.stdout_has("its command does not read SHEETKEEP_IDEMPOTENCY_KEY");
    assert_eq!(found.stdout.matches("finding:").count(), 1, "files that are replaced are none: {}", found.stdout);
    run_drill(&staged, &["--seeds", "12", "--idempotent", "upload"]).exits(0);
    run_drill(&staged, &["--idempotent", "uplaod"]).exits(2).stderr_has("no step or stage of that name");
}

#[test]
fn a_seed_of_stages_plays_the_same_each_time() {
    let staged = StagedProject::new();
    let first = run_drill(&staged, &["--seeds", "8"]);
    assert_eq!(first.stdout, run_drill(&staged, &["--seeds", "8"]).stdout);
}

#[test]
fn with_really_stages_run_in_a_copy_of_the_folder() {
    let staged = StagedProject::new();
    let before = staged.project.list_entries();
    let log = staged.project.path("log");
    fs::create_dir(&log).expect("a folder");
    staged.project.write("upload.sh", &format!("echo sent >> '{}/sent'\n", log.display()));
    let report = run_drill(&staged, &["--seed", "3", "--really", "--json"]).document();
    assert_eq!((&report["doubled"], &report["lost"]), (&0.into(), &0.into()), "{report:#}");
    let counted = report["steps"][2]["runs"].as_u64().expect("a number");
    let kills = report["kills"].as_u64().expect("a number");
    // The undisturbed run comes first. A command that is killed is killed before it does anything.
    let sent = staged.project.read("log/sent").lines().count() as u64;
    assert!(sent <= counted + 1 && sent + kills > counted, "{sent} sent: {report:#}");
    let after: Vec<String> = staged.project.list_entries().into_iter().filter(|name| name != "log").collect();
    assert_eq!(after, before, "files of the stages are in the copy");
}

#[test]
fn a_drill_of_stages_says_what_it_cannot_keep_apart() {
    let staged = StagedProject::new();
    run_drill(&staged, &["--input", "feed.csv"]).exits(2).stderr_has("--input names records");
    staged.project.replace_in("prices.toml", "data/${SHEETKEEP_LOGICAL_DATE}/clean.csv", "../clean.csv");
    run_drill(&staged, &[])
        .exits(2)
        .stderr_has("stage transform makes ../clean.csv, which is outside of the job file's folder");
    staged.project.write("prices.toml", "name = \"prices\"\n[[stage]]\nname = \"fetch\"\ncommand = [\"./none\"]\n");
    run_drill(&staged, &[]).exits(78).stderr_has("the program of step fetch can't be run");
}

#[test]
fn a_drill_that_is_interrupted_leaves_no_folder() {
    let (quakes, staged) = (TempProject::with_few_quakes(40), StagedProject::new());
    for (project, job) in [(&quakes, "quakes.toml"), (&staged.project, "prices.toml")] {
        for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
            let temporary = project.path("tmp");
            fs::create_dir_all(&temporary).expect("a folder");
            let mut command = project.command(&["drill", job, "--seeds", "100000"]);
            command.env("TMPDIR", &temporary);
            let mut live = RunningCommand::start(command);
            while fs::read_dir(&temporary).expect("a folder").next().is_none() {
                std::thread::yield_now();
            }
            live.send_signal(signal);
            live.wait_for_end().exits(code).stderr_has("the drill was stopped by SIG");
            assert_eq!(fs::read_dir(&temporary).expect("a folder").count(), 0, "{job} {signal}");
        }
    }
}
