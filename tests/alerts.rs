//! Alerts: what people receive, over real sockets, and from the real binary.
//!
//! The receivers are stand-ins that keep every byte (`alerts/receiver.rs`). The real clients of the
//! services, and a real mail server, are tried by `.ci/receivers`.

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

#[path = "cli/tls.rs"]
mod tls;

#[path = "alerts/receiver.rs"]
mod receiver;

#[path = "alerts/runs.rs"]
mod runs;

#[path = "alerts/speechless_runs.rs"]
mod speechless_runs;

#[path = "alerts/delivery.rs"]
mod delivery;

#[path = "alerts/mail_server.rs"]
mod mail_server;

#[path = "alerts/mail_delivery.rs"]
mod mail_delivery;

#[path = "alerts/heartbeats.rs"]
mod heartbeats;
