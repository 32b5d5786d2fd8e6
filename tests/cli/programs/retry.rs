//! `sheetkeep retry`: real commands, tiny delays, the report.

use serde_json::Value;

use crate::temp_project::{CommandOutput, TempProject};

fn read_report(project: &TempProject, file: &str) -> Value {
    serde_json::from_str(&project.read(file)).expect("a report is JSON")
}

/// Returns the report without what differs from run to run: the times.
fn without_times(mut report: Value) -> String {
    report["total_s"] = "…".into();
    for attempt in report["attempts"].as_array_mut().expect("a list") {
        attempt["duration_s"] = "…".into();
    }
    serde_json::to_string_pretty(&report).expect("it is JSON")
}

fn run_retry(project: &TempProject, line: &str, script: &str) -> CommandOutput {
    let mut args: Vec<&str> = ["retry", "--base-delay", "0.001", "--max-delay", "4ms", "--seed", "7"].to_vec();
    args.extend(line.split_whitespace());
    args.extend(["--", "sh", "-c", script]);
    project.run(&args)
}

#[test]
fn the_example_with_a_flaky_function_works_as_it_is() {
    let project = TempProject::empty();
    let line = "retry --max-retries 5 --base-delay 0.1 --output data/retry_report.json --flaky 2 --seed 3";
    let ended = project.run(&line.split_whitespace().collect::<Vec<_>>());
    ended
        .exits(0)
        .stderr_has("attempt 1 of 5: flaky: failure 1 of 2; the next one in")
        .stderr_has("attempt 3 of 5: succeeded");
    insta::assert_snapshot!(without_times(read_report(&project, "data/retry_report.json")), @r#"
    {
      "schema_version": 1,
      "outcome": "succeeded",
      "attempts": [
        {
          "number": 1,
          "delay": 0.011345,
          "error": "flaky: failure 1 of 2",
          "exit_code": 1,
          "duration_s": "…"
        },
        {
          "number": 2,
          "delay": 0.140058,
          "error": "flaky: failure 2 of 2",
          "exit_code": 1,
          "duration_s": "…"
        },
        {
          "number": 3,
          "delay": 0.0,
          "error": null,
          "exit_code": 0,
          "duration_s": "…"
        }
      ],
      "max_attempts": 5,
      "total_s": "…",
      "error": null,
      "stderr": null,
      "exit_code": 0
    }
    "#);
    let other = TempProject::empty();
    other.run(&line.split_whitespace().collect::<Vec<_>>()).exits(0);
    let delays = |project| {
        read_report(project, "data/retry_report.json")["attempts"]
            .as_array()
            .map(|attempts| attempts.iter().map(|attempt| attempt["delay"].clone()).collect::<Vec<_>>())
    };
    assert_eq!(delays(&project), delays(&other), "the same seed, the same delays");
}

#[test]
fn an_exhausted_command_passes_its_code_on_and_is_reported() {
    let project = TempProject::empty();
    let ended =
        run_retry(&project, "--max-retries 3 --output a/b/report.json", "echo out; echo 'no route' >&2; exit 7");
    ended.exits(7).stderr_has("attempt 2 of 3: ended with 7: no route").stderr_has("gave up after 3 attempts");
    assert_eq!(ended.stdout, "", "the output of failed attempts is on standard error");
    assert_eq!(ended.stderr.matches("out\n").count(), 3);
    insta::assert_snapshot!(without_times(read_report(&project, "a/b/report.json")), @r#"
    {
      "schema_version": 1,
      "outcome": "exhausted",
      "attempts": [
        {
          "number": 1,
          "delay": 0.000389,
          "error": "ended with 7: no route",
          "exit_code": 7,
          "duration_s": "…"
        },
        {
          "number": 2,
          "delay": 0.000033,
          "error": "ended with 7: no route",
          "exit_code": 7,
          "duration_s": "…"
        },
        {
          "number": 3,
          "delay": 0.0,
          "error": "ended with 7: no route",
          "exit_code": 7,
          "duration_s": "…"
        }
      ],
      "max_attempts": 3,
      "total_s": "…",
      "error": "ended with 7: no route",
      "stderr": "no route\n",
      "exit_code": 7
    }
    "#);
    assert_eq!(project.list_entries(), ["a"]);
}

#[test]
fn an_interrupted_command_is_reported_and_gets_the_signal() {
    let project = TempProject::empty();
    let script = "trap 'exit 9' INT; echo up >&2; sleep 600 & wait";
    let mut live = project.start(&["retry", "--no-stdin", "--output", "r.json", "--", "sh", "-c", script]);
    live.wait_for_line("up");
    live.send_signal("-INT");
    live.wait_for_end().exits(9).stderr_has("interrupted by SIGINT");
    let report = without_times(read_report(&project, "r.json"));
    insta::assert_snapshot!(report, @r#"
    {
      "schema_version": 1,
      "outcome": "interrupted",
      "attempts": [
        {
          "number": 1,
          "delay": 0.0,
          "error": "ended with 9: up",
          "exit_code": 9,
          "duration_s": "…"
        }
      ],
      "max_attempts": 5,
      "total_s": "…",
      "error": "interrupted by SIGINT",
      "stderr": "up\n",
      "exit_code": 9
    }
    "#);
}

#[test]
fn a_signal_during_a_delay_ends_with_its_number() {
    let project = TempProject::empty();
    let flags = "retry --base-delay 1h --max-delay 1h --jitter none --output r.json --flaky 1";
    let mut live = project.start(&flags.split_whitespace().collect::<Vec<_>>());
    live.wait_for_line("the next one in 3600 s");
    live.send_signal("-TERM");
    live.wait_for_end().exits(143);
    assert_eq!(read_report(&project, "r.json")["outcome"], "interrupted");
}

#[test]
fn standard_input_is_given_to_each_attempt() {
    let project = TempProject::empty();
    let script = "cat >> seen; test \"$SHEETKEEP_ATTEMPT\" = 3 && cat seen";
    let mut live = project.start(&["retry", "--base-delay", "1ms", "--", "sh", "-c", script]);
    live.write_input("one\ntwo\n");
    let ended = live.close_and_wait();
    ended.exits(0);
    assert_eq!(ended.stdout, "one\ntwo\n".repeat(3));
}

#[test]
fn stream_passes_the_output_of_every_attempt_on() {
    let project = TempProject::empty();
    let ended = run_retry(&project, "--max-retries 2 --stream", "echo out; exit 1");
    ended.exits(1);
    assert_eq!(ended.stdout, "out\nout\n");
}

#[test]
fn only_the_codes_asked_for_are_tried_again() {
    let project = TempProject::empty();
    run_retry(&project, "--on-exit 75,69 --max-retries 2", "exit 1")
        .exits(1)
        .stderr_has("not tried again, exit code 1");
    run_retry(&project, "--on-exit 75 --max-retries 2", "exit 75").exits(75).stderr_has("gave up after 2 attempts");
    run_retry(&project, "--preset curl --max-retries 2", "exit 28").exits(28).stderr_has("gave up after 2 attempts");
    run_retry(&project, "--preset curl --max-retries 2", "exit 22").exits(22).stderr_has("not tried again");
    project.run(&["retry", "--", "./none"]).exits(127).stderr_has("not tried again");
}

#[test]
fn settings_that_make_no_sense_are_refused_with_2() {
    let project = TempProject::empty();
    for (line, why) in [
        ("--max-retries 0 --flaky 1", "max-retries must be at least 1"),
        ("--max-retries -1 --flaky 1", "max-retries must be at least 1"),
        ("--base-delay 0 --flaky 1", "base-delay must be more than 0"),
        ("--base-delay -0.5 --flaky 1", "base-delay must be more than 0"),
        ("--timeout 0 --flaky 1", "timeout must be more than 0"),
        ("--base-delay 2 --max-delay 1 --flaky 1", "max-delay must not be less than base-delay"),
        ("--on-exit 0 --flaky 1", "0 is success"),
        ("--jitter some --flaky 1", "some"),
        ("--max-retries 3", "CMD"),
    ] {
        let mut args = vec!["retry", "--output", "r.json"];
        args.extend(line.split_whitespace());
        project.run(&args).exits(2).stderr_has(why);
    }
    assert_eq!(project.list_entries(), Vec::<String>::new(), "nothing was run or written");
}

#[test]
fn an_unwritable_report_stops_before_the_first_attempt() {
    let project = TempProject::empty();
    project.write("file", "");
    let ended = run_retry(&project, "--output file/r.json", "touch ran");
    ended.exits(73).stderr_has("failed to write the report");
    assert_eq!(project.list_entries(), ["file"]);
}

#[test]
fn a_first_attempt_that_succeeds_is_silent() {
    let project = TempProject::empty();
    let ended = run_retry(&project, "", "echo done");
    ended.exits(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("done\n", ""));
}

#[test]
fn a_command_that_writes_bytes_which_are_no_text_is_passed_on() {
    let project = TempProject::empty();
    let output = project.command(&["retry", "--", "printf", "\\377\\000x"]).output().expect("it can be run");
    assert_eq!(output.stdout, b"\xff\x00x");
}

#[test]
fn attempts_are_json_lines_if_logs_are() {
    let project = TempProject::empty();
    let ended = project.run(&["--log-format", "json", "retry", "--base-delay", "1ms", "--flaky", "1"]);
    ended.exits(0);
    let first: Value = serde_json::from_str(ended.stderr.lines().next().expect("a line")).expect("it is JSON");
    assert_eq!((&first["attempt"], &first["of"], &first["severity"]), (&1.into(), &5.into(), &"WARNING".into()));
    assert_eq!((&first["cause"], &first["event"]), (&"flaky: failure 1 of 1".into(), &"command.retrying".into()));
    assert!(first["delay_ms"].is_u64(), "{first}");
}

#[test]
fn an_attempt_can_not_change_the_input_of_the_next() {
    let project = TempProject::empty();
    let script = "cat >> seen; echo other 2>/dev/null >&0; test $SHEETKEEP_ATTEMPT = 3";
    let mut live = project.start(&["retry", "--max-retries", "3", "--base-delay", "0.001", "--", "sh", "-c", script]);
    live.write_input("three\n");
    live.close_and_wait().exits(0);
    assert_eq!(project.read("seen"), "three\n".repeat(3));
}
