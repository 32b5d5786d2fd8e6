//! Flags that every command about a job has.
//!
//! In scope: which job, and where it keeps its state. Out of scope: what is done with it (`cli::args`, `cli::upkeep_args`).

use std::path::PathBuf;

/// Which job, and where it keeps its state.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct JobArgs {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub job: PathBuf,
    /// The spreadsheet's id; comes before `SHEETKEEP_SPREADSHEET_ID`. Without either, a local file is used
    #[arg(long, value_name = "ID", conflicts_with = "embedded")]
    pub spreadsheet: Option<String>,
    /// The local file that is used without a spreadsheet [default: the job's name and .sheet, beside the job file]
    #[arg(long, value_name = "FILE")]
    pub embedded: Option<PathBuf>,
    /// Where this machine keeps its lock and its identity [default: sheetkeep in `XDG_STATE_HOME`]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// One JSON document on standard output; errors are JSON too
    #[arg(long)]
    pub json: bool,
}
