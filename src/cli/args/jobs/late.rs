//! The flags of `sheetkeep late`.
//!
//! In scope: parsing, help. Out of scope: the verdict (`schedule::lateness`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::args::duration::parse_duration_arg;
use crate::cli::args::job::{JobArgs, SheetArgs};

/// The jobs and the flags of `sheetkeep late`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct LateArgs {
    /// Job files to look at
    #[arg(value_name = "JOB.toml", required_unless_present = "file")]
    pub jobs: Vec<PathBuf>,
    /// A job is stale if its last success is older than TIME (e.g. 26h)
    #[arg(long, value_name = "TIME", value_parser = parse_duration_arg)]
    pub max_age: Option<Duration>,
    /// Read the file that `[heartbeat]` writes, not the spreadsheet; no network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["spreadsheet", "embedded"])]
    pub file: Option<PathBuf>,
    /// Report what is late to the job's channels, once
    #[arg(long)]
    pub alert: bool,
    /// Where the jobs keep their state.
    #[command(flatten)]
    pub sheet: SheetArgs,
    /// Print one JSON document on standard output; errors are JSON, too
    #[arg(long)]
    pub json: bool,
}

impl LateArgs {
    /// Returns the flags of one of the jobs.
    pub fn make_job_args(&self, job: &Path) -> JobArgs {
        JobArgs { job: job.to_owned(), sheet: self.sheet.clone(), state_dir: None, json: self.json, date: None }
    }
}
