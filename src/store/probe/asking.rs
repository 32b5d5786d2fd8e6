//! Asking one question: again in fresh names where an answer is lost, within bounds.
//!
//! In scope: which file answers which question. Out of scope: the order and the end of a probe (`check::probing`).

use std::time::Duration;

use crate::port::store::StoreError;
use crate::store::probe::desk::{Desk, Unanswered};
use crate::store::probe::question::{Finding, Outcome, Question};
use crate::store::probe::{cells, marks, names, rows, tabs};

/// Times that a question is asked whose answers are lost.
const TRIES: u32 = 6;
/// Before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Asks; an error means that nothing more can be asked here.
pub async fn ask(desk: &Desk, question: Question) -> Result<Finding, StoreError> {
    let mut why = String::new();
    for nth in 0..TRIES {
        if nth > 0 {
            desk.clock.sleep(ASK_AGAIN).await;
        }
        match once(desk, question).await {
            Ok((outcome, seen)) => return Ok(Finding { question, outcome, seen }),
            Err(Unanswered::Stop(error)) => return Err(error),
            Err(Unanswered::Unclear(seen)) => return Ok(Finding { question, outcome: Outcome::Unknown, seen }),
            Err(Unanswered::Lost(cause)) => {
                tracing::debug!(question = question.word(), %cause, "the answer was lost, it is asked again");
                why = cause;
            }
        }
    }
    let seen = format!("asked {TRIES} times, and the last answer was lost: {why}");
    Ok(Finding { question, outcome: Outcome::Unknown, seen })
}

async fn once(desk: &Desk, question: Question) -> Result<(Outcome, String), Unanswered> {
    match question {
        Question::CallerTabId => tabs::caller_id(desk).await,
        Question::MissingTab => tabs::missing(desk).await,
        Question::TakenTabId => tabs::taken_id(desk).await,
        Question::TakenTitle => tabs::taken_title(desk).await,
        Question::TitleCase => tabs::title_case(desk).await,
        Question::OneByOne => tabs::one_by_one(desk).await,
        Question::MissingName => names::missing(desk).await,
        Question::CallerNameId => names::caller_id(desk).await,
        Question::TakenNameId => names::taken_id(desk).await,
        Question::TakenName => names::taken_name(desk).await,
        Question::NameAgain => names::again(desk).await,
        Question::InOrder => cells::in_order(desk).await,
        Question::CopyInOrder => cells::copy_in_order(desk).await,
        Question::CopyShifts => cells::copy_shifts(desk).await,
        Question::CopySpilled => cells::copy_spilled(desk).await,
        Question::CopyBeyond => cells::copy_beyond(desk).await,
        Question::ReadsBack => cells::reads_back(desk).await,
        Question::CellLength => cells::length(desk).await,
        Question::FormulaText => cells::formula_text(desk).await,
        Question::CallerMarkId => marks::caller_id(desk).await,
        Question::TakenMarkId => marks::taken_id(desk).await,
        Question::SameKeyMarks => marks::same_key(desk).await,
        Question::MarkBudget => marks::budget(desk).await,
        Question::MarkMoves => marks::moves(desk).await,
        Question::MarkGoes => marks::goes(desk).await,
        Question::AppendBelow => rows::below(desk).await,
        Question::AppendCheckbox => rows::checkbox(desk).await,
        Question::DateHeader => Ok(rows::date(desk)),
        Question::FreshReads => rows::fresh(desk).await,
    }
}
