//! The consequence for a job if an assumption about the service does not hold, or is unknown.
//!
//! In scope: one sentence for each assumption. Out of scope: testing it (`store::probe`).

use crate::store::probe::assumption::{Assumption, AssumptionOutcome};

/// Returns the consequence for the job, in one sentence.
pub fn describe_consequence(question: Assumption, outcome: AssumptionOutcome) -> &'static str {
    match outcome {
        AssumptionOutcome::Held => "as the protocol assumes",
        AssumptionOutcome::NotHeld => describe_other_consequence(question),
        AssumptionOutcome::Unknown if question.is_required_by_guard() => {
            "the guard is not verified; probe again before a first run"
        }
        AssumptionOutcome::Unknown => "nothing follows; probe again",
    }
}

fn describe_other_consequence(question: Assumption) -> &'static str {
    match question {
        Assumption::CallerTabId => "a run would not find the tab that it adds: no job can run here",
        Assumption::MissingTab => "nothing here keeps two runs apart: no job can run here",
        Assumption::TakenTabId | Assumption::TakenTitle => {
            "a first commit that arrives late could come twice; later ones are still refused by their tab"
        }
        Assumption::TitleCase => "a tab that differs in case only is not in the way; the check for one is too strict",
        Assumption::MissingName | Assumption::CallerNameId => {
            "the title guard is used, with two more requests in each commit"
        }
        Assumption::TakenNameId => "no name is ever added under a used id, so nothing follows with the title guard",
        Assumption::TakenName => "the name could be given twice: people may see it twice; the title guard is used",
        Assumption::NameAgain => {
            "the first commit with the named-range guard is refused, and the title guard is used from then on"
        }
        Assumption::OneByOne => {
            "what a batch frees is not free within it; no title and no id is ever used twice, so only names matter"
        }
        Assumption::InOrder => "nothing here would hold: do not run a job on this service",
        Assumption::CopyInOrder => "in mode upsert a row that people moved would not be noticed: use append",
        Assumption::CopyShifts => "in mode upsert people's formulas in a row written by mistake come back changed",
        Assumption::CopySpilled => {
            "in mode upsert a row written by mistake comes back with values where a formula of people spilled, and that formula shows #REF!"
        }
        Assumption::CopyBeyond => {
            "in mode upsert formulas of people that refer far below or to the right may come back as #REF! in a row written by mistake"
        }
        Assumption::ReadsBack => "in mode upsert the scratch rows are read by a call of their own",
        Assumption::CallerMarkId => "a mark is still found by its key; nothing follows",
        Assumption::TakenMarkId => "two marks could have one id; they are looked for by key, so nothing follows",
        Assumption::SameKeyMarks | Assumption::MarkBudget => {
            "the batch that marks the columns is refused, nothing of it is written"
        }
        Assumption::MarkMoves => {
            "a renamed column would be taken for a deleted one: its values are left out, and a warning reports it"
        }
        Assumption::MarkGoes => {
            "a deleted column could be taken for a renamed one: look at the warnings of the next run"
        }
        Assumption::CellLength => "a long text is a failure where it would have fitted, or is refused by the service",
        Assumption::FormulaText => {
            "texts that begin with = would be evaluated as formulas: do not run a job on untrusted records here"
        }
        Assumption::AppendBelow => "rows may land elsewhere than below the last one: look at the data tab after a run",
        Assumption::AppendCheckbox => {
            "rows land below the checkboxes of people: fill checkboxes no further than the data"
        }
        Assumption::Recalculation => {
            "overdue in Jobs turns with the next edit only: set it in File > Settings > Calculation"
        }
        Assumption::Semicolons => "the cells of Jobs show errors: set [jobs] tab = false; no run relies on them",
        Assumption::ColourRule => "the tab Jobs is not made: set [jobs] tab = false; no run relies on it",
        Assumption::DateHeader => "leases use this machine's clock: they may end early or late; no row is doubled",
        Assumption::FreshReads => {
            "reads are compared with the state marker and repeated: runs take longer, nothing else"
        }
    }
}
