//! The tabs of a job after manual edits: state, Processed, Failures, Runs, and the scratch rows of
//! the undo logs. Whatever the cells contain, loading them never panics. It returns a snapshot with
//! anomalies, or an error.
use serde_json::Value;
use sheetkeep::grid::Cell;
use sheetkeep::ledger::items::write_mode::ReprocessPolicy;
use sheetkeep::ledger::leases::head::HeadId;
use sheetkeep::ledger::rows::row_codec::{FAILURES, PROCESSED, RUNS, read_run_row};
use sheetkeep::ledger::state::snapshot::RowChecksum;
use sheetkeep::ledger::state::state_codec::read_state;
use sheetkeep::store::commit::restore;
use sheetkeep::store::guard::head_guard::read_title;
use sheetkeep::store::tabs::parse::{FailureRows, check_header, format_cell, parse_header, parse_pairs};
use sheetkeep::store::tabs::processed::ProcessedRows;
use sheetkeep::store::tabs::processed_column_order::MappingSearch;
use sheetkeep::store::tabs::schema::{StoreMetadata, Tab, Tabs};
use sheetkeep::store::upsert::undo_log::UndoLog;

/// Returns cells from bytes: rows end at `\n`, cells at `\t`; a cell that is JSON is parsed, any
/// other is text.
fn rows_of(bytes: &str) -> Vec<Vec<Value>> {
    let cell = |cell: &str| serde_json::from_str(cell).unwrap_or_else(|_| Value::from(cell));
    bytes.split('\n').map(|row| row.split('\t').map(cell).collect()).collect()
}

const POLICIES: [ReprocessPolicy; 3] =
    [ReprocessPolicy::EachVersion, ReprocessPolicy::OnChange, ReprocessPolicy::OnNewer];

/// Parses these bytes.
pub fn read_all(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let Ok(bytes) = std::str::from_utf8(bytes) else { return };
    let rows = rows_of(bytes);
    let again = POLICIES[usize::from(*which) % POLICIES.len()];
    let tab = |columns: &[&str]| Tab {
        title: "T".into(),
        header: columns.iter().map(|name| (*name).to_owned()).collect(),
        ..Tab::default()
    };
    match *which % 7 {
        0 => {
            let pairs = parse_pairs(&rows);
            let _ = (read_state(&pairs), StoreMetadata::read(&pairs), read_title(bytes));
        }
        1 => {
            let tab = tab(&PROCESSED);
            let mut read = ProcessedRows::new(&tab, again).with_texts_of(Some(3));
            read.read(&rows);
            let _ = (read.take_recent(), read.finish_parse(&tab));
        }
        2 => {
            let tab = tab(&FAILURES);
            let mut read = FailureRows::new(&tab, again);
            read.read(&rows, u32::MAX);
            let _ = read.finish_parse(&tab);
        }
        3 => {
            let names = parse_header(&rows);
            let _ = check_header(&tab(&names.iter().map(String::as_str).collect::<Vec<_>>()), &RUNS);
            for row in &rows {
                let at = |name: &str| RUNS.iter().position(|known| *known == name).and_then(|at| row.get(at));
                let _ = read_run_row(|name| match at(name) {
                    Some(Value::Number(number)) => number.as_f64().map_or(Cell::Empty, Cell::Number),
                    Some(other) => Cell::text(format_cell(other)),
                    None => Cell::Empty,
                });
            }
        }
        4 => {
            let mut search = MappingSearch::new([0, 1, 2, 3]);
            search.read(&rows);
            let mut said = RowChecksum::default();
            said.add(&["k", "1", "done", "20260921-141320-00d40"]);
            let _ = search.find(said);
        }
        5 => {
            let rows = of_head("removed", rows);
            if let Some(waiting) = restore::parse(&rows, HEAD, 1).pending_restores() {
                let tabs = Tabs { processed: Some(tab(&PROCESSED)), failures: Some(tab(&FAILURES)), ..Tabs::default() };
                let _ = (waiting.make_requests(&tabs), waiting.make_anomaly(), waiting.pending_rows().count());
            }
        }
        _ => {
            let rows = of_head("witness", rows);
            if let Some((undo_log, seen)) = UndoLog::parse(&rows, HEAD) {
                let _ = undo_log.make_scratch_texts();
                let _ = undo_log.evaluate(seen, Vec::new);
            }
        }
    }
}

const HEAD: HeadId = HeadId { commit: 1, nonce: 2 };

/// Returns the scratch rows whose first two cells name this kind and this head.
fn of_head(sort: &str, mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.insert(0, vec![Value::from(sort), Value::from(HEAD.to_string())]);
    let second = if rows.len() > 1 { rows.remove(1) } else { Vec::new() };
    if let Some(first) = rows.first_mut() {
        first.extend(second);
    }
    rows
}
