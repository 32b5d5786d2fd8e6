//! Flags of `sheetkeep schedule`.
//!
//! In scope: parsing, help. Out of scope: the other commands (`cli::args`).

use crate::cli::schedule_run_args::ScheduleRunArgs;

/// `sheetkeep schedule`.
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
    /// Run many jobs by their schedules, until it is stopped
    Run(ScheduleRunArgs),
}

impl ScheduleAction {
    /// Returns whether the command was asked for JSON.
    pub fn json(&self) -> bool {
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
