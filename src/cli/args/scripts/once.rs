//! The flags of `sheetkeep once`.
//!
//! In scope: parsing, help. Out of scope: what is done (`cli::commands::scripts::once`).

use std::ffi::OsString;
use std::path::PathBuf;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::app::local_state::done_file::DoneName;
use crate::config::external::logical_time::parse_logical_date;
use crate::schedule::zone::parse_zone;

/// The name and the flags of `sheetkeep once`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct OnceArgs {
    /// What is done: letters, digits, `_`, `.` and `-`
    #[arg(value_name = "NAME", value_parser = parse_name)]
    pub name: DoneName,
    /// Do it for DATE, such as 2026-11-29 [default: today]
    #[arg(long, value_name = "DATE", value_parser = parse_logical_date)]
    pub date: Option<Date>,
    /// Take today's date from this IANA zone
    #[arg(long = "tz", value_name = "ZONE", default_value = "UTC", value_parser = parse_zone_arg)]
    pub zone: TimeZone,
    /// Keep a file `NAME_DATE.done` in this folder, not a mark in the spreadsheet
    #[arg(long, value_name = "DIR", conflicts_with_all = ["spreadsheet", "embedded", "env_file", "state_dir"])]
    pub files: Option<PathBuf>,
    /// Which spreadsheet keeps the mark.
    #[command(flatten)]
    pub sheet: OnceSheetArgs,
    /// Do it again, even if it is done
    #[arg(long)]
    pub force: bool,
    /// Give the command an empty standard input in place of this one
    #[arg(long)]
    pub no_stdin: bool,
    /// The command and its arguments, after --
    #[arg(last = true, value_name = "CMD", required = true)]
    pub command: Vec<OsString>,
}

/// The spreadsheet of `sheetkeep once`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct OnceSheetArgs {
    /// Keep the mark in this spreadsheet, instead of `SHEETKEEP_SPREADSHEET_ID`
    #[arg(long, value_name = "ID", conflicts_with = "embedded")]
    pub spreadsheet: Option<String>,
    /// Keep the mark in this local file
    #[arg(long, value_name = "FILE")]
    pub embedded: Option<PathBuf>,
    /// Read settings from FILE, instead of `.env` in the working directory
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Keep the lock and this installation's id in DIR [default: in `XDG_STATE_HOME`]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

fn parse_name(text: &str) -> Result<DoneName, String> {
    DoneName::new(text)
}

fn parse_zone_arg(text: &str) -> Result<TimeZone, String> {
    parse_zone(text).map_err(|error| match error.help {
        Some(help) => format!("{}; {help}", error.message),
        None => error.message,
    })
}
