//! What a person needs every day: warnings in a quiet run, reasons of skipped records, failures by
//! kind.

use crate::temp_project::TempProject;

const JOB: &str = "name = \"orders\"\n[source]\ncsv = \"orders.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Orders\"\n\
                   columns = { amount = \"number\" }\n";

fn orders(csv: &str) -> TempProject {
    let project = TempProject::empty();
    project.write("orders.toml", JOB);
    project.write("orders.csv", csv);
    project
}

#[test]
fn a_quiet_run_reports_fields_that_came_and_went() {
    let project = orders("id,amount,note\n1,5,a\n");
    let first = project.run(&["run", "orders.toml", "--quiet"]);
    first.exits(0);
    assert!(!first.err.contains("warning"), "{}", first.err);
    project.write("orders.csv", "id,amount,colour\n1,5,red\n2,6,blue\n");
    project
        .run(&["run", "orders.toml", "--quiet"])
        .exits(0)
        .says("warning: orders.csv no longer has the field \"note\"")
        .says("warning: tab Orders has got new columns, because records have new fields: \"colour\"");
    let again = project.run(&["run", "orders.toml", "--quiet"]);
    assert!(!again.err.contains("new columns"), "{}", again.err);
}

#[test]
fn a_field_that_is_always_empty_now_is_reported_once() {
    const EMPTY: &str = "warning: the source's field \"note\" is empty in all 3 records";
    let project = orders("id,amount,note,spare\n1,5,a,\n2,6,b,\n3,7,c,\n");
    let run = || project.run(&["run", "orders.toml", "--quiet"]);
    for _ in 0..2 {
        // A column that was empty from the first run on is not a change.
        assert!(!run().err.contains("warning"));
    }
    project.write("orders.csv", "id,amount,note,spare\n4,5,,\n5,6,,\n6,7,,\n");
    run().exits(0).says(EMPTY);
    assert!(!run().err.contains("warning"));
    project.write("orders.csv", "id,amount,note,spare\n4,5,,\n5,6,x,\n6,7,,\n");
    assert!(!run().err.contains("warning"));
}

#[test]
fn skipped_records_have_a_reason_each() {
    let project = orders("id,amount\n1,5\n1,5\n2,x\n3,7\n");
    project.run(&["run", "orders.toml"]).exits(3).shows("skipped 1 (1 twice in this source)");
    project.run(&["failures", "skip", "orders.toml", "2"]).exits(0);
    project.run(&["run", "orders.toml"]).exits(0).shows("skipped 4 (3 done before, 1 by request)");
}

#[test]
fn failures_are_retried_by_what_they_are() {
    let project = orders("id,amount\n1,x\n2,\"1,5\"\n,7\n3,7\n");
    project.run(&["run", "orders.toml"]).exits(3).shows("failed 3");
    let listed = project.run(&["failures", "list", "orders.toml"]);
    listed
        .exits(0)
        .shows("where  orders.csv:3 (record 2)")
        .shows("a decimal comma?")
        .shows("3 failures, in local file");
    let is_id = |word: &&str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = listed.out.split_whitespace().find(is_id).expect("the id of a record without a key");
    project.run(&["failures", "retry", "orders.toml", "--error", "a decimal comma?"]).exits(3).shows("read 1");
    project.run(&["failures", "retry", "orders.toml", "--step", "output"]).exits(3).shows("read 2");
    project.run(&["failures", "skip", "orders.toml", id]).exits(0).shows("skipped 1 (1 by request)");
    project.run(&["failures", "retry", "orders.toml", "--step", "notify"]).exits(5).says("no failure is of this kind");
    project.run(&["failures", "retry", "orders.toml"]).exits(2);
    project.write("orders.csv", "id,amount\n1,1\n2,2\n,7\n3,7\n");
    let all = project.run(&["failures", "retry", "orders.toml", "--all"]);
    all.exits(0).shows("recovered 2").says("1 skipped failure left as before");
}
