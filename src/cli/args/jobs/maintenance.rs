//! Flags of the commands that maintain a job's state.
//!
//! In scope: parsing, help. Out of scope: the other commands (`cli::args`).

use std::time::Duration;

use clap::ValueEnum;

use crate::cli::args::duration::parse_age;
use crate::cli::args::job::JobArgs;

/// Flags of `sheetkeep reset`, which revokes what is done.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ResetArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// Apply; without it, a dry run
    #[arg(long)]
    pub yes: bool,
}

/// Flags of `sheetkeep prune`, which deletes rows that are not needed.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct PruneArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// Delete rows that are older than TIME, such as 30d
    #[arg(long, value_name = "TIME", value_parser = parse_age, default_value = "90d")]
    pub older_than: Duration,
    /// Report old keys, too, and how many the source still yields
    #[arg(long)]
    pub keys: bool,
    /// Delete keys even if the source may still yield them (processed again then)
    #[arg(long, alias = "forget")]
    pub delete_yielded: bool,
    /// Apply; without it, a dry run
    #[arg(long)]
    pub yes: bool,
}

/// Flags of `sheetkeep rollover`, which moves a job.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct RolloverArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// Move to the empty spreadsheet of this id, shared with the same account
    #[arg(long, value_name = "ID")]
    pub to: String,
    /// Apply; without it, a dry run
    #[arg(long)]
    pub yes: bool,
}

/// Flags of `sheetkeep fsck`, which compares rows and keys.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(after_help = "It compares keys, not cells: it does not see that a cell of a row was changed.")]
pub struct FsckArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// Plan a repair; alone, `tabs` if a tab is gone, otherwise `reprocess`
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "usual")]
    pub repair: Option<RepairChoice>,
    /// Apply; without it, --repair is a dry run
    #[arg(long, requires = "repair")]
    pub yes: bool,
}

/// The repairs of `fsck`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RepairChoice {
    /// What `--repair` alone does
    #[value(hide = true)]
    Usual,
    /// Recreate a deleted tab Failures or Runs, empty
    Tabs,
    /// Process keys without a row again when the source yields them
    #[value(alias = "forget")]
    Reprocess,
    /// Count the keys of unknown rows as done
    #[value(alias = "adopt")]
    Accept,
}
