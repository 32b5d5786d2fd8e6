//! The data tab as `docs/sheet.md` promises it: which row is of which key, and what each cell may show when all is quiet.
//!
//! Written from the document alone. [`rules`] quotes each sentence that the model rests on.
//! `person_edits` and `job_writes` change what is expected; `quiet_tab` compares; `stops` judges a stop with 65.

mod cell_expectation;
mod job_writes;
mod person_edits;
mod quiet_tab;
mod rules;
mod stops;

use std::collections::{BTreeMap, BTreeSet};

pub use self::cell_expectation::CellExpectation;
pub use self::person_edits::FILLED;
pub use self::rules::Rule;
use crate::tab_snapshot::TabSnapshot;

/// The columns that the job writes; the first carries the key.
pub const JOB_COLUMNS: [&str; 4] = ["id", "a", "b", "c"];

/// What a column carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnContent {
    /// The job's values of this name.
    Job(&'static str),
    /// A person's texts.
    Texts,
    /// A person's formulas, each with a reference to this column in its own row.
    Formulas(u32),
    /// A formula in the header that fills the column from this one.
    Array(u32),
    /// A formula without references that a person filled down.
    FilledDown,
}

/// A column of the tab.
#[derive(Debug, Clone)]
pub struct ColumnModel {
    pub content: ColumnContent,
    /// What was entered into row 1; references are stamps of columns.
    pub header: String,
}

/// To whom a row belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOwner {
    Key(String),
    /// A person: a total, a remark, or a row whose key was changed.
    Person,
    /// A blank row that a write has hit.
    Blank,
}

/// A row that the model follows.
#[derive(Debug, Clone)]
pub struct RowModel {
    pub owner: RowOwner,
    /// By the stamps of the columns. A cell that is not here is blank.
    pub cells: BTreeMap<u32, CellExpectation>,
    /// Whether a run has appended it, and the tab was not quiet since.
    pub is_new: bool,
    /// Whether the document lets it count as gone.
    pub may_be_gone: bool,
    /// What writes did to it that was not right, as long as that is so.
    hit: Option<RowHit>,
    /// The key that a person changed in it, and the run in which that was.
    former_key: Option<(String, u64)>,
    /// What it was, where it was emptied by mistake and a person typed into its place since.
    emptied: Option<EmptiedRow>,
    /// Texts that a person typed where a repair was perhaps planned, and the number of reads then.
    typed_meanwhile: BTreeMap<u32, (String, u64)>,
    /// Columns into which a person typed since a write changed the row: what is there is not the job's.
    typed: BTreeSet<u32>,
}

/// A row that was emptied by mistake and into whose place a person typed.
#[derive(Debug, Clone)]
struct EmptiedRow {
    /// Whose it was.
    owner: RowOwner,
    /// What it may show elsewhere.
    cells: BTreeMap<u32, CellExpectation>,
    /// Columns into which the person typed since, also the text that was there before.
    typed: BTreeSet<u32>,
}

/// A row in which a write left something wrong.
#[derive(Debug, Clone, Default)]
struct RowHit {
    /// What the row showed before the write.
    before: BTreeMap<u32, String>,
    /// Columns of the cells that a person changed since.
    changed: BTreeSet<u32>,
    /// Whether it was a new row, over a formula that a person had filled down.
    is_over_filled: bool,
}

/// Whether a key has a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowPresence {
    Present,
    /// Until the key's next version.
    Gone,
    /// The document allows both.
    Either,
}

/// A version that a batch made done and that is perhaps not in its row yet.
#[derive(Debug, Clone, Copy)]
struct VersionInFlight {
    version: u64,
    /// Whether the batch hit the key's row.
    has_hit_row: bool,
    /// Whether the batch or a repair of it hit the row.
    has_seen_row: bool,
    /// Whether the row showed that version before, so that nothing shows whether the batch hit it.
    is_unsure: bool,
    /// The numbers of reads and of writes when the batch arrived.
    reads: u64,
    writes: u64,
}

/// A key that is or was done.
#[derive(Debug, Clone)]
pub struct KeyModel {
    /// The version that the last commit made done.
    pub finished: u64,
    pub row: Option<u32>,
    pub presence: RowPresence,
    /// Whether a row of it in `Processed` was deleted since.
    pub must_be_done_again: bool,
    in_flight: Option<VersionInFlight>,
}

/// The data tab, and what is owed in it.
#[derive(Debug, Default)]
pub struct TabModel {
    /// What the source yields: the version of each key, and the highest that there was.
    pub source: BTreeMap<String, u64>,
    pub highest: BTreeMap<String, u64>,
    pub columns: BTreeMap<u32, ColumnModel>,
    pub rows: BTreeMap<u32, RowModel>,
    pub keys: BTreeMap<String, KeyModel>,
    /// Rows that showed the same after some write, in groups.
    alike_rows: Vec<BTreeSet<u32>>,
    /// What rows showed that a person deleted while they waited for a repair.
    deleted_row_texts: BTreeMap<u32, BTreeMap<u32, String>>,
    /// Rows that were emptied by mistake and then deleted: nothing shows that.
    emptied_and_deleted: Vec<EmptiedRow>,
    /// Cells filled down.
    filled_cell_count: usize,
    last_stamp: u32,
    runs: u64,
    reads: u64,
    writes: u64,
}

/// The text of a cell of the job's: it identifies key, column and version.
pub fn job_value(key: &str, column: &str, version: u64) -> String {
    match column {
        "id" => key.to_owned(),
        "b" => (1_000_000 + 1_000 * key[1..].parse::<u64>().unwrap_or(0) + version).to_string(),
        _ => format!("{column}-{key}-v{version}"),
    }
}

/// Whether a text is one of the source's keys, such as `k07`.
pub fn is_key(text: &str) -> bool {
    text.len() == 3 && text.starts_with('k')
}

impl RowModel {
    pub fn new(owner: RowOwner, cells: BTreeMap<u32, CellExpectation>) -> Self {
        Self {
            owner,
            cells,
            is_new: false,
            may_be_gone: false,
            hit: None,
            former_key: None,
            emptied: None,
            typed_meanwhile: BTreeMap::new(),
            typed: BTreeSet::new(),
        }
    }

    /// What a cell may show.
    pub fn cell(&self, column: u32) -> CellExpectation {
        self.cells.get(&column).cloned().unwrap_or_else(CellExpectation::blank)
    }

    /// Allows one text more in a cell.
    fn allow(&mut self, column: u32, text: &str, rule: Rule) {
        let mut cell = self.cell(column);
        cell.allow(text, rule);
        self.cells.insert(column, cell);
    }
}

impl TabModel {
    /// A number for a row or a column.
    pub fn stamp(&mut self) -> u32 {
        self.last_stamp += 1;
        self.last_stamp
    }

    /// Where the job's values of a name go.
    pub fn job_column(&self, name: &str) -> Option<u32> {
        let is_it = |column: &ColumnModel| matches!(column.content, ColumnContent::Job(own) if own == name);
        self.columns.iter().find(|(_, column)| is_it(column)).map(|(stamp, _)| *stamp)
    }

    /// The job's columns but the key's, with their names.
    fn value_columns(&self) -> Vec<(u32, &'static str)> {
        let value = |column: &ColumnModel| match column.content {
            ColumnContent::Job(name) if name != JOB_COLUMNS[0] => Some(name),
            _ => None,
        };
        self.columns.iter().filter_map(|(stamp, column)| Some((*stamp, value(column)?))).collect()
    }

    /// The columns of a person's texts.
    pub fn text_columns(&self) -> Vec<u32> {
        let texts = self.columns.iter().filter(|(_, column)| column.content == ColumnContent::Texts);
        texts.map(|(stamp, _)| *stamp).collect()
    }

    /// Whether a run has appended rows since the tab was quiet.
    pub fn has_new_rows(&self) -> bool {
        self.rows.values().any(|row| row.is_new)
    }

    /// Cells that show what they may not show when all is quiet: places of rows, stamps of columns.
    pub fn wrong_cells(&self, snapshot: &TabSnapshot) -> Vec<(usize, u32)> {
        let mut wrong = Vec::new();
        for (at, row_snapshot) in snapshot.rows.iter().enumerate() {
            let Some(row) = row_snapshot.stamp.and_then(|stamp| self.rows.get(&stamp)) else { continue };
            for column in self.columns.keys() {
                let Some(position) = snapshot.column(*column) else { continue };
                if !row.cell(*column).allows(snapshot.entered_text(at, position)) {
                    wrong.push((at, *column));
                }
            }
        }
        wrong
    }

    /// A run begins.
    pub fn begin_run(&mut self) {
        self.runs += 1;
    }

    /// A read was answered.
    pub fn note_read(&mut self) {
        self.reads += 1;
    }

    /// Columns of the job's that have no stamp yet: their places and stamps.
    pub fn add_job_columns(&mut self, snapshot: &TabSnapshot) -> Vec<(usize, u32)> {
        let mut adopted = Vec::new();
        for name in JOB_COLUMNS {
            if self.job_column(name).is_some() {
                continue;
            }
            if let Some(at) = snapshot.data_tab.column(name) {
                let stamp = self.stamp();
                self.columns.insert(stamp, ColumnModel { content: ColumnContent::Job(name), header: name.into() });
                adopted.push((at, stamp));
            }
        }
        adopted
    }
}
