//! What a batch that takes rows out says of itself, and what is read of it.

use serde_json::{Value, json};

use super::*;
use crate::ledger::rows::PROCESSED;

const HEAD: HeadId = HeadId { commit: 7, nonce: 9 };

fn tabs() -> Tabs {
    let header = PROCESSED.map(str::to_owned).to_vec();
    Tabs {
        processed: Some(Tab { id: 5, title: "Processed j".into(), header, width: 6, renamed: Vec::new() }),
        ..Tabs::default()
    }
}

fn row(key: &str) -> [&str; 4] {
    [key, "1", "done", "r"]
}

fn removal(key: &str, row_number: u32) -> Removal {
    Removal { role: Role::Processed, row: row_number, mark: Some(mark_of_key(&row(key))), bytes: 0 }
}

fn blank(row: u32) -> Removal {
    Removal { mark: None, ..removal("", row) }
}

/// The scratch rows as they stand once the batch was applied to rows that say this.
fn scratch(removed: &Removed, found: &[Option<[&str; 4]>]) -> Vec<Vec<Value>> {
    let mut rows = vec![vec![Value::Null; 20]; found.len() + 5];
    let mut put = |at: u32, column: u32, texts: Vec<Value>| {
        let row = &mut rows[(at - STATE_ROWS) as usize];
        row.splice(column as usize..column as usize + texts.len(), texts);
    };
    for request in removed.requests(&tabs(), 1) {
        let Request::UpdateCells { rows, start: Some(start), .. } = request else { continue };
        for (at, row) in (start.row_index..).zip(serde_json::to_value(&rows).expect("JSON").as_array().expect("rows")) {
            let text = |cell: &Value| cell["userEnteredValue"]["stringValue"].clone();
            put(at, 0, row["values"].as_array().expect("cells").iter().map(text).collect());
        }
    }
    put(HEADERS, MARGIN, PROCESSED.map(Value::from).to_vec());
    for (at, row) in (FIRST..).zip(found) {
        put(at, MARGIN, row.map(|texts| texts.map(Value::from).to_vec()).unwrap_or_default());
    }
    rows
}

#[test]
fn rows_that_were_meant_are_clean() {
    let removed = Removed::of(HEAD, vec![removal("b", 9), removal("a", 3), blank(20)], &tabs(), &Gone::default())
        .expect("three rows");
    let found = read(&scratch(&removed, &[Some(row("a")), Some(row("b")), None]), HEAD).expect("its own rows");
    assert_eq!((&found, found.put_back(1)), (&Found::default(), None));
    let other = HeadId { nonce: 8, ..HEAD };
    assert_eq!(read(&scratch(&removed, &[None, None, None]), other), None, "another commit's rows say nothing");
}

#[test]
fn where_one_row_was_not_meant_all_go_back_and_are_counted_again() {
    let removed = Removed::of(HEAD, vec![removal("a", 3), removal("b", 4), blank(20)], &tabs(), &Gone::default());
    let removed = removed.expect("three rows");
    for hit in [
        [Some(row("a")), Some(row("z")), None],
        [Some(row("a")), None, None],
        [Some(row("a")), Some(row("b")), Some(row("typed"))],
    ] {
        let found = read(&scratch(&removed, &hit), HEAD).expect("its own rows");
        let mut uncounted = Tally::default();
        uncounted.add(&row("a"));
        uncounted.add(&row("b"));
        assert_eq!(found.uncounted, uncounted);
        let there = hit.iter().flatten().count();
        assert_eq!(found.rows_of(Role::Processed).len(), there);
        let back = found.put_back(1).expect("some rows").requests(&tabs());
        assert_eq!(back.len(), 1 + there);
        let Request::InsertDimension { range, .. } = &back[0] else { panic!("room is made first") };
        assert_eq!((range.start_index, range.end_index), (1, 1 + index(there)));
    }
}

#[test]
fn neighbouring_rows_go_in_one_request_from_the_bottom_up() {
    let removals = vec![removal("a", 3), removal("b", 4), removal("c", 9), removal("c", 9)];
    let removed = Removed::of(HEAD, removals, &tabs(), &Gone::default()).expect("three rows");
    let deleted = removed.requests(&tabs(), 1).into_iter().filter_map(|request| match request {
        Request::DeleteDimension { range } => Some((range.start_index, range.end_index)),
        _ => None,
    });
    assert_eq!(deleted.collect::<Vec<_>>(), [(8, 9), (2, 4)]);
}

#[test]
fn rows_that_went_before_are_reckoned_with() {
    let mut gone = Gone::default();
    gone.extend(&[removal("z", 8), removal("y", 2), removal("x", 5)]);
    gone.extend(&[removal("w", 12)]);
    let removed = Removed::of(HEAD, vec![removal("a", 3), removal("b", 9)], &tabs(), &gone).expect("two rows");
    assert_eq!(removed.rows.iter().map(|removal| removal.row).collect::<Vec<_>>(), [2, 6]);
    assert_eq!(removed.seen().iter().map(|removal| removal.row).collect::<Vec<_>>(), [3, 9]);
}

#[test]
fn what_people_typed_into_scratch_rows_is_not_taken_for_a_row_that_was_removed() {
    let removed = Removed::of(HEAD, vec![removal("a", 3)], &tabs(), &Gone::default()).expect("a row");
    for (row_at, column, typed) in [(0, 2, json!("many")), (5, 0, json!("nonsense")), (5, 1, json!("xyz"))] {
        let mut rows = scratch(&removed, &[Some(row("a"))]);
        rows[row_at][column] = typed;
        assert_eq!(read(&rows, HEAD), None);
    }
}
