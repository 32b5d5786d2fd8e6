//! The grammar of the command line: commands and flags, with their help.
//!
//! In scope: parsing, help. Out of scope: the environment and files. `config` combines all of them:
//! a flag comes before the environment, the environment before the file, the file before the
//! default.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, CommandFactory as _, Parser, Subcommand};

use crate::cli::args::approval::parse_approval;
use crate::cli::args::duration::{parse_deadline, parse_duration_arg};
#[cfg(feature = "emulator")]
use crate::cli::args::emulate::EmulateArgs;
use crate::cli::args::job::{DateArgs, JobArgs};
use crate::cli::args::jobs::alert::AlertArgs;
use crate::cli::args::jobs::backfill::BackfillArgs;
#[cfg(feature = "emulator")]
use crate::cli::args::jobs::drill::DrillArgs;
use crate::cli::args::jobs::failures::FailuresArgs;
use crate::cli::args::jobs::inspect::{ShowArgs, StatusArgs};
use crate::cli::args::jobs::late::LateArgs;
use crate::cli::args::jobs::maintenance::{FsckArgs, PruneArgs, ResetArgs, RolloverArgs};
use crate::cli::args::jobs::plan::PlanArgs;
use crate::cli::args::jobs::schedule::{ScheduleAction, ScheduleArgs};
use crate::cli::args::scripts::lint::{LintArgs, LintFormat};
use crate::cli::args::scripts::once::OnceArgs;
use crate::cli::args::scripts::retry::RetryArgs;
use crate::cli::args::usage_hints::{find_usage_hint, hint_at_file, remove_false_tip};
use crate::cli::exit::{Exit, FailOn, format_table};
use crate::cli::streams::control_characters::make_visible;
use crate::cli::streams::terminal::{ColorChoice, Terminal};
use crate::ledger::runs::held_changes::Approval;
use crate::redact::redact;
use crate::telemetry::logs::log_format::LogFormatChoice;

const EXAMPLES: &str = "\
Examples:
  sheetkeep run fixtures/quakes.toml             run a job; without a spreadsheet, into a local file
  sheetkeep show fixtures/quakes.toml            show the last rows of its tab
  sheetkeep status fixtures/quakes.toml          show its last run, its failures, its cells
  sheetkeep run q.toml --spreadsheet 1AbC…       run a job into that Google Sheet
  sheetkeep emulate --port 8080 --file my.sheet  serve the Sheets API from a file, for any client";

const TEMPLATE: &str = "{about}\n\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The whole command line.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(
    name = "sheetkeep",
    version,
    about = "Runs a job over items and keeps its state in a Google Sheet: each key's rows exactly once.",
    before_help = EXAMPLES,
    help_template = TEMPLATE,
    after_help = make_after_help(),
    arg_required_else_help = true,
    infer_subcommands = false,
    max_term_width = 110
)]
pub struct Args {
    /// The command, with its own flags.
    #[command(subcommand)]
    pub command: CliCommand,
    /// Print more on standard error: -v what happens, -vv every call
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Colour the output: auto, always or never; auto honours `NO_COLOR`
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_possible_values = true)]
    pub color: ColorChoice,
    /// Write logs as pretty, json, gcp, datadog, cloudwatch or ecs [default: auto]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", hide_possible_values = true)]
    pub log_format: Option<LogFormatChoice>,
    /// Also write logs and summaries to PATH, one file a day, 14 kept
    #[arg(long, global = true, value_name = "PATH")]
    pub log_file: Option<PathBuf>,
}

/// Every command, with the first line of its help.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum CliCommand {
    /// Run a job once, over its whole source
    Run(RunArgs),
    /// Print what a run would do, step by step; writes nothing
    Plan(PlanArgs),
    /// Show a job's status: last run, failures, keys, cells used
    Status(StatusArgs),
    /// Show a tab of a job as a table
    Show(ShowArgs),
    /// Check whether a run could start; writes nothing
    Check(CheckArgs),
    /// Report which jobs are late, stuck or stale; writes nothing
    Late(LateArgs),
    /// Run the dates of a range that have not run, oldest first
    Backfill(BackfillArgs),
    /// List a job's failures, retry some, or skip some
    Failures(FailuresArgs),
    /// Show an item's history: attempts, failures, the run that processed it, its rows
    Explain(ExplainArgs),
    /// Check whether the rows and keys of a job are consistent; repair them
    Fsck(FsckArgs),
    /// Revoke everything that a job has done; its rows stay
    Reset(ResetArgs),
    /// Delete old runs, closed failures and blank rows from a job's tabs
    Prune(PruneArgs),
    /// Move a job to a new spreadsheet; its keys still count
    Rollover(RolloverArgs),
    /// Send a test message to the channels that hear of failures
    Alert(AlertArgs),
    /// Run jobs by their schedules, explain a schedule, or export it
    Schedule(ScheduleArgs),
    /// Check whether scripts and crontabs are ready to run unattended
    Lint(LintArgs),
    /// Kill a job again and again, on a sheet in memory, and compare its rows
    #[cfg(feature = "emulator")]
    Drill(DrillArgs),
    /// Run a command unless it is done for a date already
    Once(OnceArgs),
    /// Run a command until it succeeds, with growing, random delays
    Retry(RetryArgs),
    /// Serve the Google Sheets API from a local file, for clients in any language
    #[cfg(feature = "emulator")]
    Emulate(EmulateArgs),
}

/// Flags of `sheetkeep run`, which processes the whole source.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct RunArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// For which date.
    #[command(flatten)]
    pub when: DateArgs,
    /// Read FILE instead of the job file's source; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Accept a changed key, mode or spreadsheet, a renamed tab, a lost predecessor
    #[arg(long, alias = "adopt")]
    pub accept_changes: bool,
    /// Take over an unexpired lease; nothing checks that its holder is dead
    #[arg(long, alias = "steal")]
    pub take_over: bool,
    /// Wait for another run to end, at most TIME [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = parse_duration_arg, num_args = 0..=1, default_missing_value = "60m", conflicts_with = "take_over")]
    pub wait: Option<Duration>,
    /// Stop gracefully before TIME (e.g. 50m) elapses; exit 124
    #[arg(long, value_name = "TIME", value_parser = parse_deadline)]
    pub deadline: Option<Duration>,
    /// Retry only the failures, from the source's records or else the stored ones
    #[arg(long, conflicts_with = "input")]
    pub retry_failures: bool,
    /// Process again what is done; a dry run without --yes, but stages run at once
    #[arg(long, conflicts_with = "retry_failures")]
    pub force: bool,
    /// Run the stages of a job again from STAGE on
    #[arg(long, value_name = "STAGE", conflicts_with_all = ["due", "force", "retry_failures", "dry_run", "plan", "input"])]
    pub from: Option<String>,
    /// Apply; without it, --force is a dry run
    #[arg(long, requires = "force")]
    pub yes: bool,
    /// Apply changes that `max_changed` or `[expect]` holds back; with CODE, only these
    #[arg(long, value_name = "CODE", num_args = 0..=1, require_equals = true, value_parser = parse_approval, default_missing_value = "", conflicts_with_all = ["due", "force", "retry_failures"])]
    pub approve: Option<Approval>,
    /// Print what the run would do and write nothing; the same as `sheetkeep plan`
    #[arg(short = 'n', long, conflicts_with_all = ["force", "plan", "take_over", "wait", "deadline", "approve"])]
    pub dry_run: bool,
    /// Run only if nothing has changed since `sheetkeep plan --out FILE` wrote the plan
    #[arg(long, value_name = "FILE", conflicts_with_all = ["force", "retry_failures", "input", "accept_changes"])]
    pub plan: Option<PathBuf>,
    /// Run only if an occurrence of the schedule is due and no other call has it
    #[arg(long, conflicts_with_all = ["force", "plan", "dry_run", "retry_failures", "input", "take_over", "wait", "date"])]
    pub due: bool,
    /// With --due: further jobs, each on its own
    #[arg(value_name = "JOB.toml", requires = "due")]
    pub more_jobs: Vec<PathBuf>,
    /// For `schedule run`: read the job file's form from standard input, if there is one; answer
    /// with the next occurrence
    #[arg(long, hide = true, requires = "due", conflicts_with = "more_jobs")]
    pub for_daemon: bool,
    /// Choose which failed items make a finished run exit with 3
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    pub fail_on: FailOn,
    /// Print warnings and failures only, exhausted ones among them
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
}

/// Flags of `sheetkeep check`, which writes nothing.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct CheckArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// Test the assumptions about the service, in scratch tabs that are removed again
    #[arg(long)]
    pub probe: bool,
    /// Prove write access by one batch that adds a scratch tab and deletes it again
    #[arg(long)]
    pub write: bool,
}

/// Flags of `sheetkeep explain`, which prints all rows about a key.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct ExplainArgs {
    /// The job, and where it keeps its state.
    #[command(flatten)]
    pub job: JobArgs,
    /// The key, exactly as in the Processed tab
    #[arg(value_name = "KEY")]
    pub key: String,
}

/// Parses a command line, starting with the program's name. Help, version and usage errors are
/// returned as text with an exit; `colour` allows colours in that text.
pub fn parse(argv: impl IntoIterator<Item = OsString>, has_colour: bool) -> Result<Args, CommandLineText> {
    let argv: Vec<OsString> = argv.into_iter().collect();
    Args::try_parse_from(&argv).map(Args::with_dates).map_err(|mut error| {
        remove_false_tip(&mut error, &argv);
        if let Some(text) = hint_at_file(&error, &argv) {
            return CommandLineText { text: redact(&text).into_owned(), exit: Exit::Usage };
        }
        let styled = error.render();
        let mut text = if has_colour { styled.ansi().to_string() } else { styled.to_string() };
        if let Some(hint) = find_usage_hint(&error, &argv, Args::command()) {
            text = format!("{}\n help: {}\n", text.trim_end(), make_visible(&hint));
        }
        // The text repeats the arguments, which may hold a secret in the wrong place.
        let text = redact(&text).into_owned();
        CommandLineText { text, exit: if error.use_stderr() { Exit::Usage } else { Exit::Ok } }
    })
}

/// The reply to a command line that starts no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLineText {
    /// The help, the version, or the usage error.
    pub text: String,
    /// `Ok` for help and version, otherwise `Usage`.
    pub exit: Exit,
}

impl CommandLineText {
    /// Writes help to standard output and usage errors to standard error.
    pub fn show(&self, terminal: &Terminal) {
        let stream = if self.exit == Exit::Ok { terminal.stdout() } else { terminal.stderr() };
        stream.put(&self.text);
    }
}

impl Args {
    /// Returns whether the command was asked for JSON.
    pub fn wants_json(&self) -> bool {
        self.command.job().is_some_and(|job| job.json)
            || matches!(&self.command, CliCommand::Schedule(args) if args.action.wants_json())
            || matches!(&self.command, CliCommand::Late(args) if args.json)
            || self.command.is_json_drill()
            || matches!(&self.command, CliCommand::Lint(args) if args.format == LintFormat::Json)
    }
}

impl Args {
    /// Returns them with `--date` where the job's settings are read.
    fn with_dates(mut self) -> Self {
        match &mut self.command {
            CliCommand::Run(args) => args.job.date = args.when.date,
            CliCommand::Plan(args) => args.job.date = args.when.date,
            CliCommand::Status(args) => args.job.date = args.when.date,
            _ => {}
        }
        self
    }
}

impl RunArgs {
    /// Returns a run of this job, without flags.
    pub fn new(job: &JobArgs) -> Self {
        Self {
            job: job.clone(),
            when: DateArgs { date: job.date },
            input: None,
            accept_changes: false,
            take_over: false,
            wait: None,
            deadline: None,
            force: false,
            yes: false,
            from: None,
            approve: None,
            dry_run: false,
            plan: None,
            due: false,
            more_jobs: Vec::new(),
            for_daemon: false,
            retry_failures: false,
            fail_on: FailOn::default(),
            quiet: false,
        }
    }

    /// Returns the plan that `--dry-run` asks for.
    pub fn as_plan(&self) -> PlanArgs {
        PlanArgs {
            job: self.job.clone(),
            when: self.when,
            input: self.input.clone(),
            accept_changes: self.accept_changes,
            retry_failures: self.retry_failures,
            out: None,
            against: None,
            note: false,
        }
    }

    /// Returns a run that prints nothing unless something is wrong.
    pub fn new_quiet(job: &JobArgs) -> Self {
        Self { fail_on: FailOn::None, quiet: true, ..Self::new(&JobArgs { json: false, ..job.clone() }) }
    }
}

impl CliCommand {
    /// Returns whether the command continues until it is stopped, and starts jobs meanwhile.
    pub fn is_daemon(&self) -> bool {
        matches!(self, Self::Schedule(args) if matches!(args.action, ScheduleAction::Run(_)))
    }

    /// Returns whether the command is a drill that was asked for JSON.
    #[cfg(feature = "emulator")]
    fn is_json_drill(&self) -> bool {
        matches!(self, Self::Drill(args) if args.json)
    }

    #[cfg(not(feature = "emulator"))]
    #[expect(clippy::unused_self, reason = "a drill needs the emulator")]
    fn is_json_drill(&self) -> bool {
        false
    }

    /// Returns the flags of the job that the command is about, if it has one.
    pub fn job(&self) -> Option<&JobArgs> {
        match self {
            Self::Run(args) => Some(&args.job),
            Self::Plan(args) => Some(&args.job),
            Self::Status(args) => Some(&args.job),
            Self::Show(args) => Some(&args.job),
            Self::Check(args) => Some(&args.job),
            Self::Failures(args) => Some(args.action.job()),
            Self::Explain(args) => Some(&args.job),
            Self::Fsck(args) => Some(&args.job),
            Self::Reset(args) => Some(&args.job),
            Self::Prune(args) => Some(&args.job),
            Self::Rollover(args) => Some(&args.job),
            Self::Backfill(args) => Some(&args.job),
            Self::Schedule(_) | Self::Late(_) | Self::Alert(_) | Self::Retry(_) | Self::Once(_) | Self::Lint(_) => None,
            #[cfg(feature = "emulator")]
            Self::Drill(_) | Self::Emulate(_) => None,
        }
    }
}

fn make_after_help() -> String {
    format!(
        "Environment:\n  \
         SHEETKEEP_SPREADSHEET_ID        the spreadsheet; without it a local file is used\n  \
         GOOGLE_APPLICATION_CREDENTIALS  path of a credentials file\n  \
         SHEETKEEP_CREDENTIALS_JSON      the credentials themselves, plain or base64\n  \
         SHEETKEEP_API_URL               root of the Sheets API, if it is not Google's\n  \
         HTTPS_PROXY, ALL_PROXY          a proxy; NO_PROXY lists the hosts that need none\n  \
         SLACK_WEBHOOK_URL               an incoming webhook of Slack; failures are reported there\n  \
         SHEETKEEP_LOG                   log levels, such as sheetkeep=debug\n  \
         SHEETKEEP_LOG_FORMAT            the value of --log-format, where no flag is given\n  \
         All but the last two may also be set in the file .env beside the job file.\n\n\
         Exit codes:\n{}",
        format_table()
    )
}

#[cfg(test)]
mod tests;
