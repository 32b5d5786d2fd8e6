//! The real binary: which runs report, once, and to whom.

use std::fs;
use std::io::Write as _;

use crate::receiver::{Receiver, ReceiverAnswer, SECRET};
use crate::temp_project::{CommandOutput, TempProject, make_feed, run_to_end};

const SLACK: &str = "SLACK_WEBHOOK_URL";

fn run_with_slack(project: &TempProject, slack: &Receiver) -> CommandOutput {
    project.run_with(&[(SLACK, &slack.url), ("SHEETKEEP_LOG", "trace")], &["run", "quakes.toml"])
}

#[test]
fn with_the_variable_alone_a_failure_and_its_end_are_reported() {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(3);
    let whole = project.read("usgs-all-week.geojson");
    run_with_slack(&project, &slack).exits(0);
    assert_eq!(slack.texts(), [""; 0], "what works is not reported");
    project.write("usgs-all-week.geojson", "{\"features\": [");
    let failed = run_with_slack(&project, &slack);
    failed.exits(65);
    run_with_slack(&project, &slack).exits(65);
    project.write("usgs-all-week.geojson", &whole);
    run_with_slack(&project, &slack).exits(0);
    run_with_slack(&project, &slack).exits(0);
    let texts = slack.texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert_eq!(texts[0], "FAILED: quakes failed: today's rows are not in");
    assert_eq!(texts[1], "OK: quakes works again: its rows are in");
    let body = slack.requests()[0].body.clone();
    assert!(body.contains("sheetkeep status quakes.toml") && body.contains("Reason"), "{body}");
}

#[test]
fn a_missing_source_is_reported_once_by_two_machines() {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(3);
    run_with_slack(&project, &slack).exits(0);
    fs::remove_file(project.path("usgs-all-week.geojson")).expect("it is there");
    run_with_slack(&project, &slack);
    let mut elsewhere = project.command(&["run", "quakes.toml"]);
    elsewhere.env(SLACK, &slack.url).env("XDG_STATE_HOME", project.path("another machine"));
    let code = run_to_end(elsewhere).code;
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
    assert_eq!(slack.texts(), ["FAILED: quakes failed: today's rows are not in"]);
    let statuses = project.column("quakes.toml", "Runs", "status");
    assert_eq!(statuses, ["succeeded", "failed", "failed"], "both are recorded");
}

#[test]
fn an_occurrence_that_cannot_start_is_one_row_and_one_message() {
    let slack = Receiver::start_slack();
    let project = TempProject::orders("", "a,1\n");
    let due = "schedule = { cron = \"every 7d\", timezone = \"Europe/Berlin\", misfire_grace = \"7d\" }\n";
    project.write("orders.toml", &format!("{due}{}", project.read("orders.toml")));
    fs::remove_file(project.path("orders.csv")).expect("it is there");
    for _ in 0..3 {
        project.run_with(&[(SLACK, &slack.url)], &["run", "--due", "orders.toml"]).exits(66).stderr_has("orders.csv");
    }
    assert_eq!(project.column("orders.toml", "Runs", "status"), ["failed"]);
    project.write("orders.csv", "id,price\na,1\n");
    project.run_with(&[(SLACK, &slack.url)], &["run", "--due", "orders.toml"]).exits(0);
    let texts = slack.texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].starts_with("FAILED: orders failed") && texts[1].starts_with("OK: orders"), "{texts:?}");
}

#[test]
fn a_thousand_failing_items_are_one_message() {
    let slack = Receiver::start_slack();
    let project = TempProject::quakes();
    project.write("usgs-all-week.geojson", &make_feed(0..1_000));
    project.replace_in("quakes.toml", "[sheet]", "[failures]\nstop_after = 0\n\n[sheet]");
    project.replace_in("quakes.toml", "map = '''\n{", "map = '''\nerror(\"no\") | {");
    run_with_slack(&project, &slack);
    let texts = slack.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].starts_with("WARNING: quakes ran, and 1000 of 1000 records failed"), "{texts:?}");
}

#[test]
fn a_run_killed_before_its_message_is_reported_by_the_next() {
    // The first message is never answered: the run is killed between its commit and the delivery.
    let hanging = Receiver::start(vec![ReceiverAnswer::Hang]);
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(3);
    let whole = project.read("usgs-all-week.geojson");
    run_with_slack(&project, &slack).exits(0);
    project.write("usgs-all-week.geojson", "{\"features\": [");
    let mut command = project.command(&["run", "quakes.toml", "-vv"]);
    command.env(SLACK, &hanging.url);
    let mut killed = crate::running_command::RunningCommand::start(command);
    killed.wait_for_line("today's rows are not in");
    killed.kill();
    assert_eq!(killed.wait_for_end().code, None, "a signal ended it");
    assert_eq!(slack.texts(), [""; 0]);
    project.write("usgs-all-week.geojson", &whole);
    run_with_slack(&project, &slack).exits(0);
    run_with_slack(&project, &slack).exits(0);
    let texts = slack.texts();
    assert!(texts.len() == 1 && texts[0].starts_with("OK: quakes failed ("), "{texts:?}");
}

/// Starts a run that reads half of its source from standard input or a named pipe. Stops it, and
/// lets the source break off, as Ctrl-C ends the program that writes it, too.
fn run_interrupted(input: &str, signal: &str) -> (CommandOutput, Vec<String>, Vec<String>) {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(3);
    let whole = make_feed(0..8);
    let (half, _) = whole.split_at(whole.len() / 2);
    project.write(".env", &format!("{SLACK}={}\n", slack.url));
    if input != "-" {
        let made = std::process::Command::new("mkfifo").arg(project.path(input)).status();
        assert!(made.expect("mkfifo can be run").success());
    }
    let mut live = project.start(&["run", "quakes.toml", "--input", input, "-v"]);
    live.wait_for_line("claimed");
    if input == "-" {
        live.write_input(half);
        live.send_signal(signal);
        live.wait_for_line("finishing the items in progress");
        let ended = live.close_and_wait();
        return (ended, slack.texts(), project.column("quakes.toml", "Runs", "status"));
    }
    let mut pipe = fs::OpenOptions::new().write(true).open(project.path(input)).expect("the run reads it");
    pipe.write_all(half.as_bytes()).expect("the run reads it");
    live.send_signal(signal);
    live.wait_for_line("finishing the items in progress");
    drop(pipe);
    let ended = live.wait_for_end();
    (ended, slack.texts(), project.column("quakes.toml", "Runs", "status"))
}

#[test]
fn an_interrupted_run_whose_source_breaks_off_is_not_reported() {
    for input in ["-", "pipe"] {
        for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
            let (ended, texts, statuses) = run_interrupted(input, signal);
            ended.exits(code);
            assert_eq!((texts, statuses), (Vec::new(), vec!["interrupted".to_owned()]), "{input} {signal}");
        }
    }
}

#[test]
fn a_permanent_error_at_the_end_of_a_pipe_is_one_message() {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(3);
    project.write(".env", &format!("{SLACK}={}\n", slack.url));
    let program = env!("CARGO_BIN_EXE_sheetkeep");
    let pipe = |bytes: u32| {
        let script = format!("head -c {bytes} usgs-all-week.geojson | '{program}' run quakes.toml --input -");
        let whole = project.command(&[]);
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", &script]).current_dir(project.path(".")).env_clear().env("PATH", "/usr/bin:/bin");
        shell.envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))));
        run_to_end(shell)
    };
    for _ in 0..2 {
        pipe(200).exits(65);
    }
    let texts = slack.texts();
    assert!(texts.len() == 1 && texts[0].starts_with("FAILED: quakes failed"), "{texts:?}");
    pipe(1_000_000).exits(0);
    assert_eq!(slack.texts()[1..], ["OK: quakes works again: its rows are in"]);
}

#[test]
fn a_second_run_that_is_turned_away_is_not_reported() {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(3);
    let whole = project.read("usgs-all-week.geojson");
    project.write(".env", &format!("{SLACK}={}\n", slack.url));
    let mut first = project.start(&["run", "quakes.toml", "--input", "-", "-v"]);
    first.wait_for_line("claimed");
    project.run(&["run", "quakes.toml"]).exits(75);
    first.write_input(&whole);
    first.close_and_wait().exits(0);
    assert_eq!(slack.texts(), [""; 0]);
}

#[test]
fn a_failed_channel_changes_no_result_and_the_second_is_used() {
    let broken = Receiver::start(vec![ReceiverAnswer::Reply(500, "no")]);
    let second = Receiver::start(vec![ReceiverAnswer::Reply(204, "")]);
    let project = TempProject::with_few_quakes(3);
    let section = "\n[[alerts.channel]]\nkind = \"webhook\"\nurl = \"${HOOK}\"\nseverity = \"never\"\n";
    project.write("quakes.toml", &(project.read("quakes.toml") + section));
    project.write(".env", &format!("{SLACK}={}\nHOOK={}\n", broken.url, second.url));
    project.run(&["run", "quakes.toml"]).exits(0);
    project.write("usgs-all-week.geojson", "{\"features\": [");
    let ended = project.run(&["run", "quakes.toml"]);
    ended.exits(65).stderr_has("an alert was not taken");
    assert_eq!((broken.requests().len(), second.requests().len()), (3, 1));
    assert_eq!(second.requests()[0].json()["type"], "alert.problem");
    project.run(&["run", "quakes.toml"]).exits(65);
    let messages = project.column("quakes.toml", "Runs", "message");
    assert!(
        messages.last().expect("a run").contains("the last alert was not taken by slack (status 500)"),
        "{messages:?}"
    );
}

#[test]
fn an_outage_of_the_only_channel_delays_the_message() {
    let slack = Receiver::start(vec![ReceiverAnswer::Reply(404, "no"), ReceiverAnswer::Reply(200, "ok")]);
    let project = TempProject::with_few_quakes(3);
    project.write("usgs-all-week.geojson", "{\"features\": [");
    run_with_slack(&project, &slack).exits(65);
    run_with_slack(&project, &slack).exits(65);
    run_with_slack(&project, &slack).exits(65);
    assert_eq!(slack.texts().len(), 2, "{:?}", slack.texts());
}

#[test]
fn alert_test_proves_each_channel() {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(1);
    let shown = project.run_with(&[(SLACK, &slack.url)], &["alert", "test"]);
    shown.exits(0).stdout_has("slack: delivered");
    assert_eq!(slack.texts(), ["TEST: test: this is a test; alerts reach this channel"]);
    let with_job = project.run_with(&[(SLACK, &slack.url)], &["alert", "test", "quakes.toml", "--to", "slack"]);
    with_job.exits(0);
    let no_such = project.run_with(&[(SLACK, &slack.url)], &["alert", "test", "quakes.toml", "--to", "boss"]);
    no_such.exits(2).stderr_has("the job has no channel \"boss\"");
    project.run(&["alert", "test"]).exits(78).stderr_has("SLACK_WEBHOOK_URL");
    let broken = Receiver::start(vec![ReceiverAnswer::Reply(404, "no_service")]);
    let failed = project.run_with(&[(SLACK, &broken.url)], &["alert", "test"]);
    failed
        .exits(78)
        .stdout_has("slack: FAILED: status 404: no_service; make a webhook in Slack again, and use its address");
    assert_eq!(failed.stderr, "", "the line on standard output is enough");
    let malformed = project.run_with(&[(SLACK, SECRET)], &["alert", "test"]);
    malformed.exits(78).stderr_has("SLACK_WEBHOOK_URL is not an http or https address: it has to begin with https://");
    assert!(!malformed.stderr.contains("no channel is set"), "{}", malformed.stderr);
}

#[cfg(unix)]
#[test]
fn a_program_of_a_channel_runs_in_the_job_files_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = TempProject::with_few_quakes(1);
    fs::create_dir(project.path("jobs")).expect("a folder");
    let job = project.read("quakes.toml").replace("usgs-all", "../usgs-all");
    let channel = |words: &str| format!("{job}\n[[alerts.channel]]\nkind = \"command\"\ncommand = {words}\n");
    project.write("jobs/quakes.toml", &channel("[\" \"]"));
    project.run(&["check", "jobs/quakes.toml"]).exits(78).stderr_has("`alerts.channel.command` names no program");
    project.write("jobs/quakes.toml", &channel("[\"./send.sh\"]"));
    let missing = project.run(&["check", "jobs/quakes.toml"]);
    missing.exits(0).stdout_has("command would reach no one: ./send.sh is not there");
    project.run(&["alert", "test", "jobs/quakes.toml"]).exits(78).stdout_has("FAILED: ./send.sh is not there");
    project.write("jobs/send.sh", "#!/bin/sh\ncat > got.json\necho \"$SHEETKEEP_CREDENTIALS_JSON\" > secret\n");
    project.run(&["alert", "test", "jobs/quakes.toml"]).exits(78).stdout_has("chmod +x ./send.sh");
    fs::set_permissions(project.path("jobs/send.sh"), fs::Permissions::from_mode(0o700)).expect("its mode");
    let script = project.read("jobs/send.sh");
    project.write("jobs/send.sh", &script.replace("/bin/sh", "/no/such/shell"));
    project.run(&["check", "jobs/quakes.toml"]).exits(0).stdout_has("./send.sh names /no/such/shell");
    project.write("jobs/send.sh", &script);
    project.run(&["check", "jobs/quakes.toml"]).exits(0).stdout_has("well-formed: command");
    let credentials = [("SHEETKEEP_CREDENTIALS_JSON", SECRET)];
    let with_credentials = ["alert", "test", "jobs/quakes.toml", "--embedded", "jobs/quakes.sheet"];
    project.run_with(&credentials, &with_credentials).exits(0).stdout_has("delivered");
    assert!(project.read("jobs/got.json").contains("alert.test"));
    assert_eq!(project.read("jobs/secret"), "\n", "the program has no credentials");
}

#[test]
fn alert_test_sends_nothing_to_a_channel_in_place_of_another() {
    let (broken, chat) = (Receiver::start(vec![ReceiverAnswer::Reply(500, "no")]), Receiver::start_slack());
    let project = TempProject::with_few_quakes(1);
    project.write(".env", &format!("BROKEN={}\nCHAT={}\n", broken.url, chat.url));
    let channel = |name: &str, url: &str| {
        format!("[[alerts.channel]]\nname = \"{name}\"\nkind = \"slack\"\nurl = \"${{{url}}}\"\n")
    };
    let channels = format!("\n{}{}", channel("ops", "BROKEN"), channel("chat", "CHAT"));
    project.write("quakes.toml", &(project.read("quakes.toml") + &channels));
    let ended = project.run(&["alert", "test", "quakes.toml"]);
    ended.exits(69).stdout_has("ops: FAILED: status 500").stdout_has("chat: delivered");
    assert_eq!((ended.stdout.lines().count(), chat.requests().len()), (2, 1), "{}", ended.stdout);
}

#[test]
fn a_job_that_never_ran_is_reported_once_by_late() {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(1);
    project.write(".env", &format!("{SLACK}={}\n", slack.url));
    for _ in 0..3 {
        project.run(&["late", "quakes.toml"]).exits(6);
        project.run(&["late", "quakes.toml", "--alert"]).exits(6);
    }
    let texts = slack.texts();
    // By the hour of the test, the occurrence that is late is of today or of the day before.
    assert_eq!(texts.len(), 1, "{texts:?}");
    let text = texts.concat();
    assert!(text.starts_with("FAILED: quakes has never run: ") && text.contains("rows"), "{text}");
    project.run(&["run", "quakes.toml"]).exits(0);
    project.run(&["late", "quakes.toml", "--alert"]).exits(0);
    assert_eq!(slack.texts()[1..], ["OK: quakes works again: its rows are in"]);
}

#[test]
fn a_job_that_is_unknown_for_less_than_an_hour_is_not_reported() {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(1);
    project.write(".env", &format!("{SLACK}={}\n", slack.url));
    for _ in 0..2 {
        project.run(&["late", "quakes.toml", "--alert", "--spreadsheet", "1NoSuch"]).exits(69);
    }
    assert_eq!(slack.texts(), [""; 0]);
}

#[test]
fn a_run_that_can_not_reach_its_sheet_is_reported_once() {
    let slack = Receiver::start_slack();
    let project = TempProject::with_few_quakes(1);
    project.write("broken.json", "{}");
    project.write(".env", &format!("{SLACK}={}\nGOOGLE_APPLICATION_CREDENTIALS=broken.json\n", slack.url));
    let run_with_slack = || project.run(&["run", "quakes.toml", "--spreadsheet", "1NoSuchSpreadsheet"]);
    run_with_slack().exits(77);
    run_with_slack().exits(77);
    assert_eq!(slack.texts(), ["FAILED: quakes failed before it could write to its sheet: today's rows are not in"]);
}

#[test]
fn what_is_wrong_with_a_channel_is_reported_without_its_secret() {
    let project = TempProject::with_few_quakes(1);
    let whole = project.read("quakes.toml");
    let with = |section: &str| {
        project.write("quakes.toml", &format!("{whole}\n{section}"));
        let checked = project.run_with(&[("HOOK", SECRET)], &["check", "quakes.toml"]);
        assert!(!checked.stderr.contains(SECRET) && !checked.stdout.contains(SECRET), "{checked:?}");
        checked.exits(78);
        checked
    };
    with("[[alerts.channel]]\nkind = \"slak\"\n").stderr_has("did you mean \"slack\"?");
    with("[[alerts.channel]]\nkind = \"teams\"\nurl = \"${HOOK}\"\n").stderr_has("is not an http or https address");
    with("[[alerts.channel]]\nkind = \"teams\"\n").stderr_has("has no `url`");
    with("[[alerts.channel]]\nkind = \"pagerduty\"\nkey = \"${HOOK}\"\n").stderr_has("is not a routing key");
    with("[alerts]\nescalate = [{ after = \"3 failures\", to = \"boss\" }]\n").stderr_has("names no channel");
    with("[alerts]\nescalate = [{ after = \"few failures\", to = \"boss\" }]\n").stderr_has("not a number of failures");
    with("[alerts]\nquiet_hours = \"night\"\n").stderr_has("not a range of times");
    with("[alerts]\nfailed_items = \"some\"\n").stderr_has("neither a number nor a share");
    project.write("quakes.toml", &whole);
    let slack = Receiver::start_slack();
    let fine = project.run_with(&[(SLACK, &slack.url)], &["check", "quakes.toml"]);
    fine.exits(0).stdout_has("alerts");
}
