//! The table of codes: severity, habit, reason, advice, and an example of both kinds for each.
//!
//! The pages in `docs/lint`, `lint explain` and the tests are made from it.
//!
//! | question | file |
//! |---|---|
//! | What does a rule hold? | `rule` |
//! | Which codes are there? | `table` |
//! | Secrets in scripts (SK1), and comments that ignore findings (SK0) | `secrets` |
//! | Paths, encodings, zones and the machine (SK2) | `places` |
//! | Calls over the network (SK3) | `network` |
//! | Errors and exit codes (SK4) | `errors` |
//! | What is written, perhaps twice (SK5) | `state` |
//! | Logs, alerts, schedules and services (SK6) | `operations` |

mod errors;
mod network;
mod operations;
mod places;
pub mod rule;
mod secrets;
mod state;
pub mod table;
