//! Tests of parsing the scratch rows and of the restored positions.

use serde_json::json;

use super::*;
use crate::ledger::commit::row_deletion::RowDeletion;
use crate::store::commit::deletion::tests::{removal, row, tabs};
use crate::store::commit::deletion::{DeletedRows, RowDeletionBatch};

const HEAD: HeadId = HeadId { commit: 7, nonce: 9 };

fn deletion(rows: Vec<RowDeletion>) -> RowDeletionBatch {
    RowDeletionBatch::new(HEAD, rows, &tabs(), &DeletedRows::default()).expect("some rows")
}

fn blank(row: u32) -> RowDeletion {
    RowDeletion { mark: None, ..removal("", row) }
}

/// The scratch rows after a batch was applied to these rows.
fn scratch(deletion: &RowDeletionBatch, found: &[Option<[&str; 4]>]) -> Vec<Vec<Value>> {
    let mut rows = vec![vec![Value::Null; 20]; found.len() + 5];
    let mut put = |at: u32, column: u32, texts: Vec<Value>| {
        let row = &mut rows[(at - STATE_ROWS) as usize];
        row.splice(column as usize..column as usize + texts.len(), texts);
    };
    for request in deletion.make_requests(&tabs(), 1) {
        let Request::UpdateCells { rows, start: Some(start), .. } = request else { continue };
        for (at, row) in (start.row_index..).zip(serde_json::to_value(&rows).expect("JSON").as_array().expect("rows")) {
            let text = |cell: &Value| cell["userEnteredValue"]["stringValue"].clone();
            put(at, 0, row["values"].as_array().expect("cells").iter().map(text).collect());
        }
    }
    put(HEADERS, MARGIN, PROCESSED.map(Value::from).to_vec());
    for (at, row) in (FIRST_DELETED_ROW..).zip(found) {
        put(at, MARGIN, row.map(|texts| texts.map(Value::from).to_vec()).unwrap_or_default());
    }
    rows
}

#[test]
fn rows_that_were_meant_are_clean() {
    let deletion = deletion(vec![removal("b", 9), removal("a", 3), blank(20)]);
    assert_eq!(parse(&scratch(&deletion, &[Some(row("a")), Some(row("b")), None]), HEAD, 1), DeletionLog::Verified);
    let other = HeadId { nonce: 8, ..HEAD };
    assert_eq!(
        parse(&scratch(&deletion, &[None, None, None]), other, 1),
        DeletionLog::NoDeletions,
        "another commit's rows"
    );
}

#[test]
fn if_one_row_was_not_meant_all_rows_are_restored() {
    let deletion = deletion(vec![removal("a", 3), removal("b", 4), blank(20)]);
    for hit in [
        [Some(row("a")), Some(row("z")), None],
        [Some(row("a")), None, None],
        [Some(row("a")), Some(row("b")), Some(row("typed"))],
    ] {
        let DeletionLog::Misplaced(found) = parse(&scratch(&deletion, &hit), HEAD, 1) else {
            panic!("a row was not meant")
        };
        let mut checksum_correction = RowChecksum::default();
        checksum_correction.add(&row("a"));
        checksum_correction.add(&row("b"));
        assert_eq!(found.compute_checksum_correction(), checksum_correction);
        let there = hit.iter().flatten().count();
        assert_eq!(found.rows(), there as u64);
        let back = found.make_requests(&tabs());
        assert_eq!(back.len(), 1 + there);
        let Request::InsertDimension { range, .. } = &back[0] else { panic!("room is made first") };
        assert_eq!((range.start_index, range.end_index), (1, 1 + convert_index(there)));
    }
}

#[test]
fn cells_are_restored_under_their_moved_headers() {
    let deletion = deletion(vec![removal("a", 3)]);
    let DeletionLog::Misplaced(found) = parse(&scratch(&deletion, &[Some(row("z"))]), HEAD, 1) else {
        panic!("it was not meant")
    };
    let header = ["", "run", "key", "version", "mine", "state"].map(str::to_owned).to_vec();
    let now = Tab { header, ..tabs().processed.expect("a tab") };
    let rows = found.arrange_rows(TabKind::Processed, &now);
    assert_eq!(rows[0].iter().map(format_cell).collect::<Vec<_>>(), ["", "r", "z", "1", "", "done"]);
    let copies = found.make_requests(&Tabs { processed: Some(now), ..Tabs::default() });
    let to = copies.iter().filter_map(|request| match request {
        Request::CopyPaste { destination, .. } => {
            Some((destination.start_column_index?, destination.end_column_index?))
        }
        _ => None,
    });
    assert_eq!(to.collect::<Vec<_>>(), [(2, 4), (5, 6), (1, 2)]);
}

#[test]
fn text_typed_into_scratch_rows_is_not_a_removed_row() {
    let deletion = deletion(vec![removal("a", 3)]);
    for (row_at, column, typed) in [(0, 2, json!("many")), (5, 0, json!("nonsense")), (5, 1, json!("xyz"))] {
        let mut rows = scratch(&deletion, &[Some(row("a"))]);
        rows[row_at][column] = typed;
        assert_eq!(parse(&rows, HEAD, 1), DeletionLog::Unreadable);
    }
}
