//! A fixed report and place, for the tests of all forms of output.

use std::sync::Arc;

use crate::cli::output::destination::{JobDestination, Spreadsheet};
use crate::cli::streams::captured::CapturedOutput;
use crate::cli::streams::output_stream::OutputStyle;
use crate::cli::streams::terminal::Terminal;
use crate::ledger::items::key::Key;
use crate::ledger::items::repeated_keys::RepeatedKeys;
use crate::ledger::items::write_mode::ReprocessPolicy;
use crate::ledger::runs::event::{Event, RetryCounts, RunReport, SkipCounts};
use crate::ledger::runs::run::{Counts, Run, RunStatus, Trigger};
use crate::time::Timestamp;

/// A successful first run over 1,707 quakes.
pub fn report() -> RunReport {
    let started = Timestamp(1_517_966_773_840);
    let run = Run {
        finished: Some(started.add_ms(1_234)),
        status: RunStatus::Succeeded,
        counts: Counts { read: 1_707, new: 1_707, ..Counts::default() },
        calls: 5,
        first_commit: 1,
        last_commit: 2,
        host: "box".into(),
        version: "0.1.0".into(),
        ..Run::new(
            "20180207-012613-00abc".into(),
            "quakes".into(),
            Trigger { kind: "cli".into(), ..Trigger::default() },
            started,
        )
    };
    RunReport {
        run,
        keys: 1_707,
        open_failures: 0,
        exhausted_failures: 0,
        tried_again: RetryCounts::default(),
        rows: 1_707,
        updated: 0,
        commits: 2,
        reads: 2,
        writes: 3,
        throttled: 0,
        is_quota_shared: false,
        repeats: RepeatedKeys::default(),
        reprocess_policy: ReprocessPolicy::EachVersion,
        rowless: 0,
        held: None,
        skips: SkipCounts::default(),
        outgrown: None,
    }
}

/// The same run, with three failed items and two 429 responses.
pub fn make_partial_report() -> RunReport {
    let mut report = report();
    report.run.status = RunStatus::Partial;
    report.run.counts = Counts { read: 1_707, new: 1_500, skipped: 204, failed: 3, recovered: 2, retries: 1 };
    report.run.finished = Some(report.run.started.add_ms(125_000));
    report.run.message = "3 items failed".into();
    (report.rows, report.keys, report.open_failures, report.throttled) = (1_500, 1_704, 5, 2);
    report
}

/// The local file of the README's job.
pub fn make_place() -> JobDestination {
    JobDestination {
        env_file: None,
        job: "quakes".into(),
        job_file: "fixtures/quakes.toml".into(),
        tab: "Quakes".into(),
        spreadsheet: Spreadsheet::Embedded {
            file: "fixtures/quakes.sheet".into(),
            because: "no spreadsheet is set".into(),
        },
        chosen_by: None,
    }
}

/// Streams that are not terminals, and what is written to them.
pub fn make_pipes() -> (Arc<Terminal>, CapturedOutput) {
    let manner = OutputStyle { is_terminal: false, has_colour: false, width: 80 };
    Terminal::new_captured(manner, manner)
}

/// The `n`-th failure.
pub fn make_failure(n: u64) -> Event {
    Event::ItemFailed {
        key: Key::new(format!("us7000{n:03}")).expect("a valid key"),
        position: format!("feed.json:{n} (record {n})"),
        step: "map".into(),
        error: "number (null) can't be\ndivided by 1000".into(),
    }
}
