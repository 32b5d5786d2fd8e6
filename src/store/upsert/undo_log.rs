//! The undo log of writes by position: pre- and post-images of the rows, kept in scratch rows.
//! Pure.
//!
//! In scope: the scratch rows that a batch leaves on the state tab, parsing them, and their
//! evaluation.
//! Out of scope: the requests (`store::commit::row_writer`), planning the repair of misplaced
//! writes (`store::upsert::repair::plan`).
//!
//! A batch writes a row at the last known position of its key. Users sort, insert and delete rows
//! meanwhile, and a spreadsheet has no conditional write. So the same batch copies the rows as
//! found to scratch rows, then writes, then copies the rows again:
//!
//! ```text
//!  state tab, below the state
//!   64     the log's own header: witness · head · columns · key · base · rows · used ·
//!          appended · keys · width · names · counts · made
//!   65     the header row as the batch expects it
//!   66     the header row as the batch found it
//!   base   what is expected · row · columns written │ the row as found      one per row
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

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::ledger::items::key::digest_of;
use crate::ledger::leases::head::HeadId;
use crate::ledger::state::state_codec::columns_that_fit;
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::tabs::parse::{header, text};
use crate::store::tabs::row_fingerprint::RowFingerprint;
use header_formulas::{format_formulas, parse_formulas};

pub use header_formulas::HeaderFormulas;

/// Columns that users may add between a read of the tab and a write, before the service refuses the
/// write and the store reads again.
pub const EXTRA_COLUMNS: usize = 16;
/// Scratch columns before the copied cells, if the tab leaves room for them.
const MARGIN: u32 = 4;
/// The maximum number of columns of a tab.
const MAX_COLUMNS: u32 = 18_278;
/// The scratch row with the header as found, 0-based.
pub const HEADER_ROW: u32 = STATE_ROWS + 2;
/// The first row that can hold a copied row.
const FIRST_ROW: u32 = STATE_ROWS + 3;
/// Maximum number of cells of the state tab for keeping copied rows at or below their original row
/// number.
const MAX_ALIGNED_CELLS: u32 = 1_000_000;
/// More columns than any tab has.
const COLUMN_BOUND: usize = 20_000;
/// The number of fixed cells in the log's own header.
const FIXED_CELLS: u32 = 12;
/// Maximum characters of a list in one cell. The service accepts 50,000 per cell.
const MAX_LIST: usize = 45_000;
const SCRATCH_TAG: &str = "witness";
/// The tag of a batch that repairs rows.
const REPAIR_TAG: &str = "repair";

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
    pub used: Vec<usize>,
    /// The job's own names of these columns, which outlast a renamed header; empty for users'
    /// columns. The batch writes as many as fit into a cell.
    pub names: Vec<String>,
    /// The number of appended or inserted rows. They are new, so only their columns can be wrong.
    pub appended: usize,
    /// The number of rows that the same batch appended to Processed.
    pub keys: usize,
    /// Appended or inserted rows per `key_mark`, if different from the default: one, or none for a
    /// key whose row is overwritten.
    pub counts: HashMap<String, usize>,
    /// The width of a copied row: the columns of the tab, and some more that users may add.
    pub width: usize,
    /// Keys among these whose rows a repair recreates; the batch appends no row of Processed for
    /// them.
    pub recreated: Vec<String>,
    /// The scratch row of the first target.
    pub base: u32,
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
    pub before: Vec<Value>,
    /// The same row as written, as values (post-image).
    pub after: Vec<Value>,
    /// The row as found, as values; equal to `before` if the batch keeps no values.
    pub shown: Vec<Value>,
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
    /// Rows that a repair hit as intended, by index and as written: they are no row that it missed.
    pub settled: Vec<(u32, Vec<Value>)>,
    /// Keys of rows that were appended with their cells under other headers; empty if no columns
    /// moved.
    pub shifted_appends: Vec<String>,
}

impl UndoLog {
    /// The width of a copied row for a tab with this many columns.
    pub fn width_for(tab: usize) -> usize {
        (tab + EXTRA_COLUMNS).min(MAX_COLUMNS as usize)
    }

    /// Scratch columns before the copied cells.
    pub fn margin(&self) -> u32 {
        if count(self.width) + MARGIN > MAX_COLUMNS { 0 } else { MARGIN }
    }

    /// The scratch row with the expectation for a target.
    fn expectation_row(&self, index: usize) -> u32 {
        if self.margin() > 0 {
            self.before_row(index)
        } else {
            self.base + self.copies() * count(self.targets.len()) + count(index)
        }
    }

    /// The first scratch row for copies: for writes up to `last_row` of a tab with `width` columns,
    /// and not above `lowest`.
    pub fn base_for(last_row: u32, width: usize, lowest: u32) -> u32 {
        let width = u32::try_from(width).unwrap_or(u32::MAX).saturating_add(MARGIN);
        let aligned = last_row.saturating_add(1).min(MAX_ALIGNED_CELLS / width.max(1));
        FIRST_ROW.max(aligned).max(lowest)
    }

    /// The scratch row with a target's pre-image.
    pub fn before_row(&self, index: usize) -> u32 {
        self.base + count(index)
    }

    /// The scratch row with a target's post-image.
    pub fn after_row(&self, index: usize) -> u32 {
        self.base + count(self.targets.len() + index)
    }

    /// The scratch row of a repair with a target's pre-image as values.
    pub fn shown_before_row(&self, index: usize) -> u32 {
        self.base + count(2 * self.targets.len() + index)
    }

    /// The scratch row of a repair with a target's post-image as values.
    pub fn shown_after_row(&self, index: usize) -> u32 {
        self.base + count(3 * self.targets.len() + index)
    }

    /// The number of copies of each row.
    fn copies(&self) -> u32 {
        if self.is_repair { 4 } else { 2 }
    }

    /// The number of rows that the state tab needs.
    pub fn rows(&self) -> u32 {
        let copied = self.base + self.copies() * count(self.targets.len());
        let expectations = if self.margin() > 0 { 0 } else { count(self.targets.len()) };
        copied + expectations + if self.formulas_cell().is_some() { 2 } else { 0 }
    }

    /// The scratch row with the formulas of the header as found, if the batch keeps them. The row
    /// below is filled, so that no formula expands into other rows.
    pub fn formulas_row(&self) -> Option<u32> {
        self.formulas_cell().and_then(|_| self.rows().checked_sub(2))
    }

    fn formulas_cell(&self) -> Option<String> {
        format_formulas(&self.header_formulas)
    }

    /// The number of columns that the state tab needs.
    pub fn columns(&self) -> u32 {
        (count(self.width) + self.margin()).max(FIXED_CELLS + count(self.recreated_cells().len() + 1))
    }

    /// The keys of recreated rows, as lists that fit into a cell.
    fn recreated_cells(&self) -> Vec<String> {
        let mut cells: Vec<Vec<&str>> = Vec::new();
        let mut chars = 0;
        for key in &self.recreated {
            // A character takes at most six characters in JSON.
            chars += 6 * key.chars().count() + 3;
            if let Some(cell) = cells.last_mut().filter(|_| chars < MAX_LIST) {
                cell.push(key);
            } else {
                chars = 6 * key.chars().count() + 3;
                cells.push(vec![key]);
            }
        }
        cells.into_iter().map(|cell| Value::from(cell).to_string()).collect()
    }

    /// The texts that the batch writes to the log, by scratch row.
    pub fn scratch_texts(&self) -> Vec<(u32, Vec<String>)> {
        let word = if self.is_repair { REPAIR_TAG } else { SCRATCH_TAG };
        let mut log_header = vec![word.to_owned(), self.head.to_string(), self.header.len().to_string()];
        log_header.extend([self.key, self.base as usize, self.targets.len()].map(|n| n.to_string()));
        log_header.extend([format_ranges(&self.used), self.appended.to_string(), self.keys.to_string()]);
        log_header.extend([self.width.to_string(), Value::from(columns_that_fit(&self.names)).to_string()]);
        log_header.push(format_counts(&self.counts));
        log_header.extend(self.recreated_cells().into_iter().chain(self.formulas_cell()));
        // Overwrite all of an older log's header.
        log_header.resize(self.columns() as usize, String::new());
        let mut expected = vec![String::new(); self.margin() as usize];
        expected.extend(self.header.iter().cloned());
        let targets = self.targets.iter().enumerate().map(|(index, target)| {
            let (kind, expect) = match &target.expect {
                RowPredicate::Key(key) => ("key", key.clone()),
                RowPredicate::Blank(key) => ("blank", key.clone()),
                RowPredicate::Row { key, fingerprint } => ("row", json!([key, fingerprint.to_text()]).to_string()),
            };
            let row = (target.row + 1).to_string();
            let written = target
                .moves
                .iter()
                .fold(format_ranges(&target.columns), |text, (from, to)| format!("{text};{from}>{to}"));
            (self.expectation_row(index), vec![kind.to_owned(), expect, row, written])
        });
        let filled = self.formulas_row().map(|at| (at + 1, vec!["-".to_owned(); self.columns() as usize]));
        [(STATE_ROWS, log_header), (STATE_ROWS + 1, expected)].into_iter().chain(targets).chain(filled).collect()
    }

    /// The job's name of a written column; `None` for a user's column.
    pub fn name(&self, column: usize) -> Option<&str> {
        let at = self.used.iter().position(|used| *used == column)?;
        self.names.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The written columns that are the job's own, in order.
    pub fn own_columns(&self) -> Vec<usize> {
        let is_own = |at: usize| self.names.get(at).is_none_or(|name| !name.is_empty());
        self.used.iter().enumerate().filter(|(at, _)| is_own(*at)).map(|(_, column)| *column).collect()
    }

    /// The keys of appended or inserted rows among `done`, the keys that the batch processed. A key
    /// occurs once per row.
    pub fn keys_appended<'k>(&self, done: impl IntoIterator<Item = &'k str>) -> Vec<String> {
        let hit: HashSet<&str> = self.misplaced_keys().collect();
        let count = |key: &str| match self.counts.get(&key_mark(key)) {
            Some(count) => *count,
            None => usize::from(!hit.contains(key)),
        };
        done.into_iter().flat_map(|key| std::iter::repeat_n(key.to_owned(), count(key))).collect()
    }

    /// Keys of the rows that are overwritten or filled.
    pub fn misplaced_keys(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().filter_map(RowWrite::key)
    }

    /// Parses an undo log and its row images. `rows` start at the first scratch row. `None` if this
    /// head's commit left no log.
    pub fn parse(rows: &[Vec<Value>], head: HeadId) -> Option<(Self, RowImages)> {
        let log_header: Vec<String> = rows.first()?.iter().map(text).collect();
        let field = |at: usize| log_header.get(at).map_or("", String::as_str);
        if ![SCRATCH_TAG, REPAIR_TAG].contains(&field(0)) || field(1) != head.to_string() {
            return None;
        }
        let number = |at: usize| field(at).parse::<u32>().ok();
        let width = number(2).filter(|width| (*width as usize) < COLUMN_BOUND)?;
        let (base, targets) = (number(4)?, number(5)?);
        let mut undo_log = Self {
            head,
            header: Vec::new(),
            key: number(3)? as usize,
            used: parse_ranges(field(6))?,
            appended: number(7)? as usize,
            keys: number(8)? as usize,
            width: number(9).filter(|width| (*width as usize) < COLUMN_BOUND)? as usize,
            names: serde_json::from_str(field(10)).ok()?,
            counts: parse_counts(field(11)),
            recreated: parse_recreated(log_header.get(FIXED_CELLS as usize..).unwrap_or_default()),
            header_formulas: parse_formulas(log_header.get(FIXED_CELLS as usize..).unwrap_or_default()),
            is_repair: field(0) == REPAIR_TAG,
            base,
            targets: Vec::new(),
        };
        let margin = undo_log.margin();
        let row = |at: u32| rows.get(at.checked_sub(STATE_ROWS)? as usize);
        let cells = |at: u32| row(at).map(|row| row.get(margin as usize..).unwrap_or_default().to_vec());
        let mut expected = header(&[cells(STATE_ROWS + 1)?]);
        expected.resize(width as usize, String::new());
        let mut images = RowImages { header: header(&[cells(HEADER_ROW).unwrap_or_default()]), ..RowImages::default() };
        // Without a margin, the expectations are below the copies.
        let first = base.checked_add(targets.checked_mul(if margin > 0 { 0 } else { undo_log.copies() })?)?;
        let parsed = |index: u32| parse_write(row(first.checked_add(index)?)?);
        let read = (0..targets).map(parsed).collect::<Option<Vec<_>>>()?;
        for index in 0..targets {
            let before = base.checked_add(index)?;
            // The service omits trailing empty rows.
            images.before.push(cells(before).unwrap_or_default());
            let after = if undo_log.is_repair { targets.checked_mul(3)? } else { targets };
            images.after.push(before.checked_add(after).and_then(cells).unwrap_or_default());
            if undo_log.is_repair {
                let shown = before.checked_add(targets.checked_mul(2)?).and_then(cells);
                images.shown.push(shown.unwrap_or_default());
            }
        }
        (undo_log.header, undo_log.targets) = (expected, read);

        Some((undo_log, images))
    }

    /// Whether every write hit, judged by the header and the key cells as found. Also `false` if
    /// these are not sufficient.
    pub fn is_clean(&self, found: &[String], keys: &[String]) -> bool {
        let hit = |(at, target): (usize, &RowWrite)| match &target.expect {
            RowPredicate::Key(key) => keys.get(at) == Some(key),
            RowPredicate::Blank(_) | RowPredicate::Row { .. } => false,
        };
        !self.is_moved(found) && self.targets.iter().enumerate().all(hit)
    }

    /// Whether written columns moved in the header as found.
    ///
    /// If an expected header is gone and its column has a new one, a user renamed it in place. The
    /// column did not move, unless the columns to its right did.
    pub fn is_moved(&self, found: &[String]) -> bool {
        let elsewhere = |at: &usize| match (self.header.get(*at), found.get(*at)) {
            (Some(expected), Some(there)) if expected != there => {
                let nowhere = !there.is_empty() && !found.contains(expected) && !self.header.contains(there);
                !nowhere || is_shifted(&self.header, *at, found)
            }
            (expected, there) => expected != there,
        };
        self.used.iter().any(elsewhere)
    }

    /// Evaluates the images. `shifted_appends` returns the keys of the appended rows; it is called
    /// only if columns moved.
    pub fn evaluate(self, images: RowImages, shifted_appends: impl FnOnce() -> Vec<String>) -> UndoFinding {
        let moved = self.is_moved(&images.header);
        let shown = if images.shown.is_empty() { images.before.clone() } else { images.shown };
        let rows = images.before.into_iter().zip(images.after).zip(shown);
        let (mut misplaced, mut settled) = (Vec::new(), Vec::new());
        for (index, (target, ((before, after), shown))) in self.targets.iter().zip(rows).enumerate() {
            if moved || !target.is_hit(&before, &shown, self.key) {
                misplaced.push(MisplacedWrite { index, target: target.clone(), before, after, shown });
            } else if self.is_repair {
                settled.push((target.row, after));
            }
        }
        let mut shifted_appends =
            if moved && self.appended > self.recreated.len() { shifted_appends() } else { Vec::new() };
        shifted_appends.extend(self.recreated.iter().filter(|_| moved).cloned());
        UndoFinding { header: images.header, misplaced, settled, shifted_appends, undo_log: self }
    }
}

/// The short hash by which a batch names a key with several or no appended rows.
pub fn key_mark(key: &str) -> String {
    let digest = digest_of(&[key]);
    data_encoding::HEXLOWER.encode(digest.get(..4).unwrap_or(&digest))
}

fn format_counts(counts: &HashMap<String, usize>) -> String {
    let mut all: Vec<_> = counts.iter().map(|(mark, count)| format!("{mark}:{count}")).collect();
    all.sort_unstable();
    let mut out = String::new();
    for count in all {
        if out.len() + count.len() > MAX_LIST {
            break;
        }
        out.push_str(if out.is_empty() { "" } else { " " });
        out.push_str(&count);
    }
    out
}

fn parse_recreated(cells: &[String]) -> Vec<String> {
    let lists = cells.iter().filter_map(|cell| serde_json::from_str::<Vec<String>>(cell).ok());
    lists.flatten().collect()
}

fn parse_counts(text: &str) -> HashMap<String, usize> {
    let counts = text.split(' ').filter_map(|part| part.split_once(':'));
    counts.filter_map(|(mark, count)| Some((mark.to_owned(), count.parse().ok()?))).collect()
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
    pub before: Vec<Vec<Value>>,
    /// Each row as written, as values.
    pub after: Vec<Vec<Value>>,
    /// Each row as found, as values; empty if the batch keeps none.
    pub shown: Vec<Vec<Value>>,
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
        self.columns.iter().all(|at| row.get(*at).is_none_or(|cell| text(cell).is_empty()))
    }

    /// Whether this is the intended row. `row` is the row as found, `shown` the same as values.
    fn is_hit(&self, row: &[Value], shown: &[Value], key_column: usize) -> bool {
        let key = row.get(key_column).map(text).unwrap_or_default();
        match &self.expect {
            RowPredicate::Key(expected) => *expected == key,
            RowPredicate::Blank(_) => self.was_blank(row),
            RowPredicate::Row { key: expected, fingerprint } => {
                let shown_key = shown.get(key_column).map(text).unwrap_or_default();
                expected.as_ref().is_none_or(|expected| *expected == shown_key)
                    && fingerprint.compare(shown, |_| false).is_exact()
            }
        }
    }
}

impl UndoFinding {
    /// Whether no repair is needed.
    pub fn is_clean(&self) -> bool {
        self.misplaced.is_empty() && self.shifted_appends.is_empty()
    }

    /// The number of rows that need a repair.
    pub fn rows(&self) -> u64 {
        (self.misplaced.len() + self.shifted_appends.len()) as u64
    }
}

fn parse_write(row: &[Value]) -> Option<RowWrite> {
    let field = |at: usize| row.get(at).map(text).unwrap_or_default();
    let expect = match field(0).as_str() {
        "key" => RowPredicate::Key(field(1)),
        "blank" => RowPredicate::Blank(field(1)),
        "row" => {
            let (key, fingerprint): (Option<String>, String) = serde_json::from_str(&field(1)).ok()?;
            RowPredicate::Row { key, fingerprint: RowFingerprint::parse(&fingerprint)? }
        }
        _ => return None,
    };
    let written = field(3);
    let mut parts = written.split(';');
    let columns = parse_ranges(parts.next()?)?;
    let read = |part: &str| {
        let (from, to) = part.split_once('>')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    };
    let moves = parts.map(read).collect::<Option<_>>()?;
    Some(RowWrite { expect, row: field(2).parse::<u32>().ok()?.checked_sub(1)?, columns, moves })
}

/// Formats sorted numbers as `0-3,7`.
fn format_ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let ranges = runs.filter_map(|run| match run {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    ranges.collect::<Vec<_>>().join(",")
}

fn parse_ranges(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last >= COLUMN_BOUND {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
