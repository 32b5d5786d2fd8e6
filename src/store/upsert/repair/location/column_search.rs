//! Finds columns whose headers identify them no longer: by the text in a broken header's formula, and
//! by what a batch wrote into them. Pure.
//!
//! In scope: additions to a column map, for one finding.
//! Out of scope: columns with headers (`store::tabs::column_map`), rows
//! (`store::upsert::repair::location::rows`).

use std::collections::HashMap;

use serde_json::Value;

use crate::store::tabs::column_map::{ColumnMap, is_error};
use crate::store::tabs::parse::format_cell;
use crate::store::upsert::repair::formulas::have_same_shape;
use crate::store::upsert::repair::location::image::TabImage;
use crate::store::upsert::undo_log::{HeaderFormulas, UndoFinding};

/// The header as found. For a formula that showed an error then, the text that the batch expected.
pub(crate) fn restore_header_names(finding: &UndoFinding, found: &ColumnMap) -> Vec<String> {
    let named = |(at, text): (usize, &String)| {
        let expected = found.find_origin(at).and_then(|at| finding.undo_log.header.get(at));
        expected.filter(|_| is_error(text)).unwrap_or(text).clone()
    };
    finding.header.iter().enumerate().map(named).collect()
}

/// The job's columns that users renamed before the batch: the header as found has the text that the
/// column has now.
pub(crate) fn find_renamed_columns(finding: &UndoFinding, image: &TabImage<'_>) -> Vec<(usize, usize)> {
    let (undo_log, tab) = (&finding.undo_log, image.tab);
    let renamed = |&expected: &usize| {
        let text = tab.header.get(tab.position(undo_log.name(expected)?)?)?;
        let is_new = !text.is_empty() && !is_error(text) && !undo_log.header.contains(text);
        let mut there = finding.header.iter().enumerate().filter(|(_, found)| *found == text);
        let (at, _) = there.next().filter(|_| is_new)?;
        there.next().is_none().then_some((expected, at))
    };
    undo_log.written_columns.iter().filter_map(renamed).collect()
}

/// The formulas of the header as a repair found it, each with its column.
pub(crate) fn collect_header_formulas(finding: &UndoFinding, image: &TabImage<'_>) -> HeaderFormulas {
    let formula = |(at, entered): (usize, &Value)| {
        let entered = entered.as_str().filter(|text| text.starts_with('='))?;
        finding.header.get(at).is_some_and(|shown| shown != entered).then(|| (at, entered.to_owned()))
    };
    image.undo.header.iter().enumerate().filter_map(formula).collect()
}

/// Pairs the columns whose header formulas differ at most in references. If two could be the one,
/// neither is paired.
pub(crate) fn pair_by_formula(old: &[(usize, String)], new: &[(usize, String)]) -> Vec<(usize, usize)> {
    let alike = |formula: &str, all: &[(usize, String)]| {
        let found: Vec<_> =
            all.iter().filter(|(_, other)| have_same_shape(formula, other)).map(|(at, _)| *at).collect();
        if let [one] = found.as_slice() { Some(*one) } else { None }
    };
    let pair = |(at, formula): &(usize, String)| {
        alike(formula, old)?;
        Some((*at, alike(formula, new)?))
    };
    old.iter().filter_map(pair).collect()
}

/// Joins the only unmatched column whose header showed an error with the only unmatched one whose
/// header is a formula.
pub(crate) fn join_recovered_header(now: &mut ColumnMap, header: &[String], image: &TabImage<'_>) {
    let broken: Vec<_> = (0..header.len()).filter(|at| now.get(*at).is_none() && is_error(&header[*at])).collect();
    let formulas: Vec<_> = now.list_unmatched().into_iter().filter(|at| image.header_formula(*at).is_some()).collect();
    if let ([here], [there]) = (broken.as_slice(), formulas.as_slice()) {
        now.correct_pair(*here, *there);
    }
}

/// Columns whose header shows an error now: the formula still contains the text that it showed. If
/// two columns could be the one, neither is used.
pub(crate) fn find_columns_by_formula(header: &[String], image: &TabImage<'_>) -> Vec<(usize, usize)> {
    let (now, entered) = (&image.tab.header, image.entered.first().map_or(&[][..], Vec::as_slice));
    let formula = |at: usize| image.header_formula(at);
    // The two reads must show the same header.
    let is_same = |(at, shown): (usize, &String)| {
        formula(at).is_some() || entered.get(at).and_then(Value::as_str).is_none_or(|entered| entered.trim() == shown)
    };
    if !now.iter().enumerate().all(is_same) {
        return Vec::new();
    }
    let broken: Vec<_> = (0..now.len())
        .filter(|at| now.get(*at).is_some_and(|text| is_error(text)))
        .filter_map(|at| Some((at, formula(at)?)))
        .collect();
    let lost = header.iter().enumerate().filter(|(_, text)| !text.is_empty() && !is_error(text) && !now.contains(text));
    let pairs: Vec<_> = lost
        .flat_map(|(here, text)| {
            let literal = format!("\"{}\"", text.replace('"', "\"\""));
            let there = broken.iter().filter(move |(_, formula)| formula.contains(&literal));
            there.map(move |(there, _)| (here, *there)).collect::<Vec<_>>()
        })
        .collect();
    let is_alone =
        |(here, there): &(usize, usize)| pairs.iter().filter(|pair| pair.0 == *here || pair.1 == *there).count() == 1;
    pairs.iter().copied().filter(is_alone).collect()
}

/// Corrects columns by content: a written column is where its written cells are now, whatever the
/// headers are.
pub(crate) fn correct_by_content(
    now: &mut ColumnMap,
    finding: &UndoFinding,
    image: &TabImage<'_>,
    key: usize,
    by_key: &HashMap<String, Vec<usize>>,
) {
    let mut written: Vec<_> =
        finding.misplaced.iter().flat_map(|misplaced| misplaced.target.columns.iter().copied()).collect();
    written.sort_unstable();
    written.dedup();
    // A header that is there counts.
    let is_named = |column: &usize| {
        let (was, is) = (finding.header.get(*column), now.get(*column).and_then(|at| image.tab.header.get(at)));
        was.is_some_and(|text| !text.is_empty() && !is_error(text)) && was == is
    };
    let unnamed: Vec<_> = written.into_iter().filter(|column| *column != key && !is_named(column)).collect();
    for column in unnamed {
        let hit = finding.misplaced.iter().filter(|misplaced| misplaced.target.columns.contains(&column));
        let cells = hit.filter_map(|misplaced| {
            let (key, shown) =
                (read_cell(&misplaced.post_image_values, key), read_cell(&misplaced.post_image_values, column));
            let row = by_key.get(&key)?.first()?;
            (!key.is_empty() && !shown.is_empty()).then_some((*row, shown))
        });
        let cells: Vec<(usize, String)> = cells.collect();
        let votes = |there: usize| cells.iter().filter(|(row, cell)| image.shown_text(*row, there) == *cell).count();
        if cells.is_empty() || now.get(column).is_some_and(|there| votes(there) > 0) {
            continue;
        }
        let others = now.list_unmatched().into_iter().chain([column]).filter(|there| *there < image.width());
        let mut others: Vec<_> = others.map(|there| (votes(there), there)).filter(|(votes, _)| *votes > 0).collect();
        others.sort_unstable();
        others.dedup();
        if let [.., (most, there)] = others.as_slice()
            && others.iter().filter(|(votes, _)| votes == most).count() == 1
            && *there != image.key
        {
            now.correct_pair(column, *there);
        }
    }
}

/// Finds the column into which a batch wrote the keys of appended rows, by these keys, if its header
/// no longer identifies it. Then only one other written column may be left to find.
pub(crate) fn find_shifted_keys(now: &mut ColumnMap, finding: &UndoFinding, image: &TabImage<'_>) {
    let (key, keys) = (finding.undo_log.key, &finding.shifted_appends);
    if keys.is_empty() || now.get(key).is_some() {
        return;
    }
    let shows = |column: usize, key: &String| image.rows().any(|(row, _)| image.shown_text(row, column) == *key);
    let is_it = |column: &usize| keys.iter().all(|key| shows(*column, key));
    let columns: Vec<_> = now.list_unmatched().into_iter().filter(is_it).collect();
    let [column] = columns.as_slice() else { return };
    now.correct_pair(key, *column);
    let lost: Vec<_> = finding.undo_log.written_columns.iter().copied().filter(|at| now.get(*at).is_none()).collect();
    let is_broken = |at: &usize| image.tab.header.get(*at).is_some_and(|text| is_error(text));
    let broken: Vec<_> = now.list_unmatched().into_iter().filter(is_broken).collect();
    if let ([here], [there]) = (lost.as_slice(), broken.as_slice()) {
        now.correct_pair(*here, *there);
    }
}

/// Finds the only column of appended rows that neither its header nor its values identify: these rows
/// show something in one unmatched column only. A user's column counts only if none came or went.
pub(crate) fn find_shifted_cells(now: &mut ColumnMap, finding: &UndoFinding, image: &TabImage<'_>) {
    let (undo_log, keys) = (&finding.undo_log, &finding.shifted_appends);
    let lost: Vec<_> = undo_log.written_columns.iter().copied().filter(|at| now.get(*at).is_none()).collect();
    let ([lost], Some(key)) = (lost.as_slice(), now.get(undo_log.key)) else { return };
    let unmatched = now.list_unmatched();
    let are_all_there = unmatched.len() == (0..finding.header.len()).filter(|at| now.get(*at).is_none()).count();
    let names: Vec<_> = undo_log.names.iter().filter(|name| !name.is_empty()).collect();
    let is_own = |column: usize| names.iter().any(|name| image.tab.position(name) == Some(column));
    let is_appended = |row: usize| keys.contains(&image.shown_text(row, key));
    let rows: Vec<_> = image.rows().map(|(row, _)| row).filter(|row| is_appended(*row)).collect();
    let is_shown = |column: &usize| rows.iter().any(|row| image.has_constant(*row, *column));
    let columns: Vec<_> = unmatched.into_iter().filter(is_shown).collect();
    if let [column] = columns.as_slice()
        && (are_all_there || is_own(*column))
    {
        now.correct_pair(*lost, *column);
    }
}

/// The text of a cell; empty beyond the row's end.
pub(crate) fn read_cell(row: &[Value], column: usize) -> String {
    row.get(column).map(format_cell).unwrap_or_default()
}
