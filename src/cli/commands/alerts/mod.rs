//! The commands about alerts, and the alerts that commands send.
//!
//! | question | file |
//! |---|---|
//! | How is a test message sent? | `alert` |
//! | How do messages call the job and its place? | `alert_place` |
//! | Who hears of a job file that can't be read? | `job_file_alert` |
//!
//! Out of scope: what is reported, and when (`alerts`), sending (`alert_delivery`).

pub mod alert;
pub mod alert_place;
pub mod job_file_alert;
