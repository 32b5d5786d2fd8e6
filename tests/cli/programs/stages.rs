//! Stages: commands with checkpoints, of the job in `fixtures/stages`.

use std::path::Path;
use std::process::Command;

use crate::live::Live;
use crate::temp_project::{Ended, TempProject, ended};
use crate::wire::{ApiClient, Emulator};

pub const ID: &str = "1AbC";
const FILES: [&str; 5] = ["prices.toml", "fetch.sh", "transform.sh", "upload.sh", "feed.csv"];
pub const DAY: &str = "2026-11-29";
/// A line of the feed that no transformation understands.
pub const BAD_FEED: &str = "article,count,price\nbolt,200,free\n";
/// A transformation that has written half of its file when it waits.
pub const SLOW_TRANSFORM: &str =
    "head -n 1 \"$SHEETKEEP_STAGE_INPUT\" > \"$SHEETKEEP_STAGE_OUTPUT\"\necho up >&2\nexec sleep 60\n";

/// Copies of the team's script, and the job of its stages.
pub struct Team {
    pub project: TempProject,
}

impl Team {
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

    pub fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(DAY, args))
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

pub fn skipped(ended: &Ended) -> Vec<&str> {
    ended.err.lines().filter_map(|line| line.strip_suffix(": already done, skipping")).collect()
}

#[test]
fn a_restart_skips_each_stage_that_is_done() {
    let team = Team::new();
    let first = team.run(&[]);
    first.exits(0).shows("new 3");
    assert_eq!(skipped(&first), Vec::<&str>::new());
    assert_eq!(team.project.read("outbox/2026-11-29.csv"), "article,total\nbolt,10\nnut,8\nwrench,37.5\n");
    std::fs::remove_dir_all(team.project.path("outbox")).expect("removed");
    let second = team.run(&[]);
    second.exits(0).says("fetch: already done, skipping").shows("skipped 3");
    assert_eq!(skipped(&second), ["fetch", "transform", "upload"]);
    assert_eq!(team.files("outbox"), Vec::<String>::new());
    assert_eq!(
        team.column("Processed prices", "key"),
        ["2026-11-29 fetch", "2026-11-29 transform", "2026-11-29 upload"]
    );
    let versions = team.column("Processed prices", "version");
    let hash = "sha256:4117122dd7fdf73ed7abeae97f2ded24aaf6b340fb01dcd051d42f2ff266e890";
    assert_eq!(versions[0], format!("data/2026-11-29/raw.csv 62 B {hash}"));
    assert_eq!(team.column("Stages prices", "path")[1], "data/2026-11-29/clean.csv");
    assert_eq!(team.column("Stages prices", "bytes"), ["62", "40", "40"]);
    assert_eq!(team.column("Runs", "status"), ["succeeded", "succeeded"], "one row a run");
}

#[test]
fn a_stage_that_is_killed_leaves_no_file_and_is_made_again() {
    let team = Team::new();
    team.project.write("transform.sh", SLOW_TRANSFORM);
    let mut live = Live::start(team.command(DAY, &[]));
    live.hears("up");
    // Killed and reaped; the stage has the pipes still.
    drop(live);
    assert!(!team.files("data/2026-11-29").contains(&"clean.csv".to_owned()), "no partial file in its place");
    team.restore("transform.sh");
    let second = team.run(&[]);
    second.exits(0).says("fetch: already done, skipping").says("died");
    assert_eq!(skipped(&second), ["fetch"]);
    assert_eq!(team.files("data/2026-11-29"), ["clean.csv", "raw.csv"], "what the kill has left is gone");
    assert_eq!(team.column("Runs", "status"), ["crashed", "succeeded"]);
}

#[test]
fn a_permanent_error_stops_the_stages_and_alerts_once() {
    let team = Team::new();
    team.project.write("feed.csv", BAD_FEED);
    let mut job = team.project.read("prices.toml");
    job.push_str("\n[[alerts.channel]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"cat >> alerts.txt; echo >> alerts.txt\"]\n");
    team.project.write("prices.toml", &job);
    let failed = team.run(&[]);
    failed
        .exits(1)
        .says("transform failed: ended with 1: ValueError: line 2: not a price: free")
        .says("continues from transform");
    assert_eq!(team.files("outbox"), Vec::<String>::new());
    assert_eq!(team.files("data/2026-11-29"), ["raw.csv"]);
    let again = team.run(&[]);
    again.exits(1);
    assert_eq!(skipped(&again), ["fetch"]);
    let alerts = team.project.read("alerts.txt");
    assert_eq!(alerts.matches("transform failed").count(), 1, "{alerts}");
    assert_eq!(team.column("Runs", "status"), ["failed", "failed"]);
    assert_eq!(team.column("Failures prices", "key"), Vec::<String>::new(), "it is not a dead letter");
    team.project.write("fetch.sh", "echo 'not again' >&2; exit 1\n");
    team.project.write("transform.sh", "cp \"$SHEETKEEP_STAGE_INPUT\" \"$SHEETKEEP_STAGE_OUTPUT\"\n");
    let third = team.run(&[]);
    third.exits(0).shows("new 2 · skipped 1");
    assert_eq!(team.project.read("outbox/2026-11-29.csv"), BAD_FEED);
    assert_eq!(team.project.read("alerts.txt").matches("transform failed").count(), 1);
}

#[test]
fn transient_errors_are_retried_by_the_stages_policy() {
    let team = Team::new();
    team.project.write("fetch.sh", "echo x >> tried\n[ $(wc -l < tried) -lt 3 ] && exit 75\nexec cat feed.csv\n");
    team.run(&[]).exits(0).says("fetch: attempt 1 of 4: ended with 75").says("fetch: attempt 2 of 4");
    assert_eq!(team.column("Stages prices", "attempts")[0], "3");
    team.project.write("fetch.sh", "echo x >> tried\nexit 6\n");
    let gone = team.run(&["--force"]);
    gone.exits(69).says("fetch failed: ended with 6");
    assert_eq!(team.project.read("tried").lines().count(), 3 + 4);
    team.project.write("fetch.sh", "echo x >> tried\nexit 2\n");
    team.run(&[]).exits(1);
    assert_eq!(team.project.read("tried").lines().count(), 3 + 4 + 1, "2 is not among the codes");
}

#[test]
fn two_dates_have_their_own_stages_side_by_side() {
    let team = Team::new();
    team.run(&[]).exits(0);
    ended(team.command("2026-11-30", &[])).exits(0).shows("new 3");
    assert_eq!(skipped(&team.run(&[])), ["fetch", "transform", "upload"]);
    assert_eq!(team.files("outbox"), ["2026-11-29.csv", "2026-11-30.csv"]);
    assert_eq!(team.files("data"), ["2026-11-29", "2026-11-30"]);
}

#[test]
fn several_runs_of_a_day_are_distinguished() {
    let team = Team::new();
    let job = format!(
        "schedule = {{ cron = \"0 9,15 * * *\", timezone = \"Europe/Berlin\" }}\n{}",
        team.project.read("prices.toml")
    );
    team.project.write("prices.toml", &job);
    team.run(&[]).exits(78).says("several runs of a day would make this file").says("SHEETKEEP_LOGICAL_RUN");
    team.project.write("prices.toml", &job.replace("{SHEETKEEP_LOGICAL_DATE}", "{SHEETKEEP_LOGICAL_RUN}"));
    let at = |time: &str| {
        let mut command = team.command(DAY, &[]);
        command.env("SHEETKEEP_SCHEDULED_FOR", format!("2026-11-29T{time}:00Z"));
        ended(command)
    };
    at("08:00").exits(0).shows("new 3");
    at("14:00").exits(0).shows("new 3");
    at("08:00").exits(0).shows("skipped 3");
    assert_eq!(team.files("data"), ["2026-11-29T09:00+01:00", "2026-11-29T15:00+01:00"]);
    assert_eq!(team.column("Processed prices", "key")[3], "2026-11-29T15:00+01:00 fetch");
}

#[test]
fn a_file_that_changed_since_its_checkpoint_stops_the_run() {
    let team = Team::new();
    team.run(&[]).exits(0);
    team.project.write("data/2026-11-29/clean.csv", "edited\n");
    let changed = team.run(&[]);
    changed.exits(65).says("transform failed: data/2026-11-29/clean.csv is not what its checkpoint says");
    changed.says("run --from transform --date 2026-11-29\n");
    std::fs::remove_file(team.project.path("data/2026-11-29/raw.csv")).expect("removed");
    team.run(&[]).exits(65).says("fetch failed: data/2026-11-29/raw.csv is missing");
    team.run(&["--from", "fetch"]).exits(0).shows("new 3");
    assert_eq!(skipped(&team.run(&[])), ["fetch", "transform", "upload"]);
}

#[test]
fn force_and_from_do_stages_again() {
    let team = Team::new();
    team.project.write("upload.sh", "echo \"$SHEETKEEP_IDEMPOTENCY_KEY\" >> keys\n");
    team.run(&[]).exits(0);
    let from = team.run(&["--from", "transform"]);
    from.exits(0);
    assert_eq!(skipped(&from), ["fetch"]);
    let all = team.run(&["--force"]);
    all.exits(0);
    assert_eq!(skipped(&all), Vec::<&str>::new());
    let keys = team.project.read("keys");
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!((keys.len(), keys[0] == keys[1] && keys[1] == keys[2]), (3, true), "one key for one delivery");
    team.run(&["--from", "nowhere"]).exits(2).says("no stage \"nowhere\"").says("fetch, transform, upload");
    let orders = TempProject::orders("", "1,2\n");
    orders.run(&["run", "orders.toml", "--from", "fetch"]).exits(2).says("this job has none");
}

#[test]
fn what_is_not_delivered_is_a_dead_letter_and_sent_again() {
    let team = Team::new();
    team.project.write("upload.sh", "echo 'refused: 422' >&2\nexit 1\n");
    let failed = team.run(&[]);
    failed.exits(1).says("upload failed: ended with 1: refused: 422").says("dead/prices-2026-11-29-upload-clean.csv");
    assert_eq!(team.files("dead"), ["prices-2026-11-29-upload-clean.csv"]);
    assert_eq!(team.column("Failures prices", "key"), ["2026-11-29 upload"]);
    let kept = team.column("Failures prices", "payload").remove(0);
    for part in ["\"dead_letter\":\"dead/prices-2026-11-29-upload-clean.csv\"", "\"sha256\":\"c90b17", "\"bytes\":40"] {
        assert!(kept.contains(part), "{kept}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let file = team.project.path("dead/prices-2026-11-29-upload-clean.csv");
        assert_eq!(file.metadata().expect("there").permissions().mode() & 0o777, 0o600);
    }
    // Nothing else is needed for it.
    std::fs::remove_dir_all(team.project.path("data")).expect("removed");
    team.project.write("upload.sh", "cp \"$1\" sent.csv; echo $SHEETKEEP_LOGICAL_DATE > sent.date\n");
    let mut retry = team.project.command(&["failures", "retry", "prices.toml", "2026-11-29 upload"]);
    retry.env("SHEETKEEP_LOGICAL_DATE", "2026-12-05");
    ended(retry).exits(0);
    assert!(team.project.read("sent.csv").starts_with("article,total\n"));
    assert_eq!(team.project.read("sent.date"), "2026-11-29\n", "it is sent for its own date");
    assert_eq!(team.files("dead"), Vec::<String>::new());
    let states = team.column("Failures prices", "state");
    assert_eq!(states.last().map(String::as_str), Some("recovered"));
}

#[test]
fn a_later_run_sends_dead_letters_too() {
    let team = Team::new();
    team.project.write("upload.sh", "exit 1\n");
    team.run(&[]).exits(1);
    team.restore("upload.sh");
    ended(team.command("2026-11-30", &[])).exits(0).shows("recovered 1");
    assert_eq!(team.files("outbox"), ["2026-11-29.csv", "2026-11-30.csv"]);
    assert_eq!(team.files("dead"), Vec::<String>::new());
}

#[test]
fn a_dead_letter_that_changed_is_not_sent() {
    let team = Team::new();
    team.project.write("upload.sh", "exit 1\n");
    team.run(&[]).exits(1);
    team.restore("upload.sh");
    team.project.write("dead/prices-2026-11-29-upload-clean.csv", "edited\n");
    let retry = team.project.run(&["failures", "retry", "prices.toml", "2026-11-29 upload"]);
    retry.exits(3).says("has changed since it was kept");
    assert_eq!(team.files("outbox"), Vec::<String>::new());
    assert!(team.run(&[]).exits(0).err.contains("transform: already done, skipping"), "the same run delivers it anew");
    assert_eq!(team.files("dead"), Vec::<String>::new());
}

#[test]
fn a_signal_ends_a_stage_gracefully_and_without_an_alert() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let team = Team::new();
        let mut job = team.project.read("prices.toml");
        job.push_str("\n[[alerts.channel]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"cat >> alerts.txt\"]\n");
        team.project.write("prices.toml", &job);
        let trap = "trap 'echo bye >> bye; exit 1' INT TERM\n";
        team.project.write(
            "transform.sh",
            &format!("{trap}echo half > \"$SHEETKEEP_STAGE_OUTPUT\"\necho up >&2\nsleep 600 & wait\n"),
        );
        let mut live = Live::start(team.command(DAY, &[]));
        live.hears("up");
        live.signal(signal);
        live.ends_by_itself().exits(code);
        assert_eq!(team.project.read("bye"), "bye\n", "the stage was asked to end");
        assert_eq!(team.files("data/2026-11-29"), ["raw.csv"]);
        assert!(!team.project.path("alerts.txt").exists());
        assert_eq!(team.column("Runs", "status"), ["interrupted"]);
        assert_eq!(team.column("Failures prices", "key"), Vec::<String>::new());
        team.restore("transform.sh");
        assert_eq!(skipped(&team.run(&[])), ["fetch"]);
    }
}

#[test]
fn of_two_machines_one_runs_the_stages() {
    let team = Team::new();
    let emulator = Emulator::start(&team.project, &["--spreadsheet-id", ID]);
    let on = |machine: &str| {
        let mut command = emulator.command(&team.project, ID, &["run", "prices.toml"]);
        command.env("XDG_STATE_HOME", team.project.path(machine)).env("SHEETKEEP_LOGICAL_DATE", DAY);
        command
    };
    assert!(Command::new("mkfifo").arg(team.project.path("gate")).status().expect("mkfifo can be run").success());
    team.project.write(
        "transform.sh",
        "echo up >&2; read line < gate; exec cp \"$SHEETKEEP_STAGE_INPUT\" \"$SHEETKEEP_STAGE_OUTPUT\"\n",
    );
    let mut live = Live::start(on("one"));
    live.hears("up");
    ended(on("two")).exits(75).says("is running it on");
    team.project.write("gate", "go\n");
    live.ends_by_itself().exits(0);
    let second = ended(on("two"));
    assert_eq!(skipped(second.exits(0)), ["fetch", "transform", "upload"]);
    let client = ApiClient::of(emulator, ID);
    assert_eq!(client.column("Processed prices", "key").len(), 3);
}

#[test]
fn mistakes_in_stages_are_named_with_what_to_do() {
    let team = Team::new();
    let job = team.project.read("prices.toml");
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
        team.project.write("prices.toml", &job.replacen(from, to, 1));
        team.run(&[]).exits(78).says(says);
    }
    team.project.write("prices.toml", &job);
    team.project.write("fetch.sh", "exit 0\n");
    team.run(&[]).exits(1).says("wrote neither to $SHEETKEEP_STAGE_OUTPUT nor to its standard output");
}

#[test]
fn plan_and_status_say_how_far_each_stage_is() {
    let team = Team::new();
    let day = [("SHEETKEEP_LOGICAL_DATE", DAY)];
    let before = team.project.run_with(&day, &["plan", "prices.toml"]);
    before.exits(0).shows("fetch: sh fetch.sh makes data/2026-11-29/raw.csv").shows("now: not done yet");
    before.shows("if it runs twice: it delivers the file again, with the same SHEETKEEP_IDEMPOTENCY_KEY");
    assert!(!team.project.path("prices.sheet").exists(), "a plan writes nothing");
    team.project.write("upload.sh", "exit 1\n");
    team.run(&[]).exits(1);
    let after = team.project.run_with(&day, &["plan", "prices.toml", "--json"]).document();
    let found: Vec<_> = after["stages"].as_array().expect("stages").iter().map(|stage| &stage["state"]).collect();
    assert_eq!(found, ["done", "done", "failed"], "{after}");
    let status = team.project.run_with(&day, &["status", "prices.toml"]);
    status.exits(0).shows("fetch already done, skipping (of 2026-11-29)");
    status.shows("upload failed in 1 run; its file is a dead letter, which the next run sends");
    team.project.write("data/2026-11-29/raw.csv", "edited");
    let changed = team.project.run_with(&day, &["status", "prices.toml", "--json"]).document();
    assert_eq!(changed["stages"][0]["state"], "changed", "{changed}");
    assert_eq!((&changed["job"], &changed["stages"][1]["state"]), (&"prices".into(), &"open".into()));
}

#[test]
fn check_names_the_stages_and_a_program_that_is_missing() {
    let team = Team::new();
    team.project.run(&["check", "prices.toml"]).exits(0).shows("the job has the stages fetch, transform, upload");
    team.project.change("prices.toml", "[\"sh\", \"upload.sh\"", "[\"./none\", \"upload.sh\"");
    team.project.run(&["check", "prices.toml"]).exits(78).shows("the program of step upload can't be run");
    team.run(&[]).exits(78).says("the program of step upload can't be run: ./none is not there");
    assert_eq!(team.files("data"), Vec::<String>::new(), "no stage has begun");
}

#[test]
fn flags_about_records_are_refused_for_stages() {
    let team = Team::new();
    team.run(&["--input", "feed.csv"]).exits(2).says("--input names records");
    team.project.run(&["plan", "prices.toml", "--out", "p"]).exits(2).says("a job of stages has no --out");
}

#[test]
fn the_last_stage_may_run_a_job_of_records() {
    let team = Team::new();
    let rows = "name = \"rows\"\n[source]\ncsv = \"-\"\n[item]\nkey = \".article\"\n[sheet]\ntab = \"Rows\"\n";
    team.project.write("rows.toml", &rows.replace("\"-\"", "\"clean.csv\""));
    let mut job = team.project.read("prices.toml");
    let binary = env!("CARGO_BIN_EXE_sheetkeep");
    let command = format!("[{binary:?}, \"run\", \"rows.toml\", \"--input\", \"${{SHEETKEEP_STAGE_INPUT}}\"]");
    job.extend(["\n[[stage]]\nname = \"rows\"\ncommand = ", &command, "\n"]);
    team.project.write("prices.toml", &job);
    team.run(&[]).exits(0).shows("new 4");
    assert_eq!(team.project.column("rows.toml", "Rows", "article"), ["bolt", "nut", "wrench"]);
}

#[test]
fn a_logical_date_that_is_not_a_date_is_refused() {
    let team = Team::new();
    for date in ["2026-13-45", "2026-11-2", "../../x", &"9".repeat(1_100)] {
        ended(team.command(date, &[])).exits(78).says("which is not a date").says("write it as 2026-11-29");
    }
    assert_eq!(team.files("data"), Vec::<String>::new());
}

#[test]
fn a_forced_run_is_refused_before_anything_is_taken_back() {
    let team = Team::new();
    team.run(&[]).exits(0);
    team.run(&["--force", "--input", "other.csv"]).exits(2).says("--input names records");
    assert_eq!(skipped(&team.run(&[])), ["fetch", "transform", "upload"]);
}

/// Replaces the kept record of the only failure.
fn edit_payload(team: &Team, edit: impl Fn(&str) -> String) {
    let client = ApiClient::of_file(&team.project, "prices.sheet");
    let header = client.all_rows("Failures prices").remove(0);
    let column = header.iter().position(|name| name == "payload").expect("a column");
    let kept = client.column("Failures prices", "payload").remove(0);
    client.hands(&serde_json::json!([{"updateCells": {
        "start": {"sheetId": client.tab_id("Failures prices"), "rowIndex": 1, "columnIndex": column},
        "fields": "userEnteredValue",
        "rows": [{"values": [{"userEnteredValue": {"stringValue": edit(&kept)}}]}]}}]));
}

#[test]
fn an_edited_dead_letter_can_name_no_other_file() {
    let team = Team::new();
    team.project.write("upload.sh", "exit 1\n");
    team.run(&[]).exits(1);
    team.restore("upload.sh");
    let copy = team.project.read("data/2026-11-29/clean.csv");
    team.project.write("secret.csv", &copy);
    edit_payload(&team, |kept| kept.replace("dead/prices-2026-11-29-upload-clean.csv", "dead/../secret.csv"));
    let retry = team.project.run(&["failures", "retry", "prices.toml", "2026-11-29 upload"]);
    retry.exits(3).says("which is not a file in dead");
    assert_eq!((team.files("outbox"), team.project.read("secret.csv")), (Vec::new(), copy));
}

#[test]
fn an_edited_dead_letter_of_the_same_day_is_sent_once() {
    let team = Team::new();
    team.project.write("upload.sh", "exit 1\n");
    team.run(&[]).exits(1);
    team.project.write("upload.sh", "echo sent >> sent.txt\n");
    edit_payload(&team, |kept| format!("{kept} "));
    team.run(&[]).exits(0);
    assert_eq!(team.project.read("sent.txt"), "sent\n");
}
