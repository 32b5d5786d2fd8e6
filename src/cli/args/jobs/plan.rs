//! The flags of `sheetkeep plan`.
//!
//! In scope: parsing, help. Out of scope: the plan itself (`app::plan::run_plan`).

use std::path::PathBuf;

use crate::cli::args::job::{DateArgs, JobArgs};

/// Flags of `sheetkeep plan`, which writes nothing to the sheet.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct PlanArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// For which date.
    #[command(flatten)]
    pub when: DateArgs,
    /// Read FILE instead of the job file's source; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Plan a run that accepts a changed key, tab, mode or spreadsheet
    #[arg(long)]
    pub accept_changes: bool,
    /// Plan a run that retries only the failures
    #[arg(long, conflicts_with = "input")]
    pub retry_failures: bool,
    /// Write the plan to FILE, for `run --plan FILE`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "against", "retry_failures", "accept_changes"])]
    pub out: Option<PathBuf>,
    /// Compare with an older job file: which rows would look different, by column
    #[arg(long, value_name = "OLD.toml", conflicts_with_all = ["retry_failures", "note", "accept_changes"])]
    pub against: Option<PathBuf>,
    /// Print the plan as Markdown, for a review or a ticket
    #[arg(long)]
    pub note: bool,
}
