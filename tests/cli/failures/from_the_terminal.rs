//! Failures, handled from the terminal.

use crate::temp_project::TempProject;

#[test]
fn failures_are_listed_tried_again_and_left_alone_by_their_keys() {
    let project = TempProject::with(&["hard/hard-jsonl.toml"]);
    project.write(
        "hard.jsonl",
        "{\"id\": \"a\", \"amount\": \"1,5\"}\n{\"id\": \"b\", \"amount\": \"2,5\"}\n{\"id\": \"c\", \"amount\": 3}\n",
    );
    project.run(&["run", "hard-jsonl.toml"]).exits(3).shows("failed 2");
    project.run(&["failures", "list", "hard-jsonl.toml"]).exits(0).shows("a  open").shows("b  open").shows("1,5");
    project.run(&["failures", "skip", "hard-jsonl.toml", "a"]).exits(0).shows("skipped 1");
    project.run(&["failures", "retry", "hard-jsonl.toml", "b"]).exits(3).says("2,5");
    project.run(&["failures", "list", "hard-jsonl.toml"]).exits(0).shows("a  skipped").shows("b  open");
    project.run(&["failures", "retry", "hard-jsonl.toml", "nobody"]).exits(5).says("no failure of key \"nobody\"");
    project.run(&["run", "hard-jsonl.toml", "--retry-failures"]).exits(3).shows("read 1").shows("failed 1");
    project.run(&["status", "hard-jsonl.toml"]).exits(0).shows("1 open, 1 skipped");
    let all = project.run(&["failures", "retry", "hard-jsonl.toml", "--all"]);
    all.exits(3).says("1 skipped failure left as before; to take what is skipped: --state skipped").shows("read 1");
    project.run(&["failures", "list", "hard-jsonl.toml"]).exits(0).shows("a  skipped").shows("b  open");
    project.run(&["failures", "retry", "hard-jsonl.toml", "--state", "skipped"]).exits(3).shows("read 1");
    project.run(&["failures", "list", "hard-jsonl.toml"]).exits(0).shows("a  open");
    project
        .run(&["failures", "skip", "hard-jsonl.toml", "--state", "gone"])
        .exits(2)
        .says("open, exhausted or skipped");
}

#[test]
fn the_failure_of_a_keyless_record_is_explained_as_it_is_listed() {
    let project = TempProject::orders("", "a,1\nb\n");
    project.run(&["run", "orders.toml"]).exits(3).shows("failed 1");
    let listed = project.run(&["failures", "list", "orders.toml"]).out;
    let id = listed.split_whitespace().next().expect("a key").to_owned();
    for key in [id.clone(), format!("#{id}")] {
        project.run(&["explain", "orders.toml", &key]).exits(0).shows("open after 1 attempt");
    }
}
