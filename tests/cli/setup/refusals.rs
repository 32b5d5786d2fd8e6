//! What can't be done, each with its exit code and with advice. The codes are published and never
//! renumbered.

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{TempProject, run_to_end};

const ITEMS: &str =
    "name = \"items\"\n[source]\ncsv = \"items.csv\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Items\"\n";

#[test]
fn the_exit_codes_are_frozen() {
    let project = TempProject::empty();
    let help = project.run(&["--help"]);
    let (_, table) = help.exits(0).stdout.split_once("Exit codes:\n").expect("help ends with the exit codes");
    let codes: Vec<(&str, &str)> = table.lines().filter_map(|line| line.trim().split_once("  ")).collect();
    let frozen = [
        ("0", "success, also when there was nothing to do"),
        ("1", "the job ran and failed"),
        ("2", "the command line is wrong"),
        ("3", "finished, but some items failed, or degraded (see --fail-on)"),
        ("4", "fsck: not consistent; lint: errors; drill: doubled, lost, not idempotent"),
        ("5", "key not found"),
        ("6", "late found a job that is late, stuck, stale, or never ran"),
        ("65", "invalid data in the input or the sheet"),
        ("66", "the input, the spreadsheet or a tab was not found"),
        ("69", "a service stayed out of reach after all retries"),
        ("70", "a bug in sheetkeep"),
        ("71", "the operating system refused a resource: processes, open files, memory"),
        ("73", "an output file can't be created"),
        ("74", "reading or writing on this machine failed"),
        ("75", "try again later: another run holds the lease, or a quota is exhausted"),
        ("76", "unexpected response from a service"),
        ("77", "access is missing"),
        ("78", "the job file or the environment is wrong"),
        ("124", "the run's own deadline ended it"),
        ("129", "SIGHUP; the items in progress are committed"),
        ("130", "SIGINT; the items in progress are committed"),
        ("143", "SIGTERM; the items in progress are committed"),
    ];
    assert_eq!(codes, frozen);
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let project = TempProject::quakes();
    for args in [
        &[] as &[&str],
        &["run"],
        &["run", "quakes.toml", "--nonsense"],
        &["walk", "quakes.toml"],
        &["run", "quakes.toml", "--fail-on", "sometimes"],
        &["run", "quakes.toml", "--spreadsheet", "a", "--embedded", "b"],
        &["show", "quakes.toml", "--last", "many"],
        &["emulate", "--port", "99999"],
        &["emulate", "--fault", "nonsense"],
        &["emulate", "--latency", "soon"],
    ] {
        let ended = project.run(args);
        assert!(ended.exits(2).stdout.is_empty() && !ended.stderr.is_empty(), "{args:?}");
    }
    assert_eq!(project.list_entries(), ["quakes.toml", "usgs-all-week.geojson"], "nothing is left behind");
}

#[test]
fn what_is_not_there_exits_with_66() {
    let project = TempProject::quakes();
    project.run(&["run", "nothing.toml"]).exits(66).stderr_has("nothing.toml was not found");
    project.run(&["status", "nothing.toml"]).exits(66);
    project.run(&["run", "quakes.toml", "--input", "nothing.json"]).exits(66).stderr_has("nothing.json was not found");
    project.run(&["status", "quakes.toml"]).exits(66).stderr_has("it has never run");
    project.run(&["show", "quakes.toml"]).exits(66).stderr_has("it has never run");
    assert!(!project.list_entries().contains(&"quakes.sheet".to_owned()), "a command that only reads makes no file");
    project.write("usgs-all-week.geojson", &crate::temp_project::make_feed(0..2));
    project.run(&["run", "quakes.toml"]).exits(0);
    let ended = project.run(&["show", "quakes.toml", "--tab", "Quaks"]);
    for tab in ["Quaks", "Quakes", "Processed quakes", "Failures quakes", "Runs"] {
        ended.exits(66).stderr_has(&format!("\"{tab}\""));
    }
    assert!(!ended.stderr.contains("sheetkeep quakes #"), "no output names the hidden tab: {}", ended.stderr);
}

#[test]
fn every_error_in_a_job_file_is_reported_at_once_with_its_line() {
    let project = TempProject::quakes();
    project.write(
        "bad.toml",
        "nmae = \"bad\"\n[source]\njson = \"usgs-all-week.geojson\"\nitms = \".features[]\"\n[item]\nkey = \".id |\"\n\
         [sheet]\ntab = \"Quakes\"\ncolumns = { time = \"datetme\" }\n[lease]\nttl = \"0s\"\n",
    );
    let ended = project.run(&["run", "bad.toml"]);
    ended.exits(78).stderr_has("5 things are wrong");
    for (place, hint) in [
        ("bad.toml:1:1", "did you mean `name`?"),
        ("bad.toml:4:1", "did you mean `items`?"),
        ("bad.toml:6:13", "expressions are jq"),
        ("bad.toml:9:20", "did you mean \"datetime\"?"),
        ("bad.toml:11:7", "out of bounds"),
    ] {
        ended.stderr_has(place).stderr_has(hint);
    }
    let error = project.run(&["run", "bad.toml", "--json"]).exits(78).error();
    let problems = error["problems"].as_array().expect("problems");
    assert_eq!((problems.len(), &error["exit_code"], &error["code"]), (5, &78.into(), &"config".into()));
    let last = problems.last().expect("a problem");
    assert_eq!((&last["file"], &last["line"], &last["column"]), (&"bad.toml".into(), &11.into(), &7.into()));
    assert!(!project.list_entries().contains(&"bad.sheet".to_owned()));
}

#[test]
fn a_spreadsheet_without_credentials_exits_with_77() {
    let project = TempProject::quakes();
    let ended = project.run(&["run", "quakes.toml", "--spreadsheet", "1AbC"]);
    ended
        .exits(77)
        .stderr_has("GOOGLE_APPLICATION_CREDENTIALS")
        .stderr_has("SHEETKEEP_CREDENTIALS_JSON")
        .stderr_has("gcloud");
    let gone = [("GOOGLE_APPLICATION_CREDENTIALS", "gone.json")];
    project.run_with(&gone, &["run", "quakes.toml", "--spreadsheet", "1AbC"]).exits(77).stderr_has("gone.json");
}

#[test]
fn a_spreadsheet_that_the_service_does_not_know_exits_with_66() {
    let project = TempProject::with_few_quakes(2);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    for args in [["run", "quakes.toml"], ["status", "quakes.toml"], ["show", "quakes.toml"]] {
        emulator.run(&project, "1AbD", &args).exits(66).stderr_has("1AbD");
    }
    emulator.run(&project, "1AbC", &["run", "quakes.toml"]).exits(0);
}

#[test]
fn an_unreachable_service_exits_with_69() {
    let project = TempProject::with_few_quakes(2);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", "1AbC"]);
    project.replace_in("quakes.toml", "[sheet]", "[retry]\nattempts = 1\n\n[sheet]");
    let mut command = emulator.command(&project, "1AbC", &["run", "quakes.toml"]);
    command.env("SHEETKEEP_API_URL", "http://127.0.0.1:9");
    run_to_end(command).exits(69).stderr_has("http://127.0.0.1:9");
}

#[test]
fn a_file_that_is_no_sheet_exits_with_74_and_is_left_alone() {
    let project = TempProject::with_few_quakes(2);
    project.write(
        "quakes.sheet",
        "some other file of yours, longer than the head of a database, which has one hundred bytes and no more\n",
    );
    let before = project.read("quakes.sheet");
    project
        .run(&["run", "quakes.toml"])
        .exits(74)
        .stderr_has("is not a spreadsheet file of sheetkeep")
        .stderr_has("name another file");
    assert_eq!(project.read("quakes.sheet"), before);
    let csv = project.run(&["run", "quakes.toml", "--embedded", "quakes.toml"]);
    csv.exits(74).stderr_has("quakes.toml is not a spreadsheet file of sheetkeep, and stays as it is");
    assert!(!csv.stderr.contains("move it away"), "{}", csv.stderr);
}

#[test]
fn a_changed_key_stops_the_run_until_it_is_adopted() {
    let project = TempProject::with_few_quakes(20);
    project.run(&["run", "quakes.toml"]).exits(0);
    project.replace_in("quakes.toml", "key = \".id\"", "key = \".properties.net + .properties.code\"");
    let ended = project.run(&["run", "quakes.toml"]);
    ended.exits(78).stderr_has("its key changed").stderr_has("20 keys again").stderr_has("--accept-changes");
    assert_eq!(project.column("quakes.toml", "Runs", "status"), ["succeeded"], "a refused run leaves no trace");
    project.run(&["run", "quakes.toml", "--accept-changes"]).exits(0).stdout_has("new 0 · skipped 20");
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("new 0 · skipped 20");
    project.expect_each_quake_once(20);
}

#[test]
fn a_changed_tab_stops_the_run_too() {
    let project = TempProject::with_few_quakes(5);
    project.run(&["run", "quakes.toml"]).exits(0);
    project.replace_in("quakes.toml", "tab = \"Quakes\"", "tab = \"Earthquakes\"");
    for more in [&[][..], &["--accept-changes"]] {
        let refused = project.run(&[&["run", "quakes.toml"], more].concat());
        refused.exits(78).stderr_has("names tab Earthquakes, and the rows of 5 keys are in tab Quakes");
        refused.stderr_has("write tab = \"Quakes\"");
    }
    project.run(&["check", "quakes.toml"]).exits(78).stdout_has("the rows of 5 keys are in tab Quakes");
    // Another job file of the same name is the likelier cause.
    project.write("twin.toml", &project.read("quakes.toml"));
    let twin = "twin.toml beside it has the same job name, quakes: give this job a name of its own";
    project.run(&["run", "quakes.toml"]).exits(78).stderr_has(twin);
}

#[test]
fn a_changed_mode_stops_the_run_whatever_is_accepted() {
    let job = |mode: &str| format!("{ITEMS}mode = \"{mode}\"\n");
    for (before, now) in [("upsert", "append"), ("append", "upsert")] {
        let project = TempProject::empty();
        project.write("items.csv", "id,v\n1,a\n2,b\n");
        project.write("items.toml", &job(before));
        project.run(&["run", "items.toml"]).exits(0).stdout_has("2 rows added");
        project.write("items.toml", &job(now));
        for more in [&[][..], &["--accept-changes"]] {
            let refused = project.run(&[&["run", "items.toml"], more].concat());
            refused.exits(78).stderr_has(&format!("its mode changed from {before} to {now}"));
            refused.stderr_has("would write 2 keys again").stderr_has("put the mode back");
        }
        assert_eq!(project.column("items.toml", "Items", "id"), ["1", "2"]);
    }
}

#[test]
fn modes_and_sources_that_are_not_built_yet_say_so() {
    let project = TempProject::with_few_quakes(2);
    project.replace_in("quakes.toml", "mode = \"append\"", "mode = \"mirror\"");
    project.run(&["run", "quakes.toml"]).exits(78).stderr_has("not built yet");
}

#[test]
fn a_mark_that_does_not_fit_exits_with_65_and_no_one_waits() {
    let project = TempProject::empty();
    project.write("a.json", r#"[{"id": 1, "a": "x"}]"#);
    project.write(
        "job.toml",
        "name = \"job\"\n[source]\njson = \"a.json\"\n[item]\nkey = \".id\"\n[sheet]\ntab = \"Data\"\n",
    );
    project.run(&["run", "job.toml"]).exits(0);
    let hands = ApiClient::of_file(&project, "job.sheet");
    let mark = |size: usize| {
        serde_json::json!([{"createDeveloperMetadata": {"developerMetadata": {"metadataKey": "k", "metadataValue": "x".repeat(size),
            "visibility": "DOCUMENT", "location": {"sheetId": hands.tab_id("Data")}}}}])
    };
    // The user's own metadata leaves no room for that of another column.
    for size in [20_000, 5_000, 4_000, 900, 90, 9, 0].into_iter().flat_map(|size| std::iter::repeat_n(size, 10)) {
        hands.send_batch(&mark(size));
    }
    drop(hands);
    project.write("a.json", r#"[{"id": 1, "a": "x"}, {"id": 2, "a": "y", "b": "z"}]"#);
    let ended = project.run(&["run", "job.toml"]);
    ended.exits(65).stderr_has("would exceed the allowed storage limit").stderr_has("remove developer metadata");
    assert!(!ended.stderr.contains("edited as often"), "no one changed a tab: {}", ended.stderr);
}
