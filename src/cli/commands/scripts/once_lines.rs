//! What `sheetkeep once` says at its end, wherever the mark is kept.

use jiff::civil::Date;

use crate::cli::args::scripts::once::OnceArgs;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::streams::control_characters::make_visible;

/// Says that it is done already, and returns the exit.
pub(super) fn report_skipped(session: &Session, args: &OnceArgs) -> Exit {
    session.terminal.stderr().write_line(&format!("{}: already done, skipping", args.name));
    Exit::Ok
}

/// Says why it is not done.
pub(super) fn report_not_done(session: &Session, args: &OnceArgs, date: Date, error: &str) {
    session.terminal.stderr().write_line(&format!("{}: not done for {date}: {}", args.name, make_visible(error)));
}
