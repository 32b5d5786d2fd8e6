//! How many existing rows a run may change before a person has to approve.
//!
//! In scope: the setting `max_changed` of `[sheet]`. Out of scope: what a run does beyond it
//! (`runner::records::change_hold`).

use crate::config::problem::ConfigProblem;
use crate::config::syntax::located::Located;
use crate::config::syntax::max_changed::MaxChangedEntry;
use crate::config::syntax::raw::SheetSection;
use crate::config::value_reader::ValueReader;
use crate::ledger::items::write_mode::WriteMode;
use crate::ledger::runs::held_changes::ChangeLimit;

/// The greatest number of rows that can be set: more than a spreadsheet holds.
const MAX_ROWS: u64 = 10_000_000;
const HELP: &str = "write a number of rows, a share such as \"10%\", or both: { rows = 10, share = \"10%\" }";

/// Reads the limit; `None` for any number of changes.
pub(crate) fn read_max_changed(
    reader: &mut ValueReader<'_>,
    sheet: Option<&SheetSection>,
    mode: Option<WriteMode>,
) -> Option<ChangeLimit> {
    let MaxChangedEntry { rows, share } = sheet?.max_changed.as_ref()?;
    if mode == Some(WriteMode::Append) {
        let help = "rows are rewritten in mode = \"upsert\" only: leave it out";
        let what = "`sheet.max_changed` is set, but in mode `append` no run changes a row";
        if let Some(at) = rows {
            reader.add_problem_at(at, what, "nothing to limit", help);
        } else if let Some(at) = share {
            reader.add_problem_at(at, what, "nothing to limit", help);
        }
        return None;
    }
    if rows.is_none() && share.is_none() {
        reader.add_problem(ConfigProblem::new("`sheet.max_changed` has neither `rows` nor `share`").help(HELP));
        return None;
    }
    let rows = rows.as_ref().and_then(|at| reader.read_whole_number(at, "`sheet.max_changed`", 0..=MAX_ROWS));
    let share = share.as_ref().and_then(|at| read_share(reader, at));
    (rows.is_some() || share.is_some()).then_some(ChangeLimit { rows, share })
}

fn read_share(reader: &mut ValueReader<'_>, at: &Located<String>) -> Option<f64> {
    let text = reader.read_non_empty(at, "`sheet.max_changed`")?;
    let share = ChangeLimit::parse_share(&text);
    if share.is_none() {
        reader.add_problem_at(at, "`sheet.max_changed` is not a share", "not a share", HELP);
    }
    share
}
