//! The command line: what is typed, what is shown, and how the process ends.
//!
//! In scope: arguments, output for people and for machines, logs, signals, the table of exit codes.
//! Out of scope: what a run does, and how it is put together (`app`).
//!
//! ```text
//! argv ─▶ args ─▶ commands ─▶ app ─▶ events ─▶ output ─▶ streams ─▶ stdout: what was asked for
//!                     │                errors ─┘              └───▶ stderr: progress, messages, logs
//!                     └─▶ exit ─▶ the process's code
//! ```
//!
//! - `args/`: which commands and flags are there?
//! - `commands/`: what does each command do, in order?
//! - `output/`, `table`, `format`: what does a command print?
//! - `streams/`: how do standard output, standard error and the log file get it?
//! - `errors`, `exit`: what is shown of an error, and with which code does the process end?
//! - `main`, `invocation`: the way from the arguments to the exit code.
//! - `provisions`, `signals`, `parent_watch`: what does the process need from the machine, and what
//!   interrupts it?

pub mod main;
pub mod invocation;
pub mod args;
pub mod commands;
pub mod errors;
pub mod exit;
pub mod format;
pub mod output;
#[cfg(feature = "emulator")]
pub mod parent_watch;
pub mod provisions;
pub mod signals;
pub mod streams;
pub mod table;
