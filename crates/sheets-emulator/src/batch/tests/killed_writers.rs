//! The file under stress: a writer that is killed at any moment, and many writers at the same time.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::batch::apply::batch_update;
use crate::batch::context::UnknownBehaviors;
use crate::error::ApiError;
use crate::grid::cell::Cell;
use crate::methods::create::create;
use crate::random::SeededRandom;
use crate::schema::response_mask::ResponseMask;
use crate::storage::store::SpreadsheetStore;
use serde_json::{Value, json};

const FILE: &str = "killed.sheet";

fn send(store: &SpreadsheetStore, requests: &Value) -> Result<Value, ApiError> {
    let body = json!({"requests": requests}).to_string();
    batch_update(store, "s", body.as_bytes(), &ResponseMask::All, UnknownBehaviors::default(), &SeededRandom::new(1))
}

fn make(path: &Path) -> SpreadsheetStore {
    let store = SpreadsheetStore::open(path).unwrap();
    let sheets =
        json!({"sheets": [{"properties": {"sheetId": 1, "title": "A"}}, {"properties": {"sheetId": 2, "title": "B"}}]});
    create(&store, "s", sheets.to_string().as_bytes(), &ResponseMask::All, &SeededRandom::new(1)).unwrap();
    send(&store, &json!([head(0)])).unwrap();
    store
}

fn head(n: u32) -> Value {
    json!({"addNamedRange": {"namedRange": {"namedRangeId": format!("h{n}"), "name": "head", "range": {"sheetId": 1}}}})
}

/// A batch that replaces a named range and appends rows to two sheets.
fn commit(n: u32) -> Value {
    let rows: Vec<Value> = vec![json!({"values": [{"userEnteredValue": {"numberValue": n}}]}); 50];
    let append = |sheet: i32| json!({"appendCells": {"sheetId": sheet, "rows": rows, "fields": "userEnteredValue"}});
    json!([{"deleteNamedRange": {"namedRangeId": format!("h{n}")}}, head(n + 1), append(1), append(2)])
}

/// Returns the number in the named range's id, after a check that both sheets agree with it.
fn commits_in(store: &SpreadsheetStore) -> u32 {
    let tx = store.read("s").unwrap();
    let head = tx.named_range_by_name("head").unwrap().expect("the head is never absent");
    let number: u32 = head.id.trim_start_matches('h').parse().unwrap();
    for sheet in [1, 2] {
        let rows = tx.rows(sheet, 0..u32::MAX).unwrap();
        assert_eq!(rows.len(), number as usize * 50, "tab {sheet}");
        for (row, cells) in rows {
            assert_eq!(cells, [Cell::number(f64::from(row / 50))]);
        }
    }
    number
}

/// The killed process: writes, and prints each acknowledged commit. The test below starts it in a
/// folder that contains a file for it. Anywhere else it does nothing.
#[test]
fn a_writer_that_will_be_killed() {
    if !Path::new(FILE).exists() {
        return;
    }
    let store = SpreadsheetStore::open(Path::new(FILE)).unwrap();
    let first = commits_in(&store);
    for n in first..first + 100_000 {
        send(&store, &commit(n)).unwrap();
        println!("\ncommitted {}", n + 1);
    }
}

#[test]
fn a_killed_writer_leaves_whole_commits_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = make(&folder.path().join(FILE));
    for round in 0..8_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "batch::tests::killed_writers::a_writer_that_will_be_killed", "--nocapture"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let got = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut got = got.filter_map(|line| line.strip_prefix("committed ").and_then(|n| n.parse::<u32>().ok()));
        let acknowledged = got.nth(round * 3).expect("the writer commits");
        child.kill().unwrap();
        let acknowledged = got.last().unwrap_or(acknowledged);
        child.wait().unwrap();
        let objects = commits_in(&store);
        assert!((acknowledged..=acknowledged + 1).contains(&objects), "{objects} kept, {acknowledged} acknowledged");
    }
}

#[test]
fn of_many_who_swap_one_head_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shared.sheet");
    drop(make(&path));
    for n in 0..5 {
        let won: usize = std::thread::scope(|scope| {
            let swap = || send(&SpreadsheetStore::open(&path).unwrap(), &commit(n));
            let racers: Vec<_> = (0..4).map(|_| scope.spawn(swap)).collect();
            let answers = racers.into_iter().map(|racer| racer.join().unwrap());
            answers.filter(|answer| answer.as_ref().map_err(|error| assert_eq!(error.code, 400)).is_ok()).count()
        });
        assert_eq!(won, 1);
    }
    assert_eq!(commits_in(&SpreadsheetStore::open(&path).unwrap()), 5);
}

/// The killed process with several writers: each prints its acknowledged rows.
#[test]
fn writers_that_will_be_killed() {
    if !Path::new(FILE).exists() {
        return;
    }
    let store = SpreadsheetStore::open(Path::new(FILE)).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                for n in 0..100_000 {
                    let number = n * WRITERS + writer;
                    let row = json!({"values": [{"userEnteredValue": {"numberValue": number}}]});
                    send(store, &json!([{"appendCells": {"sheetId": 1, "rows": [row], "fields": "*"}}])).unwrap();
                    println!("\nkept {number}");
                }
            });
        }
    });
}

const WRITERS: u32 = 8;

/// Commits of several writers reach the file together, each before its writer is acknowledged.
#[test]
fn a_copy_of_the_file_has_each_confirmed_write() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..6_usize {
        let (path, copy) = (folder.path().join(FILE), folder.path().join("copy.sheet"));
        drop(make(&path));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "batch::tests::killed_writers::writers_that_will_be_killed", "--nocapture"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let got = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut got = got.filter_map(|line| line.strip_prefix("kept ").and_then(|n| n.parse::<u32>().ok()));
        let mut objects: Vec<u32> = got.by_ref().take(20 + round * 7).collect();
        child.kill().unwrap();
        objects.extend(got);
        child.wait().unwrap();
        std::fs::copy(&path, &copy).unwrap();
        let store = SpreadsheetStore::open(&copy).unwrap();
        let rows = store.read("s").unwrap().rows(1, 0..u32::MAX).unwrap();
        let there: Vec<&[Cell]> = rows.iter().map(|(_, cells)| cells.as_slice()).collect();
        for number in objects {
            let times = there.iter().filter(|cells| **cells == [Cell::number(f64::from(number))]).count();
            assert_eq!(times, 1, "{number} of {} rows", there.len());
        }
        drop(store);
        for name in [FILE.to_owned(), format!("{FILE}-wal"), format!("{FILE}-shm"), "copy.sheet".to_owned()] {
            let _ = std::fs::remove_file(folder.path().join(name));
        }
    }
}
