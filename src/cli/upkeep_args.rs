//! Flags of the commands that look after what a job remembers.
//!
//! In scope: their grammar and help. Out of scope: the other commands (`cli::args`).

use std::time::Duration;

use clap::ValueEnum;

use crate::cli::duration::duration;
use crate::cli::job_args::JobArgs;

/// `sheetkeep reset`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ResetArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Do it; without this, only tell what it would do
    #[arg(long)]
    pub yes: bool,
}

/// `sheetkeep prune`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct PruneArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// What is old enough to go, such as 30d
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "90d")]
    pub older_than: Duration,
    /// Look at keys that old too, and tell how many of them the source yields today
    #[arg(long)]
    pub keys: bool,
    /// Take such keys out although the source may still yield them: an item whose key is gone is then done again
    #[arg(long)]
    pub forget: bool,
    /// Do it; without this, only tell what would go
    #[arg(long)]
    pub yes: bool,
}

/// `sheetkeep rollover`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct RolloverArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// The id of the new spreadsheet: an empty one, shared with the same account
    #[arg(long, value_name = "ID")]
    pub to: String,
    /// Do it; without this, only tell what it would do
    #[arg(long)]
    pub yes: bool,
}

/// `sheetkeep fsck`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct FsckArgs {
    /// The job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Show what a repair would do: `tabs`, so that a deleted Failures or Runs is there again, empty; `forget`, so that keys without a
    /// row are done again; or `adopt`, so that keys of rows that nobody has done count as done. Alone it is `tabs` where a tab is gone,
    /// else `forget`
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "usual")]
    pub repair: Option<RepairChoice>,
    /// Do it
    #[arg(long, requires = "repair")]
    pub yes: bool,
}

/// How `fsck` mends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RepairChoice {
    /// What `--repair` alone does
    #[value(hide = true)]
    Usual,
    /// A tab Failures or Runs that is gone is made again, empty
    Tabs,
    /// Keys without a row are done again when the source yields them
    Forget,
    /// Keys of rows that nobody has done count as done
    Adopt,
}
