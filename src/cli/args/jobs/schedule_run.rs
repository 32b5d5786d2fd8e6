//! Flags of `sheetkeep schedule run`.
//!
//! In scope: parsing, help. Out of scope: the other actions on schedules
//! (`cli::args::jobs::schedule`).

use std::path::PathBuf;

use crate::cli::args::whole_number::whole_number_within;

/// `sheetkeep schedule run`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ScheduleRunArgs {
    /// The job files, each with a schedule
    #[arg(value_name = "JOB.toml", required = true)]
    pub jobs: Vec<PathBuf>,
    /// Run at most N jobs at the same time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = |text: &str| whole_number_within::<u16>(text, &(1..=1000)))]
    pub at_once: u16,
    /// Read settings from FILE, not from `.env` files
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Keep the locks, and the id of this installation, in DIR
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}
