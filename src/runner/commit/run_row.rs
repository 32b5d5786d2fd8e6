//! The run's row in `Runs`, as it will be once a commit is applied.
//!
//! In scope: its counts, what an ended run leaves, its times by the service's clock. Out of scope:
//! the row's columns (`ledger::rows::row_codec`), when it is written (`runner::commit::committer`).

use crate::ledger::commit::changes::{Changes, ItemResult};
use crate::ledger::items::failure::{Failure, FailureState};
use crate::ledger::runs::end_state::RunEndState;
use crate::ledger::runs::run::{Counts, Run};
use crate::runner::records::intake::Intake;
use crate::time::Timestamp;

/// Returns the counts of the run once these changes are applied. `counts` are those of the intake.
pub fn count_after_changes(changes: &Changes, counts: Counts) -> Counts {
    let recovered =
        changes.settled.iter().filter(|one| matches!(one, ItemResult::Done { closes: Some(_), .. })).count();
    Counts { new: counts.new + changes.count_keys() as u64, recovered: counts.recovered + recovered as u64, ..counts }
}

/// Returns an ended run with what it leaves: open failures once these changes are applied, and
/// `cells_left`, the cells that the spreadsheet still takes.
pub fn with_end_state(run: Run, changes: &Changes, intake: &Intake, cells_left: Option<u64>) -> Run {
    let closes = |failure: &&Failure| {
        let prior = intake.index.prior_failure(&failure.key);
        failure.state == FailureState::Recovered && prior.is_some_and(|prior| prior.state == FailureState::Open)
    };
    let fewer = changes.settled.iter().filter_map(ItemResult::failure).filter(closes).count() as u64;
    let open = (intake.index.open_failures() as u64).saturating_sub(fewer + intake.first_records.count_unwritten());
    Run { end_state: RunEndState { open_failures: Some(open), cells_left, ..run.end_state }, ..run }
}

/// Returns the run with its times by the service's clock, by which occurrences are judged.
/// `ahead_ms` is how far that clock is ahead of this machine's.
pub fn convert_to_service_clock(run: &Run, ahead_ms: i64) -> Run {
    let shifted = |at: Timestamp| Timestamp(at.0.saturating_add(ahead_ms));
    Run { started: shifted(run.started), finished: run.finished.map(shifted), ..run.clone() }
}
