//! The flags of `sheetkeep retry`.
//!
//! In scope: parsing, help. Out of scope: the attempts (`command_retry`).

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::cli::args::whole_number::parse_whole_number;
use crate::command_retry::policy::{CommandPolicy, parse_attempts, parse_positive_time};
use crate::command_retry::retry_loop::RetriedCommand;
use crate::command_retry::retryable_codes::{CodePreset, RetryableCodes, parse_exit_code};
use crate::retry::Jitter;

/// The program and the flags of `sheetkeep retry`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(allow_negative_numbers = true)]
pub struct RetryArgs {
    /// Make at most N attempts, the first included: 5 are at most 4 retries
    #[arg(long, value_name = "N", default_value = "5", value_parser = parse_attempts)]
    pub max_retries: u32,
    /// Bound the first delay by TIME (0.1 is seconds; or 300ms); it doubles each time
    #[arg(long, value_name = "TIME", default_value = "1", value_parser = parse_base_delay)]
    pub base_delay: Duration,
    /// Bound every delay by TIME
    #[arg(long, value_name = "TIME", default_value = "60", value_parser = parse_max_delay)]
    pub max_delay: Duration,
    /// Draw each delay: full, equal, decorrelated, or none
    #[arg(long, value_enum, default_value_t, value_name = "KIND", hide_possible_values = true)]
    pub jitter: JitterChoice,
    /// Stop an attempt after TIME, and try again
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub timeout: Option<Duration>,
    /// End after TIME, all attempts and delays together; exit 124
    #[arg(long, value_name = "TIME", value_parser = parse_deadline)]
    pub deadline: Option<Duration>,
    /// Retry these exit codes only [default: all but 126 and 127]
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = parse_exit_code)]
    pub on_exit: Vec<u8>,
    /// Retry the exit codes that curl, http, ssh or sysexits use for temporary errors
    #[arg(long, value_enum, value_name = "NAME", hide_possible_values = true)]
    pub preset: Option<PresetChoice>,
    /// Write a report to FILE, as JSON; its folders are made
    #[arg(long, alias = "report", value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Pass on standard output as it comes, also of attempts that fail
    #[arg(long)]
    pub stream: bool,
    /// Give the command an empty standard input in place of this one
    #[arg(long)]
    pub no_stdin: bool,
    /// Draw the same delays each time
    #[arg(long, value_name = "N", value_parser = parse_whole_number::<u64>)]
    pub seed: Option<u64>,
    /// In place of a command: fail N times, then succeed
    #[arg(long, value_name = "N", conflicts_with = "command", value_parser = parse_whole_number::<u32>)]
    pub flaky: Option<u32>,
    /// The command and its arguments, after --
    #[arg(last = true, value_name = "CMD", required_unless_present = "flaky")]
    pub command: Vec<OsString>,
}

/// How delays are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum JitterChoice {
    /// From zero to the curve
    #[default]
    Full,
    /// From half of the curve to the curve
    Equal,
    /// From the base to three times the delay before
    Decorrelated,
    /// The curve itself
    None,
}

/// Exit codes of well-known programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum PresetChoice {
    /// Codes of curl
    Curl,
    /// `HTTPie`, with --check-status
    Http,
    /// Codes of ssh
    Ssh,
    /// Codes of sysexits.h
    Sysexits,
}

fn parse_base_delay(text: &str) -> Result<Duration, String> {
    parse_positive_time("base-delay", text)
}

fn parse_max_delay(text: &str) -> Result<Duration, String> {
    parse_positive_time("max-delay", text)
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    parse_positive_time("timeout", text)
}

fn parse_deadline(text: &str) -> Result<Duration, String> {
    parse_positive_time("deadline", text)
}

impl RetryArgs {
    /// Returns the policy, or why two settings contradict each other.
    pub fn make_policy(&self) -> Result<CommandPolicy, String> {
        let jitter = match self.jitter {
            JitterChoice::Full => Jitter::Full,
            JitterChoice::Equal => Jitter::Equal,
            JitterChoice::Decorrelated => Jitter::Decorrelated,
            JitterChoice::None => Jitter::None,
        };
        let preset = self.preset.map(|preset| match preset {
            PresetChoice::Curl => CodePreset::Curl,
            PresetChoice::Http => CodePreset::Http,
            PresetChoice::Ssh => CodePreset::Ssh,
            PresetChoice::Sysexits => CodePreset::Sysexits,
        });
        let policy = CommandPolicy {
            max_attempts: self.max_retries,
            base_delay: self.base_delay,
            max_delay: self.max_delay,
            jitter,
            timeout: self.timeout,
            deadline: self.deadline,
            codes: RetryableCodes::of(&self.on_exit, preset),
        };
        policy.check().map(|()| policy)
    }

    /// Returns what is tried.
    pub fn describe_command(&self) -> RetriedCommand {
        self.flaky.map_or_else(|| RetriedCommand::Program(self.command.clone()), RetriedCommand::FailThenSucceed)
    }
}
