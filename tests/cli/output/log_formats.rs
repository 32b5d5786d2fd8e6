//! The formats of logs of the real binary: chosen by flag, variable or platform, and without any
//! secret.

use serde_json::Value;

use crate::emulator_process::EmulatorProcess;
use crate::temp_project::{CommandOutput, TempProject, run_to_end};

const ID: &str = "1AcceptanceSpreadsheet000000000000000000000";

/// Parses standard error, of which each line has to be a JSON object.
fn read_log_lines(ended: &CommandOutput) -> Vec<Value> {
    let parsed = ended.stderr.lines().map(|line| {
        let parsed: Result<Value, _> = serde_json::from_str(line);
        parsed.map_err(|error| format!("{error} in {line}")).expect("each line is a document")
    });
    parsed.collect()
}

/// Returns the lines of an event, whose name is at one of these keys.
fn filter_event<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == name || line["event.action"] == name).collect()
}

#[test]
fn a_platform_gets_its_format_and_a_flag_comes_first() {
    for (environment, args, key) in [
        (&[("K_SERVICE", "sync")][..], &[][..], "logging.googleapis.com/operation"),
        (&[("AWS_LAMBDA_FUNCTION_NAME", "sync")], &[], "_aws"),
        (&[("DD_SERVICE", "sync"), ("K_SERVICE", "sync")], &[], "ddsource"),
        (&[("SHEETKEEP_LOG_FORMAT", "ecs"), ("K_SERVICE", "sync")], &[], "ecs.version"),
        (&[("SHEETKEEP_LOG_FORMAT", "ecs")], &["--log-format", "datadog"], "ddsource"),
    ] {
        let project = TempProject::with_few_quakes(2);
        let args: Vec<&str> = ["run", "quakes.toml"].iter().chain(args).copied().collect();
        let ended = project.run_with(environment, &args);
        let lines = read_log_lines(ended.exits(0).stdout_has("new 2"));
        let finished = filter_event(&lines, "run.finished");
        assert_eq!(finished.len(), 1, "one wide line a run: {}", ended.stderr);
        assert!(finished[0].get(key).is_some(), "{environment:?} {args:?}: {}", finished[0]);
    }
    let project = TempProject::with_few_quakes(2);
    let pretty = project.run_with(&[("K_SERVICE", "sync")], &["run", "quakes.toml", "--log-format", "text"]);
    assert!(!pretty.exits(0).stderr.contains('{'), "{}", pretty.stderr);
    let wrong = project.run_with(&[("SHEETKEEP_LOG_FORMAT", "xml")], &["run", "quakes.toml"]);
    wrong.exits(78).stderr_has("SHEETKEEP_LOG_FORMAT names no format").stderr_has("datadog");
}

#[test]
fn every_line_of_a_run_has_an_event_a_job_and_a_run() {
    let project = TempProject::with(&["hard/hard-csv.toml", "hard/hard.csv"]);
    let lines = read_log_lines(project.run(&["run", "hard-csv.toml", "-vv", "--log-format", "json"]).exits(3));
    let id = filter_event(&lines, "run.started")[0]["run"].clone();
    let mut with_run = 0;
    for line in lines.iter().filter(|line| !line["target"].as_str().is_some_and(|at| at.starts_with("sheets_emulator")))
    {
        assert!(line["event"].is_string(), "{line}");
        with_run += usize::from(line["run"] == id && line["job"].is_string());
    }
    assert!(with_run > 10, "{with_run} lines name the run");
    let finished = filter_event(&lines, "run.finished")[0];
    assert_eq!((&finished["outcome"], &finished["severity"]), (&"partial".into(), &"WARNING".into()));
    let failed = filter_event(&lines, "item.failed");
    assert_eq!(finished["failed"].as_u64(), u64::try_from(failed.len()).ok());
    assert!(!failed.is_empty() && failed.iter().all(|line| line["key"].is_string() && line["step"].is_string()));
}

#[test]
fn a_run_that_an_error_ended_has_its_wide_line_too() {
    let project = TempProject::with_few_quakes(2);
    project.write("usgs-all-week.geojson", "{\"features\": [");
    let ended = project.run(&["run", "quakes.toml", "--log-format", "gcp", "--quiet"]);
    let lines = read_log_lines(ended.exits(65));
    let finished = filter_event(&lines, "run.finished")[0];
    assert_eq!((&finished["severity"], &finished["error.kind"]), (&"ERROR".into(), &"dataerr".into()));
    let failed = filter_event(&lines, "command.failed")[0];
    assert_eq!((&failed["severity"], &failed["exit_code"]), (&"ERROR".into(), &65.into()));
}

#[test]
fn a_call_that_is_made_again_is_one_line_with_its_cause() {
    let project = TempProject::with_few_quakes(2);
    let emulator = EmulatorProcess::start(&project, &["--spreadsheet-id", ID]);
    emulator.inject_faults("[{\"on\": \"reads\", \"do\": \"fail\", \"status\": 503, \"times\": 1}]");
    let ended = run_to_end(emulator.command(&project, ID, &["run", "quakes.toml", "--log-format", "json"]));
    let lines = read_log_lines(ended.exits(0));
    let retries = filter_event(&lines, "call.retrying");
    assert_eq!(retries.len(), 1, "{}", ended.stderr);
    let retry = retries[0];
    assert!(retry["delay_ms"].is_u64() && retry["cause"].is_string() && retry["method"].is_string(), "{retry}");
    assert_eq!(
        (&retry["attempt"], &retry["error.kind"], &retry["job"]),
        (&2.into(), &"transient".into(), &"quakes".into())
    );
    let finished = filter_event(&lines, "run.finished")[0];
    assert_eq!((&finished["call_retries"], &finished["retries"]), (&1.into(), &1.into()));
}

#[test]
fn no_secret_leaves_through_any_format_or_metric() {
    let secrets = [
        "plain words of a token",
        "pushed-secret-word",
        "beat-secret-path-0815",
        "quoted \\\"inner\\\" secret",
        "env-file-secret-value",
    ];
    for format in ["pretty", "json", "gcp", "datadog", "cloudwatch", "ecs"] {
        let project = TempProject::with_few_quakes(2);
        let sections = "\n[heartbeat]\nurl = \"${PING_URL}\"\n\n[metrics]\npushgateway = \"${GATEWAY}\"\njsonl = \"metrics.jsonl\"\n\
                        textfile = \"quakes.prom\"\n";
        project.write("quakes.toml", &(project.read("quakes.toml") + sections));
        project.write(".env", "ORDERS_PASSWORD=env-file-secret-value\n");
        // Programs write what they must not: their last line of standard error is the item's failure.
        let step = "[[step]]\nname = \"tell\"\ncommand = [\"sh\", \"-c\", \"cat >/dev/null; echo no $API_TOKEN, $QUOTED_SECRET, $PING_URL >&2; exit 1\"]\n\n[sheet]";
        project.replace_in("quakes.toml", "[sheet]", step);
        let environment = [
            ("API_TOKEN", "plain words of a token"),
            ("QUOTED_SECRET", "quoted \"inner\" secret"),
            ("PING_URL", "http://127.0.0.1:9/ping/beat-secret-path-0815"),
            ("GATEWAY", "http://me:pushed-secret-word@127.0.0.1:9/"),
            ("PATH", "/usr/bin:/bin"),
            ("SHEETKEEP_LOG", "trace"),
        ];
        let ended = project
            .run_with(&environment, &["run", "quakes.toml", "-vv", "--log-format", format, "--log-file", "run.log"]);
        ended.exits(3).stderr_has("tell").stderr_has("[hidden]");
        let mut texts = vec![("standard error".to_owned(), ended.stderr.clone())];
        for name in project
            .list_entries()
            .into_iter()
            .filter(|name| name.starts_with("run.2") || name.starts_with("metrics") || name == "quakes.prom")
        {
            let text = project.read(&name);
            texts.push((name, text));
        }
        assert_eq!(texts.len(), 4, "{:?}", project.list_entries());
        for (place, text) in texts {
            for secret in secrets.iter().chain(&["quoted \"inner\" secret"]) {
                assert!(!text.contains(secret), "{format}: {secret} is in {place}:\n{text}");
            }
        }
    }
}
