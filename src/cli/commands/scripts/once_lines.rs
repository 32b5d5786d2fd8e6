//! What `sheetkeep once` says at its end, wherever the mark is kept.

use jiff::civil::Date;

use crate::cli::args::scripts::once::OnceArgs;
use crate::cli::exit::Exit;
use crate::cli::invocation::Invocation;
use crate::cli::streams::control_characters::make_visible;

/// Says that it is done already, and returns the exit.
pub(super) fn report_skipped(invocation: &Invocation, args: &OnceArgs) -> Exit {
    invocation.terminal.stderr().write_line(&format!("{}: already done, skipping", args.name));
    Exit::Ok
}

/// Says why it is not done.
pub(super) fn report_not_done(invocation: &Invocation, args: &OnceArgs, date: Date, error: &str) {
    invocation.terminal.stderr().write_line(&format!("{}: not done for {date}: {}", args.name, make_visible(error)));
}
