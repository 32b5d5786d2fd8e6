//! Rows are written to the intended place, or nowhere: no mistake in the environment silently leads
//! to a local file.

use std::fs;
use std::os::unix::fs::symlink;

use crate::emulator_process::{ApiClient, EmulatorProcess};
use crate::temp_project::{TempProject, run_to_end};

const ID: &str = "1AcceptanceSpreadsheet000000000000000000000";

/// Checks that no run created a local file.
fn has_no_sheet(project: &TempProject) {
    let sheets: Vec<String> = project.list_entries().into_iter().filter(|name| name.contains(".sheet")).collect();
    assert!(sheets.is_empty(), "{sheets:?}");
}

#[test]
fn an_env_file_that_a_flag_names_replaces_the_other() {
    let project = TempProject::with_few_quakes(3);
    project.replace_in("quakes.toml", "[sheet]", "[state]\nfile = \"${ENVIRONMENT}.sheet\"\n\n[sheet]");
    project.write(".env", "ENVIRONMENT=dev\n");
    project.write("prod.env", "ENVIRONMENT=prod\n");
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has("in local file dev.sheet");
    let prod = project.run(&["run", "quakes.toml", "--env-file", "prod.env"]);
    prod.exits(0).stdout_has("in local file prod.sheet").stdout_has("sheetkeep show quakes.toml --env-file prod.env");
    project.run(&["status", "quakes.toml", "--env-file", "none.env"]).exits(78).stderr_has("none.env was not found");
    project.write("bad.env", "ENVIRONMENT=s3cret word\n");
    let bad = project.run(&["run", "quakes.toml", "--env-file", "bad.env"]);
    bad.exits(78).stderr_has("bad.env can't be read: line 1");
    assert!(!bad.stderr.contains("s3cret"), "{}", bad.stderr);
}

#[test]
fn credentials_without_a_spreadsheet_stop_every_command() {
    let project = TempProject::with_few_quakes(3);
    project.write("key.json", "{}");
    for (name, value) in [("GOOGLE_APPLICATION_CREDENTIALS", "key.json"), ("SHEETKEEP_CREDENTIALS_JSON", "{\"a\": 1}")]
    {
        for command in ["run", "check", "status", "show", "fsck", "reset", "prune"] {
            let ended = project.run_with(&[(name, value)], &[command, "quakes.toml"]);
            ended
                .exits(78)
                .stderr_has(name)
                .stderr_has("SHEETKEEP_SPREADSHEET_ID")
                .stderr_has("--embedded quakes.sheet");
        }
        project.write(".env", &format!("{name}='{value}'\nSHEETKEEP_SPREADSHEET_ID=\n"));
        project
            .run(&["run", "quakes.toml"])
            .exits(78)
            .stderr_has(name)
            .stderr_has(".env")
            .stderr_has("SHEETKEEP_SPREADSHEET_ID is empty");
        fs::remove_file(project.path(".env")).expect("it is there");
    }
    has_no_sheet(&project);
}

#[test]
fn a_local_file_that_is_named_goes_with_credentials() {
    let project = TempProject::with_few_quakes(3);
    let cloud = [("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")];
    let named = ["run", "quakes.toml", "--embedded", "q.sheet"];
    project.run_with(&cloud, &named).exits(0).stdout_has("in local file q.sheet, because --embedded names it");
    project.replace_in("quakes.toml", "[source]", "[state]\nfile = \"own.sheet\"\n\n[source]");
    project
        .run_with(&cloud, &["run", "quakes.toml"])
        .exits(0)
        .stdout_has("in local file own.sheet, because `state.file`");
}

#[test]
fn a_misspelt_name_stops_with_the_name_that_was_meant() {
    let project = TempProject::with_few_quakes(3);
    for (name, meant) in [
        ("SHEETKEEP_SPREADSHEETID", "SHEETKEEP_SPREADSHEET_ID"),
        ("SHEETKEP_SPREADSHEET_ID", "SHEETKEEP_SPREADSHEET_ID"),
        ("SHEETKEEP_CREDENTIALS_JSN", "SHEETKEEP_CREDENTIALS_JSON"),
        ("GOOGLE_APPLICATION_CREDENTIAL", "GOOGLE_APPLICATION_CREDENTIALS"),
    ] {
        let ended = format!("did you mean {meant}?");
        project.run_with(&[(name, "x")], &["run", "quakes.toml"]).exits(78).stderr_has(name).stderr_has(&ended);
        project.write(".env", &format!("{name}=x\n"));
        project.run(&["status", "quakes.toml"]).exits(78).stderr_has(&ended).stderr_has(".env");
        let error = project.run(&["run", "quakes.toml", "--json"]).exits(78).error();
        assert!(error["problems"][0]["hint"].as_str().is_some_and(|hint| hint.contains(meant)), "{error}");
        fs::remove_file(project.path(".env")).expect("it is there");
    }
    has_no_sheet(&project);
    project.run_with(&[("SHEETKEEP_SPREADSHEETID", "x")], &["emulate", "--help"]).exits(0);
}

#[test]
fn a_run_within_the_program_of_a_step_and_names_of_the_job_go() {
    let project = TempProject::with_few_quakes(1);
    let inner = project.read("quakes.toml").replace("name = \"quakes\"", "name = \"inner\"");
    project.write("inner.toml", &inner);
    let binary = env!("CARGO_BIN_EXE_sheetkeep");
    let step =
        format!("[[step]]\nname = \"nest\"\ncommand = [\"{binary}\", \"run\", \"inner.toml\", \"-q\"]\n\n[sheet]");
    project.replace_in("quakes.toml", "[sheet]", &step);
    project.run_with(&[("SHEETKEEP_SERVE_TOKEN", "x")], &["run", "quakes.toml"]).exits(0).stdout_has("new 1");
    assert_eq!(project.column("inner.toml", "Quakes", "id").len(), 1);
    project.replace_in("inner.toml", "tab = \"Quakes\"", "tab = \"${SHEETKEEP_MY_TAB}\"");
    let own = [("SHEETKEEP_MY_TAB", "Nested")];
    project
        .run_with(&own, &["run", "inner.toml", "--accept-changes", "--embedded", "own.sheet"])
        .exits(0)
        .stdout_has("tab Nested");
    project.run_with(&own, &["run", "quakes.toml"]).exits(78).stderr_has("SHEETKEEP_MY_TAB");
}

#[test]
fn each_report_names_the_place_and_why() {
    let project = TempProject::with_few_quakes(3);
    let place = "local file quakes.sheet, because no spreadsheet is set";
    project.run(&["check", "quakes.toml"]).exits(0).stdout_has(place);
    project.run(&["status", "quakes.toml"]).exits(66).stderr_has(place);
    let first = project.run(&["run", "quakes.toml", "-q"]);
    assert_eq!(
        (first.exits(0).stdout.as_str(), first.stderr.as_str()),
        ("", format!("quakes: first run in {place}\n").as_str())
    );
    let second = project.run(&["run", "quakes.toml", "-q"]);
    assert_eq!((second.exits(0).stdout.as_str(), second.stderr.as_str()), ("", ""));
    project.run(&["run", "quakes.toml"]).exits(0).stdout_has(place);
    for command in ["status", "check", "fsck", "prune", "reset"] {
        project.run(&[command, "quakes.toml"]).exits(0).stdout_has(place);
    }
    project.run(&["run", "quakes.toml", "--force"]).exits(0).stdout_has(place);
    for command in ["run", "check", "status"] {
        let document = project.run(&[command, "quakes.toml", "--json"]).exits(0).document();
        assert_eq!(document["spreadsheet"]["file"], "quakes.sheet", "{command}");
        assert_eq!(document["spreadsheet"]["because"], "no spreadsheet is set", "{command}");
    }
    let empty = [("SHEETKEEP_SPREADSHEET_ID", "")];
    project.run_with(&empty, &["run", "quakes.toml"]).exits(0).stdout_has("because SHEETKEEP_SPREADSHEET_ID is empty");
}

#[test]
fn cron_without_an_environment_finds_the_jobs_settings() {
    let project = TempProject::with_few_quakes(3);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    project.write(
        ".env",
        &format!(
            "SHEETKEEP_API_URL={}\nSHEETKEEP_SPREADSHEET_ID={ID}\nGOOGLE_APPLICATION_CREDENTIALS=emulator-key.json\n",
            emulator.url
        ),
    );
    let mut bare = project.command(&["run", &project.path("quakes.toml").to_string_lossy()]);
    bare.env_clear().current_dir("/");
    let place_line =
        format!("in spreadsheet {ID}, because SHEETKEEP_SPREADSHEET_ID in {} names it", project.path(".env").display());
    run_to_end(bare).exits(0).stdout_has("new 3").stdout_has(&place_line);
    has_no_sheet(&project);
    assert_eq!(ApiClient::of(emulator, ID).rows("Quakes").len(), 3);
}

#[test]
fn an_env_file_that_can_not_be_read_is_no_missing_one() {
    let project = TempProject::with_few_quakes(3);
    project.write(".env", "SHEETKEEP_SPREADSHEET_ID=x\nhunter two\n");
    let ended = project.run(&["run", "quakes.toml"]);
    assert!(!ended.exits(78).stderr_has(".env").stderr_has("line 2").stderr.contains("hunter"), "{}", ended.stderr);
    fs::remove_file(project.path(".env")).expect("it is there");
    symlink("nowhere", project.path(".env")).expect("a link");
    project.run(&["run", "quakes.toml"]).exits(78).stderr_has("a link to a file that is not there");
    fs::remove_file(project.path(".env")).expect("it is there");
    fs::create_dir(project.path(".env")).expect("a folder");
    project.run(&["run", "quakes.toml"]).exits(78).stderr_has("it is a folder");
    has_no_sheet(&project);
}

/// Returns a folder `links` with a link to the job, which is in `repo` with its feed.
fn make_linked_project() -> TempProject {
    let project = TempProject::with_few_quakes(3);
    for folder in ["repo", "links"] {
        fs::create_dir(project.path(folder)).expect("a folder");
    }
    for file in ["quakes.toml", "usgs-all-week.geojson"] {
        fs::rename(project.path(file), project.path("repo").join(file)).expect("moved");
    }
    symlink("../repo/quakes.toml", project.path("links/quakes.toml")).expect("a link");
    project
}

#[test]
fn a_linked_job_takes_paths_and_settings_from_the_links_folder() {
    let project = make_linked_project();
    project.run(&["run", "links/quakes.toml"]).exits(66).stderr_has("links/usgs-all-week.geojson");
    symlink("../repo/usgs-all-week.geojson", project.path("links/usgs-all-week.geojson")).expect("a link");
    let place = "in local file links/quakes.sheet, because no spreadsheet is set";
    project.run(&["run", "links/quakes.toml"]).exits(0).stdout_has("new 3").stdout_has(place);
    project.write("repo/.env", "SHEETKEEP_SPREADSHEET_ID=1AbC\n");
    project.write("links/.env", "# nothing\n");
    let ended = project.run(&["run", "links/quakes.toml"]);
    ended.exits(0).stdout_has(place).stderr_has("repo/.env is not read").stderr_has("links/.env");
    project.run(&["check", "links/quakes.toml"]).exits(0).stdout_has("repo/.env is not read");
}

#[test]
fn a_linked_job_does_not_pass_over_what_lies_beside_its_file() {
    let project = make_linked_project();
    symlink("../repo/usgs-all-week.geojson", project.path("links/usgs-all-week.geojson")).expect("a link");
    project.write("repo/.env", "SHEETKEEP_SPREADSHEET_ID=1AbC\n");
    project
        .run(&["run", "links/quakes.toml"])
        .exits(78)
        .stderr_has("repo/.env")
        .stderr_has("--embedded links/quakes.sheet");
    fs::remove_file(project.path("repo/.env")).expect("it is there");
    project.run(&["run", "repo/quakes.toml"]).exits(0).stdout_has("new 3");
    let ended = project.run(&["run", "links/quakes.toml"]);
    ended.exits(78).stderr_has("repo/quakes.sheet").stderr_has("use --embedded links/quakes.sheet to");
    assert!(!project.path("links/quakes.sheet").exists());
    project
        .run(&["run", "links/quakes.toml", "--embedded", "repo/quakes.sheet"])
        .exits(0)
        .stdout_has("new 0 · skipped 3");
}

#[test]
fn whatever_reads_the_job_names_the_place_it_read() {
    let project = TempProject::with_few_quakes(2);
    project.run(&["run", "quakes.toml"]).exits(0);
    let place = "local file quakes.sheet, because no spreadsheet is set";
    let key = project.column("quakes.toml", "Quakes", "id").remove(0);
    let commands: [&[&str]; 7] = [
        &["show", "quakes.toml"],
        &["failures", "list", "quakes.toml"],
        &["status", "quakes.toml"],
        &["explain", "quakes.toml", &key],
        &["fsck", "quakes.toml"],
        &["reset", "quakes.toml"],
        &["prune", "quakes.toml", "--older-than", "90d"],
    ];
    for command in commands {
        let said = project.run(command);
        assert!(
            format!("{}{}", said.stdout, said.stderr).contains(place),
            "{command:?}: {} {}",
            said.stdout,
            said.stderr
        );
        let document = project.run(&[command, &["--json"]].concat()).document();
        let there = serde_json::json!({"kind": "embedded", "file": "quakes.sheet", "because": "no spreadsheet is set"});
        assert_eq!(document["spreadsheet"], there, "{command:?}");
    }
    // Output for programs has not one more line than before.
    let said = project.run(&["show", "quakes.toml"]);
    assert_eq!((said.stdout.lines().count(), said.stderr.trim()), (3, &*format!("in {place}")));
}
