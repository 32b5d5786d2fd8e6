//! Flags of `sheetkeep schedule`.
//!
//! In scope: parsing, help. Out of scope: the other commands (`cli::args`).

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::args::duration::parse_deadline;
use crate::cli::args::jobs::schedule_run::ScheduleRunArgs;
use crate::schedule::export::export_job::ExportTarget;

/// Flags of `sheetkeep schedule`; no action reads a spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ScheduleArgs {
    /// What to do with the schedule.
    #[command(subcommand)]
    pub action: ScheduleAction,
}

/// Actions on schedules.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum ScheduleAction {
    /// Explain a cron expression: in words, its next five times, clock changes
    Explain(ScheduleExplainArgs),
    /// Print the files by which another scheduler calls a job
    Export(ScheduleExportArgs),
    /// Run many jobs by their schedules, until it is stopped
    Run(ScheduleRunArgs),
}

impl ScheduleAction {
    /// Returns whether the command was asked for JSON.
    pub fn wants_json(&self) -> bool {
        matches!(self, Self::Explain(args) if args.json)
    }
}

/// `sheetkeep schedule explain`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ScheduleExplainArgs {
    /// Five fields, a word such as @daily, or "every 15m"
    #[arg(value_name = "CRON")]
    pub cron: String,
    /// The IANA zone of its times, such as Europe/Berlin or UTC
    #[arg(long = "tz", value_name = "ZONE")]
    pub zone: String,
    /// Explain it as of this time, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print one JSON document on standard output; errors are JSON, too
    #[arg(long)]
    pub json: bool,
}

/// `sheetkeep schedule export`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ScheduleExportArgs {
    /// The scheduler that is to call the job
    #[arg(value_name = "TARGET", value_parser = make_target_parser())]
    pub target: ExportTarget,
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub job: PathBuf,
    /// Write the files into DIR instead of printing them
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Load environment variables from FILE, too (systemd, cron)
    #[arg(long, value_name = "FILE")]
    pub env_from: Option<PathBuf>,
    /// Name this container image (k8s, cloud-run-job)
    #[arg(long, value_name = "IMAGE", default_value = "registry.example/sheetkeep:0.1.0")]
    pub image: String,
    /// Stop a run gracefully before TIME elapses
    #[arg(long, value_name = "TIME", value_parser = parse_deadline, default_value = "50m")]
    pub limit: Duration,
}

fn make_target_parser() -> impl TypedValueParser<Value = ExportTarget> {
    PossibleValuesParser::new(ExportTarget::ALL.iter().map(|(name, _)| *name)).map(|name| {
        let found = ExportTarget::ALL.iter().find(|(known, _)| *known == name);
        found.map_or(ExportTarget::Cron, |(_, target)| *target)
    })
}
