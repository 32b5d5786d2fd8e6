//! The texts of an undo log in its scratch rows. Pure.
//!
//! In scope: formatting and parsing them.
//! Out of scope: which scratch rows they are in (`store::upsert::undo_log::scratch_rows`).

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::ledger::leases::head::HeadId;
use crate::ledger::state::state_codec::limit_columns;
use crate::store::guard::head_guard::STATE_ROWS;
use crate::store::tabs::parse::{format_cell, parse_header};
use crate::store::tabs::row_fingerprint::RowFingerprint;
use crate::store::upsert::undo_log::header_formulas::parse_formulas;
use crate::store::upsert::undo_log::scratch_rows::{FIXED_CELLS, HEADER_ROW, MAX_LIST};
use crate::store::upsert::undo_log::{RowImages, RowPredicate, RowWrite, UndoLog};

/// More columns than any tab has.
const COLUMN_BOUND: usize = 20_000;
const SCRATCH_TAG: &str = "witness";
/// The tag of a batch that repairs rows.
const REPAIR_TAG: &str = "repair";
/// The kinds of a repair's writes: of a row that was hit, and of one that lacks its version only.
const ROW_KIND: &str = "row";
const VERSION_KIND: &str = "version";

impl UndoLog {
    /// The texts that the batch writes to the log, by scratch row.
    pub fn make_scratch_texts(&self) -> Vec<(u32, Vec<String>)> {
        let word = if self.is_repair { REPAIR_TAG } else { SCRATCH_TAG };
        let mut log_header = vec![word.to_owned(), self.head.to_string(), self.header.len().to_string()];
        log_header.extend([self.key, self.first_target_row as usize, self.targets.len()].map(|n| n.to_string()));
        log_header.extend([
            format_ranges(&self.written_columns),
            self.appended.to_string(),
            self.processed_rows.to_string(),
        ]);
        log_header.extend([self.width.to_string(), Value::from(limit_columns(&self.names)).to_string()]);
        log_header.push(format_counts(&self.appended_per_key));
        log_header.extend(self.recreated_cells().into_iter().chain(self.formulas_cell()));
        // Overwrite all of an older log's header.
        log_header.resize(self.columns() as usize, String::new());
        let mut expected = vec![String::new(); self.margin() as usize];
        expected.extend(self.header.iter().cloned());
        let targets = self.targets.iter().enumerate().map(|(index, target)| {
            let (kind, expect) = match &target.expect {
                RowPredicate::Key(key) => ("key", key.clone()),
                RowPredicate::Blank(key) => ("blank", key.clone()),
                RowPredicate::Row { key, fingerprint } => {
                    let kind = if target.is_rewrite { VERSION_KIND } else { ROW_KIND };
                    (kind, json!([key, fingerprint.to_text()]).to_string())
                }
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

    /// Parses an undo log and its row images. `rows` start at the first scratch row. `None` if this
    /// head's commit left no log.
    pub fn parse(rows: &[Vec<Value>], head: HeadId) -> Option<(Self, RowImages)> {
        let log_header: Vec<String> = rows.first()?.iter().map(format_cell).collect();
        let field = |at: usize| log_header.get(at).map_or("", String::as_str);
        if ![SCRATCH_TAG, REPAIR_TAG].contains(&field(0)) || field(1) != head.to_string() {
            return None;
        }
        let number = |at: usize| field(at).parse::<u32>().ok();
        let header_length = number(2).filter(|length| (*length as usize) < COLUMN_BOUND)?;
        let (first_target_row, targets) = (number(4)?, number(5)?);
        let mut undo_log = Self {
            head,
            header: Vec::new(),
            key: number(3)? as usize,
            written_columns: parse_ranges(field(6))?,
            appended: number(7)? as usize,
            processed_rows: number(8)? as usize,
            width: number(9).filter(|width| (*width as usize) < COLUMN_BOUND)? as usize,
            names: serde_json::from_str(field(10)).ok()?,
            appended_per_key: parse_counts(field(11)),
            recreated: parse_recreated(log_header.get(FIXED_CELLS as usize..).unwrap_or_default()),
            header_formulas: parse_formulas(log_header.get(FIXED_CELLS as usize..).unwrap_or_default()),
            is_repair: field(0) == REPAIR_TAG,
            first_target_row,
            targets: Vec::new(),
        };
        let margin = undo_log.margin();
        let row = |at: u32| rows.get(at.checked_sub(STATE_ROWS)? as usize);
        let cells = |at: u32| row(at).map(|row| row.get(margin as usize..).unwrap_or_default().to_vec());
        let mut expected = parse_header(&[cells(STATE_ROWS + 1)?]);
        expected.resize(header_length as usize, String::new());
        let mut images =
            RowImages { header: parse_header(&[cells(HEADER_ROW).unwrap_or_default()]), ..RowImages::default() };
        // Without a margin, the expectations are below the copies.
        let first =
            first_target_row.checked_add(targets.checked_mul(if margin > 0 { 0 } else { undo_log.copies() })?)?;
        let parsed = |index: u32| parse_write(row(first.checked_add(index)?)?);
        let read = (0..targets).map(parsed).collect::<Option<Vec<_>>>()?;
        for index in 0..targets {
            let before = first_target_row.checked_add(index)?;
            // The service omits trailing empty rows.
            images.pre_images.push(cells(before).unwrap_or_default());
            let after = if undo_log.is_repair { targets.checked_mul(3)? } else { targets };
            images.post_image_values.push(before.checked_add(after).and_then(cells).unwrap_or_default());
            if undo_log.is_repair {
                let shown = before.checked_add(targets.checked_mul(2)?).and_then(cells);
                images.pre_image_values.push(shown.unwrap_or_default());
            }
        }
        (undo_log.header, undo_log.targets) = (expected, read);

        Some((undo_log, images))
    }
}

fn format_counts(counts: &HashMap<String, usize>) -> String {
    let mut all: Vec<_> = counts.iter().map(|(hash, count)| format!("{hash}:{count}")).collect();
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
    counts.filter_map(|(hash, count)| Some((hash.to_owned(), count.parse().ok()?))).collect()
}

fn parse_write(row: &[Value]) -> Option<RowWrite> {
    let field = |at: usize| row.get(at).map(format_cell).unwrap_or_default();
    let expect = match field(0).as_str() {
        "key" => RowPredicate::Key(field(1)),
        "blank" => RowPredicate::Blank(field(1)),
        ROW_KIND | VERSION_KIND => {
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
    let row = field(2).parse::<u32>().ok()?.checked_sub(1)?;
    Some(RowWrite { expect, row, columns, moves, is_rewrite: field(0) == VERSION_KIND })
}

/// Formats sorted numbers as `0-3,7`.
pub(super) fn format_ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let ranges = runs.filter_map(|run| match run {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    ranges.collect::<Vec<_>>().join(",")
}

pub(super) fn parse_ranges(text: &str) -> Option<Vec<usize>> {
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
