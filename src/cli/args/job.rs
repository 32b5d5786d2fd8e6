//! The flags of every command about a job.
//!
//! In scope: the job, and where it keeps its state. Out of scope: the commands (`cli::args`,
//! `cli::args::jobs::maintenance`).

use std::path::PathBuf;

use jiff::civil::Date;

use crate::config::external::logical_time::parse_logical_date;

/// Which job, and where it keeps its state.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct JobArgs {
    /// The job file
    #[arg(value_name = "JOB.toml")]
    pub job: PathBuf,
    /// Where the job keeps its state.
    #[command(flatten)]
    pub sheet: SheetArgs,
    /// Keep the lock and this installation's id in DIR [default: in `XDG_STATE_HOME`]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Print one JSON document on standard output; errors are JSON, too
    #[arg(long)]
    pub json: bool,
    /// The logical date, of the commands that have `--date`.
    #[arg(skip)]
    pub date: Option<Date>,
}

/// For which date a run is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::Args)]
pub struct DateArgs {
    /// The date of the run, such as 2026-11-29 [default: today, or the schedule's last]
    #[arg(long, value_name = "DATE", value_parser = parse_logical_date)]
    pub date: Option<Date>,
}

/// Which spreadsheet, or which local file in its place.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct SheetArgs {
    /// Use the spreadsheet of this id, instead of `SHEETKEEP_SPREADSHEET_ID`
    #[arg(long, value_name = "ID", conflicts_with = "embedded")]
    pub spreadsheet: Option<String>,
    /// Use this local file as the sheet [default: NAME.sheet beside the job file]
    #[arg(long, value_name = "FILE")]
    pub embedded: Option<PathBuf>,
    /// Read settings from FILE, instead of `.env` beside the job file
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}
