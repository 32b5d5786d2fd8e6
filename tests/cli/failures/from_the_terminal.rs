//! Failures, handled from the terminal.

use crate::temp_project::TempProject;

#[test]
fn failures_are_listed_tried_again_and_left_alone_by_their_keys() {
    let project = TempProject::with(&["hard/hard-jsonl.toml"]);
    project.write(
        "hard.jsonl",
        "{\"id\": \"a\", \"amount\": \"1,5\"}\n{\"id\": \"b\", \"amount\": \"2,5\"}\n{\"id\": \"c\", \"amount\": 3}\n",
    );
    project.run(&["run", "hard-jsonl.toml"]).exits(3).stdout_has("failed 2");
    project
        .run(&["failures", "list", "hard-jsonl.toml"])
        .exits(0)
        .stdout_has("a  open")
        .stdout_has("b  open")
        .stdout_has("1,5");
    project.run(&["failures", "skip", "hard-jsonl.toml", "a"]).exits(0).stdout_has("skipped 1");
    project.run(&["failures", "retry", "hard-jsonl.toml", "b"]).exits(3).stderr_has("2,5");
    project.run(&["failures", "list", "hard-jsonl.toml"]).exits(0).stdout_has("a  skipped").stdout_has("b  open");
    project
        .run(&["failures", "retry", "hard-jsonl.toml", "nobody"])
        .exits(5)
        .stderr_has("no failure of key \"nobody\"");
    project.run(&["run", "hard-jsonl.toml", "--retry-failures"]).exits(3).stdout_has("read 1").stdout_has("failed 1");
    project.run(&["status", "hard-jsonl.toml"]).exits(0).stdout_has("1 open, 1 skipped");
    let all = project.run(&["failures", "retry", "hard-jsonl.toml", "--all"]);
    all.exits(3)
        .stderr_has("1 skipped failure left as before; to take what is skipped: --state skipped")
        .stdout_has("read 1");
    project.run(&["failures", "list", "hard-jsonl.toml"]).exits(0).stdout_has("a  skipped").stdout_has("b  open");
    project.run(&["failures", "retry", "hard-jsonl.toml", "--state", "skipped"]).exits(3).stdout_has("read 1");
    project.run(&["failures", "list", "hard-jsonl.toml"]).exits(0).stdout_has("a  open");
    project
        .run(&["failures", "skip", "hard-jsonl.toml", "--state", "gone"])
        .exits(2)
        .stderr_has("open, exhausted or skipped");
}

#[test]
fn the_failure_of_a_keyless_record_is_explained_as_it_is_listed() {
    let project = TempProject::orders("", "a,1\nb\n");
    project.run(&["run", "orders.toml"]).exits(3).stdout_has("failed 1");
    let listed = project.run(&["failures", "list", "orders.toml"]).stdout;
    let id = listed.split_whitespace().next().expect("a key").to_owned();
    for key in [id.clone(), format!("#{id}")] {
        project.run(&["explain", "orders.toml", &key]).exits(0).stdout_has("open after 1 attempt");
    }
}
