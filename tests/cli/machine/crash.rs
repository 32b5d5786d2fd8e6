//! kill -9 at fifty points, then a clean run: nothing is lost, nothing doubled, and Runs shows
//! which runs died.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::SystemTime;

use crate::random_numbers::RandomNumbers;
use crate::running_command::RunningCommand;
use crate::temp_project::{QUAKES, TempProject};

const KILLS: u64 = 50;
/// Rows per commit: few, so that a whole run makes far more commits than there are kills.
const MAX_ROWS: usize = 4;
/// Maximum number of runs for the kills; a run may end before its kill.
const MAX_RUNS: u64 = 200;
/// Runs between two checks of the sheet.
const LOOK_EVERY: u64 = 5;

/// Returns size and time of the sheet's files; each write changes them.
fn read_sheet(project: &TempProject) -> [Option<(u64, SystemTime)>; 2] {
    ["quakes.sheet", "quakes.sheet-wal"].map(|name| {
        let file = fs::metadata(project.path(name)).ok()?;
        Some((file.len(), file.modified().ok()?))
    })
}

/// Lets the run reach one of three kinds of points. It has printed some lines, its files have
/// changed this many times (in the middle of a transaction), or many scheduler turns have passed
/// since.
fn wait_while_it_runs(live: &mut RunningCommand, project: &TempProject, kind: u64, random_numbers: &mut RandomNumbers) {
    live.wait_for_lines(1);
    if kind == 0 {
        live.wait_for_lines(usize::try_from(random_numbers.draw_below(6)).expect("few"));
    } else {
        let mut changes = 1 + random_numbers.draw_below(4);
        let mut last = read_sheet(project);
        while changes > 0 && !live.has_ended() {
            std::thread::yield_now();
            let now = read_sheet(project);
            changes -= u64::from(now != last);
            last = now;
        }
    }
    for _ in 0..random_numbers.draw_below(if kind == 2 { 5_000 } else { 200 }) {
        std::thread::yield_now();
    }
}

fn sum_column(project: &TempProject, tab: &str) -> u64 {
    let ended = project.run(&["show", "quakes.toml", "--tab", tab, "--last", "1", "--json"]);
    if ended.code == Some(66) { 0 } else { ended.document()["total"].as_u64().expect("a count") }
}

#[test]
fn after_fifty_kills_a_clean_run_completes_each_key_once() {
    let project = TempProject::quakes().with_small_commits(MAX_ROWS);
    let mut random_numbers = RandomNumbers(20_180_207);
    let mut killed: HashMap<String, bool> = HashMap::new();
    let (mut finished, mut cut_short) = (0, 0);
    for run in 0..MAX_RUNS {
        if killed.len() as u64 == KILLS {
            break;
        }
        let mut live = project.start(&["run", "quakes.toml", "-v"]);
        wait_while_it_runs(&mut live, &project, run % 3, &mut random_numbers);
        live.kill();
        let ended = live.close_and_wait();
        if run % LOOK_EVERY == 0 {
            let rows = sum_column(&project, "Quakes");
            assert_eq!(
                rows,
                sum_column(&project, "Processed quakes"),
                "rows and keys after run {run}:\n{}",
                ended.stderr
            );
            cut_short = if rows < QUAKES as u64 { killed.len() } else { cut_short };
        }
        if ended.code.is_some() {
            ended.exits(0);
            finished += 1;
            continue;
        }
        let name = ended.stderr.lines().find_map(|line| line.strip_suffix(" started")).expect("it prints its name");
        killed.insert(name.replace("quakes: run ", ""), ended.stderr.contains("claimed"));
    }
    assert_eq!(killed.len() as u64, KILLS, "most runs were over before their moment came");
    let claimed: Vec<&String> = killed.iter().filter(|(_, claimed)| **claimed).map(|(run, _)| run).collect();
    println!(
        "{KILLS} kills, {} after a claim was reported, {cut_short} or more before the last row was there",
        claimed.len()
    );
    assert!(cut_short >= 10, "the rows were there too early: {cut_short}");

    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("1,707 keys in all");
    project.expect_each_quake_once(QUAKES);
    let (runs, statuses) =
        (project.column("quakes.toml", "Runs", "run"), project.column("quakes.toml", "Runs", "status"));
    let recorded: HashSet<&String> = runs.iter().collect();
    assert_eq!(recorded.len(), runs.len(), "a run is recorded twice");
    let crashed: Vec<&String> =
        runs.iter().zip(&statuses).filter(|(_, status)| *status == "crashed").map(|(run, _)| run).collect();
    assert!(crashed.iter().all(|run| killed.contains_key(*run)), "another run crashed: {crashed:?}");
    for run in claimed {
        let at = runs.iter().position(|recorded| recorded == run);
        assert!(at.is_some(), "{run} had claimed the lease and is not recorded");
    }
    assert!(crashed.len() >= 10, "few kills came after a claim: {}", crashed.len());
    let succeeded = statuses.iter().filter(|status| *status == "succeeded").count();
    assert!(succeeded > finished && succeeded + crashed.len() == statuses.len(), "{statuses:?}");
    assert_eq!(statuses.last().map(String::as_str), Some("succeeded"));
}

#[test]
fn a_run_killed_at_its_source_is_ended_by_the_next_one() {
    let project = TempProject::with_few_quakes(10);
    let mut live = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    live.wait_for_line("claimed");
    live.kill();
    drop(live);
    project.run(&["status", "quakes.toml"]).exits(0).stdout_has("its process has ended");
    project.run(&["run", "quakes.toml"]).exits(0).stderr_has("died").stdout_has("new 10");
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["crashed", "succeeded"]);
}
