//! Failures of records whose key can't be read: lines of a table with too few fields, or no key.

use crate::temp_project::TempProject;

const JOB: &str =
    "name = \"people\"\n[source]\ncsv = \"people.csv\"\n[item]\nkey = \".email\"\n[sheet]\ntab = \"People\"\n";

/// A job whose second record has one field where the header row has two; and that failure's id.
fn short_line() -> (TempProject, String) {
    let project = TempProject::empty();
    project.write("people.toml", JOB);
    project.write("people.csv", "email,name\na@x.org,Ada\nb@x.org\n");
    project.run(&["run", "people.toml"]).exits(3).stdout_has("failed 1");
    let listed = project.run(&["failures", "list", "people.toml"]);
    let is_id = |word: &&str| word.trim_start_matches('#').len() == 16 && !word.contains('@');
    let id = listed.stdout.split_whitespace().find(is_id).expect("the id of a record without a key");
    let id = id.trim_start_matches('#').to_owned();
    (project, id)
}

#[test]
fn a_corrected_line_is_closed_as_explain_advises() {
    let (project, id) = short_line();
    project.write("people.csv", "email,name\na@x.org,Ada\nb@x.org,Bob\n");
    project.run(&["run", "people.toml"]).exits(0).stdout_has("new 1");
    let explained = project.run(&["explain", "people.toml", &format!("#{id}")]);
    explained.exits(0).stdout_has("close this with failures skip");
    project.run(&["failures", "skip", "people.toml", &id]).exits(0);
    assert!(!project.run(&["status", "people.toml"]).stdout.contains("1 open"));
}

#[test]
fn a_retried_line_keeps_its_error_and_gets_advice() {
    let (project, id) = short_line();
    for _ in 0..2 {
        project.run(&["failures", "retry", "people.toml", &id]).exits(3);
    }
    let errors = project.column("people.toml", "Failures people", "error");
    let last = errors.last().expect("a failure");
    assert!(last.starts_with(&errors[0]) && errors[0].contains("field"), "{errors:?}");
    assert_eq!(last.matches("not JSON").count(), 1, "{last}");
}
