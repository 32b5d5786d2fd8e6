//! Tests of the pure part: names, marks and requests, without a service.

use super::*;
use crate::grid::{Cell as Value, Row};
use crate::ledger::commit::changes::{Changes, CommitKind};
use crate::ledger::items::item::Output;
use crate::ledger::items::key::{Key, Version};

fn tab(header: &[&str], width: usize) -> Tab {
    Tab { id: 7, title: "T".into(), header: names(header), width, ..Tab::default() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn make_own_columns(columns: &[String]) -> OwnColumns<'_> {
    OwnColumns { job: "j", tab: "Quakes", columns }
}

fn mark(sheet_id: i32, column: u32, value: &str) -> ColumnMark {
    ColumnMark { sheet_id, column, value: value.into() }
}

/// A commit that adds these columns for one row.
fn make_commit(columns: &[&str], cells: &[(&str, Value)]) -> Commit {
    let cells = cells.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect();
    let done = ItemResult::Done {
        key: Key::new("k").expect("a usable key"),
        version: Version::default(),
        may_have_rows: false,
        output: Output::new("T", vec![Row { cells }]),
        closes: None,
    };
    let changes = Changes { columns: names(columns), settled: vec![done], ..Changes::default() };
    let to = HeadId { commit: 1, nonce: 5 };
    Commit { from: None, to, kind: CommitKind::Advance, run: String::new(), state: State::default(), changes }
}

#[test]
fn a_new_column_is_put_right_of_the_last_header() {
    let commit = make_commit(&["n"], &[]);
    let mut roomy = tab(&["id", "mine"], 26);
    let requests = add_new_columns(&mut roomy, &commit);
    assert!(matches!(requests[0], Request::InsertDimension { range, .. } if range.start_index == 2));
    assert_eq!((roomy.header, roomy.width), (names(&["id", "mine", "n"]), 27));
    let mut full = tab(&["id"], 1);
    assert!(matches!(add_new_columns(&mut full, &commit)[0], Request::AppendDimension { length: 1, .. }));
    assert!(add_new_columns(&mut full, &make_commit(&[], &[])).is_empty());
}

#[test]
fn a_new_column_looks_as_the_first_of_its_cells() {
    let requests = add_new_columns(
        &mut tab(&["id"], 26),
        &make_commit(&["day", "n"], &[("day", Value::Date(45_000.0)), ("n", Value::Number(1.0))]),
    );
    let looks = requests.iter().filter_map(|request| match request {
        Request::RepeatCell { range, cell, .. } => Some((range.start_column_index, cell.clone())),
        _ => None,
    });
    let day = to_cell_data(&Value::Date(45_000.0), None).without_value();
    assert_eq!(looks.collect::<Vec<_>>(), [(Some(1), day), (Some(2), CellData::blank())]);
}

#[test]
fn only_columns_of_the_job_are_marked_each_with_its_own_id() {
    let (tab, head) = (tab(&["id", "mine", "n"], 3), HeadId { commit: 1, nonce: 5 });
    let made = mark_own_columns(head, &tab, &make_own_columns(&names(&["id", "n", "elsewhere"])), &names(&["id"]));
    let [Request::CreateDeveloperMetadata { developer_metadata: mark }] = made.as_slice() else {
        panic!("one mark: {made:?}");
    };
    assert_eq!((mark.metadata_value.as_str(), mark.location.dimension_range.start_index), ("n", 2));
    let all = mark_own_columns(head, &tab, &make_own_columns(&names(&["id", "n"])), &[]);
    assert!(all.len() == 2 && all[0] != all[1]);
}

#[test]
fn of_a_wide_tab_the_same_columns_are_marked_each_time() {
    let head = HeadId { commit: 1, nonce: 5 };
    let wide: Vec<String> = (0..9_000).map(|n| format!("a long name of a column, number {n}")).collect();
    let wide_tab = Tab { header: wide.clone(), ..tab(&[], 9_000) };
    let all = make_own_columns(&wide);
    let first = mark_own_columns(head, &wide_tab, &all, &[]).len();
    assert!(first > 100 && first * 36 < MAX_MARK_CHARS + 36 && first == all.marked_columns().len());
    // The next run knows what the state had room for, finds the others by their headers, and marks
    // nothing again.
    let kept = limit_columns(&wide);
    assert!(kept.len() < wide.len());
    assert!(mark_own_columns(head, &wide_tab, &all, kept).is_empty());
    let mut without = Tab { header: wide[..wide.len() - 1].to_vec(), ..wide_tab };
    let anomaly = &all.find_lost_columns(&mut without, Some(&[])).anomalies[0];
    assert!(anomaly.is_blocking && anomaly.message.contains("one too many to have a mark"), "{}", anomaly.message);
}

#[test]
fn a_renamed_column_is_found_by_its_mark() {
    let mut tab = tab(&["id", "Mag (Mw)", "mine"], 3);
    let columns = names(&["id", "magnitude", "depth"]);
    assert_eq!(make_own_columns(&columns).find_missing_columns(&tab), names(&["magnitude", "depth"]));
    let marks = [mark(7, 0, "id"), mark(7, 1, "magnitude"), mark(8, 2, "depth")];
    let found = make_own_columns(&columns).find_lost_columns(&mut tab, Some(&marks));
    assert_eq!((found.is_blocking(), found.deleted_columns), (false, names(&["depth"])));
    assert_eq!((tab.position("magnitude"), tab.position("depth")), (Some(1), None));
    assert_eq!(tab.columns(), names(&["id", "magnitude", "mine"]));
    let messages: Vec<_> = found.anomalies.into_iter().map(|anomaly| anomaly.message).collect();
    assert_eq!(
        messages,
        [
            "column \"magnitude\" of tab Quakes is now called \"Mag (Mw)\": its values go there",
            "column \"depth\" of tab Quakes was deleted: its values are left out; add a column of that name to have them again"
        ]
    );
}

#[test]
fn a_header_text_counts_before_a_mark() {
    let columns = names(&["id", "n", "m"]);
    let swapped = tab(&["id", "m", "n"], 3);
    assert!(
        make_own_columns(&columns).find_missing_columns(&swapped).is_empty()
            && make_own_columns(&columns).find_duplicated_columns(&swapped).is_empty()
    );
    let mut taken = tab(&["id", "m", "x"], 3);
    let marks = [mark(7, 1, "n"), mark(7, 2, "m")];
    let found = make_own_columns(&columns).find_lost_columns(&mut taken, Some(&marks));
    assert_eq!((found.is_blocking(), found.deleted_columns, taken.position("m")), (false, names(&["n"]), Some(1)));
    assert!(found.anomalies[0].message.contains("the values of \"m\" go there now"), "{:?}", found.anomalies);
    // A column that the job has added since has its own mark.
    let mut since = tab(&["id", "m", "x", "renamed"], 4);
    let found = make_own_columns(&columns)
        .find_lost_columns(&mut since, Some(&[mark(7, 1, "n"), mark(7, 2, "m"), mark(7, 3, "n")]));
    assert_eq!((found.deleted_columns.len(), since.position("n")), (0, Some(3)));
}

#[test]
fn a_cleared_header_stops_the_run_even_if_it_was_the_last() {
    let columns = names(&["id", "n", "m"]);
    for (header, name, at) in [(&["id", "", "m"][..], "n", 1), (&["id", "n"][..], "m", 2)] {
        let found = make_own_columns(&columns).find_lost_columns(&mut tab(header, 3), Some(&[mark(7, at, name)]));
        let [anomaly] = found.anomalies.as_slice() else { panic!("{found:?}") };
        assert!(anomaly.is_blocking && found.deleted_columns.is_empty(), "{found:?}");
        assert!(anomaly.message.contains(&format!("column \"{name}\" has no header any more")), "{found:?}");
    }
}

#[test]
fn a_job_header_over_two_columns_stops_the_run() {
    let columns = names(&["id", "n"]);
    let own = make_own_columns(&columns);
    let doubled = own.find_lost_columns(&mut tab(&["id", "n", "n"], 3), Some(&[mark(7, 2, "n")]));
    let messages = |message: &str| vec![Anomaly { message: message.into(), is_blocking: true }];
    assert_eq!(
        doubled.anomalies,
        messages("tab Quakes has two columns named \"n\": the job's own is C, so rename the other")
    );
    let unknown = own.find_lost_columns(&mut tab(&["id", "n", "n"], 3), None);
    assert_eq!(
        unknown.anomalies,
        messages("tab Quakes has two columns named \"n\": rename the one that is not the job's")
    );
    // The job's column was renamed to another column's header.
    let renamed = own.find_lost_columns(&mut tab(&["id", "x", "x"], 3), Some(&[mark(7, 1, "n")]));
    assert!(renamed.is_blocking(), "{renamed:?}");
    assert!(
        own.find_duplicated_columns(&tab(&["id", "n", "note", "note", "", ""], 6)).is_empty(),
        "people's own may be"
    );
}

#[test]
fn where_marks_can_not_be_read_a_lost_header_stops_the_run() {
    let columns = names(&["id", "n"]);
    let found = make_own_columns(&columns).find_lost_columns(&mut tab(&["id"], 3), None);
    assert!(found.is_blocking() && found.deleted_columns.is_empty());
}

#[test]
fn a_column_that_was_deleted_and_is_there_again_is_marked_anew() {
    let state = State { columns: names(&["id", "n"]), deleted_columns: names(&["n"]), ..State::default() };
    let head = HeadId { commit: 1, nonce: 5 };
    let again = |header: &[&str]| {
        mark_own_columns(head, &tab(header, 3), &make_own_columns(&state.columns), &list_existing_columns(&state)).len()
    };
    assert_eq!((again(&["id"]), again(&["id", "n"])), (0, 1));
}
