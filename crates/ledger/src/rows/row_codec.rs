//! Keys, failures and runs as rows of cells, for any store that keeps them where users can see
//! them.
//!
//! In scope: column names, one row per entry, decoding failures and runs.
//! Out of scope: the place of a tab and of its columns (`store`), the state
//! (`ledger::state::state_codec`).

use crate::grid::Cell;
use crate::items::failure::{ActionAnswer, Failure, FailureState, PAYLOAD_CELLS, record_hash_of};
use crate::items::key::{Key, Version};
use crate::leases::row_order::{read_run_cell, run_cell};
use crate::runs::end_state::{END_STATE, RunEndState};
use crate::runs::run::{Counts, Run, RunStatus, Trigger};
use crate::values::coerce::format_float;
use sheetkeep_base::time::Timestamp;

/// Columns of `Processed <job>`.
pub const PROCESSED: [&str; 4] = ["key", "version", "state", "run"];

/// Columns of `Failures <job>`; times are UTC.
pub const FAILURES: [&str; 24] = [
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
    "payload_hash",
];

/// Columns of `Runs`; times are UTC, but for those that are named local.
pub const RUNS: [&str; 28] = [
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
    END_STATE[0],
    END_STATE[1],
    END_STATE[2],
    END_STATE[3],
    END_STATE[4],
    END_STATE[5],
    END_STATE[6],
];

/// Columns that `Runs` must have. The others came later.
pub const RUNS_NEEDED: &[&str] = RUNS.split_at(21).0;

/// The state word in Processed of a done key.
pub const DONE: &str = "done";

/// The state word in Processed of a revocation: it revokes one done row of the same key and
/// version, wherever the two are.
pub const REVOCATION_STATE: &str = "forgotten";

/// Returns a row of Processed as texts; `state` is one of the two words, `run` the run and the
/// row's order (`ledger::leases::row_order`).
pub fn encode_processed_row<'a>(key: &'a Key, version: &'a Version, state: &'a str, run: &'a str) -> [&'a str; 4] {
    [key.as_str(), &version.0, state, run]
}

/// Returns a row of Failures, in the order of `FAILURES`.
#[expect(clippy::cast_precision_loss, reason = "attempts are few")]
pub fn encode_failure_row(failure: &Failure) -> Vec<Cell> {
    let retryable = if failure.has_whole_record && failure.state != FailureState::Recovered { "yes" } else { "no" };
    let mut row = vec![
        Cell::text(failure.key.as_str()),
        Cell::text(&*failure.step),
        Cell::text(&*failure.error),
        Cell::Number(failure.attempts as f64),
        Cell::DateTime(failure.first_seen.serial()),
        Cell::DateTime(failure.last_seen.serial()),
        Cell::text(run_cell(&failure.run, failure.order)),
        Cell::text(failure.state.as_str()),
        Cell::text(&*failure.position),
        Cell::text(&*failure.version.0),
        Cell::Empty,
        failure.answered.map_or(Cell::Empty, |answer| Cell::text(answer.as_str())),
        Cell::text(retryable),
    ];
    let before = row.len();
    row.extend(failure.payload.iter().take(PAYLOAD_CELLS).map(|cell| Cell::text(&**cell)));
    // The hash shows whether the source yields another record, even if the record is not kept.
    if let Some(hash) = record_hash_of(&failure.payload, failure.has_whole_record) {
        row.resize(before + PAYLOAD_CELLS, Cell::Empty);
        row.push(Cell::text(hash));
    }
    row
}

/// Decodes a row of Failures; `cell` returns the value in a column. `None` for a row without a key.
pub fn read_failure_row(cell: impl Fn(&str) -> Cell) -> Option<Failure> {
    let text = |name: &str| match cell(name) {
        Cell::Text(text) => text,
        Cell::Number(number) => format_float(number),
        _ => String::new(),
    };
    let timestamp = |name: &str| match cell(name) {
        Cell::Number(days) => Timestamp::from_serial(days),
        _ => Timestamp::default(),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a u64 holds exactly")]
    let attempts = match cell("attempts") {
        Cell::Number(n) => n.clamp(1.0, 9e15) as u64,
        _ => 1,
    };
    let first = FAILURES.iter().position(|column| *column == "payload").unwrap_or_default();
    let mut payload: Vec<String> = FAILURES.iter().skip(first).take(PAYLOAD_CELLS).map(|&name| text(name)).collect();
    while payload.last().is_some_and(String::is_empty) {
        payload.pop();
    }
    let cell = text("run");
    let (run, order) = read_run_cell(&cell);
    Some(Failure {
        key: Key::new(text("key")).ok()?,
        version: Version(text("version")),
        step: text("step"),
        error: text("error"),
        attempts,
        first_seen: timestamp("first_seen (UTC)"),
        last_seen: timestamp("last_seen (UTC)"),
        run: run.to_owned(),
        order,
        state: FailureState::from_cell(&text("state")),
        answered: ActionAnswer::parse(&text("answered")),
        position: text("where"),
        has_whole_record: text("retryable") == "yes" && !payload.is_empty(),
        payload,
    })
}

/// Returns a row of Runs, in the order of `RUNS`.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn run_row(run: &Run) -> Vec<Cell> {
    let number = |n: u64| Cell::Number(n as f64);
    let timestamp = |at: Option<Timestamp>| at.map_or(Cell::Empty, |t| Cell::DateTime(t.serial()));
    let text = |t: &str| if t.is_empty() { Cell::Empty } else { Cell::text(t) };
    let mut row = vec![
        text(&run.id),
        text(&run.job),
        text(run.trigger.run_key.as_deref().unwrap_or_default()),
        text(&run.trigger.kind),
        timestamp(run.trigger.scheduled_for),
        timestamp(Some(run.started)),
        timestamp(run.finished),
        text(run.status.as_str()),
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
    ];
    row.extend(run.end_state.cells());
    row
}

/// Decodes a row of Runs; `cell` returns the value in a column. `None` for a row without a run.
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
    let timestamp = |name: &str| match cell(name) {
        Cell::Number(days) => Some(Timestamp::from_serial(days)),
        _ => None,
    };
    let id = text("run");
    Some(Run {
        job: text("job"),
        trigger: Trigger {
            kind: text("trigger"),
            run_key: Some(text("run_key")).filter(|key| !key.is_empty()),
            scheduled_for: timestamp("scheduled_for"),
        },
        started: timestamp("started")?,
        finished: timestamp("finished"),
        status: RunStatus::parse(&text("status"))?,
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
        end_state: RunEndState::read(&cell),
        id: Some(id).filter(|id| !id.is_empty())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leases::lease::Fence;
    use crate::leases::row_order::RowOrder;
    use crate::runs::end_state::NextDue;

    #[test]
    fn a_failure_reads_back_as_written_and_fills_every_column() {
        let payload = vec!["{\"id\": 1}".to_owned(); PAYLOAD_CELLS];
        let failure = Failure {
            key: Key::new("k").expect("a key"),
            version: Version("2".into()),
            step: "map".into(),
            error: "no".into(),
            attempts: 3,
            first_seen: Timestamp(1_517_966_773_840),
            last_seen: Timestamp(1_517_966_775_000),
            run: "r".into(),
            order: Some(RowOrder { commit: 17, earlier_rows: 1, term: Fence(3) }),
            state: FailureState::Exhausted,
            answered: Some(ActionAnswer::NotUnderstood),
            position: "f.csv:3 (record 2)".into(),
            payload,
            has_whole_record: true,
        };
        let row = encode_failure_row(&failure);
        assert_eq!(row.len(), FAILURES.len());
        assert_eq!(read_failure_row(|name| find_cell(&FAILURES, &row, name)), Some(failure));
    }

    fn find_cell(columns: &[&str], row: &[Cell], name: &str) -> Cell {
        match columns.iter().position(|column| *column == name).and_then(|at| row.get(at)) {
            Some(Cell::DateTime(days)) => Cell::Number(*days),
            Some(cell) => cell.clone(),
            None => Cell::Empty,
        }
    }

    #[test]
    fn a_run_reads_back_as_it_was_written_and_fills_every_column() {
        let run = Run {
            id: "20180207-012613-00abc".into(),
            job: "quakes".into(),
            trigger: Trigger { kind: "cli".into(), run_key: None, scheduled_for: Some(Timestamp(1_517_966_000_000)) },
            started: Timestamp(1_517_966_773_840),
            finished: Some(Timestamp(1_517_966_775_000)),
            status: RunStatus::Partial,
            counts: Counts { read: 1, new: 2, skipped: 3, failed: 4, recovered: 5, retries: 6 },
            calls: 7,
            first_commit: 8,
            last_commit: 9,
            host: "h".into(),
            version: "0.1.0".into(),
            message: "4 failed".into(),
            end_state: RunEndState {
                next_due: NextDue::At {
                    due: Timestamp(1_518_000_000_000),
                    due_local_ms: 1_518_003_600_000,
                    late_local_ms: 1_518_007_200_000,
                },
                open_failures: Some(4),
                cells_left: Some(9_000_000),
                utc_offset_ms: Some(19_800_000),
                held: crate::runs::end_state::HeldRows::None,
            },
        };
        let row = run_row(&run);
        assert_eq!(row.len(), RUNS.len());
        assert_eq!(read_run_row(|name| find_cell(&RUNS, &row, name)), Some(run.clone()));
        let without = Run { end_state: RunEndState::default(), ..run };
        assert_eq!(read_run_row(|name| find_cell(RUNS_NEEDED, &row, name)), Some(without));
    }
}
