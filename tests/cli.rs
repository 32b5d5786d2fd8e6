//! The real binary, from its command line to its exit code: the promises of the first issue, seen
//! from outside.
//!
//! Each test has a folder of its own with copies of the fixtures, a state directory of its own and
//! an empty environment. A plain HTTP client that shares no code with the product reads the sheet
//! (`cli/wire.rs`).

#![cfg(all(unix, feature = "emulator"))]

#[path = "cli/temp_project.rs"]
mod temp_project;

#[path = "cli/live.rs"]
mod live;

#[path = "cli/seeded.rs"]
mod seeded;

#[path = "cli/tls.rs"]
mod tls;

#[path = "cli/wire.rs"]
mod wire;

#[path = "cli/main_job.rs"]
mod main_job;

#[path = "cli/emulate.rs"]
mod emulate;

#[path = "cli/plan.rs"]
mod plan;

#[path = "cli/heartbeat.rs"]
mod heartbeat;

#[path = "cli/metrics.rs"]
mod metrics;

#[cfg(feature = "otlp")]
#[path = "cli/otlp.rs"]
mod otlp;

#[path = "cli/log_formats.rs"]
mod log_formats;

#[path = "cli/due.rs"]
mod due;

#[path = "cli/backfill.rs"]
mod backfill;

#[path = "cli/held.rs"]
mod held;

#[path = "cli/late.rs"]
mod late;

#[path = "cli/expect.rs"]
mod expect;

#[path = "cli/daemon.rs"]
mod daemon;

#[path = "cli/reprocess_and_prune.rs"]
mod reprocess_and_prune;

#[path = "cli/exhausted_failures.rs"]
mod exhausted_failures;

#[path = "cli/login_pages.rs"]
mod login_pages;

#[path = "cli/upsert.rs"]
mod upsert;

#[path = "cli/hard_records.rs"]
mod hard_records;

#[path = "cli/twice.rs"]
mod twice;

#[path = "cli/numbers.rs"]
mod numbers;

#[path = "cli/as_it_comes.rs"]
mod as_it_comes;

#[path = "cli/answers.rs"]
mod answers;

#[path = "cli/steps.rs"]
mod steps;

#[path = "cli/machine.rs"]
mod machine;

#[path = "cli/programs.rs"]
mod programs;

#[path = "cli/upkeep.rs"]
mod upkeep;

#[path = "cli/service.rs"]
mod service;

#[path = "cli/overlap.rs"]
mod overlap;

#[path = "cli/crash.rs"]
mod crash;

#[path = "cli/signals.rs"]
mod signals;

#[path = "cli/output.rs"]
mod output;

#[path = "cli/check.rs"]
mod check;

#[path = "cli/broken_setups.rs"]
mod broken_setups;

#[path = "cli/log_file.rs"]
mod log_file;

#[path = "cli/refusals.rs"]
mod refusals;

#[path = "cli/place.rs"]
mod place;

#[path = "cli/proxies.rs"]
mod proxies;

#[path = "cli/secrets.rs"]
mod secrets;

#[path = "cli/one_file.rs"]
mod one_file;

#[path = "cli/tabs.rs"]
mod tabs;

#[path = "cli/machine_tabs.rs"]
mod machine_tabs;

#[path = "cli/hostile.rs"]
mod hostile;

#[path = "cli/endless.rs"]
mod endless;

#[path = "cli/rowless.rs"]
mod rowless;

#[path = "cli/retry.rs"]
mod retry;

#[path = "cli/once.rs"]
mod once;

#[path = "cli/lint.rs"]
mod lint;

#[path = "cli/json_documents.rs"]
mod json_documents;

#[path = "cli/newcomer_words.rs"]
mod newcomer_words;

#[path = "cli/newcomer_csv.rs"]
mod newcomer_csv;

#[path = "cli/newcomer_daily.rs"]
mod newcomer_daily;

#[path = "cli/newcomer_sources.rs"]
mod newcomer_sources;
