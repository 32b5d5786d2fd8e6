//! Flags of `sheetkeep backfill`.

use std::time::Duration;

use jiff::civil::Date;

use crate::cli::args::approval::parse_approval;
use crate::cli::args::duration::parse_deadline;
use crate::cli::args::job::JobArgs;
use crate::config::external::logical_time::parse_logical_date;
use crate::ledger::runs::held_changes::Approval;

/// The job and the flags of `sheetkeep backfill`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct BackfillArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// The first logical date, such as 2026-11-01
    #[arg(long, value_name = "DATE", value_parser = parse_logical_date)]
    pub from: Date,
    /// The last logical date
    #[arg(long, value_name = "DATE", value_parser = parse_logical_date)]
    pub to: Date,
    /// Print which dates would run and write nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Stop each run gracefully before TIME (e.g. 50m) elapses; exit 124
    #[arg(long, value_name = "TIME", value_parser = parse_deadline)]
    pub deadline: Option<Duration>,
    /// Apply changes that `max_changed` or `[expect]` holds back; with CODE, only these
    #[arg(long, value_name = "CODE", num_args = 0..=1, require_equals = true, value_parser = parse_approval, default_missing_value = "")]
    pub approve: Option<Approval>,
    /// Print only the warnings and failures of a run, exhausted ones among them
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
}
