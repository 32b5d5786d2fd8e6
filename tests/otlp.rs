//! The export of runs to an OpenTelemetry collector, which is a feature that is off by default.
//!
//! A binary of its own, so that the build with the feature compiles only what uses it:
//! `cargo test --features otlp --test otlp`.
//!
//! | question | file |
//! |---|---|
//! | What does a collector receive over a socket? | `otlp/export` |
//! | What do the messages of a run contain? | `otlp/messages` |

#![cfg(all(unix, feature = "emulator", feature = "otlp"))]

#[path = "cli/temp_project.rs"]
#[expect(dead_code, reason = "tests/cli.rs uses the rest of it")]
mod temp_project;

#[path = "cli/running_command.rs"]
#[expect(dead_code, reason = "tests/cli.rs uses the rest of it")]
mod running_command;

#[path = "otlp/export.rs"]
mod export;

#[path = "otlp/messages.rs"]
mod messages;
