//! Standard output, standard error and the log file.
//!
//! In scope: writing, colours and widths, log lines. Out of scope: what is written (`cli::output`,
//! `cli::errors`).
//!
//! - `terminal`: is a stream a terminal, how wide is it, and who writes to it?
//! - `logs`: which log lines are written, and in which form?
//! - `log_file`: which file of the day gets a copy, and when is an old one deleted?

pub mod terminal;
pub mod logs;
pub mod log_file;
