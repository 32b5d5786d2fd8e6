//! The flags of `sheetkeep status` and `sheetkeep show`.
//!
//! In scope: parsing, help. Out of scope: what is printed (`cli::commands::inspect`).

use crate::cli::args::job::{DateArgs, JobArgs};
use crate::cli::args::whole_number::parse_whole_number;

/// Flags of `sheetkeep status`, which reads the state only.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct StatusArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// For which date.
    #[command(flatten)]
    pub when: DateArgs,
}

/// Flags of `sheetkeep show`, which prints rows.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ShowArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// Show the tab with this title [default: the job's data tab]
    #[arg(long, value_name = "TITLE")]
    pub tab: Option<String>,
    /// Show the last N rows
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = parse_whole_number::<u64>)]
    pub last: u64,
}
