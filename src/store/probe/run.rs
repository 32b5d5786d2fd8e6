//! Runs one check, and repeats it with new names if a response is lost.
//!
//! In scope: which file checks which assumption.
//! Out of scope: the order and the end of a probe (`check::probing`).

use std::time::Duration;

use crate::port::store::StoreError;
use crate::store::probe::assumption::{Assumption, AssumptionOutcome, AssumptionResult};
use crate::store::probe::client::{ProbeClient, ProbeFailure};
use crate::store::probe::{appended_rows, cells, developer_metadata, overdue, range_names, tabs};

/// Maximum number of attempts if responses are lost.
const MAX_ATTEMPTS: u32 = 6;
/// Pause before another attempt.
const RETRY_PAUSE: Duration = Duration::from_secs(2);

/// Checks an assumption. An error means that no further check is possible.
pub async fn check(client: &ProbeClient, assumption: Assumption) -> Result<AssumptionResult, StoreError> {
    let mut why = String::new();
    for nth in 0..MAX_ATTEMPTS {
        if nth > 0 {
            client.clock.sleep(RETRY_PAUSE).await;
        }
        match check_once(client, assumption).await {
            Ok((outcome, seen)) => return Ok(AssumptionResult { assumption, outcome, seen }),
            Err(ProbeFailure::Impossible(error)) => return Err(error),
            Err(ProbeFailure::Inconclusive(seen)) => {
                return Ok(AssumptionResult { assumption, outcome: AssumptionOutcome::Unknown, seen });
            }
            Err(ProbeFailure::ResponseLost(cause)) => {
                tracing::debug!(event = "probe.retrying", question = assumption.name(), %cause, "the response was lost; asking again");
                why = cause;
            }
        }
    }
    let seen = format!("asked {MAX_ATTEMPTS} times; the last response was lost: {why}");
    Ok(AssumptionResult { assumption, outcome: AssumptionOutcome::Unknown, seen })
}

async fn check_once(client: &ProbeClient, assumption: Assumption) -> Result<(AssumptionOutcome, String), ProbeFailure> {
    match assumption {
        Assumption::CallerTabId => tabs::check_caller_id(client).await,
        Assumption::MissingTab => tabs::check_missing_tab(client).await,
        Assumption::TakenTabId => tabs::check_taken_id(client).await,
        Assumption::TakenTitle => tabs::check_taken_title(client).await,
        Assumption::TitleCase => tabs::check_title_case(client).await,
        Assumption::OneByOne => tabs::check_request_order(client).await,
        Assumption::MissingName => range_names::delete_missing_name(client).await,
        Assumption::CallerNameId => range_names::check_caller_id(client).await,
        Assumption::TakenNameId => range_names::check_taken_id(client).await,
        Assumption::TakenName => range_names::check_taken_name(client).await,
        Assumption::NameAgain => range_names::check_readded_name(client).await,
        Assumption::InOrder => cells::check_write_order(client).await,
        Assumption::CopyInOrder => cells::copy_in_order(client).await,
        Assumption::CopyShifts => cells::copy_shifts(client).await,
        Assumption::CopySpilled => cells::copy_spilled(client).await,
        Assumption::CopyBeyond => cells::copy_beyond(client).await,
        Assumption::ReadsBack => cells::check_read_back(client).await,
        Assumption::CellLength => cells::check_length(client).await,
        Assumption::FormulaText => cells::check_formula_text(client).await,
        Assumption::CallerMarkId => developer_metadata::check_caller_id(client).await,
        Assumption::TakenMarkId => developer_metadata::check_taken_id(client).await,
        Assumption::SameKeyMarks => developer_metadata::check_same_key(client).await,
        Assumption::MarkBudget => developer_metadata::check_budget(client).await,
        Assumption::MarkMoves => developer_metadata::check_moves(client).await,
        Assumption::MarkGoes => developer_metadata::delete_marked_column(client).await,
        Assumption::AppendBelow => appended_rows::append_below_gap(client).await,
        Assumption::AppendCheckbox => appended_rows::check_checkboxes(client).await,
        Assumption::Recalculation => overdue::check_recalculation(client).await,
        Assumption::Semicolons => overdue::check_semicolons(client).await,
        Assumption::ColourRule => overdue::check_colour_rule(client).await,
        Assumption::DateHeader => Ok(appended_rows::check_date(client)),
        Assumption::FreshReads => appended_rows::read_after_write(client).await,
    }
}
