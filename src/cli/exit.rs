//! The exit codes: one table that maps results to numbers for schedulers.
//!
//! In scope: the numbers, their names and meanings, and the mapping from runs and faults. Out of
//! scope: messages for people (`cli::errors`, `docs/runbook.md`).
//!
//! The numbers follow `sysexits.h` from 64 on, coreutils' `timeout` for 124, and the shell's 128 +
//! n for signals. They are published and never renumbered; 2 is clap's own code for a wrong command
//! line.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::cli::signals::Signal;
use crate::fault::Fault;
use crate::ledger::runs::event::RunReport;
use crate::ledger::runs::run::RunStatus;
use crate::machine::MachineRefusal;

/// The result of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// Success, nothing to do included.
    Ok,
    /// The job ran and failed, for a reason without a number of its own.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The run reached its end, and some items failed.
    Partial,
    /// `fsck` found rows and keys that are not consistent, `lint` errors in scripts, or `drill` what
    /// a crash would double or lose.
    Findings,
    /// The requested key was not found.
    Unknown,
    /// `late` found a job that is late, stuck or stale, or that never ran.
    Late,
    /// Invalid data in the input or the sheet.
    DataErr,
    /// The input, the spreadsheet or a tab was not found.
    NoInput,
    /// A service stayed out of reach after all retries.
    Unavailable,
    /// A bug of this tool.
    Software,
    /// The operating system refused a resource.
    OsErr,
    /// An output can't be created.
    CantCreate,
    /// Reading or writing on this machine failed.
    IoErr,
    /// Try again later: another run holds the lease, or a quota is exhausted.
    TempFail,
    /// Unexpected response from a service.
    Protocol,
    /// Access is missing.
    NoPerm,
    /// The job file or the environment is wrong.
    Config,
    /// The run's own deadline ended it.
    Timeout,
    /// SIGHUP; the items in progress are committed.
    HungUp,
    /// SIGINT; the items in progress are committed.
    Interrupted,
    /// SIGTERM; the items in progress are committed.
    Terminated,
    /// The exit code of the command that was run (`retry`), passed on.
    OfCommand(u8),
}

/// Number, name and meaning of each exit.
const TABLE: [(Exit, u8, &str, &str); 22] = [
    (Exit::Ok, 0, "ok", "success, also when there was nothing to do"),
    (Exit::Failed, 1, "failed", "the job ran and failed"),
    (Exit::Usage, 2, "usage", "the command line is wrong"),
    (Exit::Partial, 3, "partial", "finished, but some items failed, or degraded (see --fail-on)"),
    (Exit::Findings, 4, "findings", "fsck: not consistent; lint: errors; drill: doubled, lost, not idempotent"),
    (Exit::Unknown, 5, "unknown", "key not found"),
    (Exit::Late, 6, "late", "late found a job that is late, stuck, stale, or never ran"),
    (Exit::DataErr, 65, "dataerr", "invalid data in the input or the sheet"),
    (Exit::NoInput, 66, "noinput", "the input, the spreadsheet or a tab was not found"),
    (Exit::Unavailable, 69, "unavailable", "a service stayed out of reach after all retries"),
    (Exit::Software, 70, "software", "a bug in sheetkeep"),
    (Exit::OsErr, 71, "oserr", "the operating system refused a resource: processes, open files, memory"),
    (Exit::CantCreate, 73, "cantcreat", "an output file can't be created"),
    (Exit::IoErr, 74, "ioerr", "reading or writing on this machine failed"),
    (Exit::TempFail, 75, "tempfail", "try again later: another run holds the lease, or a quota is exhausted"),
    (Exit::Protocol, 76, "protocol", "unexpected response from a service"),
    (Exit::NoPerm, 77, "noperm", "access is missing"),
    (Exit::Config, 78, "config", "the job file or the environment is wrong"),
    (Exit::Timeout, 124, "timeout", "the run's own deadline ended it"),
    (Exit::HungUp, 129, "sighup", "SIGHUP; the items in progress are committed"),
    (Exit::Interrupted, 130, "sigint", "SIGINT; the items in progress are committed"),
    (Exit::Terminated, 143, "sigterm", "SIGTERM; the items in progress are committed"),
];

impl Exit {
    /// Returns every exit of this table, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(exit, ..)| *exit)
    }

    fn row(self) -> &'static (Self, u8, &'static str, &'static str) {
        TABLE.iter().find(|(exit, ..)| *exit == self).unwrap_or(&TABLE[1])
    }

    /// Returns the number.
    pub fn code(self) -> u8 {
        match self {
            Self::OfCommand(code) => code,
            _ => self.row().1,
        }
    }

    /// Returns the name in JSON: that of `sysexits.h`, in lower case.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Returns the meaning, in one line.
    pub fn meaning(self) -> &'static str {
        self.row().3
    }

    /// Returns whether the same command may succeed later without a person's action.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::TempFail | Self::Unavailable | Self::Timeout | Self::Interrupted | Self::Terminated)
    }

    /// Returns the exit of a run with a report. `signal` is the one that stopped it, if any.
    pub fn for_run(report: &RunReport, fail_on: FailOn, signal: Option<Signal>) -> Self {
        match report.run.status {
            RunStatus::Interrupted => signal.map_or(Self::Interrupted, Self::from),
            RunStatus::TimedOut => Self::Timeout,
            RunStatus::Failed | RunStatus::Crashed | RunStatus::Running => Self::Failed,
            RunStatus::Skipped | RunStatus::Missed => Self::Ok,
            RunStatus::Succeeded | RunStatus::Partial | RunStatus::Degraded => {
                let failed_now = report.run.counts.failed > 0 || report.run.status == RunStatus::Degraded;
                let fails = match fail_on {
                    FailOn::Any => failed_now || report.open_failures + report.exhausted_failures > 0,
                    FailOn::Partial => failed_now,
                    FailOn::None => false,
                };
                if fails { Self::Partial } else { Self::Ok }
            }
        }
    }
}

/// What an error is about. Together with the fault it decides the exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorContext {
    /// The job's input: invalid, or out of reach.
    Input,
    /// Something missing: a file, a spreadsheet, a tab.
    Missing,
    /// The tabs and their contents.
    Sheet,
    /// The responses of a service.
    Service,
    /// Files and streams of this machine.
    Machine,
    /// An output file that was requested.
    Output,
    /// The job file and the environment.
    Config,
}

impl From<(Fault, ErrorContext)> for Exit {
    fn from((fault, context): (Fault, ErrorContext)) -> Self {
        match (fault, context) {
            (_, ErrorContext::Config) => Self::Config,
            (_, ErrorContext::Output) => Self::CantCreate,
            (Fault::Machine, _) => Self::OsErr,
            (_, ErrorContext::Machine) => Self::IoErr,
            (Fault::Throttled | Fault::Fenced, _) => Self::TempFail,
            (Fault::Denied, _) => Self::NoPerm,
            (Fault::Transient, _) => Self::Unavailable,
            (Fault::Rejected | Fault::Inconsistent, ErrorContext::Missing) => Self::NoInput,
            (Fault::Rejected | Fault::Inconsistent, ErrorContext::Service) => Self::Protocol,
            (Fault::Rejected | Fault::Inconsistent, ErrorContext::Input | ErrorContext::Sheet) => Self::DataErr,
        }
    }
}

impl From<MachineRefusal> for Exit {
    fn from(refused: MachineRefusal) -> Self {
        match refused {
            MachineRefusal::Resource => Self::OsErr,
            MachineRefusal::Storage => Self::IoErr,
            MachineRefusal::Program => Self::Config,
            MachineRefusal::Busy => Self::TempFail,
        }
    }
}

impl From<Signal> for Exit {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Interrupt => Self::Interrupted,
            Signal::Terminate => Self::Terminated,
            Signal::HangUp => Self::HungUp,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Which failed items make a finished run end with 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, ValueEnum)]
pub enum FailOn {
    /// Any failure that is open or exhausted, those of earlier runs included
    Any,
    /// Items that failed in this run
    #[default]
    Partial,
    /// None: a run that reached its end exits with 0
    None,
}

/// Returns the table as the help shows it.
pub fn format_table() -> String {
    let mut out = String::new();
    for (_, code, _, meaning) in TABLE {
        let _ = writeln!(out, "  {code:>3}  {meaning}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_frozen() {
        let all: Vec<String> = Exit::all().map(|exit| format!("{} {}", exit.code(), exit.name())).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        0 ok
        1 failed
        2 usage
        3 partial
        4 findings
        5 unknown
        6 late
        65 dataerr
        66 noinput
        69 unavailable
        70 software
        71 oserr
        73 cantcreat
        74 ioerr
        75 tempfail
        76 protocol
        77 noperm
        78 config
        124 timeout
        129 sighup
        130 sigint
        143 sigterm
        ");
    }

    #[test]
    fn every_exit_has_its_own_row() {
        for exit in Exit::all() {
            assert_eq!(exit.row().0, exit);
        }
        assert_eq!(Exit::Failed.code(), 1);
        assert_eq!((Exit::OfCommand(137).code(), Exit::OfCommand(137).name()), (137, "failed"));
    }

    #[test]
    fn a_fault_and_what_it_was_about_decide_the_exit() {
        for (fault, context, exit) in [
            (Fault::Fenced, ErrorContext::Sheet, Exit::TempFail),
            (Fault::Throttled, ErrorContext::Service, Exit::TempFail),
            (Fault::Transient, ErrorContext::Input, Exit::Unavailable),
            (Fault::Denied, ErrorContext::Sheet, Exit::NoPerm),
            (Fault::Inconsistent, ErrorContext::Input, Exit::DataErr),
            (Fault::Inconsistent, ErrorContext::Missing, Exit::NoInput),
            (Fault::Inconsistent, ErrorContext::Service, Exit::Protocol),
            (Fault::Denied, ErrorContext::Config, Exit::Config),
            (Fault::Transient, ErrorContext::Machine, Exit::IoErr),
            (Fault::Machine, ErrorContext::Service, Exit::OsErr),
        ] {
            assert_eq!(Exit::from((fault, context)), exit, "{fault:?} {context:?}");
        }
    }

    #[test]
    fn fail_on_decides_what_failed_items_mean() {
        let report = crate::cli::output::fixtures::report;
        let mut clean = report();
        clean.open_failures = 3;
        let mut partial = report();
        partial.run.status = RunStatus::Partial;
        partial.run.counts.failed = 1;
        let exit_of = |report, fail_on| Exit::for_run(report, fail_on, None);
        assert_eq!([exit_of(&clean, FailOn::Any), exit_of(&clean, FailOn::Partial)], [Exit::Partial, Exit::Ok]);
        assert_eq!([exit_of(&partial, FailOn::Partial), exit_of(&partial, FailOn::None)], [Exit::Partial, Exit::Ok]);
    }

    #[test]
    fn a_stopped_run_exits_with_its_signal() {
        let mut report = crate::cli::output::fixtures::report();
        report.run.status = RunStatus::Interrupted;
        let code = |signal| Exit::for_run(&report, FailOn::Partial, signal).code();
        assert_eq!([code(Some(Signal::Interrupt)), code(Some(Signal::Terminate)), code(None)], [130, 143, 130]);
    }
}
