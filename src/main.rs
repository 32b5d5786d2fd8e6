//! The `sheetkeep` command: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    sheetkeep::cli::main::main(std::env::args_os()).into()
}
