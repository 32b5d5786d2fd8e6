//! Runs one check, and repeats it with new names if a response is lost.
//!
//! In scope: which file checks which assumption.
//! Out of scope: the order and the end of a probe (`check::probing`).

use std::time::Duration;

use crate::port::store::StoreError;
use crate::store::probe::assumption::{Assumption, AssumptionOutcome, AssumptionResult};
use crate::store::probe::client::{ProbeClient, Unanswered};
use crate::store::probe::{cells, developer_metadata, range_names, rows, tabs};

/// Maximum number of attempts if responses are lost.
const TRIES: u32 = 6;
/// Pause before another attempt.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Checks an assumption. An error means that no further check is possible.
pub async fn ask(desk: &ProbeClient, question: Assumption) -> Result<AssumptionResult, StoreError> {
    let mut why = String::new();
    for nth in 0..TRIES {
        if nth > 0 {
            desk.clock.sleep(ASK_AGAIN).await;
        }
        match once(desk, question).await {
            Ok((outcome, seen)) => return Ok(AssumptionResult { question, outcome, seen }),
            Err(Unanswered::Stop(error)) => return Err(error),
            Err(Unanswered::Unclear(seen)) => {
                return Ok(AssumptionResult { question, outcome: AssumptionOutcome::Unknown, seen });
            }
            Err(Unanswered::Lost(cause)) => {
                tracing::debug!(question = question.word(), %cause, "the response was lost; asking again");
                why = cause;
            }
        }
    }
    let seen = format!("asked {TRIES} times; the last response was lost: {why}");
    Ok(AssumptionResult { question, outcome: AssumptionOutcome::Unknown, seen })
}

async fn once(desk: &ProbeClient, question: Assumption) -> Result<(AssumptionOutcome, String), Unanswered> {
    match question {
        Assumption::CallerTabId => tabs::caller_id(desk).await,
        Assumption::MissingTab => tabs::missing(desk).await,
        Assumption::TakenTabId => tabs::taken_id(desk).await,
        Assumption::TakenTitle => tabs::taken_title(desk).await,
        Assumption::TitleCase => tabs::title_case(desk).await,
        Assumption::OneByOne => tabs::one_by_one(desk).await,
        Assumption::MissingName => range_names::missing(desk).await,
        Assumption::CallerNameId => range_names::caller_id(desk).await,
        Assumption::TakenNameId => range_names::taken_id(desk).await,
        Assumption::TakenName => range_names::taken_name(desk).await,
        Assumption::NameAgain => range_names::again(desk).await,
        Assumption::InOrder => cells::in_order(desk).await,
        Assumption::CopyInOrder => cells::copy_in_order(desk).await,
        Assumption::CopyShifts => cells::copy_shifts(desk).await,
        Assumption::CopySpilled => cells::copy_spilled(desk).await,
        Assumption::CopyBeyond => cells::copy_beyond(desk).await,
        Assumption::ReadsBack => cells::reads_back(desk).await,
        Assumption::CellLength => cells::length(desk).await,
        Assumption::FormulaText => cells::formula_text(desk).await,
        Assumption::CallerMarkId => developer_metadata::caller_id(desk).await,
        Assumption::TakenMarkId => developer_metadata::taken_id(desk).await,
        Assumption::SameKeyMarks => developer_metadata::same_key(desk).await,
        Assumption::MarkBudget => developer_metadata::budget(desk).await,
        Assumption::MarkMoves => developer_metadata::moves(desk).await,
        Assumption::MarkGoes => developer_metadata::goes(desk).await,
        Assumption::AppendBelow => rows::below(desk).await,
        Assumption::AppendCheckbox => rows::checkbox(desk).await,
        Assumption::DateHeader => Ok(rows::date(desk)),
        Assumption::FreshReads => rows::fresh(desk).await,
    }
}
