//! The real binary, from its command line to its exit code: the promises of the first issue, seen
//! from outside.
//!
//! Each test has a folder of its own with copies of the fixtures, a state directory of its own and
//! an empty environment. A plain HTTP client that shares no code with the product reads the sheet
//! (`cli/emulator_process.rs`).
//!
//! | question | folder |
//! |---|---|
//! | What does a user do before the first run? | `cli/setup` |
//! | What becomes of each kind of file and record? | `cli/sources` |
//! | How do programs and expressions run? | `cli/programs` |
//! | What becomes of failed records? | `cli/failures` |
//! | What is on the sheet, and who changes it? | `cli/sheet` |
//! | When does a job run by itself? | `cli/schedule` |
//! | What is printed, logged and exported? | `cli/output` |
//! | What do kills, signals and refused resources leave? | `cli/machine` |
//! | What do services, proxies and clients do? | `cli/network` |

#![cfg(all(unix, feature = "emulator"))]

#[path = "cli/running_command.rs"]
mod running_command;

#[path = "cli/random_numbers.rs"]
mod random_numbers;

#[path = "cli/temp_project.rs"]
mod temp_project;

#[path = "cli/tls.rs"]
mod tls;

#[path = "cli/emulator_process.rs"]
mod emulator_process;

#[path = "cli/setup/mod.rs"]
mod setup;

#[path = "cli/sources/mod.rs"]
mod sources;

#[path = "cli/programs/mod.rs"]
mod programs;

#[path = "cli/failures/mod.rs"]
mod failures;

#[path = "cli/sheet/mod.rs"]
mod sheet;

#[path = "cli/schedule/mod.rs"]
mod schedule;

#[path = "cli/output/mod.rs"]
mod output;

#[path = "cli/machine/mod.rs"]
mod machine;

#[path = "cli/network/mod.rs"]
mod network;
