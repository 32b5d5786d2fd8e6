//! Stages: commands with checkpoints, of the job in `fixtures/stages`.

mod dead_letters;

use std::path::Path;
use std::process::Command;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::running_command::RunningCommand;
use crate::temp_project::{CommandOutput, TempProject, run_to_end};

pub const ID: &str = "1AbC";
const FILES: [&str; 5] = ["prices.toml", "fetch.sh", "transform.sh", "upload.sh", "feed.csv"];
pub const DAY: &str = "2026-11-29";
/// A line of the feed that no transformation understands.
pub const BAD_FEED: &str = "article,count,price\nbolt,200,free\n";
/// A transformation that has written half of its file when it waits.
pub const SLOW_TRANSFORM: &str =
    "head -n 1 \"$SHEETKEEP_STAGE_INPUT\" > \"$SHEETKEEP_STAGE_OUTPUT\"\necho up >&2\nexec sleep 60\n";

/// Copies of the team's script, and the job of its stages.
pub struct StagedProject {
    pub project: TempProject,
}

impl StagedProject {
    pub fn new() -> Self {
        let files = FILES.map(|name| format!("stages/{name}"));
        let project = TempProject::with(&files.each_ref().map(String::as_str));
        Self { project }
    }

    pub fn command(&self, day: &str, args: &[&str]) -> Command {
        let mut command = self.project.command(&[&["run", "prices.toml"], args].concat());
        command.env("SHEETKEEP_LOGICAL_DATE", day);
        command
    }

    pub fn run(&self, args: &[&str]) -> CommandOutput {
        run_to_end(self.command(DAY, args))
    }

    /// Returns the script as it is in the fixtures.
    pub fn restore(&self, name: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stages").join(name);
        std::fs::copy(from, self.project.path(name)).expect("the fixture is there");
    }

    pub fn files(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.project.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    pub fn column(&self, tab: &str, column: &str) -> Vec<String> {
        self.project.column("prices.toml", tab, column)
    }
}

pub fn list_skipped(ended: &CommandOutput) -> Vec<&str> {
    ended.stderr.lines().filter_map(|line| line.strip_suffix(": already done, skipping")).collect()
}

#[test]
fn a_restart_skips_each_stage_that_is_done() {
    let staged = StagedProject::new();
    let first = staged.run(&[]);
    first.exits(0).stdout_has("new 3");
    assert_eq!(list_skipped(&first), Vec::<&str>::new());
    assert_eq!(staged.project.read("outbox/2026-11-29.csv"), "article,total\nbolt,10\nnut,8\nwrench,37.5\n");
    std::fs::remove_dir_all(staged.project.path("outbox")).expect("removed");
    let second = staged.run(&[]);
    second.exits(0).stderr_has("fetch: already done, skipping").stdout_has("skipped 3");
    assert_eq!(list_skipped(&second), ["fetch", "transform", "upload"]);
    assert_eq!(staged.files("outbox"), Vec::<String>::new());
    assert_eq!(
        staged.column("Processed prices", "key"),
        ["2026-11-29 fetch", "2026-11-29 transform", "2026-11-29 upload"]
    );
    let versions = staged.column("Processed prices", "version");
    let hash = "sha256:4117122dd7fdf73ed7abeae97f2ded24aaf6b340fb01dcd051d42f2ff266e890";
    assert_eq!(versions[0], format!("data/2026-11-29/raw.csv 62 B {hash}"));
    assert_eq!(staged.column("Stages prices", "path")[1], "data/2026-11-29/clean.csv");
    assert_eq!(staged.column("Stages prices", "bytes"), ["62", "40", "40"]);
    assert_eq!(staged.column("Runs", "status"), ["succeeded", "succeeded"], "one row a run");
}

#[test]
fn a_stage_that_is_killed_leaves_no_file_and_is_made_again() {
    let staged = StagedProject::new();
    staged.project.write("transform.sh", SLOW_TRANSFORM);
    let mut live = RunningCommand::start(staged.command(DAY, &[]));
    live.wait_for_line("up");
    // Killed and reaped; the stage has the pipes still.
    drop(live);
    assert!(!staged.files("data/2026-11-29").contains(&"clean.csv".to_owned()), "no partial file in its place");
    staged.restore("transform.sh");
    let second = staged.run(&[]);
    second.exits(0).stderr_has("fetch: already done, skipping").stderr_has("died");
    assert_eq!(list_skipped(&second), ["fetch"]);
    assert_eq!(staged.files("data/2026-11-29"), ["clean.csv", "raw.csv"], "what the kill has left is gone");
    assert_eq!(staged.column("Runs", "status"), ["crashed", "succeeded"]);
}

#[test]
fn a_permanent_error_stops_the_stages_and_alerts_once() {
    let staged = StagedProject::new();
    staged.project.write("feed.csv", BAD_FEED);
    let mut job = staged.project.read("prices.toml");
    job.push_str("\n[[alerts.channel]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"cat >> alerts.txt; echo >> alerts.txt\"]\n");
    staged.project.write("prices.toml", &job);
    let failed = staged.run(&[]);
    failed
        .exits(1)
        .stderr_has("transform failed: ended with 1: ValueError: line 2: not a price: free")
        .stderr_has("continues from transform");
    assert_eq!(staged.files("outbox"), Vec::<String>::new());
    assert_eq!(staged.files("data/2026-11-29"), ["raw.csv"]);
    let again = staged.run(&[]);
    again.exits(1);
    assert_eq!(list_skipped(&again), ["fetch"]);
    let alerts = staged.project.read("alerts.txt");
    assert_eq!(alerts.matches("transform failed").count(), 1, "{alerts}");
    assert_eq!(staged.column("Runs", "status"), ["failed", "failed"]);
    assert_eq!(staged.column("Failures prices", "key"), Vec::<String>::new(), "it is not a dead letter");
    staged.project.write("fetch.sh", "echo 'not again' >&2; exit 1\n");
    staged.project.write("transform.sh", "cp \"$SHEETKEEP_STAGE_INPUT\" \"$SHEETKEEP_STAGE_OUTPUT\"\n");
    let third = staged.run(&[]);
    third.exits(0).stdout_has("new 2 · skipped 1");
    assert_eq!(staged.project.read("outbox/2026-11-29.csv"), BAD_FEED);
    assert_eq!(staged.project.read("alerts.txt").matches("transform failed").count(), 1);
}

#[test]
fn transient_errors_are_retried_by_the_stages_policy() {
    let staged = StagedProject::new();
    staged.project.write("fetch.sh", "echo x >> tried\n[ $(wc -l < tried) -lt 3 ] && exit 75\nexec cat feed.csv\n");
    staged.run(&[]).exits(0).stderr_has("fetch: attempt 1 of 4: ended with 75").stderr_has("fetch: attempt 2 of 4");
    assert_eq!(staged.column("Stages prices", "attempts")[0], "3");
    staged.project.write("fetch.sh", "echo x >> tried\nexit 6\n");
    let gone = staged.run(&["--force"]);
    gone.exits(69).stderr_has("fetch failed: ended with 6");
    assert_eq!(staged.project.read("tried").lines().count(), 3 + 4);
    staged.project.write("fetch.sh", "echo x >> tried\nexit 2\n");
    staged.run(&[]).exits(1);
    assert_eq!(staged.project.read("tried").lines().count(), 3 + 4 + 1, "2 is not among the codes");
}

#[test]
fn two_dates_have_their_own_stages_side_by_side() {
    let staged = StagedProject::new();
    staged.run(&[]).exits(0);
    run_to_end(staged.command("2026-11-30", &[])).exits(0).stdout_has("new 3");
    assert_eq!(list_skipped(&staged.run(&[])), ["fetch", "transform", "upload"]);
    assert_eq!(staged.files("outbox"), ["2026-11-29.csv", "2026-11-30.csv"]);
    assert_eq!(staged.files("data"), ["2026-11-29", "2026-11-30"]);
}

#[test]
fn several_runs_of_a_day_are_distinguished() {
    let staged = StagedProject::new();
    let job = format!(
        "schedule = {{ cron = \"0 9,15 * * *\", timezone = \"Europe/Berlin\" }}\n{}",
        staged.project.read("prices.toml")
    );
    staged.project.write("prices.toml", &job);
    staged
        .run(&[])
        .exits(78)
        .stderr_has("several runs of a day would make this file")
        .stderr_has("SHEETKEEP_LOGICAL_RUN");
    staged.project.write("prices.toml", &job.replace("{SHEETKEEP_LOGICAL_DATE}", "{SHEETKEEP_LOGICAL_RUN}"));
    let at = |time: &str| {
        let mut command = staged.command(DAY, &[]);
        command.env("SHEETKEEP_SCHEDULED_FOR", format!("2026-11-29T{time}:00Z"));
        run_to_end(command)
    };
    at("08:00").exits(0).stdout_has("new 3");
    at("14:00").exits(0).stdout_has("new 3");
    at("08:00").exits(0).stdout_has("skipped 3");
    assert_eq!(staged.files("data"), ["2026-11-29T09:00+01:00", "2026-11-29T15:00+01:00"]);
    assert_eq!(staged.column("Processed prices", "key")[3], "2026-11-29T15:00+01:00 fetch");
}

#[test]
fn a_file_that_changed_since_its_checkpoint_stops_the_run() {
    let staged = StagedProject::new();
    staged.run(&[]).exits(0);
    staged.project.write("data/2026-11-29/clean.csv", "edited\n");
    let changed = staged.run(&[]);
    changed.exits(65).stderr_has("transform failed: data/2026-11-29/clean.csv is not what its checkpoint says");
    changed.stderr_has("run --from transform --date 2026-11-29\n");
    std::fs::remove_file(staged.project.path("data/2026-11-29/raw.csv")).expect("removed");
    staged.run(&[]).exits(65).stderr_has("fetch failed: data/2026-11-29/raw.csv is missing");
    staged.run(&["--from", "fetch"]).exits(0).stdout_has("new 3");
    assert_eq!(list_skipped(&staged.run(&[])), ["fetch", "transform", "upload"]);
}

#[test]
fn force_and_from_do_stages_again() {
    let staged = StagedProject::new();
    staged.project.write("upload.sh", "echo \"$SHEETKEEP_IDEMPOTENCY_KEY\" >> keys\n");
    staged.run(&[]).exits(0);
    let from = staged.run(&["--from", "transform"]);
    from.exits(0);
    assert_eq!(list_skipped(&from), ["fetch"]);
    let all = staged.run(&["--force"]);
    all.exits(0);
    assert_eq!(list_skipped(&all), Vec::<&str>::new());
    let keys = staged.project.read("keys");
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!((keys.len(), keys[0] == keys[1] && keys[1] == keys[2]), (3, true), "one key for one delivery");
    staged
        .run(&["--from", "nowhere"])
        .exits(2)
        .stderr_has("no stage \"nowhere\"")
        .stderr_has("fetch, transform, upload");
    let orders = TempProject::orders("", "1,2\n");
    orders.run(&["run", "orders.toml", "--from", "fetch"]).exits(2).stderr_has("this job has none");
}

#[test]
fn a_signal_ends_a_stage_gracefully_and_without_an_alert() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let staged = StagedProject::new();
        let mut job = staged.project.read("prices.toml");
        job.push_str("\n[[alerts.channel]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"cat >> alerts.txt\"]\n");
        staged.project.write("prices.toml", &job);
        let trap = "trap 'echo bye >> bye; exit 1' INT TERM\n";
        staged.project.write(
            "transform.sh",
            &format!("{trap}echo half > \"$SHEETKEEP_STAGE_OUTPUT\"\necho up >&2\nsleep 600 & wait\n"),
        );
        let mut live = RunningCommand::start(staged.command(DAY, &[]));
        live.wait_for_line("up");
        live.send_signal(signal);
        live.wait_for_end().exits(code);
        assert_eq!(staged.project.read("bye"), "bye\n", "the stage was asked to end");
        assert_eq!(staged.files("data/2026-11-29"), ["raw.csv"]);
        assert!(!staged.project.path("alerts.txt").exists());
        assert_eq!(staged.column("Runs", "status"), ["interrupted"]);
        assert_eq!(staged.column("Failures prices", "key"), Vec::<String>::new());
        staged.restore("transform.sh");
        assert_eq!(list_skipped(&staged.run(&[])), ["fetch"]);
    }
}

#[test]
fn of_two_machines_one_runs_the_stages() {
    let staged = StagedProject::new();
    let emulator = EmulatorProcess::start(&staged.project, &["--spreadsheet-id", ID]);
    let run_stages_on = |machine: &str| {
        let mut command = emulator.command(&staged.project, ID, &["run", "prices.toml"]);
        command.env("XDG_STATE_HOME", staged.project.path(machine)).env("SHEETKEEP_LOGICAL_DATE", DAY);
        command
    };
    assert!(Command::new("mkfifo").arg(staged.project.path("gate")).status().expect("mkfifo can be run").success());
    staged.project.write(
        "transform.sh",
        "echo up >&2; read line < gate; exec cp \"$SHEETKEEP_STAGE_INPUT\" \"$SHEETKEEP_STAGE_OUTPUT\"\n",
    );
    let mut live = RunningCommand::start(run_stages_on("one"));
    live.wait_for_line("up");
    run_to_end(run_stages_on("two")).exits(75).stderr_has("is running it on");
    staged.project.write("gate", "go\n");
    live.wait_for_end().exits(0);
    let second = run_to_end(run_stages_on("two"));
    assert_eq!(list_skipped(second.exits(0)), ["fetch", "transform", "upload"]);
    let client = ApiClient::of(emulator, ID);
    assert_eq!(client.column("Processed prices", "key").len(), 3);
}

#[test]
fn mistakes_in_stages_are_named_with_what_to_do() {
    let staged = StagedProject::new();
    let job = staged.project.read("prices.toml");
    for (from, to, says) in [
        ("name = \"transform\"", "name = \"fetch\"", "two stages have this name"),
        ("name = \"transform\"", "name = \"a b\"", "not a valid name"),
        ("clean.csv", "raw.csv", "two stages make this file"),
        ("preset = \"curl\"", "preset = \"wget\"", "not a known preset"),
        ("[75]", "[0]", "exit codes from 1 to 255"),
        ("name = \"prices\"", "name = \"prices\"\n[source]\ncsv = \"x.csv\"", "a job of stages has no `source`"),
        ("command = [\"sh\", \"fetch.sh\"] ", "command = \"sh fetch.sh\" ", "command = [\"sh\", \"fetch.sh\"]"),
        ("artifact = \"data/${SHEETKEEP_LOGICAL_DATE}/raw.csv\"", "artefact = \"x\"", "did you mean `artifact`"),
    ] {
        assert!(job.contains(from), "{from}");
        staged.project.write("prices.toml", &job.replacen(from, to, 1));
        staged.run(&[]).exits(78).stderr_has(says);
    }
    staged.project.write("prices.toml", &job);
    staged.project.write("fetch.sh", "exit 0\n");
    staged.run(&[]).exits(1).stderr_has("wrote neither to $SHEETKEEP_STAGE_OUTPUT nor to its standard output");
}

#[test]
fn plan_and_status_say_how_far_each_stage_is() {
    let staged = StagedProject::new();
    let day = [("SHEETKEEP_LOGICAL_DATE", DAY)];
    let before = staged.project.run_with(&day, &["plan", "prices.toml"]);
    before.exits(0).stdout_has("fetch: sh fetch.sh makes data/2026-11-29/raw.csv").stdout_has("now: not done yet");
    before.stdout_has("if it runs twice: it delivers the file again, with the same SHEETKEEP_IDEMPOTENCY_KEY");
    assert!(!staged.project.path("prices.sheet").exists(), "a plan writes nothing");
    staged.project.write("upload.sh", "exit 1\n");
    staged.run(&[]).exits(1);
    let after = staged.project.run_with(&day, &["plan", "prices.toml", "--json"]).document();
    let found: Vec<_> = after["stages"].as_array().expect("stages").iter().map(|stage| &stage["state"]).collect();
    assert_eq!(found, ["done", "done", "failed"], "{after}");
    let status = staged.project.run_with(&day, &["status", "prices.toml"]);
    status.exits(0).stdout_has("fetch already done, skipping (of 2026-11-29)");
    status.stdout_has("upload failed in 1 run; its file is a dead letter, which the next run sends");
    staged.project.write("data/2026-11-29/raw.csv", "edited");
    let changed = staged.project.run_with(&day, &["status", "prices.toml", "--json"]).document();
    assert_eq!(changed["stages"][0]["state"], "changed", "{changed}");
    assert_eq!((&changed["job"], &changed["stages"][1]["state"]), (&"prices".into(), &"open".into()));
}

#[test]
fn check_names_the_stages_and_a_program_that_is_missing() {
    let staged = StagedProject::new();
    staged
        .project
        .run(&["check", "prices.toml"])
        .exits(0)
        .stdout_has("the job has the stages fetch, transform, upload");
    staged.project.replace_in("prices.toml", "[\"sh\", \"upload.sh\"", "[\"./none\", \"upload.sh\"");
    staged.project.run(&["check", "prices.toml"]).exits(78).stdout_has("the program of step upload can't be run");
    staged.run(&[]).exits(78).stderr_has("the program of step upload can't be run: ./none is not there");
    assert_eq!(staged.files("data"), Vec::<String>::new(), "no stage has begun");
}

#[test]
fn flags_about_records_are_refused_for_stages() {
    let staged = StagedProject::new();
    staged.run(&["--input", "feed.csv"]).exits(2).stderr_has("--input names records");
    staged.project.run(&["plan", "prices.toml", "--out", "p"]).exits(2).stderr_has("a job of stages has no --out");
}

#[test]
fn the_last_stage_may_run_a_job_of_records() {
    let staged = StagedProject::new();
    let rows = "name = \"rows\"\n[source]\ncsv = \"-\"\n[item]\nkey = \".article\"\n[sheet]\ntab = \"Rows\"\n";
    staged.project.write("rows.toml", &rows.replace("\"-\"", "\"clean.csv\""));
    let mut job = staged.project.read("prices.toml");
    let binary = env!("CARGO_BIN_EXE_sheetkeep");
    let command = format!("[{binary:?}, \"run\", \"rows.toml\", \"--input\", \"${{SHEETKEEP_STAGE_INPUT}}\"]");
    job.extend(["\n[[stage]]\nname = \"rows\"\ncommand = ", &command, "\n"]);
    staged.project.write("prices.toml", &job);
    staged.run(&[]).exits(0).stdout_has("new 4");
    assert_eq!(staged.project.column("rows.toml", "Rows", "article"), ["bolt", "nut", "wrench"]);
}

#[test]
fn a_logical_date_that_is_not_a_date_is_refused() {
    let staged = StagedProject::new();
    for date in ["2026-13-45", "2026-11-2", "../../x", &"9".repeat(1_100)] {
        run_to_end(staged.command(date, &[]))
            .exits(78)
            .stderr_has("which is not a date")
            .stderr_has("write it as 2026-11-29");
    }
    assert_eq!(staged.files("data"), Vec::<String>::new());
}

#[test]
fn a_forced_run_is_refused_before_anything_is_taken_back() {
    let staged = StagedProject::new();
    staged.run(&[]).exits(0);
    staged.run(&["--force", "--input", "other.csv"]).exits(2).stderr_has("--input names records");
    assert_eq!(list_skipped(&staged.run(&[])), ["fetch", "transform", "upload"]);
}
