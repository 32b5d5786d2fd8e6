//! What a log collector gets of an event: its stable name, how serious it is, and its fields.
//!
//! The names are part of what versions promise, as are the names of the fields;
//! `docs/observability.md` lists them.

use serde_json::{Map, Value};

use crate::ledger::runs::event::Event;
use crate::telemetry::logs::log_line::LogLevel;

/// Returns the name of the event.
pub fn name_event(event: &Event) -> &'static str {
    match event {
        Event::Started { .. } => "run.started",
        Event::Waiting { .. } => "run.waiting",
        Event::Loaded { .. } => "state.loaded",
        Event::Anomaly { .. } | Event::LastingAnomaly { .. } => "run.anomaly",
        Event::RunAbandoned { .. } => "run.abandoned",
        Event::Claimed { .. } => "lease.claimed",
        Event::ItemFailed { .. } => "item.failed",
        Event::RetryRequested { .. } => "item.tried_again",
        Event::Retrying { .. } => "step.retrying",
        Event::Progress { .. } => "run.progress",
        Event::Committed { .. } => "commit.applied",
        Event::InDoubt { .. } => "commit.in_doubt",
        Event::Suspected { .. } => "commit.suspected",
        Event::Resolved { .. } => "commit.resolved",
        Event::Stopping { .. } => "run.stopping",
        Event::Finished(_) => "run.ended",
        _ => "run.event",
    }
}

/// Returns how serious the event is.
pub fn rate_event(event: &Event) -> LogLevel {
    match event {
        Event::ItemFailed { .. }
        | Event::Retrying { .. }
        | Event::Anomaly { .. }
        | Event::LastingAnomaly { .. }
        | Event::RunAbandoned { .. } => LogLevel::Warning,
        _ => LogLevel::Info,
    }
}

/// Returns the fields of the event, beside the job and the run.
pub fn collect_event_fields(event: &Event) -> Map<String, Value> {
    let pairs: Vec<(&str, Value)> = match event {
        Event::Retrying { step, key, attempt, of, delay_ms, fault, cause } => vec![
            ("step", step.as_str().into()),
            ("key", key.as_str().into()),
            ("attempt", (*attempt).into()),
            ("of", (*of).into()),
            ("delay_ms", (*delay_ms).into()),
            ("error.kind", fault.to_string().into()),
            ("cause", cause.as_str().into()),
        ],
        Event::ItemFailed { key, position, step, error } => vec![
            ("key", key.as_str().into()),
            ("place", position.as_str().into()),
            ("step", step.as_str().into()),
            ("error.kind", "item".into()),
            ("cause", error.as_str().into()),
        ],
        Event::RetryRequested { key, uses_stored_record: from_kept } => {
            vec![("key", key.as_str().into()), ("from_kept", (*from_kept).into())]
        }
        Event::Waiting { why } | Event::Stopping { why, .. } => vec![("cause", why.as_str().into())],
        Event::Loaded { keys, open_failures, is_first_run: first, took_ms } => vec![
            ("keys", (*keys).into()),
            ("open_failures", (*open_failures).into()),
            ("first", (*first).into()),
            ("duration_ms", (*took_ms).into()),
        ],
        Event::RunAbandoned { run } => vec![("abandoned_run", run.as_str().into())],
        Event::Progress { counts, .. } => vec![
            ("read", counts.read.into()),
            ("new", counts.new.into()),
            ("skipped", counts.skipped.into()),
            ("failed", counts.failed.into()),
        ],
        Event::Committed { number, rows, keys, took_ms } => vec![
            ("commit", (*number).into()),
            ("rows", (*rows).into()),
            ("keys", (*keys).into()),
            ("duration_ms", (*took_ms).into()),
        ],
        Event::InDoubt { number, why } => vec![("commit", (*number).into()), ("cause", why.as_str().into())],
        Event::Suspected { number, items, why } => {
            vec![("commit", (*number).into()), ("items", (*items).into()), ("cause", why.as_str().into())]
        }
        Event::Resolved { number, resolution: verdict } => {
            vec![("commit", (*number).into()), ("verdict", (*verdict).into())]
        }
        _ => Vec::new(),
    };
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
