//! Reports a job file that can't be read any more. Only the environment names a channel then.
//!
//! In scope: which job files are reported. Out of scope: the message and its memory
//! (`app::job_alerts`).
//!
//! A file that never made a run on this machine is not reported: a person is writing it.

use std::sync::Arc;

use crate::alerts::report_context::AlertedJob;
use crate::app::job_alerts::JobAlerts;
use crate::cli::args::job::JobArgs;
use crate::cli::commands::alerts::alert_place::describe_alert_place;
use crate::cli::commands::load_settings::{describe_place, read_environment_settings};
use crate::cli::errors::CliError;
use crate::cli::exit::Exit;
use crate::clock::Clock;
use crate::config::external::environment::read_host_name;
use crate::config::settings::Settings;

/// Reports that the job file can't be read, once, if it made a run on this machine before.
pub async fn report_unreadable_file(job: &JobArgs, error: &CliError, clock: &Arc<dyn Clock>) {
    if !matches!(error.exit(), Exit::Config | Exit::NoInput) {
        return;
    }
    let Ok(settings) = read_environment_settings(job) else { return };
    let name = job.job.file_stem().unwrap_or(job.job.as_os_str()).to_string_lossy().into_owned();
    let place = describe_place(job, &settings);
    let status_command = place.format_command("check");
    let words = AlertedJob { job: name, status_command, ..describe_alert_place(&place, &settings, &read_host_name()) };
    if let Some(alerting) = JobAlerts::from_job_file(&settings, &job.job, words, clock) {
        alerting.report_unreadable_file(&error.format_line()).await;
    }
}

/// Remembers that the job file made a run, and reports so if it was reported as unreadable.
pub async fn record_job_file(job: &JobArgs, settings: &Settings, clock: &Arc<dyn Clock>) {
    if JobAlerts::knows_working_file(settings, &job.job) {
        return;
    }
    let words = describe_alert_place(&describe_place(job, settings), settings, &read_host_name());
    if let Some(alerting) = JobAlerts::from_job_file(settings, &job.job, words, clock) {
        alerting.record_working_file().await;
    }
}
