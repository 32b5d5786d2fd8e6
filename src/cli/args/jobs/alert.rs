//! The flags of `sheetkeep alert`.
//!
//! In scope: parsing, help. Out of scope: sending (`alert_delivery`).

use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::args::job::SheetArgs;

/// The arguments of `sheetkeep alert`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct AlertArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: AlertAction,
}

/// What `sheetkeep alert` does.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum AlertAction {
    /// Send a test message to every channel of a job, or to `SLACK_WEBHOOK_URL`
    Test(AlertTestArgs),
}

/// Flags of `sheetkeep alert test`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct AlertTestArgs {
    /// The job; without one, `SLACK_WEBHOOK_URL` alone, also from `.env` in this folder
    #[arg(value_name = "JOB.toml")]
    pub job: Option<PathBuf>,
    /// Send to this channel only
    #[arg(long, value_name = "CHANNEL")]
    pub to: Option<String>,
    /// Where the job keeps its state, which the messages name.
    #[command(flatten)]
    pub sheet: SheetArgs,
}
