//! Two machines with one job and one service, killed at random points.

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::random_numbers::RandomNumbers;
use crate::running_command::RunningCommand;
use crate::sheet_checks::{check_runs, expect_each_key_once};
use crate::temp_project::{CommandOutput, TempProject, make_feed};

const ID: &str = "1CrashedSpreadsheet000000000000000000000000";
/// Number of kills of an ordinary run.
const ORDINARY: u64 = 40;
/// Records that each round adds to the feed; all fit in commits of two.
const RECORDS: usize = 8;
/// Maximum number of rounds per kill: a run may end before its kill.
const ROUNDS: u64 = 4;

/// Returns the number of kills that the environment sets.
#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not a setting")]
fn read_kill_count() -> u64 {
    std::env::var("CRASH").ok().and_then(|kills| kills.parse().ok()).unwrap_or(ORDINARY)
}

/// Starts a machine's run, with a state directory of its own.
fn start_run(emulator: &EmulatorProcess, project: &TempProject, machine: u64) -> RunningCommand {
    let mut command = emulator.command(project, ID, &["run", "quakes.toml", "-v"]);
    command.env("XDG_STATE_HOME", project.path(&format!("state of machine {machine}")));
    RunningCommand::start(command)
}

/// Lets it reach a random point: some lines of its output, and many scheduler turns.
fn let_it_run(live: &mut RunningCommand, random_numbers: &mut RandomNumbers) {
    live.wait_for_lines(1 + usize::try_from(random_numbers.draw_below(6)).expect("few"));
    for _ in 0..random_numbers.draw_below(4_000) {
        std::thread::yield_now();
    }
}

/// Checks that a run that was not killed ended well, found the other one working, or was taken
/// over.
#[track_caller]
fn expect_allowed_end(ended: &CommandOutput) {
    assert!(matches!(ended.code, None | Some(0 | 75)), "{ended:?}");
}

#[test]
fn two_machines_killed_at_random_lose_and_double_nothing() {
    let (kills, mut random_numbers) = (read_kill_count(), RandomNumbers(20_261_127));
    let project = TempProject::with_few_quakes(0).with_small_commits(2);
    project.replace_in("quakes.toml", "[commit]", "[lease]\nttl = \"1s\"\n\n[commit]");
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    let (mut killed, mut records) = (0, 0);
    for round in 0..kills * ROUNDS {
        if killed == kills {
            break;
        }
        records = (records + RECORDS).min(1_700);
        project.write("usgs-all-week.geojson", &make_feed(0..records));
        let mut victim = start_run(&emulator, &project, round % 2);
        let mut other = start_run(&emulator, &project, 1 - round % 2);
        let_it_run(&mut victim, &mut random_numbers);
        victim.kill();
        let both_die = random_numbers.draw_below(2) == 0;
        if both_die {
            let_it_run(&mut other, &mut random_numbers);
            other.kill();
        }
        for ended in [victim.close_and_wait(), other.close_and_wait()] {
            expect_allowed_end(&ended);
            killed += u64::from(ended.code.is_none());
        }
        killed = killed.min(kills);
    }
    assert_eq!(killed, kills, "most runs were over before their moment came");
    project.replace_in("quakes.toml", "max_rows = 2", "max_rows = 1000");
    // The last holder of the lease may have died with the other machine: its lease expires after a
    // second.
    let last =
        (0..200).map(|_| start_run(&emulator, &project, 0).close_and_wait()).find(|ended| ended.code != Some(75));
    last.expect("a lease of one second runs out").exits(0);
    let client = ApiClient::of(emulator, ID);
    let all: serde_json::Value = serde_json::from_str(&make_feed(0..records)).expect("the feed is JSON");
    let ids: Vec<String> = all["features"].as_array().expect("records").iter().map(|r| r["id"].to_string()).collect();
    let ids: Vec<String> = ids.iter().map(|id| id.trim_matches('"').to_owned()).collect();
    expect_each_key_once(&client, "Quakes", "Processed quakes", &ids);
    let (crashed, succeeded) = check_runs(&client, "Processed quakes");
    println!("{kills} kills of two machines, {records} records: {crashed} runs crashed, {succeeded} ended well");
    assert!(crashed > 5, "few kills came after a claim: {crashed}");
}
