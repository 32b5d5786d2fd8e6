//! Programs as steps: run once per item, with a stable key, and not again for what a crash left on
//! this machine.

use crate::temp_project::TempProject;

const JOB: &str = r#"
name = "letters"

[source]
jsonl = "people.jsonl"

[item]
key = ".id"

[[step]]
name = "letter"
command = ["sh", "letter.sh"]

[commit]
every = "1h"

[sheet]
tab = "Letters"
"#;

/// Records recipients and keys; waits at one of them until a file exists.
const LETTER: &str = r#"
read -r person
echo "$SHEETKEEP_KEY $SHEETKEEP_IDEMPOTENCY_KEY" >> sent.txt
case "$SHEETKEEP_KEY" in
    slow) while [ ! -e finish ]; do sleep 0.01; done ;;
    gone) echo "no such address" >&2; exit 3 ;;
esac
echo "{\"id\": \"$SHEETKEEP_KEY\", \"receipt\": \"$SHEETKEEP_IDEMPOTENCY_KEY\"}"
"#;

fn make_project(people: &[&str]) -> TempProject {
    let project = TempProject::empty();
    project.write("letters.toml", JOB);
    project.write("letter.sh", LETTER);
    let lines: Vec<String> = people.iter().map(|id| format!("{{\"id\": \"{id}\"}}")).collect();
    project.write("people.jsonl", &lines.join("\n"));
    project
}

fn read_sent(project: &TempProject) -> Vec<(String, String)> {
    let text = project.read("sent.txt");
    let words = |line: &str| line.split_once(' ').map(|(key, id)| (key.to_owned(), id.to_owned()));
    text.lines().filter_map(words).collect()
}

#[test]
fn a_program_gets_each_item_and_what_it_says_becomes_rows() {
    let project = make_project(&["a", "gone", "b"]);
    project
        .run(&["run", "letters.toml"])
        .exits(3)
        .stdout_has("new 2")
        .stderr_has("letter: sh ended with 3: no such address");
    assert_eq!(project.column("letters.toml", "Letters", "id"), ["a", "b"]);
    let receipts: Vec<String> =
        read_sent(&project).into_iter().filter(|(key, _)| key != "gone").map(|(_, id)| id).collect();
    assert_eq!(project.column("letters.toml", "Letters", "receipt"), receipts);
    assert!(receipts.iter().all(|id| id.starts_with("sk1_")), "{receipts:?}");
    // A failed item is tried again under the same key; a processed one is not.
    project.run(&["run", "letters.toml"]).exits(3).stdout_has("new 0 · skipped 2");
    let gone: Vec<String> =
        read_sent(&project).into_iter().filter(|(key, _)| key == "gone").map(|(_, id)| id).collect();
    assert!(gone.len() == 2 && gone[0] == gone[1] && read_sent(&project).len() == 4, "{gone:?}");
}

#[test]
fn effects_before_a_kill_are_not_repeated_by_the_next_run() {
    let project = make_project(&["a", "b", "slow", "c"]);
    let mut live = project.start(&["run", "letters.toml"]);
    while !project.path("sent.txt").exists() || read_sent(&project).len() < 3 {
        assert!(!live.has_ended(), "it waits at the slow one");
        std::thread::yield_now();
    }
    live.kill();
    live.close_and_wait();
    project.write("finish", "");
    let next = project.run(&["run", "letters.toml"]);
    next.exits(0).stderr_has("2 results that an earlier run kept").stdout_has("new 4");
    assert!(!next.stdout.contains("twice in this source"), "{}", next.stdout);
    let keys: Vec<String> = read_sent(&project).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "b", "slow", "slow", "c"]);
    assert_eq!(project.column("letters.toml", "Letters", "id"), ["a", "b", "slow", "c"]);
}

#[test]
fn at_most_once_an_item_hit_by_a_kill_is_in_doubt() {
    let project = make_project(&["a", "b", "slow", "c"]);
    project.replace_in("letters.toml", "command =", "delivery = \"at-most-once\"\ncommand =");
    let mut live = project.start(&["run", "letters.toml"]);
    while !project.path("sent.txt").exists() || read_sent(&project).len() < 3 {
        assert!(!live.has_ended(), "it waits at the slow one");
        std::thread::yield_now();
    }
    live.kill();
    live.close_and_wait();
    project.write("finish", "");
    project.run(&["run", "letters.toml"]).exits(3).stderr_has("in doubt").stdout_has("new 2");
    let keys: Vec<String> = read_sent(&project).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "b", "slow"], "what had been marked is in doubt, whether or not its program was started");
    assert_eq!(project.column("letters.toml", "Failures letters", "key"), ["slow", "c"]);
    project.run(&["failures", "retry", "letters.toml", "slow", "c"]).exits(0).stdout_has("new 2");
    assert_eq!(read_sent(&project).len(), 5);
}

#[test]
fn a_step_with_two_actions_or_none_is_reported_by_line() {
    let project = make_project(&["a"]);
    project.replace_in("letters.toml", "command =", "map = \".\"\ncommand =");
    project.run(&["run", "letters.toml"]).exits(78).stderr_has("both `map` and `command`");
    project.replace_in("letters.toml", "map = \".\"\ncommand = [\"sh\", \"letter.sh\"]", "");
    project.run(&["run", "letters.toml"]).exits(78).stderr_has("neither `map` nor `command`");
}
