//! A run with an item of 300,023 bytes, more than a pipe holds. It is killed while it hands the
//! item over, and while the item's program works. The program gets the whole item, or never starts.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::disk::compile_killer;
use crate::temp_project::TempProject;

/// Bytes of the item as the program reads it, with its line end.
const ITEM: usize = 300_023;
/// Bytes that a pipe holds.
const PIPE: usize = 65_536;

/// A job of one item. Its program keeps its idempotency key. The first time it also reads so many
/// bytes, reports its process id, waits until it may go on, and reads the rest.
fn make_project(read_before: usize) -> TempProject {
    let worker = format!(
        "echo $SHEETKEEP_IDEMPOTENCY_KEY >> keys\n\
         [ -p go ] || exec cat > again\n\
         head -c {read_before} > first\n\
         echo $$ > pid && mv pid begun\n\
         read -r word < go\n\
         cat > rest && mv rest over\n"
    );
    let project = TempProject::worker("[[step]]\nmap = \"{id}\"\n", &worker);
    let around = "{\"id\":\"a\",\"text\":\"\"}\n".len();
    project.write("items.jsonl", &format!("{{\"id\":\"a\",\"text\":\"{}\"}}\n", "x".repeat(ITEM - around)));
    project
}

/// A pipe that opens without a partner, so that no test waits for one that died.
fn make_pipe(project: &TempProject) -> File {
    let path = project.path("go");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo can be run").success());
    File::options().read(true).write(true).open(path).expect("a pipe")
}

/// Waits until the program has made this file.
fn wait_for_file(project: &TempProject, name: &str, is_alive: impl Fn() -> bool) {
    while !project.path(name).exists() {
        assert!(is_alive() || project.path(name).exists(), "it died before it made {name}");
        std::thread::yield_now();
    }
}

/// The next run calls the program once more, with the same idempotency key and the whole item.
fn expect_next_run_completes(project: &TempProject, keys: usize) {
    project.run(&["run", "work.toml"]).exits(0).stdout_has("new 1");
    let noted = project.read("keys");
    let all: Vec<_> = noted.lines().collect();
    assert!(all.len() == keys && all.iter().all(|key| *key == all[0] && key.starts_with("sk1_")), "{all:?}");
    assert_eq!(fs::metadata(project.path("again")).expect("the program was called").len(), ITEM as u64);
    project.run(&["run", "work.toml"]).exits(0).stdout_has("new 0");
    assert_eq!(project.read("keys"), noted, "it is done");
}

#[test]
fn a_program_of_a_killed_run_reads_its_whole_item() {
    for read_before in [0, 1, PIPE] {
        let project = make_project(read_before);
        let mut go = make_pipe(&project);
        let mut live = project.start(&["run", "work.toml"]);
        let run = format!("/proc/{}/exe", live.id());
        wait_for_file(&project, "begun", || fs::read_link(&run).is_ok());
        live.kill();
        assert_eq!(live.close_and_wait().code, None, "killed");
        let program = format!("/proc/{}/exe", project.read("begun").trim());
        go.write_all(b"go\n").expect("the pipe takes a word");
        wait_for_file(&project, "over", || fs::read_link(Path::new(&program)).is_ok());
        let sizes = ["first", "over"].map(|name| project.read(name).len());
        assert_eq!(sizes, [read_before, ITEM - read_before]);
        assert_eq!(project.read("first") + &project.read("over"), project.read("items.jsonl"));
        fs::remove_file(project.path("go")).expect("it was there");
        expect_next_run_completes(&project, 2);
    }
}

#[test]
fn no_program_starts_with_an_item_that_is_cut_off() {
    let project = make_project(0);
    let preload = compile_killer().to_string_lossy();
    let killed =
        project.run_with(&[("LD_PRELOAD", &preload), ("KILL_IN_WRITE_OF", &ITEM.to_string())], &["run", "work.toml"]);
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert!(!project.path("keys").exists(), "its program has started");
    expect_next_run_completes(&project, 1);
}
