//! The flags of `sheetkeep emulate`.
//!
//! In scope: parsing, help. Out of scope: other commands (`cli::args`), and the effects of these
//! flags (`emulator::options`).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::args::duration::parse_duration_arg;
use crate::cli::args::whole_number::parse_whole_number;

/// Flags of `sheetkeep emulate`, which serves until it is stopped.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct EmulateArgs {
    /// Serve this job's local sheet, instead of --file
    #[arg(value_name = "JOB.toml", conflicts_with_all = ["file", "spreadsheet_id", "load"])]
    pub job: Option<PathBuf>,
    /// Store the spreadsheets in FILE, created if missing [default: memory]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Listen on this port; 0 picks a free one, and the address is printed
    #[arg(long, value_name = "P", default_value_t = 0, value_parser = parse_whole_number::<u16>)]
    pub port: u16,
    /// Listen on this address; beyond loopback, anyone who reaches it can use it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Answer for this host name, too; repeatable
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// Start with an empty spreadsheet of this id
    #[arg(long, value_name = "ID")]
    pub spreadsheet_id: Option<String>,
    /// Start with this CSV file in tab TAB, as if typed; repeatable
    #[arg(long, value_name = "TAB=FILE.csv", value_parser = parse_tab_file, requires = "spreadsheet_id", conflicts_with = "file")]
    pub load: Vec<TabFile>,
    /// End when the parent process ends, or when a piped standard input ends
    #[arg(long)]
    pub exit_with_parent: bool,
    /// Write a throw-away service-account key for this server to this file
    #[arg(long, value_name = "OUT.json")]
    pub credentials: Option<PathBuf>,
    /// Enforce quotas
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub quota: Option<QuotaChoice>,
    /// Delay each response by at least TIME, such as 300ms or 2s
    #[arg(long, value_name = "TIME", value_parser = parse_duration_arg)]
    pub latency: Option<Duration>,
    /// Inject a fault, such as `on=writes,do=fail,status=503,times=2`; repeatable
    #[arg(long, value_name = "SPEC")]
    pub fault: Vec<String>,
    /// Seed all randomness with N
    #[arg(long, value_name = "N", value_parser = parse_whole_number::<u64>)]
    pub seed: Option<u64>,
    /// Choose what deleting a missing named range does (live service: unknown)
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub missing_id: MissingId,
    /// Choose whether a request sees the effects of earlier ones in its batch
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub validate: ValidationChoice,
    /// Choose what happens to ids that the caller chose
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub caller_ids: CallerIds,
}

/// A tab, and the CSV file that it holds at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabFile {
    /// The title of the tab.
    pub tab: String,
    /// The CSV file.
    pub file: PathBuf,
}

/// Parses `TAB=FILE.csv`. The last `=` separates, because titles may contain one.
fn parse_tab_file(text: &str) -> Result<TabFile, String> {
    let (tab, file) = text
        .rsplit_once('=')
        .filter(|(tab, file)| !tab.is_empty() && !file.is_empty())
        .ok_or_else(|| format!("{text:?} is not a tab and a file; write it as --load Orders=orders.csv"))?;
    Ok(TabFile { tab: tab.to_owned(), file: PathBuf::from(file) })
}

/// The quotas that the emulator enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QuotaChoice {
    /// Google's: 60 reads and 60 writes a minute and user, 300 and 300 a minute and project
    Google,
}

/// What the emulator does with a missing id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum MissingId {
    /// Refuse the whole batch
    #[default]
    Refuse,
    /// Skip the request, and apply the others
    Ignore,
}

/// The state against which the emulator validates a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ValidationChoice {
    /// Each request after those before it were applied
    #[default]
    Sequential,
    /// All against the state before the batch
    Snapshot,
}

/// What the emulator does with ids that the caller chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CallerIds {
    /// Use the id that the caller chose
    #[default]
    Honour,
    /// Make up its own
    Ignore,
}
