//! Changes to what a job remembers: reprocess, revoke, prune. Each command first reports what it
//! would do.

use crate::temp_project::TempProject;

#[test]
fn a_forced_run_first_reports_its_plan_and_needs_yes() {
    let project = TempProject::with_few_quakes(5).with_small_commits(2);
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 5");
    project.write("usgs-all-week.geojson", &crate::temp_project::make_feed(1..7));
    let ended = project.run(&["run", "quakes.toml", "--force"]);
    ended
        .exits(0)
        .stdout_has("would process 4 keys again and append about 4 rows to tab Quakes")
        .stdout_has("2 keys were never processed")
        .stdout_has("nothing was written");
    let document = project.run(&["run", "quakes.toml", "--force", "--json"]).exits(0).document();
    assert_eq!((&document["again"], &document["new"], &document["written"]), (&4.into(), &2.into(), &false.into()));
    project.expect_each_quake_once(5);

    project.run(&["run", "quakes.toml", "--force", "--yes"]).exits(0).stdout_has("new 6 · skipped 0");
    let ids = project.column("quakes.toml", "Quakes", "id");
    let count = |id: &String| ids.iter().filter(|other| *other == id).count();
    assert_eq!(ids.iter().map(count).collect::<Vec<_>>(), [1, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1]);
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["succeeded"; 3]);
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 6");
}

#[test]
fn a_forced_run_in_upsert_mode_writes_rows_over() {
    let project = TempProject::with_few_quakes(3);
    project.replace_in("quakes.toml", "mode = \"append\"", "mode = \"upsert\"");
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 3");
    project.run(&["run", "quakes.toml", "--force"]).exits(0).stdout_has("again and rewrite about 3 rows of tab Quakes");
    project
        .run(&["run", "quakes.toml", "--force", "--yes"])
        .exits(0)
        .stdout_has("0 rows added")
        .stdout_has("3 rows updated");
}

#[test]
fn what_can_not_be_forced_says_why() {
    let project = TempProject::with_few_quakes(3);
    project.run(&["run", "quakes.toml", "--force"]).exits(66).stderr_has("it has never run");
    project.run(&["run", "quakes.toml", "--yes"]).exits(2).stderr_has("--force");
    project.run(&["run", "quakes.toml", "--force", "--retry-failures"]).exits(2);
    project.run(&["run", "quakes.toml", "--force", "--input", "-"]).exits(2).stderr_has("reads its source twice");
    project.run(&["run", "quakes.toml", "--force", "--yes"]).exits(0).stdout_has("new 3");
}

#[test]
fn a_reset_says_first_what_it_would_do_and_leaves_the_rows() {
    let project = TempProject::with_few_quakes(4);
    project.run(&["reset", "quakes.toml"]).exits(66).stderr_has("it has never run");
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 4");
    project
        .run(&["reset", "quakes.toml"])
        .exits(0)
        .stdout_has("would revoke 4 keys and close 0 failures; the rows of tab Quakes stay unchanged")
        .stdout_has("nothing was written");
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 4");
    let document = project.run(&["reset", "quakes.toml", "--yes", "--json"]).exits(0).document();
    assert_eq!((&document["keys"], &document["rows"], &document["written"]), (&4.into(), &4.into(), &true.into()));
    assert_eq!(project.column("quakes.toml", "Quakes", "id").len(), 4);
    assert_eq!(project.column("quakes.toml", "Runs", "trigger"), ["cli", "cli", "reset"]);
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 4 · skipped 0");
    assert_eq!(project.column("quakes.toml", "Quakes", "id").len(), 8);
}

#[test]
fn pruning_says_first_what_would_go_and_makes_room_with_yes() {
    let project = TempProject::with_few_quakes(3);
    project.replace_in("quakes.toml", "mode = \"append\"", "mode = \"upsert\"");
    project.run(&["prune", "quakes.toml"]).exits(66).stderr_has("it has never run");
    project.run(&["run", "quakes.toml"]).exits(0);
    project.run(&["prune", "quakes.toml"]).exits(0).stdout_has("0 cells in all").stdout_has("nothing to prune");
    project.run(&["reset", "quakes.toml", "--yes"]).exits(0);
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 3");
    let ended = project.run(&["prune", "quakes.toml", "--older-than", "0s"]);
    ended
        .exits(0)
        .stdout_has("Runs: 2 runs")
        .stdout_has("6 rows that are revoked or superseded")
        .stdout_has("nothing was written");
    let document = project.run(&["prune", "quakes.toml", "--older-than", "0s", "--json"]).exits(0).document();
    assert_eq!(
        (&document["runs"], &document["settled_rows"], &document["written"]),
        (&2.into(), &6.into(), &false.into())
    );
    let done = project.run(&["prune", "quakes.toml", "--older-than", "0s", "--yes"]);
    done.exits(0).stdout_has("deleted rows older than").stdout_has("6 rows");
    assert_eq!(project.column("quakes.toml", "Processed quakes", "state"), ["done"; 3]);
    assert_eq!(project.column("quakes.toml", "Runs", "trigger"), ["cli", "prune"]);
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 3");
    project.run(&["fsck", "quakes.toml"]).exits(0);
}

#[test]
fn keys_are_removed_only_with_forget_and_it_says_how_many() {
    let project = TempProject::with_few_quakes(4);
    project.run(&["run", "quakes.toml"]).exits(0);
    project.write("usgs-all-week.geojson", &crate::temp_project::make_feed(1..3));
    let keys = ["prune", "quakes.toml", "--older-than", "0s", "--keys"];
    project
        .run(&keys)
        .exits(0)
        .stdout_has("4 keys in 4 rows")
        .stdout_has("it yields 2 of them today, which the next run would process again");
    let refused = project.run(&[&keys[..], &["--yes"]].concat());
    refused.exits(2).stderr_has("delete 4 keys").stderr_has("it yields 2 of them today").stderr_has("--delete-yielded");
    assert_eq!(project.column("quakes.toml", "Processed quakes", "key").len(), 4);
    project
        .run(&["prune", "quakes.toml", "--older-than", "0s"])
        .exits(0)
        .stdout_has("4 keys that old, kept unless you use --delete-yielded");
    project
        .run(&["prune", "quakes.toml", "--older-than", "0s", "--delete-yielded"])
        .exits(0)
        .stdout_has("4 keys in 4 rows");
    project.run(&[&keys[..], &["--forget", "--yes"]].concat()).exits(0).stdout_has("deleted rows");
    assert!(project.column("quakes.toml", "Processed quakes", "key").is_empty());
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 2 · skipped 0");
}
