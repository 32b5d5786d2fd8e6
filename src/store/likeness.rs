//! Marks of cells, by which a row is known that no key tells from others.
//!
//! In scope: the marks, and whether a row shows one. Out of scope: which rows need one (`store::mend`), where it is kept (`store::witness`).

use serde_json::Value;

use crate::ledger::key::digest_of;
use crate::store::load::text;

/// A mark of the cells in these columns, by what people see in them; a `+` behind it says that the row holds more than these.
pub fn cells_mark(row: &[Value], columns: &[usize]) -> String {
    let mark = own_mark(row, columns);
    if beside(row, columns).next().is_some() { mark + MORE } else { mark }
}

/// The same for a row that others resemble: behind the `+`, a mark of the texts beside these columns, wherever people move them. Numbers
/// don't count, for formulas that tell the time or follow what is written would be others each time; but a row that shows nothing in
/// these columns and something beside them is not a blank one.
pub fn cells_mark_apart(row: &[Value], columns: &[usize]) -> String {
    let own = own_mark(row, columns);
    let mut texts: Vec<_> = beside(row, columns).filter_map(Value::as_str).collect();
    texts.sort_unstable();
    let more = is_blank(&own, columns) && beside(row, columns).next().is_some();
    texts.push(if more { "more" } else { "" });
    format!("{own}{MORE}{}", digits_of(&texts))
}

/// The part of a mark that tells of the cells in its columns only.
pub fn own_part(mark: &str) -> &str {
    mark.split_once(MORE).map_or(mark, |(own, _)| own)
}

const MORE: &str = "+";

/// Whether a row has the marked cells in these columns. Where they are blank, a row that holds more is not one that holds nothing:
/// blank rows are everywhere, and none of them is the one that is sought.
pub fn shows_cells(row: &[Value], columns: &[usize], mark: &str) -> bool {
    if is_apart(mark) {
        return cells_mark_apart(row, columns) == mark;
    }
    let own = cells_mark(row, columns);
    own == mark || (own_part(&own) == own_part(mark) && !is_blank(mark, columns))
}

/// Whether a row has the marked cells in these columns, whatever people have written beside them meanwhile; blank ones tell nothing.
pub fn resembles(row: &[Value], columns: &[usize], mark: &str) -> bool {
    own_mark(row, columns) == own_part(mark) && !is_blank(mark, columns)
}

/// Whether a mark tells of the whole row.
pub fn is_apart(mark: &str) -> bool {
    mark.split_once(MORE).is_some_and(|(_, apart)| !apart.is_empty())
}

/// Whether the cells of a mark are blank.
pub fn is_blank(mark: &str, columns: &[usize]) -> bool {
    own_part(mark) == own_mark(&[], columns)
}

fn own_mark(row: &[Value], columns: &[usize]) -> String {
    let texts: Vec<_> = columns.iter().map(|&at| row.get(at).map(text).unwrap_or_default()).collect();
    digits_of(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The cells of a row in other columns that hold anything.
fn beside<'a>(row: &'a [Value], columns: &'a [usize]) -> impl Iterator<Item = &'a Value> {
    let others = row.iter().enumerate().filter(|(at, _)| !columns.contains(at));
    others.map(|(_, cell)| cell).filter(|cell| !text(cell).is_empty())
}

fn digits_of(texts: &[&str]) -> String {
    let digest = digest_of(texts);
    data_encoding::HEXLOWER.encode(digest.get(..12).unwrap_or(&digest))
}
