//! The `sheetkeep` command: parse, run, exit.

fn main() {}
