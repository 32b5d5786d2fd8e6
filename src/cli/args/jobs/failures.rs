//! The flags of `sheetkeep failures`.
//!
//! In scope: listing, retrying, skipping. Out of scope: the other commands (`cli::args`).

use clap::Subcommand;

use crate::cli::args::job::JobArgs;
use crate::cli::args::whole_number::parse_whole_number;
use crate::ledger::items::failure::FailureState;

/// Flags of `sheetkeep failures`, whose action is a word of its own.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct FailuresArgs {
    /// The action on the failures.
    #[command(subcommand)]
    pub action: FailuresAction,
}

/// Actions on failures.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum FailuresAction {
    /// List open, exhausted or skipped failures
    List(FailuresListArgs),
    /// Retry these now, from the source's records or else the stored ones
    Retry(FailuresKeysArgs),
    /// Skip these until the source has another record of them
    Skip(FailuresKeysArgs),
}

/// `sheetkeep failures list`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct FailuresListArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// List the last N failures
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = parse_whole_number::<u64>)]
    pub last: u64,
}

/// `sheetkeep failures retry` and `skip`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct FailuresKeysArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// Keys of failures, as in Failures; of a record without a key also without its #
    #[arg(value_name = "KEY", required_unless_present_any = ["all", "step", "error", "state"])]
    pub keys: Vec<String>,
    /// Take all that are open or exhausted; skipped ones only with --state skipped
    #[arg(long, conflicts_with_all = ["keys", "step", "error"])]
    pub all: bool,
    /// Take failures of STEP: source, item, output, sheet, delivery, or a step's name
    #[arg(long, value_name = "STEP", conflicts_with = "keys")]
    pub step: Option<String>,
    /// Take the failures whose error contains this text
    #[arg(long, value_name = "TEXT", conflicts_with = "keys")]
    pub error: Option<String>,
    /// Take the failures in this state
    #[arg(long, value_name = "STATE", value_parser = parse_state, conflicts_with = "keys")]
    pub state: Option<FailureState>,
}

/// Parses a state as it is listed, or as it is called here.
fn parse_state(text: &str) -> Result<FailureState, String> {
    match text {
        "open" => Ok(FailureState::Open),
        "exhausted" | "dead" => Ok(FailureState::Exhausted),
        "skipped" => Ok(FailureState::Skipped),
        _ => Err("a failure is open, exhausted or skipped".to_owned()),
    }
}

impl FailuresKeysArgs {
    /// Returns whether failures are chosen by what they are, not by their keys.
    pub fn has_selection(&self) -> bool {
        self.all || self.step.is_some() || self.error.is_some() || self.state.is_some()
    }
}

impl FailuresAction {
    /// Returns the flags of the job.
    pub fn job(&self) -> &JobArgs {
        match self {
            Self::List(args) => &args.job,
            Self::Retry(args) | Self::Skip(args) => &args.job,
        }
    }
}
