//! What an export needs to know of a job, its targets and its files.

use std::fmt;
use std::path::PathBuf;

use sheetkeep_base::time::Timestamp;

use crate::job_schedule::JobSchedule;

/// A scheduler that can call a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportTarget {
    /// A service and a timer of systemd.
    Systemd,
    /// Lines for a crontab.
    Cron,
    /// A `CronJob` of Kubernetes.
    K8s,
    /// Commands that deploy a Cloud Run job and call it by Cloud Scheduler.
    CloudRunJob,
    /// Commands by which Cloud Scheduler calls a Cloud Run job that exists.
    CloudScheduler,
    /// A workflow of GitHub Actions.
    GithubActions,
    /// A script bound to the spreadsheet that mails its owner when a job is overdue.
    AppsScript,
}

impl ExportTarget {
    /// All targets with their names on the command line.
    pub const ALL: &[(&str, Self)] = &[
        ("systemd", Self::Systemd),
        ("cron", Self::Cron),
        ("k8s", Self::K8s),
        ("cloud-run-job", Self::CloudRunJob),
        ("cloud-scheduler", Self::CloudScheduler),
        ("github-actions", Self::GithubActions),
        ("apps-script", Self::AppsScript),
    ];
}

impl fmt::Display for ExportTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, target)| target == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

/// What an export needs to know of a job.
#[derive(Debug, Clone)]
pub struct ExportJob {
    /// The job's name.
    pub name: String,
    /// When the job runs; the export is exact, or it refuses.
    pub schedule: JobSchedule,
    /// The absolute path of sheetkeep's binary.
    pub program: PathBuf,
    /// The absolute path of the job file.
    pub job_file: PathBuf,
    /// The path of the job file as the user named it, for a repository.
    pub path_as_written: PathBuf,
    /// The absolute path of a file with environment variables, beside the job file's own `.env`.
    pub env_file: Option<PathBuf>,
    /// The account that runs the job; the export leaves a place for it if none is known.
    pub user: Option<String>,
    /// The container image.
    pub image: String,
    /// After how many minutes a run stops, at least 1.
    pub limit_minutes: u32,
    /// The present time: offsets of the next 400 days are looked at.
    pub now: Timestamp,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportFile {
    /// Its name, without a folder.
    pub name: String,
    /// What it holds.
    pub text: String,
}
