//! What it means for a job that an assumption about the service does not hold, or is not known.
//!
//! In scope: one sentence for each question. Out of scope: asking (`store::probe`).

use crate::store::probe::question::{Outcome, Question};

/// One sentence; what follows for the job.
pub fn meaning(question: Question, outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Held => "as the protocol has it",
        Outcome::NotHeld => otherwise(question),
        Outcome::Unknown if question.is_the_guards() => "nothing is known of the guard; ask again before a first run",
        Outcome::Unknown => "nothing follows; ask again",
    }
}

fn otherwise(question: Question) -> &'static str {
    match question {
        Question::CallerTabId => "a run would not find the tab that it adds: no job can run here",
        Question::MissingTab => "nothing here keeps two runs apart: no job can run here",
        Question::TakenTabId | Question::TakenTitle => {
            "a first commit that arrives late could come twice; later ones are still refused by their tab"
        }
        Question::TitleCase => "a tab that differs in case only is not in the way; the check for one is too strict",
        Question::MissingName | Question::CallerNameId => "the title guards, with two requests more in each commit",
        Question::TakenNameId => "no name is ever added under a used id, so nothing follows where the title guards",
        Question::TakenName => "the name could be given twice: people may see it twice; the title guards",
        Question::NameAgain => "the first commit by name is refused, and the title guards from then on",
        Question::OneByOne => {
            "what a batch frees is not free within it; no title and no id is ever used twice, so only names matter"
        }
        Question::InOrder => "nothing here would hold: do not run a job on this service",
        Question::CopyInOrder => "in mode upsert a row that people moved would not be noticed: use append",
        Question::CopyShifts => "in mode upsert formulas of people in a row written by mistake come back changed",
        Question::CopySpilled => {
            "in mode upsert a row written by mistake comes back with values where a formula of people spilled, and that formula shows #REF!"
        }
        Question::CopyBeyond => {
            "in mode upsert formulas of people that refer far below or to the right may come back as #REF! in a row written by mistake"
        }
        Question::ReadsBack => "in mode upsert the scratch rows are read by a call of their own",
        Question::CallerMarkId => "a mark is still found by its key; nothing follows",
        Question::TakenMarkId => "two marks could have one id; they are looked for by key, so nothing follows",
        Question::SameKeyMarks | Question::MarkBudget => {
            "the batch that marks the columns is refused, nothing of it is written"
        }
        Question::MarkMoves => {
            "a renamed column would be taken for a deleted one: its values are left out, and a note says so"
        }
        Question::MarkGoes => "a deleted column could be taken for a renamed one: look at the notes of the next run",
        Question::CellLength => "a long text is a failure where it would have fitted, or is refused by the service",
        Question::FormulaText => {
            "texts that begin with = would be worked out: do not run a job on untrusted records here"
        }
        Question::AppendBelow => "rows may land elsewhere than below the last one: look at the data tab after a run",
        Question::AppendCheckbox => {
            "rows land below the checkboxes of people: fill checkboxes no further than the data"
        }
        Question::DateHeader => "leases go by this machine's clock: they may end early or late, and no row is doubled",
        Question::FreshReads => "reads are held against the head and looked again: runs take longer, nothing else",
    }
}
