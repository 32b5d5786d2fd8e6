//! Repairs of rows and columns that people edit again while they wait.

use serde_json::json;

use super::*;
use crate::store::upsert::repair::location::column_search::{find_renamed_columns, pair_by_formula};

const HEADER: [&str; 3] = ["id", "n", "mine"];

#[test]
fn a_row_whose_own_key_was_changed_gets_its_cells_back() {
    let finding = finding(&HEADER, &[("a", 1)], &[json!(["z", 7, "note"])], &[json!(["z", 10, "note"])]);
    let tab = tab(&HEADER);
    let own = json!(["a", 1]);
    let now = rows(&[json!(HEADER), own.clone(), json!(["odd", 10, "note"])]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    assert_eq!((repairs[1].row, &repairs[1].copies), (Some(2), &vec![scratch(BASE, 1, 1)]));
    let twins = rows(&[json!(HEADER), own, json!(["odd", 10, "note"]), json!(["even", 10, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &twins));
    assert!(planned.repairs.iter().all(|repair| repair.row == Some(1)), "nothing is guessed: {planned:?}");
    assert_eq!(planned.unrepaired.len(), 1, "it is reported: {planned:?}");
}

#[test]
fn a_cell_written_as_intended_stays_in_a_row_that_lost_its_key() {
    let found = ["id", "n", "mine", "x"];
    let (before, after) = (json!(["a", 7, "note", 1]), json!(["a", 10, "note", 2]));
    let mut finding = finding(&["id", "x", "mine", "n"], &[("a", 1)], &[before], &[after]);
    finding.undo_log.header = tab(&found).header;
    finding.undo_log.names = ["id", "n", "x"].map(str::to_owned).into();
    finding.undo_log.written_columns = vec![0, 1, 3];
    finding.misplaced[0].target.columns = vec![1, 2];
    finding.header = tab(&["id", "x", "mine", "n"]).header;
    let tab = tab(&["id", "x", "mine", "n"]);
    let now = rows(&[json!(tab.header), json!(["odd", 10, "note", 2])]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    let copied: Vec<_> = repairs.iter().flat_map(|repair| &repair.copies).map(|copy| copy.to).collect();
    assert_eq!(copied, [1], "column mine was written as intended: {repairs:?}");
}

#[test]
fn a_formula_that_a_repair_wrote_follows_columns_moved_meanwhile() {
    let expected = json!(["k", "stray", "note"]);
    let mut finding = make_second(&expected, &expected, &json!(["k", "x-note", "note"]));
    finding.undo_log.header = tab(&["id", "n", "mine"]).header;
    finding.header = tab(&["id", "n", "mine"]).header;
    let tab = tab(&["mine", "id", "n"]);
    let now = rows(&[json!(tab.header), json!(["note", "k", "x-note"])]);
    let entered = rows(&[json!(tab.header), json!(["note", "k", "=\"x-\"&C2"])]);
    // Kept with four columns before it: G of the scratch row is column C of the tab, the one that was meant.
    let after = BASE + 2;
    let undo = EnteredImages {
        pre_images: rows(std::slice::from_ref(&expected)),
        post_images: rows(&[json!(["k", format!("=\"x-\"&G{after}"), "note"])]),
        header: Vec::new(),
    };
    let image = TabImage { entered: &entered, undo: &undo, ..make_image(&tab, &now) };
    let repairs = planned_repairs(&finding, &image);
    let copy = repairs[0].copies.iter().find(|copy| copy.to == 2).expect("the formula's column");
    assert_eq!(copy.source, CellSource::Formula("=\"x-\"&A2".into()), "{repairs:?}");
}

#[test]
fn broken_headers_are_paired_by_their_formulas() {
    let formulas = |all: &[(usize, &str)]| all.iter().map(|(at, text)| (*at, (*text).to_owned())).collect::<Vec<_>>();
    let old = formulas(&[(1, "={\"x\";A2:A9}"), (3, "={\"y\";A2:A9}"), (5, "=\"z\"")]);
    let new = formulas(&[(2, "={\"y\";B2:B9}"), (4, "={\"x\";#REF!}"), (6, "=\"z\""), (7, "=\"z\"")]);
    assert_eq!(pair_by_formula(&old, &new), [(1, 4), (3, 2)], "two columns could be z");
}

#[test]
fn a_column_renamed_while_columns_moved_is_known_by_its_new_text() {
    let finding = finding(&["new", "number", "id"], &[("a", 1)], &[json!(["", 1, "a"])], &[json!(["", 10, "a"])]);
    let mut tab = tab(&["new", "number", "id"]);
    tab.aliases = vec![("n".to_owned(), "number".to_owned())];
    let now = rows(&[json!(tab.header), json!(["", 10, "a"])]);
    assert_eq!(find_renamed_columns(&finding, &make_image(&tab, &now)), [(1, 1)]);
}

#[test]
fn a_row_that_a_repair_settled_is_no_row_that_it_missed() {
    let mut finding = make_second(&json!(["k", 10, "note"]), &json!([]), &json!(["", 7, "own"]));
    let RowPredicate::Row { key, .. } = &mut finding.misplaced[0].target.expect else { unreachable!("it is a repair") };
    *key = None;
    finding.hit_as_intended = vec![(1, cells_of(&json!(["k", 10, "note"])))];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["k", 10, "note"]), json!(["", 7, "own"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.repairs.iter().all(|repair| repair.row != Some(1)), "{planned:?}");
    assert!(!planned.unrepaired.is_empty(), "the other row is gone, and that is reported");
    let twins = rows(&[json!(HEADER), json!(["k", 10, "note"]), json!(["", 7, "own"]), json!(["k", 10, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &twins));
    assert!(planned.repairs.iter().any(|repair| repair.row == Some(3)), "it is there: {planned:?}");
}

#[test]
fn a_row_that_a_repair_hit_and_people_deleted_is_looked_for_nowhere_else() {
    let (expected, after) = (json!(["", 10, "note"]), json!(["", 7, "own"]));
    let mut finding = make_second(&expected, &expected, &after);
    finding.header = tab(&["n", "id", "mine"]).header;
    finding.misplaced[0].pre_image_values = cells_of(&json!([10, "", "note"]));
    finding.misplaced[0].pre_image = cells_of(&json!([10, "", "note"]));
    let tab = tab(&["n", "id", "mine"]);
    let twin = rows(&[json!(tab.header), json!([10, "", "note"])]);
    let planned = plan(&finding, &make_image(&tab, &twin));
    assert!(planned.repairs.is_empty(), "{planned:?}");
}

#[test]
fn a_constant_typed_over_a_computed_cell_stays() {
    let expected = json!(["k", 5, "note"]);
    let mut finding = make_second(&expected, &json!(["k", "typed", "note"]), &json!(["k", 7, "note"]));
    let RowPredicate::Row { fingerprint, .. } = &mut finding.misplaced[0].target.expect else {
        unreachable!("it is a repair")
    };
    *fingerprint = RowFingerprint::new(&cells_of(&expected), |column| column == 1);
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["k", 7, "note"])]);
    let undo = EnteredImages { pre_images: rows(&[json!(["k", "typed", "note"])]), ..EnteredImages::default() };
    let image = TabImage { undo: &undo, ..make_image(&tab, &now) };
    let repairs = planned_repairs(&finding, &image);
    assert_eq!(repairs[0].copies.iter().find(|copy| copy.to == 1), Some(&scratch(BASE, 1, 1)), "{repairs:?}");
}

#[test]
fn a_cell_typed_into_a_row_whose_cells_were_moved_stays() {
    let (before, after) = (json!(["", "k", "note"]), json!(["k", "", "note"]));
    let mut finding = make_second(&before, &before, &after);
    finding.misplaced[0].target.columns = vec![0, 1];
    finding.misplaced[0].target.moves = vec![(1, 0)];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["k", "typed", "note"])]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    assert!(repairs.iter().all(|repair| !repair.columns().contains(&1)), "{repairs:?}");
}

#[test]
fn appended_rows_are_found_by_their_keys_where_two_headers_broke() {
    let mut finding = finding(&["x", "id", "y", "n"], &[], &[], &[]);
    finding.shifted_appends = vec!["new".into(), "next".into()];
    let tab = tab(&["id", "#REF!", "#REF!", "n"]);
    let now = rows(&[json!(tab.header), json!([5, "other", "new"]), json!([6, "", "next"])]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    let moved: Vec<_> = repairs.iter().map(|repair| (repair.row, repair.copies[0].clone())).collect();
    let itself = |from, to| CellCopy { source: CellSource::SameRow, from, to };
    assert_eq!(moved, [(Some(1), itself(2, 0)), (Some(2), itself(2, 0))], "{repairs:?}");
    let gone = rows(&[json!(tab.header), json!([5])]);
    let planned = plan(&finding, &make_image(&tab, &gone));
    assert!(planned.unrepaired[0].contains("the row of key \"new\""), "{planned:?}");
}

/// A row that was appended while the job's columns a and b were renamed and moved. Then they were
/// renamed again: each header is another one than before.
fn renamed_twice(found: &[&str]) -> UndoFinding {
    let mut finding = finding(found, &[], &[], &[]);
    finding.undo_log.header = tab(&["id", "a", "b", "mine"]).header;
    (finding.undo_log.written_columns, finding.undo_log.names) = (vec![0, 1, 2], tab(&["id", "a", "b"]).header);
    finding.shifted_appends = vec!["new".into()];
    finding
}

fn with_aliases(header: &[&str]) -> Tab {
    let aliases = vec![("a".to_owned(), "a3".to_owned()), ("b".to_owned(), "b3".to_owned())];
    Tab { aliases, ..tab(header) }
}

#[test]
fn of_columns_renamed_twice_the_last_is_where_something_is() {
    let finding = renamed_twice(&["id", "b2", "mine", "a2"]);
    let tab = with_aliases(&["b3", "id", "mine", "a3"]);
    let now = rows(&[json!(tab.header), json!(["a of new", "new", "b of new", ""])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let itself = |from, to| CellCopy { source: CellSource::SameRow, from, to };
    assert_eq!((&planned.repairs[0].copies, &planned.repairs[0].clears), (&vec![itself(0, 3), itself(2, 0)], &vec![2]));
    assert_eq!(planned.unrepaired, Vec::<String>::new());
}

#[test]
fn no_cell_is_written_over_that_may_be_of_a_lost_column() {
    let finding = renamed_twice(&["mine", "b2", "x2", "id"]);
    let tab = with_aliases(&["b3", "a3", "mine", "x3", "id"]);
    // The key is under mine. The values of a and b are under two of three unknown headers.
    let now = rows(&[json!(tab.header), json!(["a of new", "", "new", "b of new", ""])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let itself = |from, to| CellCopy { source: CellSource::SameRow, from, to };
    let repair = &planned.repairs[0];
    assert_eq!((&repair.copies, &repair.clears), (&vec![itself(2, 4)], &vec![2]), "{planned:?}");
    let lost = ["b2", "x2"].map(|name| {
        format!("column \"{name}\" was not found again: 1 cells that a write hit there, or that belong there, are left as they are")
    });
    assert_eq!(planned.unrepaired, lost);
}

#[test]
fn no_version_is_written_into_a_row_whose_key_was_changed() {
    let mut finding = make_second(&json!(["k", 1, "note"]), &json!([]), &json!(["", 10]));
    finding.misplaced[0].target.columns = vec![1];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["", 10]), json!(["odd", 1, "note"])]);
    let has_repair = |planned: &RepairPlan, row| planned.repairs.iter().any(|repair| repair.row == Some(row));
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(has_repair(&planned, 2), "it was hit before: {planned:?}");
    finding.misplaced[0].target.is_rewrite = true;
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(has_repair(&planned, 1) && !has_repair(&planned, 2), "{planned:?}");
    assert!(planned.unrepaired[0].contains("1 rows that were to be repaired were not found again"), "{planned:?}");
}

#[test]
fn a_row_that_was_hit_needs_more_than_its_version() {
    let finding = finding(&HEADER, &[("a", 1)], &[json!(["z", 7])], &[json!(["z", 10])]);
    let (tab, now) = (tab(&HEADER), rows(&[json!(HEADER), json!(["z", 10]), json!(["a", 1])]));
    let planned = planned_repairs(&finding, &make_image(&tab, &now));
    let kinds: Vec<_> = planned.iter().map(|repair| (repair.row, repair.is_rewrite)).collect();
    assert_eq!(kinds, [(Some(2), true), (Some(1), false)]);
}

#[test]
fn moves_that_hit_each_other_s_rows_stay_though_a_key_was_changed() {
    let (a, b) = (json!(["a", "", "of a"]), json!(["b", "", "of b"]));
    let mut finding = make_second(&a, &b, &json!(["b", "of b", ""]));
    let write = |index: usize, expected: &Value, before: &Value, after: &Value| {
        let mut misplaced = make_second(expected, before, after).misplaced.remove(0);
        (misplaced.index, misplaced.target.row) = (index, 1 + u32::try_from(index).unwrap_or(0));
        (misplaced.target.columns, misplaced.target.moves) = (vec![1, 2], vec![(2, 1)]);
        misplaced
    };
    let total = (json!(["", "total", ""]), json!([]));
    finding.misplaced = vec![write(0, &a, &b, &json!(["b", "of b", ""])), write(1, &b, &total.0, &total.1)];
    finding.undo_log.targets = finding.misplaced.iter().map(|misplaced| misplaced.target.clone()).collect();
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["odd", "of b"]), json!([]), a]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let of_row = |row| planned.repairs.iter().find(|repair| repair.row == Some(row)).expect("a repair");
    assert_eq!(of_row(1).copies, [scratch(BASE, 2, 1)], "its own cell stays where it belongs: {planned:?}");
    assert_eq!(of_row(1).clears, [2]);
    assert_eq!(of_row(2).copies, [scratch(BASE + 1, 1, 1), scratch(BASE + 1, 2, 2)]);
    let itself = |from, to| CellCopy { source: CellSource::SameRow, from, to };
    assert_eq!((&of_row(3).copies, &of_row(3).clears), (&vec![itself(2, 1)], &vec![2]));
}

#[test]
fn an_emptied_row_is_looked_for_beside_the_row_that_was_its_neighbor() {
    let (before, after) = ([json!(["z", 7]), json!(["", 3])], [json!(["z", 10]), json!([])]);
    let finding = finding(&HEADER, &[("a", 2), ("b", 3)], &before, &after);
    let tab = tab(&HEADER);
    // A row was inserted above: the hit row is where the emptied one was.
    let now = rows(&[json!(HEADER), json!(["a", 1]), json!([]), json!(["z", 10]), json!([]), json!(["b", 1])]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    let restored = repairs.iter().find(|repair| repair.copies == [scratch(BASE + 1, 1, 1)]);
    assert_eq!(restored.and_then(|repair| repair.row), Some(4), "{repairs:?}");
}

#[test]
fn a_filled_row_that_people_delete_stays_deleted() {
    let finding = make_filling(&["n", "id", "mine"], &[("a", 1)], &[json!([])], &[json!(["a", 10])]);
    let tab = tab(&["n", "id", "mine"]);
    let now = rows(&[json!(tab.header), json!([1, "b"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.repairs.iter().all(|repair| repair.row.is_some()), "no new row: {planned:?}");
    assert!(planned.unrepaired[0].contains("the new row of key \"a\""), "{planned:?}");
}

#[test]
fn a_cell_that_another_s_write_put_right_by_chance_stays() {
    // Two repairs of column n. The one for b left in the row of a what that one should show, too.
    let (a, b) = (json!(["a", "stray", "of a"]), json!(["b", "lost", "of b"]));
    let mut finding = make_second(&b, &a, &json!(["a", "open", "of a"]));
    let mut own = make_second(&a, &json!(["c", "shut"]), &json!(["c", "open"])).misplaced.remove(0);
    (own.index, own.target.row, own.target.columns) = (1, 2, vec![1]);
    finding.misplaced[0].target.columns = vec![1];
    finding.misplaced.push(own);
    finding.undo_log.targets = finding.misplaced.iter().map(|misplaced| misplaced.target.clone()).collect();
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["odd", "open", "of a"]), json!(["c", "open"]), b]);
    let of_row = |planned: &RepairPlan| {
        planned.repairs.iter().find(|repair| repair.row == Some(1)).map(|repair| repair.copies.clone())
    };
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(of_row(&planned), Some(vec![scratch(BASE + 3, 1, 1)]), "as its own repair has it: {planned:?}");
    finding.misplaced[1].target.is_rewrite = true;
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(of_row(&planned), Some(vec![scratch(BASE, 1, 1)]), "no version for it: {planned:?}");
}

#[test]
fn a_row_that_shows_a_new_row_s_key_is_known_by_what_only_people_wrote() {
    let mut finding = make_second(&json!(["k", 10, "note"]), &json!([]), &json!(["", 7]));
    finding.undo_log.recreated = vec!["k".into()];
    finding.misplaced[0].target.columns = vec![0, 1];
    let RowPredicate::Row { key, .. } = &mut finding.misplaced[0].target.expect else { unreachable!("it is a repair") };
    *key = None;
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["", 7]), json!(["k", "typed", "note"]), json!(["k", 10])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.repairs.iter().any(|repair| repair.row == Some(2)), "{planned:?}");
    assert!(planned.repairs.iter().all(|repair| repair.row != Some(3)), "{planned:?}");
}
