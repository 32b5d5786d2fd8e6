//! The exports: what each holds. `.ci/schedules` has systemd, Kubernetes, GitHub and node check
//! them.

use std::collections::HashSet;

use super::{at, schedule};
use crate::export::export_job::{ExportFile, ExportJob, ExportTarget};
use crate::export::quoting::{
    build_resource_name, quote_for_crontab, quote_for_json, quote_for_shell, quote_for_systemd,
};
use crate::export::targets::export;
use crate::export::utc::{build_utc_line, build_utc_lines, find_starts_after_gaps};
use crate::job_schedule::{JobSchedule, ReadyTime, build_deadline_recurrence};
use crate::recurrence::Recurrence;
use crate::zone::parse_zone;

const NOW: &str = "2026-11-29T00:00:00Z";

fn job(recurrence: &str, zone: &str) -> ExportJob {
    ExportJob {
        name: "People 100%".to_owned(),
        schedule: schedule(recurrence, zone),
        program: "/opt/my tools/sheetkeep".into(),
        job_file: "/home/ann/100%/people.toml".into(),
        path_as_written: "jobs/people.toml".into(),
        env_file: Some("/etc/sheetkeep.env".into()),
        user: Some("ann".to_owned()),
        image: "registry.example/sheetkeep:0.1.0".to_owned(),
        limit_minutes: 50,
        now: at(NOW),
    }
}

fn files(target: ExportTarget, recurrence: &str, zone: &str) -> Vec<ExportFile> {
    export(target, &job(recurrence, zone))
}

fn text(target: ExportTarget, recurrence: &str) -> String {
    files(target, recurrence, "Europe/Berlin").into_iter().map(|file| file.text).collect()
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
}

#[test]
fn utc_lines_cover_every_time_of_a_year() {
    let drawn = [
        "0 9 * * 1-5",
        "30 2 * * *",
        "*/15 8-18 * * 1-5",
        "0 23 * * SUN",
        "0 0 1 * *",
        "15,45 1 */2 * *",
        "0 9 1 * 1",
        "0 12 1 1,7 *",
        "5 1 * 3 *",
        "every 90m",
        "every 7h",
        "every 1d",
        "every 25m",
    ];
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"] {
        for text in drawn {
            let wanted = schedule(text, zone);
            let lines = build_utc_lines(&wanted, at(NOW));
            let single = [build_utc_line(&wanted, at(NOW))];
            for lines in [lines.as_slice(), &single] {
                let (from, until, utc) = (at(NOW).0, at("2027-11-29T00:00:00Z").0, parse_zone("UTC").expect("a zone"));
                let mut called = HashSet::new();
                for line in lines {
                    let rule = Recurrence::parse(line).expect("a valid expression");
                    rule.visit_between(from, until, &utc, |(at, _)| {
                        called.insert(at);
                    });
                }
                wanted.recurrence.visit_between(from, until, &wanted.zone, |(at, _)| {
                    assert!(called.contains(&at), "{text} {zone} at {at}: {lines:?}");
                });
            }
        }
    }
}

#[test]
fn utc_lines_are_short() {
    let lines = |text: &str, zone: &str| build_utc_lines(&schedule(text, zone), at(NOW));
    assert_eq!(lines("0 9 * * 1-5", "Europe/Berlin"), ["0 7,8 * * 1-5"]);
    assert_eq!(lines("0 9 * * *", "Australia/Lord_Howe"), ["*/30 22 * * *"]);
    assert_eq!(lines("0 23 * * SUN", "America/New_York"), ["0 3,4 * * 1"]);
    assert_eq!(lines("0 9 * * *", "UTC"), ["0 9 * * *"]);
    assert_eq!(lines("*/15 * * * *", "Europe/Berlin"), ["*/15 * * * *"]);
    assert_eq!(lines("every 90m", "UTC"), ["*/30 * * * *"]);
    assert_eq!(find_starts_after_gaps(&schedule("30 2 * * *", "Europe/Berlin"), at(NOW)), [(1, 0)]);
}

#[test]
fn systemd_runs_local_times_and_those_a_clock_change_moves() {
    let text = text(ExportTarget::Systemd, "30 2 * * 1-5");
    assert_has(
        &text,
        &[
            "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 02:30:00 Europe/Berlin\n",
            "Persistent=true",
            "After=network-online.target",
            "KillMode=mixed",
            "ExecStart=\"/opt/my tools/sheetkeep\" \"run\" \"/home/ann/100%%/people.toml\" \"--due\" \"--quiet\" \"--deadline\" \"50m\"",
            "EnvironmentFile=/etc/sheetkeep.env",
            "User=ann",
            "WorkingDirectory=/home/ann/100%%",
            "TimeoutStartSec=55min",
        ],
    );
    assert_has(&self::text(ExportTarget::Systemd, "30 2 * * *"), &["OnCalendar=*-*-* 01:00:00 UTC"]);
    let either = self::text(ExportTarget::Systemd, "0 9 1 * 1");
    assert_has(
        &either,
        &["OnCalendar=*-*-01 09:00:00 Europe/Berlin\n", "OnCalendar=Mon *-*-* 09:00:00 Europe/Berlin\n"],
    );
    assert_has(&self::text(ExportTarget::Systemd, "every 6h"), &["OnCalendar=*-*-* 00/6:00:00 UTC"]);
}

#[test]
fn a_crontab_names_every_utc_time_and_due() {
    let text = text(ExportTarget::Cron, "0 9 * * 1-5");
    let command = r"set -a; . /etc/sheetkeep.env; '/opt/my tools/sheetkeep' run '/home/ann/100\%/people.toml' --due --quiet --deadline 50m";
    assert_has(&text, &[&format!("\n0 7,8 * * 1-5  {command}\n"), "no CRON_TZ", "*/15 * * * *"]);
}

#[test]
fn kubernetes_and_github_get_utc_and_due() {
    let pod = text(ExportTarget::K8s, "0 9 * * 1-5");
    assert_has(
        &pod,
        &[
            "schedule: \"0 7,8 * * 1-5\"",
            "timeZone: Etc/UTC",
            "concurrencyPolicy: Forbid",
            "\"--due\"",
            "[1, 2, 3, 6, 65,",
            "activeDeadlineSeconds: 3300",
            "runAsNonRoot: true",
        ],
    );
    let workflow = text(ExportTarget::GithubActions, "0 9 * * 1-5");
    assert_has(
        &workflow,
        &[
            "- cron: \"0 7,8 * * 1-5\"",
            "cancel-in-progress: false",
            "--due",
            "${{ secrets.SHEETKEEP_SPREADSHEET_ID }}",
            "after 60 days",
            "timeout-minutes: 55",
        ],
    );
    assert!(!workflow.contains("/home/ann"), "a repository has no absolute paths");
}

#[test]
fn google_cloud_gets_limits_and_no_blind_retries() {
    let run = text(ExportTarget::CloudRunJob, "0 9 * * 1-5");
    assert_has(
        &run,
        &[
            "--max-retries 0",
            "--task-timeout 3300s",
            "--schedule '0 7,8 * * 1-5' --time-zone Etc/UTC",
            "run;/jobs/job.toml;--due",
            ":run\"",
            "--attempt-deadline 180s",
        ],
    );
    let only = text(ExportTarget::CloudScheduler, "0 9 * * 1-5");
    assert!(only.starts_with("#!/bin/sh\nset -eu\n") && !only.contains("run jobs deploy"));
}

#[test]
fn the_apps_script_is_short_and_has_the_menu() {
    let script = text(ExportTarget::AppsScript, "0 9 * * *");
    assert_has(&script, &["Run now", "Pause", "MailApp.sendEmail", "everyHours", "createMenu"]);
    assert!(script.lines().count() <= 80, "{} lines", script.lines().count());
}

#[test]
fn a_deadline_is_called_for_each_quarter_of_an_hour() {
    let recurrence = build_deadline_recurrence("09:00", "*").expect("a deadline");
    let ready_by = Some(ReadyTime { not_before: None, margin_ms: 600_000 });
    let schedule = JobSchedule { ready_by, ..JobSchedule::new(recurrence, parse_zone("UTC").expect("a zone")) };
    let job = ExportJob { schedule, ..job("0 9 * * *", "UTC") };
    assert_has(&export(ExportTarget::Systemd, &job)[1].text, &["OnCalendar=*-*-* *:00/15:00 UTC"]);
    assert_has(&export(ExportTarget::Cron, &job)[0].text, &["\n*/15 * * * *  set -a"]);
}

#[test]
fn paths_and_names_are_quoted() {
    assert_eq!(quote_for_shell("it's"), r"'it'\''s'");
    assert_eq!(quote_for_shell(""), "''");
    assert_eq!(quote_for_crontab("/a/100%"), r"'/a/100\%'");
    assert_eq!(quote_for_systemd(r#"a "b" $c %d \e"#), r#""a \"b\" $$c %%d \\e""#);
    assert_eq!(quote_for_json("a\"b\\\n"), r#""a\"b\\\u000a""#);
    assert_eq!(build_resource_name("My Job_2."), "sheetkeep-my-job-2");
}

#[test]
fn no_template_keeps_a_placeholder() {
    for (name, target) in ExportTarget::ALL {
        for file in files(*target, "0 9 * * *", "Europe/Berlin") {
            let left = file.text.replace("${{ secrets.", "");
            assert!(!left.contains("{{"), "{name}: {}", file.text);
            assert!(file.text.ends_with('\n') && file.text.lines().all(|line| line.len() <= 160), "{name}");
        }
    }
}
