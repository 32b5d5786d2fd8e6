//! The rules of the model: each is a sentence of `docs/sheet.md` about a cell, a row, a column or a key.

/// A rule of the document. Every text that the model allows in a cell names the rule that allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    // Cells.
    PersonsCellStays,
    JobCellStays,
    NeverAPersonsCell,
    OverwrittenCellRestored,
    ChangedCellLeft,
    MissedCellWritten,
    // Rows and keys.
    OneRowPerKey,
    RowRewrittenInPlace,
    MissingRowMadeAnew,
    NewRowOverOwnCell,
    RowFoundByItsKey,
    OverwrittenKeyReturned,
    RowWithoutKeyGone,
    ChangedKeyOfNone,
    EarlierChangedKeyMadeAnew,
    ChangedKeyRowRestored,
    UntouchedRowStays,
    GoneRowStays,
    EmptiedRowReturned,
    DeletedRowStaysDeleted,
    UnseenVersionCounts,
    RowsOfPersonStay,
    // Columns.
    MovedColumnFollowed,
    RenamedHeaderStays,
    ReferencesFollow,
    PreparedCellsStay,
    // `Processed`.
    DeletedProcessedRowRepeated,
    LastCommitCounts,
    // Stops.
    TwoRowsShowTheSame,
    OneRowLeftOfTwo,
}

impl Rule {
    pub const ALL: [Self; 30] = [
        Self::PersonsCellStays,
        Self::JobCellStays,
        Self::NeverAPersonsCell,
        Self::OverwrittenCellRestored,
        Self::ChangedCellLeft,
        Self::MissedCellWritten,
        Self::OneRowPerKey,
        Self::RowRewrittenInPlace,
        Self::MissingRowMadeAnew,
        Self::NewRowOverOwnCell,
        Self::RowFoundByItsKey,
        Self::OverwrittenKeyReturned,
        Self::RowWithoutKeyGone,
        Self::ChangedKeyOfNone,
        Self::EarlierChangedKeyMadeAnew,
        Self::ChangedKeyRowRestored,
        Self::UntouchedRowStays,
        Self::GoneRowStays,
        Self::EmptiedRowReturned,
        Self::DeletedRowStaysDeleted,
        Self::UnseenVersionCounts,
        Self::RowsOfPersonStay,
        Self::MovedColumnFollowed,
        Self::RenamedHeaderStays,
        Self::ReferencesFollow,
        Self::PreparedCellsStay,
        Self::DeletedProcessedRowRepeated,
        Self::LastCommitCounts,
        Self::TwoRowsShowTheSame,
        Self::OneRowLeftOfTwo,
    ];

    /// The words of the document.
    #[expect(clippy::too_many_lines, reason = "a list: one entry for each rule")]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::PersonsCellStays => "they stay unchanged",
            Self::JobCellStays => "it stays until that key's next version",
            Self::NeverAPersonsCell => "the cells of the job's own columns, never the key, never a cell of yours",
            Self::OverwrittenCellRestored => {
                "restores its contents; a formula of yours too, its references following their columns"
            }
            Self::ChangedCellLeft => "leaves it: you changed it",
            Self::MissedCellWritten => {
                "writes it, unless you have changed it: after the batch in a row that the batch hit, or \
                 after a repair of it was planned"
            }
            Self::OneRowPerKey => "one row for each key",
            Self::RowRewrittenInPlace => "has its row **rewritten in place**",
            Self::MissingRowMadeAnew => "gets a new row with its next version (upsert)",
            Self::NewRowOverOwnCell => "its key gets another row, and what it overwrote comes back",
            Self::RowFoundByItsKey => "finds it by the key, wherever it is and whatever else you changed",
            Self::OverwrittenKeyReturned => {
                "It gets its key back. Once you have changed as many of its cells as are left, formulas not \
                 counted"
            }
            Self::RowWithoutKeyGone => {
                "Once you have changed as much of it as is left, formulas not counted, it counts as gone"
            }
            Self::ChangedKeyOfNone => "that row belongs to no key: its key is treated as one whose row is gone",
            Self::EarlierChangedKeyMadeAnew => {
                "If you changed it between a run's read and its batch, that version counts as the next one. The \
                 key then gets a new row, also if you delete this one later"
            }
            Self::ChangedKeyRowRestored => {
                "Its other cells come back as long as you change nothing else in it. The job's cells may show \
                 the version of `k7` that was in flight"
            }
            Self::GoneRowStays => "It stays as it is, with what was written into it",
            Self::EmptiedRowReturned => {
                "cells come back in its place if that is blank, or else in the nearest blank row"
            }
            Self::UntouchedRowStays => {
                "A row that no write had hit by mistake gets no version any more: it stays as it is"
            }
            Self::DeletedRowStaysDeleted => {
                "leaves it deleted, as any row: the key gets a new row with its next version"
            }
            Self::UnseenVersionCounts => {
                "If neither the batch nor a repair had seen the deleted row (it was elsewhere then), the version in \
                 flight counts as the next one"
            }
            Self::RowsOfPersonStay => "yours stay",
            Self::MovedColumnFollowed => "the next cells go to the right columns; cells in flight are repaired",
            Self::RenamedHeaderStays => "the column is found by its mark, and its values go there",
            Self::ReferencesFollow => {
                "A formula that a repair wrote while columns moved gets the references that it should have had"
            }
            Self::PreparedCellsStay => {
                "New rows fill the rows below the last key, as long as the job's own columns are blank there; your \
                 cells stay where they are"
            }
            Self::DeletedProcessedRowRepeated => "that key is processed again when the source yields it",
            Self::LastCommitCounts => "Of several versions of a key the one of the last commit counts",
            Self::TwoRowsShowTheSame => "Of two rows that show the same and were moved, either could be the one",
            Self::OneRowLeftOfTwo => "showed the same, at once or one after the other, and only one is left",
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}: \"{}\"", self.sentence())
    }
}

#[test]
fn each_rule_of_the_model_is_in_the_document() {
    let document = include_str!("../../../docs/sheet.md");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let document = words(document);
    let missing: Vec<_> = Rule::ALL.iter().filter(|rule| !document.contains(&words(rule.sentence()))).collect();
    assert!(missing.is_empty(), "docs/sheet.md has no sentence for {missing:?}");
}
