//! What is advised after a usual mistake on the command line, in the job file or in the data.

use crate::temp_project::TempProject;

#[test]
fn a_usual_command_line_is_answered_with_one_that_works() {
    let project = TempProject::orders("", "a,1\n");
    for (line, exit, advice) in [
        ("failures orders.toml", 2, "sheetkeep failures list orders.toml"),
        ("schedule orders.toml", 2, "sheetkeep check orders.toml"),
        ("alert orders.toml", 2, "sheetkeep alert test orders.toml"),
        ("schedule explain 0 9 * * * --tz UTC", 2, "in quotes: sheetkeep schedule explain \"0 9 * * *\""),
        ("schedule explain orders.toml", 2, "sheetkeep check orders.toml"),
        ("schedule explain orders.toml --tz UTC", 2, "sheetkeep check orders.toml"),
        ("retry --flaky-not ls", 2, "--flaky-not"),
        ("retry ls -l", 2, "write -- before the command: sheetkeep retry -- ls -l"),
        ("failures list orders.toml --last many", 2, "`many` is not a whole number"),
        ("run orders.toml --deadline 0", 2, "0 leaves no time to run"),
        ("run orders.toml --deadline soon", 2, "1h 30m or 7d; a number alone means seconds"),
        ("prune orders.toml --older-than 90", 2, "write it as 90d"),
        ("once x --files d --tz CET -- true", 2, "is an abbreviation, not a time zone"),
        ("run orders.toml --deadline 50", 0, ""),
        ("show orders.toml --tab Ordres", 66, "did you mean \"Orders\"?"),
        ("run orders.toml --input .", 65, "is a folder"),
    ] {
        let ended = project.run(&line.split(' ').collect::<Vec<_>>());
        ended.exits(exit).stderr_has(advice);
    }
    project.run(&["retry", "ls -l"]).exits(2).stderr_has("sheetkeep retry -- ls -l");
}

#[test]
fn a_missing_or_misplaced_schedule_is_put_where_it_works() {
    let project = TempProject::orders("", "a,1\n");
    let table = "add a table [schedule] at the end of the job file";
    project.run(&["run", "--due", "orders.toml"]).exits(78).stderr_has(table);
    project.run(&["schedule", "export", "cron", "orders.toml"]).exits(78).stderr_has(table);
    let whole = project.read("orders.toml");
    project.write("orders.toml", &format!("{whole}\nschedule = {{ cron = \"0 9 * * *\", timezone = \"UTC\" }}\n"));
    let misplaced = project.run(&["run", "orders.toml"]);
    misplaced.exits(78).stderr_has("`schedule` is a key of the job file itself: move the line above the first [table]");
    project.write("orders.toml", &format!("{whole}\n[schedule]\ncron = \"0 9 * * *\"\ntimezone = \"UTC\"\n"));
    project.run(&["schedule", "export", "cron", "orders.toml"]).exits(0);
    project.replace_in("orders.toml", "0 9", "0 25");
    project.run(&["run", "orders.toml"]).exits(78).stderr_has("\"25\" is not a valid hour: hours are 0 to 23");
}

#[test]
fn a_windows_path_in_double_quotes_is_one_mistake() {
    let project = TempProject::orders("", "a,1\n");
    project.replace_in("orders.toml", "\"orders.csv\"", "\"C:\\Users\\me\\orders.csv\"");
    let ended = project.run(&["run", "orders.toml"]);
    ended.exits(78).stderr_has("in double quotes a \\ begins an escape").stderr_has("in single quotes");
    assert!(!ended.stderr.contains("things are wrong"), "{}", ended.stderr);
}

#[test]
fn a_source_without_a_header_row_is_seen_as_data() {
    let project = TempProject::orders("", "");
    project.write("orders.csv", "p1@x.org,Name 1\np2@x.org,Name 2\n");
    project
        .run(&["run", "orders.toml"])
        .exits(78)
        .stderr_has("the first row seems to be data, as \"p1@x.org\" is a value");
}

#[test]
fn a_local_file_needs_no_credentials_and_says_so() {
    let project = TempProject::orders("", "a,1\n");
    project.run(&["run", "orders.toml"]).exits(0);
    let ended = project.run(&["check", "orders.toml"]);
    ended.exits(0).stdout_has("none needed: a local file");
    assert!(!ended.stdout.contains("access token"), "{}", ended.stdout);
}

#[test]
fn a_long_cause_is_written_once_for_records_that_share_it() {
    let project = TempProject::orders("", "");
    project.replace_in("orders.toml", "[sheet]", "[sheet]\ncolumns = { price = \"number\" }");
    let rows = (0..4).map(|n| format!("{n},\"1.234.567,50\"\n")).collect::<Vec<_>>().concat();
    project.write("orders.csv", &format!("id,price\n{rows}"));
    let ended = project.run(&["run", "orders.toml"]);
    let lines = ended.stderr.lines().filter(|line| line.contains(": failed "));
    let (same, whole): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.ends_with(": the same error"));
    assert_eq!((whole.len(), same.len()), (1, 3), "{}", ended.stderr);
    project.write("orders.csv", "id,price\n5,\"1.234.567,51\"\n6,\"1.234.567,52\"\n");
    project.run(&["run", "orders.toml"]).exits(3).stderr_has("record 2): output: the same error with other values");
}

#[test]
fn advice_for_data_works_beside_a_folder_and_with_a_dash() {
    let project = TempProject::empty();
    project.write("-x.csv", "id\n1\n");
    project.run(&["run", "--", "-x.csv"]).exits(78).stderr_has("> ./-x.toml && sheetkeep run ./-x.toml");
    project.write("orders.csv", "id\n1\n");
    std::fs::create_dir(project.path("orders.toml")).expect("a folder");
    project.run(&["run", "orders.csv"]).exits(78).stderr_has("> orders-job.toml && sheetkeep run orders-job.toml");
    project.write("orders-job.toml", "");
    project.run(&["run", "orders.csv"]).exits(78).stderr_has("run that: sheetkeep run orders-job.toml");
}

#[test]
fn data_beside_its_job_file_is_not_written_over_by_advice() {
    let project = TempProject::orders("", "a,1\n");
    let ended = project.run(&["run", "orders.csv"]);
    ended.exits(78).stderr_has("run that: sheetkeep run orders.toml");
    assert!(!ended.stderr.contains('>'), "{}", ended.stderr);
    project.write("items.json", "[{\"nr\":1}]");
    project.run(&["run", "items.json"]).exits(78).stderr_has("your records' key in place of .id");
}

#[cfg(unix)]
#[test]
fn a_log_level_that_is_none_is_refused() {
    let project = TempProject::orders("", "a,1\n");
    project
        .run_with(&[("SHEETKEEP_LOG", "loud")], &["run", "orders.toml"])
        .exits(78)
        .stderr_has("\"loud\" is not a level");
    for list in ["sheetkeep[job{a=1}]=loud", "[job{a=1}]=debug,loud"] {
        project.run_with(&[("SHEETKEEP_LOG", list)], &["run", "orders.toml"]).exits(78).stderr_has("loud");
    }
    let fields = [("SHEETKEEP_LOG", "sheetkeep[job{a=1}]=debug,[job],warn")];
    project.run_with(&fields, &["check", "orders.toml"]).exits(0);
    project.write(".env", "SHEETKEEP_LOG=debug\n");
    project.run(&["check", "orders.toml"]).exits(0).stdout_has("SHEETKEEP_LOG has no effect in");
    project.run_with(&[("SHEETKEEP_LOG", "warn")], &["check", "orders.toml"]).exits(0);
}

#[test]
fn a_key_column_that_no_record_fills_stops_the_run() {
    let project = TempProject::orders("", "a,1\n");
    project.replace_in("orders.toml", "[sheet]", "[sheet]\nkey = \"nope\"");
    for command in ["check", "run"] {
        let refused = project.run(&[command, "orders.toml"]);
        refused.exits(78);
        let text = refused.stdout.clone() + &refused.stderr;
        assert!(text.contains("[sheet] key \"nope\" names a field"), "{text}");
    }
    project.replace_in("orders.toml", "\"nope\"", "\"id\"");
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("1 row added");
    // The job keeps the column that it has found.
    project.replace_in("orders.toml", "key = \"id\"\n", "key = \"nope\"\n");
    project.run(&["check", "orders.toml"]).exits(0);
    project.run(&["run", "orders.toml"]).exits(0).stdout_has("skipped 1");
}

#[test]
fn a_flag_of_another_command_is_shown_with_its_command() {
    let project = TempProject::orders("", "a,1\n");
    for (words, help) in [
        (
            &["failures", "list", "orders.toml", "--step", "x"][..],
            "sheetkeep failures retry, sheetkeep failures skip\n",
        ),
        (&["show", "orders.toml", "--approve=bcdfgh"], "--approve is a flag of: sheetkeep run, sheetkeep backfill\n"),
        (&["run", "-x.csv"], "a file of this name is ./-x.csv"),
        (&["run", "orders.toml", "--frobnicate"], "unexpected argument '--frobnicate' found"),
    ] {
        let ended = project.run(words);
        ended.exits(2).stderr_has(help);
        assert!(!ended.stderr.contains("as a value"), "{}", ended.stderr);
    }
    project.run(&["explain", "orders.toml", "-1.5"]).exits(2).stderr_has("use '-- -1'");
}

#[test]
fn a_code_of_other_changes_is_named() {
    let project = TempProject::empty();
    let job = "name = \"o\"\n[source]\ncsv = \"o.csv\"\n[item]\nkey = \".id\"\nversion = \".n\"\n[sheet]\ntab = \"O\"\n\
               mode = \"upsert\"\nmax_changed = 1\n";
    project.write("o.toml", job);
    project.write("o.csv", "id,n\n1,1\n2,1\n");
    project.run(&["run", "o.toml"]).exits(0);
    project.write("o.csv", "id,n\n1,2\n2,2\n");
    project.run(&["run", "o.toml"]).exits(3).stdout_has("to apply, run --approve=");
    let other = project.run(&["run", "o.toml", "--approve=bbbbbb"]);
    other.exits(3).stdout_has("bbbbbb is not the code of these changes");
}

#[test]
fn advice_shows_placeholders_and_hides_passwords() {
    let project = TempProject::orders("", "a,1\n");
    let proxy = [("HTTPS_PROXY", "socks5://ada:s3cret-word@proxy:1")];
    let ended = project
        .run_with(&proxy, &["run", "orders.toml", "--spreadsheet", "1abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"]);
    ended.exits(78).stderr_has("http://USER:PASSWORD@proxy.example:3128");
    assert!(!ended.stderr.contains("s3cret-word"), "{}", ended.stderr);
    // Only the placeholder itself is shown, not a password that is spelt like it.
    project.replace_in("orders.toml", "\"orders.csv\"", "\"https://User:Password@x.example/o.csv\"");
    let checked = project.run(&["check", "orders.toml"]);
    assert!(
        !format!("{}{}", checked.stdout, checked.stderr).contains("User:Password"),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
}

#[test]
fn an_empty_key_is_answered_with_where_keys_are() {
    let project = TempProject::orders("", "a,1\n");
    project.run(&["explain", "orders.toml", " "]).exits(2).stderr_has("KEY is empty").stderr_has("the tab Processed");
    project.run(&["run", "orders.toml"]).exits(0);
    project.run(&["failures", "skip", "orders.toml", " "]).exits(2).stderr_has("a KEY is empty");
}
