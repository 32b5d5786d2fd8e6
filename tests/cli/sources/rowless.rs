//! Items without rows: processed all the same, counted and named.

use crate::temp_project::TempProject;

fn make_project(mode: &str, map: &str) -> TempProject {
    let project = TempProject::empty();
    let job = format!(
        "name = \"j\"\n[source]\ncsv = \"r.csv\"\n[item]\nkey = \".id\"\n[[step]]\nmap = '''{map}'''\n[sheet]\ntab = \"T\"\nmode = \"{mode}\"\n"
    );
    project.write("j.toml", &job);
    project.write("r.csv", "id,n\na,1\nb,\nc,3\nd,10 500\n");
    project
}

#[test]
fn items_that_make_no_row_are_counted_and_named() {
    for mode in ["append", "upsert"] {
        let project = make_project(mode, "select(.n != \"\") | {id, n}");
        project
            .run(&["run", "j.toml"])
            .exits(0)
            .stdout_has("new 4")
            .stdout_has("  1 item made no row\n")
            .stdout_has("3 rows added");
        assert_eq!(project.column("j.toml", "Runs", "message"), ["1 item made no row"]);
        let again = project.run(&["run", "j.toml", "--json"]);
        let again = again.exits(0).document();
        assert_eq!((&again["rowless"], &again["counts"]["skipped"]), (&0.into(), &4.into()), "{mode}");
    }
}

#[test]
fn items_without_a_row_are_named_beside_failures_too() {
    let project = make_project("append", "if .id == \"c\" then empty else {id, n: (.n | tonumber)} end");
    let ended = project.run(&["run", "j.toml", "--json"]);
    let document = ended.exits(3).document();
    assert_eq!((&document["rowless"], &document["counts"]["failed"]), (&1.into(), &2.into()));
    assert_eq!(document["message"], "2 failed; see Failures j; 1 item made no row");
    assert_eq!(project.column("j.toml", "Failures j", "key"), ["b", "d"]);
}

#[test]
fn a_number_with_a_blank_in_it_fails_and_makes_no_two_rows() {
    let project = make_project("append", "{id, n: (.n | tonumber)}");
    project
        .run(&["run", "j.toml"])
        .exits(3)
        .stdout_has("new 2")
        .stdout_has("failed 2")
        .stderr_has("cannot parse \"10 500\" as a number");
    assert_eq!(project.column("j.toml", "T", "id"), ["a", "c"]);
}

#[test]
fn a_member_of_the_items_path_that_comes_twice_stops_the_run() {
    let project = make_project("append", "{id}");
    project.replace_in("j.toml", "csv = \"r.csv\"", "json = \"d.json\"\nitems = \".data[]\"");
    project.write("d.json", "{\"data\":[{\"id\":\"a\"}],\n\"data\":[{\"id\":\"b\"}]}");
    project.run(&["check", "j.toml"]).exits(65).stdout_has("d.json:2:1").stdout_has("has the member \"data\" twice");
    let ended = project.run(&["run", "j.toml"]);
    ended
        .exits(65)
        .stderr_has("d.json:2:1")
        .stderr_has("has the member \"data\" twice")
        .stderr_has("rows of the first one are on the sheet");
    project.replace_in("j.toml", "\".data[]\"", "\".data[] | .\"");
    project.run(&["run", "j.toml", "--adopt"]).exits(0);
    assert_eq!(project.column("j.toml", "T", "id"), ["a", "b"]);
}

#[test]
fn such_a_member_is_known_before_rows_where_keys_are_read_first() {
    for (mode, order) in [("upsert", ""), ("upsert", "newer"), ("append", "newer")] {
        let project = make_project(mode, "{id}");
        project.replace_in("j.toml", "csv = \"r.csv\"", "json = \"d.json\"\nitems = \".data[]\"");
        if order == "newer" {
            project.replace_in("j.toml", "key = \".id\"", "key = \".id\"\nversion = \".v\"\norder = \"newer\"");
        }
        project.write("d.json", "{\"data\":[{\"id\":\"a\",\"v\":1}],\n\"data\":[{\"id\":\"b\",\"v\":1}]}");
        project
            .run(&["run", "j.toml"])
            .exits(65)
            .stderr_has("has the member \"data\" twice")
            .stderr_has("no record was processed");
        let text = project.read("d.json");
        let mut live = project.start(&["run", "j.toml", "--input", "-"]);
        live.write_input(&text);
        live.close_and_wait()
            .exits(65)
            .stderr_has("has the member \"data\" twice")
            .stderr_has("no record was processed");
        assert_eq!(project.column("j.toml", "Processed j", "key"), [""; 0], "{mode} {order}");
    }
}
