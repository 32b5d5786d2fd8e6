//! The real binary, killed at each request, response and commit of a run, and at random times with
//! two machines working. It is also stopped for longer than its lease. Afterwards runs complete,
//! each key has its rows once, none is missing, and Runs is correct.
//!
//! `CRASH=300 cargo test --test crash -- --nocapture` kills that many times at random;
//! `--features failpoints` adds the named points.

#![cfg(all(unix, feature = "emulator"))]

#[path = "cli/temp_project.rs"]
#[expect(dead_code, reason = "tests/cli.rs uses the rest of it")]
mod temp_project;

#[path = "cli/running_command.rs"]
#[expect(dead_code, reason = "tests/cli.rs uses the rest of it")]
mod running_command;

#[path = "cli/emulator_process.rs"]
#[expect(dead_code, reason = "tests/cli.rs uses the rest of it")]
mod emulator_process;

#[path = "cli/random_numbers.rs"]
mod random_numbers;

#[path = "crash/sheet_checks.rs"]
mod sheet_checks;

#[cfg(feature = "failpoints")]
#[path = "crash/failpoints.rs"]
mod failpoints;

#[cfg(target_os = "linux")]
#[path = "crash/disk.rs"]
mod disk;

#[cfg(target_os = "linux")]
#[path = "crash/repeated_keys.rs"]
mod repeated_keys;

#[cfg(target_os = "linux")]
#[path = "crash/whole_item.rs"]
mod whole_item;

#[path = "crash/two_machines.rs"]
mod two_machines;

#[path = "crash/suspended_run.rs"]
mod suspended_run;
