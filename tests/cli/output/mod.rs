//! What a run prints, logs and exports.
//!
//! | question | file |
//! |---|---|
//! | What is printed for people, every day? | `printed_output`, `newcomer_daily` |
//! | What is printed as JSON? | `json_documents` |
//! | What is logged, where and how? | `log_file`, `log_formats` |
//! | What do monitoring services receive? | `heartbeat`, `metrics` |
//! | Is a secret ever printed? | `secrets` |

mod heartbeat;
mod json_documents;
mod log_file;
mod log_formats;
mod metrics;
mod newcomer_daily;
mod printed_output;
mod secrets;
