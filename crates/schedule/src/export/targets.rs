//! The files of each target, from its template.

use crate::export::export_job::{ExportFile, ExportJob, ExportTarget};
use crate::export::quoting::{
    build_resource_name, escape_systemd_path, quote_for_crontab, quote_for_json, quote_for_shell, quote_for_systemd,
};
use crate::export::utc::{build_utc_line, build_utc_lines, find_starts_after_gaps};
use crate::recurrence::Recurrence;
use crate::words::describe;
use crate::zone::find_zone_name;

const SERVICE: &str = include_str!("templates/service.txt");
const TIMER: &str = include_str!("templates/timer.txt");
const CRONTAB: &str = include_str!("templates/crontab.txt");
const CRON_JOB: &str = include_str!("templates/cron_job.txt");
const CLOUD_RUN_JOB: &str = include_str!("templates/cloud_run_job.txt");
const CLOUD_SCHEDULER: &str = include_str!("templates/cloud_scheduler.txt");
const WORKFLOW: &str = include_str!("templates/workflow.txt");
const APPS_SCRIPT: &str = include_str!("templates/apps_script.txt");

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Returns the files by which `target` calls the job.
pub fn export(target: ExportTarget, job: &ExportJob) -> Vec<ExportFile> {
    let name = build_resource_name(&job.name);
    let file = |name: String, template: &str| ExportFile { name, text: fill_template(template, job, target) };
    match target {
        ExportTarget::Systemd => {
            vec![file(format!("{name}.service"), SERVICE), file(format!("{name}.timer"), TIMER)]
        }
        ExportTarget::Cron => vec![file(format!("{name}.crontab"), CRONTAB)],
        ExportTarget::K8s => vec![file(format!("{name}.yaml"), CRON_JOB)],
        ExportTarget::CloudRunJob => {
            let script = fill_template(CLOUD_RUN_JOB, job, target) + &fill_template(CLOUD_SCHEDULER, job, target);
            vec![ExportFile { name: format!("{name}-cloud-run-job.sh"), text: script }]
        }
        ExportTarget::CloudScheduler => {
            let script = "#!/bin/sh\nset -eu\n\n".to_owned() + &fill_template(CLOUD_SCHEDULER, job, target);
            vec![ExportFile { name: format!("{name}-cloud-scheduler.sh"), text: script }]
        }
        ExportTarget::GithubActions => vec![file(format!("{name}.yml"), WORKFLOW)],
        ExportTarget::AppsScript => vec![file("Code.gs".to_owned(), APPS_SCRIPT)],
    }
}

/// Fills a template: `{{WORD}}` is replaced, and nothing that was filled in is read again.
fn fill_template(template: &str, job: &ExportJob, target: ExportTarget) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((word, after)) = after.split_once("}}") else {
            rest = after;
            continue;
        };
        out.push_str(&find_value(word, job, target));
        rest = after;
    }
    out + rest
}

fn find_value(word: &str, job: &ExportJob, target: ExportTarget) -> String {
    let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let folder = job.job_file.parent().map_or_else(|| "/".to_owned(), path);
    let zone = find_zone_name(&job.schedule.zone);
    match word {
        "JOB" => job.name.clone(),
        "JOB_JSON" => quote_for_json(&job.name),
        "NAME" => build_resource_name(&job.name),
        "WORDS" => describe(&job.schedule.recurrence, &job.schedule.zone),
        "ZONE" => zone.to_owned(),
        "LIMIT" => format!("{}m", job.limit_minutes),
        // The scheduler's own limit leaves a run time to stop by itself.
        "LIMIT_OUTSIDE_MINUTES" => job.limit_minutes.saturating_add(5).to_string(),
        "LIMIT_OUTSIDE_SECONDS" => (job.limit_minutes.saturating_add(5) * 60).to_string(),
        "EXEC_START" => {
            let limit = format!("{}m", job.limit_minutes);
            let words = [&path(&job.program), "run", &path(&job.job_file), "--due", "--quiet", "--deadline", &limit];
            words.map(quote_for_systemd).join(" ")
        }
        "FOLDER_QUOTED" => format!("\"{}\"", escape_systemd_path(&folder)),
        "FOLDER_SYSTEMD" => escape_systemd_path(&folder),
        "ENV_SYSTEMD" => job.env_file.as_ref().map_or_else(
            || "# EnvironmentFile=".to_owned(),
            |file| format!("EnvironmentFile={}", escape_systemd_path(&path(file))),
        ),
        "USER_SYSTEMD" => {
            job.user.as_ref().map_or_else(|| "# User=".to_owned(), |user| format!("User={}", escape_systemd_path(user)))
        }
        "ON_CALENDAR" => build_on_calendar(job),
        "CRON_LINES" => build_cron_lines(job),
        "CRON_COMMAND" => build_cron_command(job),
        "UTC_LINE" => build_utc_line(&job.schedule, job.now),
        "WORKFLOW_LINES" => {
            let lines = build_utc_lines(&job.schedule, job.now);
            lines.iter().map(|line| format!("    - cron: {}", quote_for_json(line))).collect::<Vec<_>>().join("\n")
        }
        "CONTAINER_JOB_FILE" => "/jobs/job.toml".to_owned(),
        "JOB_FILE_SHELL" => quote_for_shell(&path(&job.job_file)),
        "PATH_JSON" => quote_for_json(&path(&job.path_as_written)),
        "IMAGE" => quote_for_json(&job.image),
        "IMAGE_SHELL" => quote_for_shell(&job.image),
        "BRACE" => "{{".to_owned(),
        "TARGET" => target.to_string(),
        _ => String::new(),
    }
}

/// The `OnCalendar=` lines: the local times in the zone, and the starts that a clock change moves,
/// which systemd would leave out.
fn build_on_calendar(job: &ExportJob) -> String {
    let zone = find_zone_name(&job.schedule.zone);
    let mut lines = Vec::new();
    match &job.schedule.recurrence {
        Recurrence::Cron(expression) if job.schedule.ready_by.is_none() => {
            let list = |values: Vec<i8>, all: usize| {
                let is_all = values.len() == all;
                let listed: Vec<String> = values.iter().map(|value| format!("{value:02}")).collect();
                if is_all { "*".to_owned() } else { listed.join(",") }
            };
            let (days, months) = (list(expression.days(), 31), list(expression.months(), 12));
            let named =
                expression.weekdays().into_iter().filter_map(|day| WEEKDAYS.get(usize::try_from(day).ok()?).copied());
            let weekdays: Vec<&str> = named.collect();
            let weekdays = if weekdays.len() == 7 { String::new() } else { format!("{} ", weekdays.join(",")) };
            let (mut hours, mut minutes): (Vec<i8>, Vec<i8>) = expression.times().into_iter().unzip();
            for values in [&mut hours, &mut minutes] {
                values.sort_unstable();
                values.dedup();
            }
            let time = format!("{}:{}:00 {zone}", list(hours, 24), list(minutes, 60));
            if expression.must_match_both_days() || days == "*" || weekdays.is_empty() {
                lines.push(format!("OnCalendar={weekdays}*-{months}-{days} {time}"));
            } else {
                // One of the two is enough, and several lines mean just that.
                lines.push(format!("OnCalendar=*-{months}-{days} {time}"));
                lines.push(format!("OnCalendar={weekdays}*-{months}-* {time}"));
            }
            let moved = find_starts_after_gaps(&job.schedule, job.now);
            lines.extend(moved.iter().map(|(hour, minute)| format!("OnCalendar=*-*-* {hour:02}:{minute:02}:00 UTC")));
        }
        _ => lines.extend(build_utc_lines(&job.schedule, job.now).iter().map(|line| build_utc_calendar(line))),
    }
    lines.join("\n")
}

/// `*/15 * * * *`, `0 */6 * * *` or `0 0 * * *` as a calendar expression in UTC.
fn build_utc_calendar(line: &str) -> String {
    let mut fields = line.split(' ');
    let mut part = || match fields.next() {
        None | Some("*") => "*".to_owned(),
        Some(text) => text.strip_prefix("*/").map_or_else(|| format!("{text:0>2}"), |step| format!("00/{step}")),
    };
    let (minute, hour) = (part(), part());
    format!("OnCalendar=*-*-* {hour}:{minute}:00 UTC")
}

fn build_cron_command(job: &ExportJob) -> String {
    let quote = |path: &std::path::Path| quote_for_crontab(&path.to_string_lossy());
    let load = job.env_file.as_ref().map_or_else(String::new, |file| format!("set -a; . {}; ", quote(file)));
    let (program, job_file) = (quote(&job.program), quote(&job.job_file));
    format!("{load}{program} run {job_file} --due --quiet --deadline {}m", job.limit_minutes)
}

fn build_cron_lines(job: &ExportJob) -> String {
    let command = build_cron_command(job);
    let lines = build_utc_lines(&job.schedule, job.now);
    lines.iter().map(|line| format!("{line}  {command}")).collect::<Vec<_>>().join("\n")
}
