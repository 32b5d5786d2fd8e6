//! The assumptions about the service that a probe checks, and their results. Pure.
//!
//! In scope: the list of assumptions.
//! Out of scope: the checks (the other files of this folder), the meaning of a result for a job
//! (`check::consequences`).

/// An assumption about the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is said in words below")]
pub enum Assumption {
    CallerTabId,
    MissingTab,
    TakenTabId,
    TakenTitle,
    TitleCase,
    MissingName,
    CallerNameId,
    TakenNameId,
    TakenName,
    NameAgain,
    OneByOne,
    InOrder,
    CopyInOrder,
    CopyShifts,
    CopySpilled,
    CopyBeyond,
    ReadsBack,
    CallerMarkId,
    TakenMarkId,
    SameKeyMarks,
    MarkBudget,
    MarkMoves,
    MarkGoes,
    CellLength,
    FormulaText,
    AppendBelow,
    AppendCheckbox,
    Recalculation,
    Semicolons,
    ColourRule,
    DateHeader,
    FreshReads,
}

use Assumption as Q;

/// Every assumption with its machine-readable name and its text.
const TABLE: [(Assumption, &str, &str); 32] = [
    (Q::CallerTabId, "caller_tab_id", "the id that a caller chooses for a tab is kept"),
    (Q::MissingTab, "missing_tab", "a request for a tab that is gone refuses the whole batch"),
    (Q::TakenTabId, "taken_tab_id", "the id of a tab that is there is refused to a new one"),
    (Q::TakenTitle, "taken_title", "the title of a tab that is there is refused to a new one"),
    (Q::TitleCase, "title_case", "titles that differ only in case are the same"),
    (Q::MissingName, "missing_name", "deleting a named range that is gone refuses the whole batch"),
    (Q::CallerNameId, "caller_name_id", "the id that a caller chooses for a named range is kept"),
    (Q::TakenNameId, "taken_name_id", "the id of a named range that is there is refused to a new one"),
    (Q::TakenName, "taken_name", "the name of a range that is there is refused to another one"),
    (Q::NameAgain, "name_again", "a name that is deleted may be added again in the same batch"),
    (Q::OneByOne, "one_by_one", "a request is checked against what those before it in its batch have left"),
    (Q::InOrder, "in_order", "a batch is applied in order"),
    (Q::CopyInOrder, "copy_in_order", "copyPaste copies the contents at that point of the batch"),
    (Q::CopyShifts, "copy_shifts", "copyPaste shifts the references of formulas"),
    (Q::CopySpilled, "copy_spilled", "a copy of a cell that a formula spills into is blank"),
    (Q::CopyBeyond, "copy_beyond", "a reference that a copy shifts beyond the grid comes back as it was"),
    (Q::ReadsBack, "reads_back", "the response to a batch shows cells as they are after it"),
    (Q::CallerMarkId, "caller_mark_id", "the id that a caller chooses for developer metadata is kept"),
    (Q::TakenMarkId, "taken_mark_id", "an id of developer metadata that is taken refuses the batch"),
    (Q::SameKeyMarks, "same_key_marks", "two columns may have developer metadata of the same key"),
    (Q::MarkBudget, "mark_budget", "almost 30,000 characters of developer metadata fit a tab"),
    (Q::MarkMoves, "mark_moves", "developer metadata moves with its column"),
    (Q::MarkGoes, "mark_goes", "developer metadata is deleted with its column"),
    (Q::CellLength, "cell_length", "the 50,000 characters of a cell are counted in UTF-16 units"),
    (Q::FormulaText, "formula_text", "a text that begins with = stays a text"),
    (Q::AppendBelow, "append_below", "rows are appended below the last row with data in any column"),
    (Q::AppendCheckbox, "append_checkbox", "a checkbox that was never ticked does not count as data for appended rows"),
    (Q::Recalculation, "recalculation", "the interval of recalculation can be set, and reads back"),
    (Q::Semicolons, "semicolons", "semicolons separate the arguments of a formula in every locale"),
    (Q::ColourRule, "colour_rule", "a conditional format by a formula is accepted"),
    (Q::DateHeader, "date_header", "responses carry the service's clock in Date"),
    (Q::FreshReads, "fresh_reads", "a read sees the write that was answered before it"),
];

impl Assumption {
    /// All assumptions, in the order in which they are checked.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(assumption, ..)| *assumption)
    }

    /// The machine-readable name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The text of the assumption.
    pub fn description(self) -> &'static str {
        self.row().2
    }

    /// Whether the guard depends on it: without it, no guard keeps two runs apart.
    pub fn is_required_by_guard(self) -> bool {
        matches!(self, Self::MissingTab | Self::CallerTabId)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        TABLE.iter().find(|(assumption, ..)| *assumption == self).unwrap_or(&TABLE[0])
    }
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AssumptionOutcome {
    /// The service behaves as assumed.
    Held,
    /// The service behaves otherwise.
    NotHeld,
    /// The check got no result.
    Unknown,
}

impl AssumptionOutcome {
    /// Converts a check's result: `Held` if `held` is true.
    pub fn from_held(is_held: bool) -> Self {
        if is_held { Self::Held } else { Self::NotHeld }
    }

    /// The machine-readable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::NotHeld => "not_held",
            Self::Unknown => "unknown",
        }
    }
}

/// An assumption with its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumptionResult {
    /// The assumption that was checked.
    pub assumption: Assumption,
    /// The outcome of the check.
    pub outcome: AssumptionOutcome,
    /// The service's message or observed behaviour, or why the outcome is unknown.
    pub seen: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_its_own_row_and_word() {
        let mut words: Vec<_> =
            Assumption::all().map(|assumption| (assumption.row().0 == assumption, assumption.name())).collect();
        assert!(words.iter().all(|(own, _)| *own));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), TABLE.len());
    }
}
