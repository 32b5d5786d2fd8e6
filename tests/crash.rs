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

#[path = "cli/live.rs"]
#[expect(dead_code, reason = "tests/cli.rs uses the rest of it")]
mod live;

#[path = "cli/wire.rs"]
#[expect(dead_code, reason = "tests/cli.rs uses the rest of it")]
mod wire;

#[path = "cli/seeded.rs"]
mod seeded;

#[path = "crash/story.rs"]
mod story;

#[cfg(feature = "failpoints")]
#[path = "crash/points.rs"]
mod points;

#[cfg(target_os = "linux")]
#[path = "crash/disk.rs"]
mod disk;

#[cfg(target_os = "linux")]
#[path = "crash/twice.rs"]
mod twice;

#[cfg(target_os = "linux")]
#[path = "crash/whole_item.rs"]
mod whole_item;

#[path = "crash/pair.rs"]
mod pair;

#[path = "crash/stopped.rs"]
mod stopped;
