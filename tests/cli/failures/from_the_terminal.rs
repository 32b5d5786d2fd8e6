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
}
