//! What this machine remembers of a job, in its state directory, and which runs are alive on it.
//!
//! Out of scope: what the spreadsheet holds (`store`), the embedded sheet (`app::connect`).
//!
//! - `installation`: which installation is this, and does another run hold the job?
//! - `processes`: is a process alive, and is it the one that was meant?
//! - `done_file`: what is done for a date, by `sheetkeep once`?
//! - `journal`: which results of programs are not on the sheet yet?
//! - `request`: which forced run was requested and has not been shown as done?

pub mod installation;
pub mod done_file;
pub mod journal;
pub mod processes;
pub mod request;
