use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;
use crate::ledger::leases::head::HeadId;
use crate::store::tabs::row_fingerprint::RowFingerprint;
use crate::store::tabs::schema::Tab;
use crate::store::upsert::repair::location::column_search::find_columns_by_formula;
use crate::store::upsert::repair::location::image::EnteredImages;
use crate::store::upsert::undo_log::{MisplacedWrite, RowImages, RowWrite, UndoLog};

#[path = "tests/edits.rs"]
mod edits;
#[path = "tests/identity.rs"]
mod identity;
#[path = "tests/stray_keys.rs"]
mod stray_keys;
#[path = "tests/twins.rs"]
mod twins;

const BASE: u32 = 100;
static NO_ENTRIES: EnteredImages =
    EnteredImages { pre_images: Vec::new(), post_images: Vec::new(), header: Vec::new() };

fn tab(header: &[&str]) -> Tab {
    Tab { id: 1, title: "T".into(), header: header.iter().map(|&text| text.to_owned()).collect(), ..Tab::default() }
}

fn rows(rows: &[Value]) -> Vec<Vec<Value>> {
    rows.iter().map(|row| row.as_array().cloned().unwrap_or_default()).collect()
}

/// A batch that wrote column n of these rows (key and row), and what it found there.
fn finding(found: &[&str], wrote: &[(&str, u32)], before: &[Value], after: &[Value]) -> UndoFinding {
    let target = |(key, row): &(&str, u32)| RowWrite {
        expect: RowPredicate::Key((*key).into()),
        row: *row,
        columns: vec![1],
        moves: Vec::new(),
        is_rewrite: false,
    };
    let undo_log = UndoLog {
        head: HeadId { commit: 1, nonce: 1 },
        header: tab(&["id", "n", "mine"]).header,
        key: 0,
        written_columns: vec![0, 1],
        names: tab(&["id", "n"]).header,
        appended: 1,
        processed_rows: 1,
        width: 20,
        recreated: Vec::new(),
        header_formulas: Vec::new(),
        appended_per_key: HashMap::new(),
        first_target_row: BASE,
        is_repair: false,
        targets: wrote.iter().map(target).collect(),
    };
    let images = RowImages {
        header: tab(found).header,
        pre_images: rows(before),
        post_image_values: rows(after),
        pre_image_values: Vec::new(),
    };
    undo_log.evaluate(images, || vec!["new".into()])
}

fn make_image<'a>(tab: &'a Tab, rows: &'a [Vec<Value>]) -> TabImage<'a> {
    TabImage { tab, key: tab.position("id").expect("a key"), rows, height: 50, entered: &[], undo: &NO_ENTRIES }
}

fn planned_repairs(finding: &UndoFinding, image: &TabImage<'_>) -> Vec<RowRepair> {
    let planned = plan(finding, image);
    assert_eq!(planned.ambiguous, Vec::<String>::new());
    planned.repairs
}

fn scratch(row: u32, from: usize, to: usize) -> CellCopy {
    CellCopy { source: CellSource::Undo(row), from, to }
}

#[test]
fn a_sorted_tab_gets_both_rows_right_and_each_is_written_once() {
    let wrote = [("a", 1), ("b", 2)];
    let (before, after) = ([json!(["b", 2]), json!(["a", 1])], [json!(["b", 10]), json!(["a", 20])]);
    let finding = finding(&["id", "n", "mine"], &wrote, &before, &after);
    let (tab, now) = (tab(&["id", "n", "mine"]), rows(&[json!(["id", "n"]), json!(["b", 10]), json!(["a", 20])]));
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    let planned: Vec<_> = repairs.iter().map(|repair| (repair.row, repair.copies.clone())).collect();
    assert_eq!(planned, [(Some(2), vec![scratch(BASE + 2, 1, 1)]), (Some(1), vec![scratch(BASE + 3, 1, 1)])]);
}

#[test]
fn a_row_that_was_hit_is_restored_where_it_is_now_and_left_alone_where_people_changed_it() {
    let finding = finding(&["id", "n", "mine"], &[("a", 1)], &[json!(["z", 7])], &[json!(["z", 10])]);
    let tab = tab(&["id", "n", "mine"]);
    let moved = rows(&[json!(["id", "n"]), json!([]), json!(["z", 10]), json!(["a", 1])]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &moved));
    assert_eq!(
        repairs[0],
        RowRepair {
            row: Some(3),
            expect: RowPredicate::Row { key: Some("a".into()), fingerprint: RowFingerprint::new(&moved[3], |_| false) },
            copies: vec![scratch(BASE + 1, 1, 1)],
            clears: Vec::new(),
            is_rewrite: true,
        }
    );
    assert_eq!((repairs[1].row, &repairs[1].copies), (Some(2), &vec![scratch(BASE, 1, 1)]));
    let changed = rows(&[json!(["id", "n"]), json!([]), json!(["z", 11]), json!(["a", 1])]);
    assert_eq!(planned_repairs(&finding, &make_image(&tab, &changed)).len(), 1);
}

#[test]
fn a_row_without_a_key_is_found_by_what_was_written_into_it() {
    let finding = finding(&["id", "n", "mine"], &[("a", 1)], &[json!(["", "", "total"])], &[json!(["", 10, "total"])]);
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n"]), json!(["a", 1]), json!(["", 10, "total"])]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    assert_eq!((repairs[1].row, &repairs[1].copies), (Some(2), &vec![scratch(BASE, 1, 1)]));
    assert_eq!(
        repairs[1].expect,
        RowPredicate::Row { key: None, fingerprint: RowFingerprint::new(&now[2], |_| false) }
    );
}

#[test]
fn of_two_rows_without_a_key_that_look_alike_each_is_put_right() {
    let stray = || json!(["", 10]);
    let finding = finding(&["id", "n", "mine"], &[("a", 1), ("a", 2)], &[json!([]), json!([])], &[stray(), stray()]);
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n"]), json!(["a", 1]), stray(), json!([]), stray()]);
    let mut cleared: Vec<_> =
        planned_repairs(&finding, &make_image(&tab, &now)).into_iter().map(|repair| repair.row).collect();
    cleared.sort();
    assert_eq!(cleared, [Some(1), Some(2), Some(4)]);
}

#[test]
fn a_row_without_a_key_that_others_resemble_is_known_by_what_people_wrote_beside() {
    let stray = [json!(["", 10]), json!(["", 10, "total"])];
    let finding = finding(&["id", "n", "mine"], &[("a", 1), ("a", 2)], &[json!([]), json!(["", 3, "total"])], &stray);
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n"]), json!(["a", 1]), stray[0].clone(), stray[1].clone()]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    let of_row = |row| repairs.iter().find(|repair| repair.row == Some(row)).map(|repair| repair.expect.clone());
    for (row, twin) in [(2, 3), (3, 2)] {
        let Some(RowPredicate::Row { fingerprint, .. }) = of_row(row) else { unreachable!("it has no key") };
        let is_it = |row: usize| fingerprint.compare(&now[row], |_| false).is_exact();
        assert!(is_it(row as usize) && !is_it(twin));
    }
}

#[test]
fn a_key_whose_row_was_deleted_gets_a_new_one() {
    let finding = finding(&["id", "n", "mine"], &[("a", 1)], &[json!(["z", 7])], &[json!(["z", 10])]);
    let (tab, now) = (tab(&["id", "n", "mine"]), rows(&[json!(["id", "n"]), json!(["z", 10])]));
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    assert_eq!((repairs[0].row, &repairs[0].expect), (None, &RowPredicate::Key("a".into())));
    assert_eq!(repairs[1].row, Some(1));
}

#[test]
fn a_header_written_anew_keeps_its_column_and_a_deleted_column_is_left_out() {
    let renamed = &["id", "number", "mine"];
    assert!(finding(renamed, &[("a", 1)], &[json!(["a", 1])], &[json!(["a", 10])]).misplaced.is_empty());
    let misplaced = finding(renamed, &[("a", 1)], &[json!(["z", 1])], &[json!(["z", 10])]);
    let (tab_now, now) = (tab(renamed), rows(&[json!(["id"]), json!(["z", 10]), json!(["a", 2])]));
    let repairs = planned_repairs(&misplaced, &make_image(&tab_now, &now));
    assert_eq!((repairs[0].row, &repairs[0].copies), (Some(2), &vec![scratch(BASE + 1, 1, 1)]));
    let deleted = finding(&["id", "mine"], &[("a", 1)], &[json!(["a", "note"])], &[json!(["a", 10])]);
    let (tab_now, now) = (tab(&["id", "mine"]), rows(&[json!(["id"]), json!(["a", 10])]));
    let repairs = planned_repairs(&deleted, &make_image(&tab_now, &now));
    assert_eq!((repairs[0].row, &repairs[0].copies), (Some(1), &vec![scratch(BASE, 1, 1)]));
}

#[test]
fn cells_under_other_headers_go_back_and_those_meant_go_to_their_own() {
    let finding = finding(&["id", "mine", "n"], &[("a", 1)], &[json!(["a", "note", 1])], &[json!(["a", 10, 1])]);
    let tab = tab(&["id", "mine", "n"]);
    let now = rows(&[json!(["id", "mine", "n"]), json!(["a", 10, 1]), json!(["new", 5])]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    assert_eq!((repairs[0].row, &repairs[0].copies), (Some(1), &vec![scratch(BASE + 1, 1, 2), scratch(BASE, 1, 1)]));
    let itself = |from, to| CellCopy { source: CellSource::SameRow, from, to };
    assert_eq!((repairs[1].row, &repairs[1].copies), (Some(2), &vec![itself(1, 2)]));
    assert_eq!(repairs[1].clears, [1]);
}

/// A batch that filled these rows (key and row), and what it found there.
fn make_filling(found: &[&str], wrote: &[(&str, u32)], before: &[Value], after: &[Value]) -> UndoFinding {
    let mut finding = finding(found, wrote, before, after);
    let fill = |target: &mut RowWrite| {
        let RowPredicate::Key(key) = target.expect.clone() else { return };
        (target.expect, target.columns) = (RowPredicate::Blank(key), vec![0, 1]);
    };
    finding.misplaced.iter_mut().for_each(|misplaced| fill(&mut misplaced.target));
    finding.undo_log.targets.iter_mut().for_each(fill);
    finding
}

#[test]
fn a_row_that_was_filled_by_mistake_is_given_back_and_the_new_one_made_elsewhere() {
    let (before, after) = (json!(["z", 7, "note"]), json!(["a", 10, "note"]));
    let finding = make_filling(&["id", "n", "mine"], &[("a", 1)], &[before], std::slice::from_ref(&after));
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n"]), json!(["b", 1]), after]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    let as_intended = vec![scratch(BASE + 1, 0, 0), scratch(BASE + 1, 1, 1)];
    assert_eq!((repairs[0].row, &repairs[0].copies), (None, &as_intended));
    assert_eq!((repairs[1].row, &repairs[1].copies), (Some(2), &vec![scratch(BASE, 0, 0), scratch(BASE, 1, 1)]));
}

#[test]
fn two_filled_rows_that_are_alike_are_each_put_right() {
    let (before, after) = (json!(["", 7]), json!(["a", 10]));
    let (befores, afters) = ([before.clone(), before], [after.clone(), after.clone()]);
    let finding = make_filling(&["id", "n", "mine"], &[("a", 1), ("a", 2)], &befores, &afters);
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n"]), after.clone(), after]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    let mut restored: Vec<_> = repairs.iter().filter_map(|repair| repair.row).collect();
    restored.sort_unstable();
    assert_eq!((restored, repairs.iter().filter(|repair| repair.row.is_none()).count()), (vec![1, 2], 2));
}

#[test]
fn a_blank_row_that_was_filled_under_other_headers_stays_and_its_cells_move() {
    let (before, after) = (json!([]), json!(["a", 10]));
    let finding = make_filling(&["n", "id", "mine"], &[("a", 1)], &[before], std::slice::from_ref(&after));
    let tab = tab(&["n", "id", "mine"]);
    let now = rows(&[json!(["n", "id", "mine"]), after]);
    let repairs = planned_repairs(&finding, &make_image(&tab, &now));
    let row = repairs.iter().find(|repair| repair.row == Some(1)).expect("its own row");
    assert_eq!(row.copies, [scratch(BASE + 1, 0, 1), scratch(BASE + 1, 1, 0)]);
    assert!(repairs.iter().all(|repair| repair.row.is_some()), "no second row: {repairs:?}");
}

/// A repair that wrote all cells of one row, which was to show `expected`.
fn make_second(expected: &Value, pre_image: &Value, post_image_values: &Value) -> UndoFinding {
    let mut finding = finding(
        &["id", "n", "mine"],
        &[("", 1)],
        std::slice::from_ref(pre_image),
        std::slice::from_ref(post_image_values),
    );
    let cells = expected.as_array().cloned().unwrap_or_default();
    let key = Some(read_cell(&cells, 0)).filter(|key| !key.is_empty());
    let expect = RowPredicate::Row { key, fingerprint: RowFingerprint::new(&cells, |_| false) };
    let target = RowWrite { expect, row: 1, columns: vec![0, 1, 2], moves: Vec::new(), is_rewrite: false };
    let (pre_image, post_image_values) = (cells_of(pre_image), cells_of(post_image_values));
    finding.misplaced = vec![MisplacedWrite {
        index: 0,
        target: target.clone(),
        pre_image_values: pre_image.clone(),
        pre_image,
        post_image_values,
    }];
    finding.undo_log.targets = vec![target];
    (finding.undo_log.is_repair, finding.undo_log.appended) = (true, 0);
    finding
}

fn cells_of(row: &Value) -> Vec<Value> {
    row.as_array().cloned().unwrap_or_default()
}

#[test]
fn a_repair_that_hit_its_row_stays_though_its_key_was_typed_over() {
    let finding = make_second(&json!(["stray", 10, "note"]), &json!(["typed", 10, "note"]), &json!(["k", 7, "note"]));
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n", "mine"]), json!([]), json!(["k", 7, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    // Only the typed cell comes back; the others are right.
    let after = BASE + 1;
    let copies = vec![scratch(after, 1, 1), scratch(after, 2, 2), scratch(BASE, 0, 0)];
    assert_eq!((planned.repairs[0].row, &planned.repairs[0].copies), (Some(2), &copies));
}

#[test]
fn a_row_whose_key_was_typed_back_still_gets_its_repair() {
    let finding = make_second(&json!(["stray", 10, "note"]), &json!([]), &json!(["k", 7, "old"]));
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n", "mine"]), json!(["k", 7, "old"]), json!(["k", 10, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let own = planned.repairs.iter().find(|repair| repair.row == Some(2)).expect("its row");
    assert_eq!(own.copies, [scratch(BASE + 1, 1, 1), scratch(BASE + 1, 2, 2)]);
    assert_eq!(planned.unrepaired, Vec::<String>::new(), "its key is right already");
}

#[test]
fn a_broken_header_is_known_by_the_text_in_its_formula() {
    let finding = finding(&["x", "id", "y", "n"], &[("a", 1)], &[json!(["", "a", "", 1])], &[json!(["", 10, "", 1])]);
    let tab = tab(&["y", "id", "#REF!", "new", "n"]);
    let now = rows(&[json!(tab.header), json!(["", 10, "", "", 1])]);
    let entered = rows(&[json!(["y", "id", "={\"x\";ARRAYFORMULA(A2:A9)}", "new", "n"])]);
    let image = TabImage { entered: &entered, ..make_image(&tab, &now) };
    let header = find_columns_by_formula(&finding.header, &image);
    assert_eq!(header, [(0, 2)]);
    let moved = rows(&[json!(["id", "y", "={\"x\";ARRAYFORMULA(A2:A9)}", "new", "n"])]);
    let image = TabImage { entered: &moved, ..make_image(&tab, &now) };
    assert_eq!(find_columns_by_formula(&finding.header, &image), [], "the columns moved between the two reads");
}

#[test]
fn a_row_whose_lost_key_was_typed_over_gets_its_other_cells_back() {
    let found = &["n", "id", "x", "mine"];
    let finding = finding(found, &[("a", 1)], &[json!([1, "a", 5, "note"])], &[json!([1, 10, 5, "note"])]);
    let tab = tab(found);
    let now = rows(&[json!(found), json!([]), json!([1, "odd", 5, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.repairs.iter().all(|repair| repair.key() != Some("a")), "it belongs to no key: {planned:?}");
    assert_eq!(planned.unrepaired, ["1 cells that people changed meanwhile are left as they are"]);
    let twins = rows(&[json!(found), json!([1, "even", 5, "note"]), json!([1, "odd", 5, "note"])]);
    assert!(plan(&finding, &make_image(&tab, &twins)).repairs.is_empty(), "nothing is guessed");
}

#[test]
fn a_row_that_was_emptied_comes_back_though_an_array_fills_it() {
    let found = &["id", "n", "arr"];
    let mut finding = make_second(&json!([]), &json!(["k", 7, ""]), &json!(["", "", "x-"]));
    finding.header = tab(found).header;
    finding.undo_log.header = tab(found).header;
    let tab = tab(found);
    let now = rows(&[json!(found), json!(["b", 1, "x-b"]), json!(["", "", "x-"])]);
    let entered = rows(&[json!(["id", "n", "={\"arr\";ARRAYFORMULA(A2:A9)}"]), json!(["b", 1]), json!([])]);
    let image = TabImage { entered: &entered, ..make_image(&tab, &now) };
    let planned = plan(&finding, &image);
    let restored =
        planned.repairs.iter().any(|repair| repair.row == Some(2) && repair.copies.contains(&scratch(BASE, 0, 0)));
    assert!(restored, "{planned:?}");
}

#[test]
fn the_new_row_of_a_key_is_not_taken_for_one_that_showed_it() {
    let mut finding = make_second(&json!(["k", 10, "note"]), &json!([]), &json!(["", 7, "note"]));
    finding.undo_log.recreated = vec!["k".into()];
    let RowPredicate::Row { key, .. } = &mut finding.misplaced[0].target.expect else { unreachable!("it is a repair") };
    *key = None;
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n", "mine"]), json!(["", 7, "note"]), json!(["k", 10]), json!(["k", 5, "typed"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.repairs.iter().all(|repair| repair.row == Some(1)), "{planned:?}");
}

#[test]
fn a_key_that_a_repair_takes_out_of_a_row_does_not_identify_it() {
    let finding = make_second(&json!(["stray", 10, "note"]), &json!(["", 7, "own"]), &json!(["k", 10, "own"]));
    let tab = tab(&["id", "n", "mine"]);
    let now = rows(&[json!(["id", "n", "mine"]), json!(["k", 10, "own"]), json!(["stray", 10, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let expected = |row| planned.repairs.iter().find(|repair| repair.row == Some(row)).map(|repair| repair.key());
    assert_eq!((expected(1), expected(2)), (Some(None), Some(Some("stray"))), "{planned:?}");
}
