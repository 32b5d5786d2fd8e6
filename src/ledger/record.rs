//! The state and its rows as texts and cells, both ways, for any store that keeps them where people can see them.
//!
//! In scope: names of fields and columns, schema version, reading what people may have touched. Reading never fails hard:
//! it yields a value, or a sentence that says what is wrong. Out of scope: where a tab stands and which column is which (`store`).

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::grid::Cell;
use crate::ledger::failure::{Failure, PAYLOAD_CELLS};
use crate::ledger::head::HeadId;
use crate::ledger::key::{Key, Version};
use crate::ledger::lease::{Fence, Holder, Lease};
use crate::ledger::run::{Counts, Run, RunStatus, Trigger};
use crate::ledger::snapshot::{Definition, SCHEMA, State, Tally};
use crate::time::Timestamp;

/// Columns of `Processed <job>`.
pub const PROCESSED: [&str; 4] = ["key", "version", "state", "run"];

/// Columns of `Failures <job>`; times are UTC.
pub const FAILURES: [&str; 23] = [
    "key",
    "step",
    "error",
    "attempts",
    "first_seen (UTC)",
    "last_seen (UTC)",
    "run",
    "state",
    "where",
    "version",
    "action",
    "answered",
    "retryable",
    "payload",
    "payload 2",
    "payload 3",
    "payload 4",
    "payload 5",
    "payload 6",
    "payload 7",
    "payload 8",
    "payload 9",
    "payload 10",
];

/// Columns of `Runs`; times are UTC.
pub const RUNS: [&str; 21] = [
    "run",
    "job",
    "run_key",
    "trigger",
    "scheduled_for",
    "started",
    "finished",
    "status",
    "read",
    "new",
    "skipped",
    "failed",
    "recovered",
    "retries",
    "calls",
    "seconds",
    "first_commit",
    "last_commit",
    "host",
    "version",
    "message",
];

/// The word in Processed for a key that is done.
pub const DONE: &str = "done";

/// A row of Processed, as texts.
pub fn processed_row<'a>(key: &'a Key, version: &'a Version, run: &'a str) -> [&'a str; 4] {
    [key.as_str(), &version.0, DONE, run]
}

/// A row of Failures, in the order of `FAILURES`.
#[expect(clippy::cast_precision_loss, reason = "attempts are few")]
pub fn failure_row(failure: &Failure) -> Vec<Cell> {
    let retryable = if failure.payload.is_empty() { "no" } else { failure.state.retryable() };
    let mut row = vec![
        Cell::text(failure.key.as_str()),
        Cell::text(&*failure.step),
        Cell::text(&*failure.error),
        Cell::Number(failure.attempts as f64),
        Cell::DateTime(failure.first_seen.serial()),
        Cell::DateTime(failure.last_seen.serial()),
        Cell::text(&*failure.run),
        Cell::text(failure.state.word()),
        Cell::text(&*failure.place),
        Cell::text(&*failure.version.0),
        Cell::Empty,
        Cell::Empty,
        Cell::text(retryable),
    ];
    row.extend(failure.payload.iter().take(PAYLOAD_CELLS).map(|cell| Cell::text(&**cell)));
    row
}

/// A row of Runs, in the order of `RUNS`.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn run_row(run: &Run) -> Vec<Cell> {
    let number = |n: u64| Cell::Number(n as f64);
    let moment = |at: Option<Timestamp>| at.map_or(Cell::Empty, |t| Cell::DateTime(t.serial()));
    let text = |t: &str| if t.is_empty() { Cell::Empty } else { Cell::text(t) };
    vec![
        text(&run.id),
        text(&run.job),
        text(run.trigger.run_key.as_deref().unwrap_or_default()),
        text(&run.trigger.kind),
        moment(run.trigger.scheduled_for),
        moment(Some(run.started)),
        moment(run.finished),
        text(run.status.word()),
        number(run.counts.read),
        number(run.counts.new),
        number(run.counts.skipped),
        number(run.counts.failed),
        number(run.counts.recovered),
        number(run.counts.retries),
        number(run.calls),
        Cell::Number(run.seconds()),
        number(run.first_commit),
        number(run.last_commit),
        text(&run.host),
        text(&run.version),
        text(&run.message),
    ]
}

/// Reads a row of Runs back, for people to see: `cell` gives the value in a column. `None` for a row without a run.
pub fn read_run_row(cell: impl Fn(&str) -> Cell) -> Option<Run> {
    let text = |name: &str| match cell(name) {
        Cell::Text(text) => text,
        _ => String::new(),
    };
    let number = |name: &str| match cell(name) {
        Cell::Number(n) => n.clamp(0.0, 9e15),
        _ => 0.0,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a u64 holds exactly")]
    let count = |name: &str| number(name) as u64;
    let moment = |name: &str| match cell(name) {
        Cell::Number(days) => Some(Timestamp::from_serial(days)),
        _ => None,
    };
    let id = text("run");
    Some(Run {
        job: text("job"),
        trigger: Trigger {
            kind: text("trigger"),
            run_key: Some(text("run_key")).filter(|key| !key.is_empty()),
            scheduled_for: moment("scheduled_for"),
        },
        started: moment("started")?,
        finished: moment("finished"),
        status: RunStatus::of_word(&text("status"))?,
        counts: Counts {
            read: count("read"),
            new: count("new"),
            skipped: count("skipped"),
            failed: count("failed"),
            recovered: count("recovered"),
            retries: count("retries"),
        },
        calls: count("calls"),
        first_commit: count("first_commit"),
        last_commit: count("last_commit"),
        host: text("host"),
        version: text("version"),
        message: text("message"),
        id: Some(id).filter(|id| !id.is_empty())?,
    })
}

/// The state as pairs of name and text, in the order in which people read them.
pub fn state_pairs(state: &State) -> Vec<(String, String)> {
    let lease = &state.lease;
    let holder = lease.holder.clone().unwrap_or_default();
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut pairs: Vec<(&str, String)> = vec![
        ("schema", SCHEMA.to_string()),
        ("job", state.job.clone()),
        ("head", state.head.map(|head| head.to_string()).unwrap_or_default()),
        ("fence", lease.fence.to_string()),
        ("holder install", holder.install),
        ("holder run", holder.run),
        ("holder host", holder.host),
        ("lease since", lease.since.to_string()),
        ("lease until", lease.until.to_string()),
        ("processed count", state.processed.count.to_string()),
        ("processed sum", state.processed.sum.to_string()),
        ("cursor", optional(&state.cursor)),
        ("spreadsheet", state.definition.spreadsheet.clone()),
        ("tab", state.definition.tab.clone()),
        ("mode", state.definition.mode.clone()),
        ("key", state.definition.key.clone()),
        ("definition", state.definition.hash.clone()),
        ("key column", optional(&state.key_column)),
        ("timezone", optional(&state.timezone)),
        ("alerts", optional(&state.alerts)),
    ];
    if let Some(run) = &state.run {
        pairs.extend(run_pairs(run));
    }
    pairs.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

fn run_pairs(run: &Run) -> Vec<(&'static str, String)> {
    vec![
        ("run", run.id.clone()),
        ("run key", run.trigger.run_key.clone().unwrap_or_default()),
        ("run trigger", run.trigger.kind.clone()),
        ("run scheduled", run.trigger.scheduled_for.map(|at| at.to_string()).unwrap_or_default()),
        ("run started", run.started.to_string()),
        ("run read", run.counts.read.to_string()),
        ("run new", run.counts.new.to_string()),
        ("run skipped", run.counts.skipped.to_string()),
        ("run failed", run.counts.failed.to_string()),
        ("run recovered", run.counts.recovered.to_string()),
        ("run retries", run.counts.retries.to_string()),
        ("run calls", run.calls.to_string()),
        ("run first commit", run.first_commit.to_string()),
        ("run last commit", run.last_commit.to_string()),
        ("run host", run.host.clone()),
        ("run version", run.version.clone()),
    ]
}

/// Why a state can't be read; each blocks the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A newer tool wrote it.
    #[error(
        "the state has schema {found}, and this version of sheetkeep knows schemas up to {SCHEMA}: use a newer sheetkeep"
    )]
    Newer {
        /// The schema.
        found: u32,
    },
    /// A field is missing or unreadable.
    #[error(
        "the state's field \"{name}\" reads \"{found}\", which is not {expected}: somebody edited the hidden state tab"
    )]
    Field {
        /// The field.
        name: &'static str,
        /// What it reads.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

/// Reads a state back. Fields that are not known are left alone; a missing one reads as empty.
pub fn read_state<S: BuildHasher>(pairs: &HashMap<String, String, S>) -> Result<State, StateError> {
    let fields = Fields(&|name| pairs.get(name).map_or("", String::as_str));
    let schema = fields.number("schema")?;
    if schema > u64::from(SCHEMA) {
        return Err(StateError::Newer { found: u32::try_from(schema).unwrap_or(u32::MAX) });
    }
    let head: HeadId = fields.text("head").parse().map_err(|_| fields.wrong("head", "a head id"))?;
    let holder = Holder {
        install: fields.text("holder install").to_owned(),
        run: fields.text("holder run").to_owned(),
        host: fields.text("holder host").to_owned(),
    };
    let lease = Lease {
        fence: Fence(fields.number("fence")?),
        holder: Some(holder).filter(|holder| !holder.run.is_empty()),
        since: fields.moment("lease since")?,
        until: fields.moment("lease until")?,
    };
    let definition = Definition {
        spreadsheet: fields.text("spreadsheet").to_owned(),
        tab: fields.text("tab").to_owned(),
        mode: fields.text("mode").to_owned(),
        key: fields.text("key").to_owned(),
        hash: fields.text("definition").to_owned(),
    };
    Ok(State {
        job: fields.text("job").to_owned(),
        head: Some(head),
        lease,
        processed: Tally { count: fields.number("processed count")?, sum: fields.number("processed sum")? },
        cursor: fields.optional("cursor"),
        definition,
        key_column: fields.optional("key column"),
        timezone: fields.optional("timezone"),
        run: read_run(&fields)?,
        alerts: fields.optional("alerts"),
    })
}

fn read_run(fields: &Fields<'_>) -> Result<Option<Run>, StateError> {
    if fields.text("run").is_empty() {
        return Ok(None);
    }
    let counts = Counts {
        read: fields.number("run read")?,
        new: fields.number("run new")?,
        skipped: fields.number("run skipped")?,
        failed: fields.number("run failed")?,
        recovered: fields.number("run recovered")?,
        retries: fields.number("run retries")?,
    };
    let trigger = Trigger {
        kind: fields.text("run trigger").to_owned(),
        run_key: fields.optional("run key"),
        scheduled_for: Timestamp::parse(fields.text("run scheduled")),
    };
    Ok(Some(Run {
        id: fields.text("run").to_owned(),
        job: fields.text("job").to_owned(),
        trigger,
        started: fields.moment("run started")?,
        finished: None,
        status: RunStatus::Running,
        counts,
        calls: fields.number("run calls")?,
        first_commit: fields.number("run first commit")?,
        last_commit: fields.number("run last commit")?,
        host: fields.text("run host").to_owned(),
        version: fields.text("run version").to_owned(),
        message: String::new(),
    }))
}

/// The text of a field, empty where there is none.
struct Fields<'a>(&'a dyn Fn(&str) -> &'a str);

impl<'a> Fields<'a> {
    fn text(&self, name: &str) -> &'a str {
        (self.0)(name)
    }

    fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn number(&self, name: &'static str) -> Result<u64, StateError> {
        self.text(name).parse().map_err(|_| self.wrong(name, "a whole number"))
    }

    fn moment(&self, name: &'static str) -> Result<Timestamp, StateError> {
        Timestamp::parse(self.text(name)).ok_or_else(|| self.wrong(name, "a moment"))
    }

    fn wrong(&self, name: &'static str, expected: &'static str) -> StateError {
        StateError::Field { name, found: self.text(name).chars().take(60).collect(), expected }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> State {
        let holder = Holder { install: "i1".into(), run: "r1".into(), host: "h1".into() };
        State {
            job: "quakes".into(),
            head: Some(HeadId { commit: 12, nonce: 34 }),
            lease: Lease { fence: Fence(3), holder: Some(holder), since: Timestamp(1_000), until: Timestamp(301_000) },
            processed: Tally { count: 5, sum: u64::MAX },
            cursor: Some("page 7".into()),
            definition: Definition { tab: "Quakes".into(), key: ".id".into(), ..Definition::default() },
            key_column: Some("id".into()),
            timezone: Some("Europe/Berlin".into()),
            run: Some(Run {
                id: "r1".into(),
                job: "quakes".into(),
                trigger: Trigger { kind: "cli".into(), run_key: None, scheduled_for: Some(Timestamp(5)) },
                started: Timestamp(999),
                finished: None,
                status: RunStatus::Running,
                counts: Counts { read: 1, new: 2, skipped: 3, failed: 4, recovered: 5, retries: 6 },
                calls: 7,
                first_commit: 8,
                last_commit: 9,
                host: "h1".into(),
                version: "0.1.0".into(),
                message: String::new(),
            }),
            alerts: None,
        }
    }

    #[test]
    fn a_state_reads_back_as_it_was_written() {
        let pairs: HashMap<_, _> = state_pairs(&state()).into_iter().collect();
        assert_eq!(read_state(&pairs), Ok(state()));
    }

    #[test]
    fn a_state_of_a_newer_tool_is_refused_and_not_guessed_at() {
        let mut pairs: HashMap<_, _> = state_pairs(&state()).into_iter().collect();
        pairs.insert("schema".into(), "2".into());
        assert_eq!(read_state(&pairs), Err(StateError::Newer { found: 2 }));
    }

    #[test]
    fn every_row_has_as_many_cells_as_its_tab_has_columns_at_most() {
        let run = state().run.expect("a run");
        assert_eq!(run_row(&run).len(), RUNS.len());
    }

    proptest! {
        #[test]
        fn invariant_6_reading_a_state_that_people_edited_never_fails_hard(at in 0_usize..36, text in ".{0,30}") {
            let mut pairs = state_pairs(&state());
            let n = at % pairs.len();
            pairs[n].1 = text;
            let _ = read_state(&pairs.into_iter().collect::<HashMap<_, _>>());
        }
    }
}
