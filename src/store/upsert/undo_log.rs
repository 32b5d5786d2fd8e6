//! The undo log of writes by position: pre- and post-images of the rows, kept in scratch rows.
//! Pure.
//!
//! In scope: what a batch keeps of its writes, and whether they hit. In files of their own: the texts
//! of the scratch rows (`scratch_text`), their places (`scratch_rows`), the formulas of a header
//! (`header_formulas`). Out of scope: the requests (`store::commit::row_writer`), planning the
//! repair of misplaced writes (`store::upsert::repair::planning::plan`).
//!
//! A batch writes a row at the last known position of its key. Users sort, insert and delete rows
//! meanwhile, and a spreadsheet has no conditional write. So the same batch copies the rows as
//! found to scratch rows, then writes, then copies the rows again:
//!
//! ```text
//!  state tab, below the state
//!   64     the log's own header, its fields in the order of `scratch_text` (64 is an index, from 0)
//!   65     the header row as the batch expects it
//!   66     the header row as the batch found it
//!   first  what is expected · row · columns written │ the row as found      one per row
//!   …      │ the row as written                                               as many again
//!   …      │ the row as found, and the row as written, as values              twice as many again,
//!                                                                             in a repair only
//!   last   the formulas of the header as found │ a row of texts below them     in a repair only
//! ```
//!
//! The response of the batch returns the header and the keys as found. If they match, all writes
//! hit. If not, or if a run ended before the check, these rows have everything that a repair needs,
//! and the next commit makes it. A tab close to the maximum number of columns leaves no margin. Its
//! copied rows start in the first column, and the expectations have their own rows below.
//!
//! The rows as found are at or below their original row number if the tab is not too large. A
//! formula that is copied upwards would lose references that leave the sheet.

mod header_formulas;
mod scratch_rows;
mod scratch_text;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::ledger::items::key::hash_texts;
use crate::ledger::leases::head::HeadId;
use crate::store::tabs::parse::format_cell;
use crate::store::tabs::row_fingerprint::RowFingerprint;

pub use header_formulas::HeaderFormulas;
pub use scratch_rows::{EXTRA_COLUMNS, HEADER_ROW};

/// What a row must show for a write to be in the right place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowPredicate {
    /// This key.
    Key(String),
    /// Blank cells in the written columns, for the new row of this key.
    Blank(String),
    /// The contents at the time when the repair was planned.
    Row {
        /// Its key, if no other row shows the same.
        key: Option<String>,
        /// The fingerprint of its contents.
        fingerprint: RowFingerprint,
    },
}

impl RowPredicate {
    /// The expected key; `None` if no key is expected.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Row { key, .. } => key.as_deref(),
            Self::Blank(_) => None,
        }
    }
}

/// A write of one row by its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWrite {
    /// What the row must show.
    pub expect: RowPredicate,
    /// The index of the row, 0-based.
    pub row: u32,
    /// The written columns, 0-based, in order.
    pub columns: Vec<usize>,
    /// Moves of cells within the row: from column, to column. They record the intention. The
    /// post-image does not, because it shows the cells of the row that was hit.
    pub moves: Vec<(usize, usize)>,
    /// True if a repair only writes the new version to the row of its key again: no write had hit
    /// that row by mistake.
    pub is_rewrite: bool,
}

/// The undo log of a batch: its writes by row and column position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoLog {
    /// The head that the batch sets.
    pub head: HeadId,
    /// The header row as expected.
    pub header: Vec<String>,
    /// The position of the key column.
    pub key: usize,
    /// All columns that are written, in order.
    pub written_columns: Vec<usize>,
    /// The job's own names of these columns, which outlast a renamed header; empty for users'
    /// columns. The batch writes as many as fit into a cell.
    pub names: Vec<String>,
    /// The number of appended or inserted rows. They are new, so only their columns can be wrong.
    pub appended: usize,
    /// The number of rows that the same batch appended to Processed.
    pub processed_rows: usize,
    /// Appended or inserted rows per `shorten_key_hash`, if different from the default: one, or none for a
    /// key whose row is overwritten.
    pub appended_per_key: HashMap<String, usize>,
    /// The width of a copied row: the columns of the tab, and some more that users may add.
    pub width: usize,
    /// Keys among these whose rows a repair recreates; the batch appends no row of Processed for
    /// them.
    pub recreated: Vec<String>,
    /// The scratch row of the first target.
    pub first_target_row: u32,
    /// The formulas of the header when a repair was planned; empty in other batches.
    pub header_formulas: HeaderFormulas,
    /// Whether the batch repairs rows. A repair may write formulas, so its rows are also kept as
    /// values.
    pub is_repair: bool,
    /// The overwritten rows, in order.
    pub targets: Vec<RowWrite>,
}

/// A write that hit another row, or other columns, than intended.
#[derive(Debug, Clone, PartialEq)]
pub struct MisplacedWrite {
    /// The index of the target.
    pub index: usize,
    /// The intended write.
    pub target: RowWrite,
    /// The row that was hit, as found (pre-image).
    pub pre_image: Vec<Value>,
    /// The same row as written, as values (post-image).
    pub post_image_values: Vec<Value>,
    /// The row as found, as values; equal to `pre_image` if the batch keeps no values.
    pub pre_image_values: Vec<Value>,
}

/// The result of checking an undo log.
#[derive(Debug, Clone, PartialEq)]
pub struct UndoFinding {
    /// The undo log.
    pub undo_log: UndoLog,
    /// The header row as the batch found it.
    pub header: Vec<String>,
    /// The misplaced writes.
    pub misplaced: Vec<MisplacedWrite>,
    /// Rows that a repair hit as intended, by index and as written.
    pub hit_as_intended: Vec<(u32, Vec<Value>)>,
    /// Keys of rows that were appended with their cells under other headers; empty if no columns
    /// moved.
    pub shifted_appends: Vec<String>,
}

impl UndoLog {
    /// The job's name of a written column; `None` for a user's column.
    pub fn name(&self, column: usize) -> Option<&str> {
        let at = self.written_columns.iter().position(|used| *used == column)?;
        self.names.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The written columns that are the job's own, in order.
    pub fn own_columns(&self) -> Vec<usize> {
        let is_own = |at: usize| self.names.get(at).is_none_or(|name| !name.is_empty());
        self.written_columns.iter().enumerate().filter(|(at, _)| is_own(*at)).map(|(_, column)| *column).collect()
    }

    /// The keys of appended or inserted rows among `done`, the keys that the batch processed. A key
    /// occurs once per row.
    pub fn find_appended_keys<'k>(&self, done: impl IntoIterator<Item = &'k str>) -> Vec<String> {
        let hit: HashSet<&str> = self.target_keys().collect();
        let count = |key: &str| match self.appended_per_key.get(&shorten_key_hash(key)) {
            Some(count) => *count,
            None => usize::from(!hit.contains(key)),
        };
        done.into_iter().flat_map(|key| std::iter::repeat_n(key.to_owned(), count(key))).collect()
    }

    /// Keys of the rows that are overwritten or filled.
    pub fn target_keys(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().filter_map(RowWrite::key)
    }

    /// Whether every write hit, judged by the header and the key cells as found. Returns
    /// `false` if these can't prove it.
    pub fn is_proven_hit(&self, found: &[String], keys: &[String]) -> bool {
        let hit = |(at, target): (usize, &RowWrite)| match &target.expect {
            RowPredicate::Key(key) => keys.get(at) == Some(key),
            RowPredicate::Blank(_) | RowPredicate::Row { .. } => false,
        };
        !self.has_moved_columns(found) && self.targets.iter().enumerate().all(hit)
    }

    /// Whether written columns moved in the header as found.
    ///
    /// If an expected header is gone and its column has a new one, a user renamed it in place. The
    /// column did not move, unless the columns to its right did.
    pub fn has_moved_columns(&self, found: &[String]) -> bool {
        let elsewhere = |at: &usize| match (self.header.get(*at), found.get(*at)) {
            (Some(expected), Some(there)) if expected != there => {
                let nowhere = !there.is_empty() && !found.contains(expected) && !self.header.contains(there);
                !nowhere || is_shifted(&self.header, *at, found)
            }
            (expected, there) => expected != there,
        };
        self.written_columns.iter().any(elsewhere)
    }

    /// Evaluates the images. `shifted_appends` returns the keys of the appended rows; it is called
    /// only if columns moved.
    pub fn evaluate(self, images: RowImages, shifted_appends: impl FnOnce() -> Vec<String>) -> UndoFinding {
        let moved = self.has_moved_columns(&images.header);
        let pre_image_values =
            if images.pre_image_values.is_empty() { images.pre_images.clone() } else { images.pre_image_values };
        let rows = images.pre_images.into_iter().zip(images.post_image_values).zip(pre_image_values);
        let (mut misplaced, mut hit_as_intended) = (Vec::new(), Vec::new());
        for (index, (target, ((pre_image, post_image_values), pre_image_values))) in
            self.targets.iter().zip(rows).enumerate()
        {
            if moved || !target.is_hit(&pre_image, &pre_image_values, self.key) {
                misplaced.push(MisplacedWrite {
                    index,
                    target: target.clone(),
                    pre_image,
                    post_image_values,
                    pre_image_values,
                });
            } else if self.is_repair {
                hit_as_intended.push((target.row, post_image_values));
            }
        }
        let mut shifted_appends =
            if moved && self.appended > self.recreated.len() { shifted_appends() } else { Vec::new() };
        shifted_appends.extend(self.recreated.iter().filter(|_| moved).cloned());
        UndoFinding { header: images.header, misplaced, hit_as_intended, shifted_appends, undo_log: self }
    }
}

/// The short hash by which a batch names a key with several or no appended rows.
pub fn shorten_key_hash(key: &str) -> String {
    let digest = hash_texts(&[key]);
    data_encoding::HEXLOWER.encode(digest.get(..4).unwrap_or(&digest))
}

/// Whether the columns to the right of `at` moved in the header `found`. If none of them occurs
/// there, whether the header has another length.
pub fn is_shifted(header: &[String], at: usize, found: &[String]) -> bool {
    let right = header.iter().enumerate().skip(at + 1).filter(|(_, name)| !name.is_empty());
    let known: Vec<_> = right.filter(|(_, name)| found.contains(name)).collect();
    let length = |header: &[String]| header.iter().rposition(|name| !name.is_empty());
    if known.is_empty() {
        return length(found) != length(header);
    }
    known.into_iter().any(|(at, name)| found.get(at) != Some(name))
}

/// The images read back from the scratch rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowImages {
    /// The header row as found.
    pub header: Vec<String>,
    /// Each row as found.
    pub pre_images: Vec<Vec<Value>>,
    /// Each row as written, as values.
    pub post_image_values: Vec<Vec<Value>>,
    /// Each row as found, as values; empty if the batch keeps none.
    pub pre_image_values: Vec<Vec<Value>>,
}

impl RowWrite {
    /// The key of the row that is overwritten or filled.
    pub fn key(&self) -> Option<&str> {
        match &self.expect {
            RowPredicate::Key(key) | RowPredicate::Blank(key) => Some(key),
            RowPredicate::Row { .. } => None,
        }
    }

    /// Whether the written cells were blank.
    pub fn was_blank(&self, row: &[Value]) -> bool {
        self.columns.iter().all(|at| row.get(*at).is_none_or(|cell| format_cell(cell).is_empty()))
    }

    /// Whether this is the intended row. `row` is the row as found, `shown` the same as values.
    fn is_hit(&self, row: &[Value], shown: &[Value], key_column: usize) -> bool {
        let key = row.get(key_column).map(format_cell).unwrap_or_default();
        match &self.expect {
            RowPredicate::Key(expected) => *expected == key,
            RowPredicate::Blank(_) => self.was_blank(row),
            RowPredicate::Row { key: expected, fingerprint } => {
                let shown_key = shown.get(key_column).map(format_cell).unwrap_or_default();
                expected.as_ref().is_none_or(|expected| *expected == shown_key)
                    && fingerprint.compare(shown, |_| false).is_exact()
            }
        }
    }
}

impl UndoFinding {
    /// Whether no repair is needed.
    pub fn needs_no_repair(&self) -> bool {
        self.misplaced.is_empty() && self.shifted_appends.is_empty()
    }

    /// The number of rows that need a repair.
    pub fn count_rows_to_repair(&self) -> u64 {
        (self.misplaced.len() + self.shifted_appends.len()) as u64
    }
}

#[cfg(test)]
mod tests;
