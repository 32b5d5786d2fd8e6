//! Rows of which nothing proves which is which, and what proves it.

use serde_json::json;

use super::*;

const HEADER: [&str; 3] = ["id", "n", "mine"];
/// The header after the column of keys moved to where a batch wrote.
const MOVED: [&str; 4] = ["n", "id", "x", "mine"];

/// A batch that overwrote the keys of these rows (key and row) with the same text.
fn lost_keys(wrote: &[(&str, u32)]) -> UndoFinding {
    let before: Vec<_> = wrote.iter().map(|(key, _)| json!([1, key, 5, "note"])).collect();
    let after = vec![json!([1, 10, 5, "note"]); wrote.len()];
    finding(&MOVED, wrote, &before, &after)
}

/// A tab with the moved header and these rows below it.
fn moved_tab(below: &[Value]) -> (Tab, Vec<Vec<Value>>) {
    (tab(&MOVED), rows(&[&[json!(MOVED)], below].concat()))
}

fn written_rows(planned: &RepairPlan) -> Vec<Option<u32>> {
    planned.repairs.iter().map(|repair| repair.row).collect()
}

#[test]
fn equal_rows_that_moved_stop_the_run_until_the_key_is_written() {
    let finding = lost_keys(&[("a", 1)]);
    let twin = json!([1, 10, 5, "note"]);
    let (tab_now, now) = moved_tab(&[json!([]), twin.clone(), twin.clone()]);
    let planned = plan(&finding, &make_image(&tab_now, &now));
    let expected = "rows 3 and 4 could each be the one of key \"a\": write it into column \"id\" of the right one";
    assert_eq!(planned.ambiguous, [expected]);
    let (tab_now, now) = moved_tab(&[json!([]), twin, json!([1, "a", 5, "note"])]);
    let planned = plan(&finding, &make_image(&tab_now, &now));
    assert!(planned.ambiguous.is_empty() && !written_rows(&planned).contains(&Some(2)), "{planned:?}");
}

#[test]
fn one_row_left_of_two_equal_ones_stops_the_run() {
    let finding = lost_keys(&[("a", 1), ("b", 2)]);
    let (tab_now, now) = moved_tab(&[json!([1, 10, 5, "note"])]);
    let planned = plan(&finding, &make_image(&tab_now, &now));
    let expected = "row 2 could be the one of key \"a\" or of key \"b\"; write its key into column \"id\", or clear that cell if it is of neither";
    assert_eq!(planned.ambiguous, [expected]);
    let (tab_now, now) = moved_tab(&[json!([1, "b", 5, "note"])]);
    let planned = plan(&finding, &make_image(&tab_now, &now));
    assert_eq!(planned.ambiguous, Vec::<String>::new());
    assert!(planned.unrepaired.iter().any(|expected| expected.contains("key \"a\"")), "{planned:?}");
}

#[test]
fn equal_rows_that_stood_still_are_each_the_one_at_its_place() {
    let finding = lost_keys(&[("a", 1), ("b", 2)]);
    let twin = json!([1, 10, 5, "note"]);
    let (tab_now, now) = moved_tab(&[twin.clone(), twin]);
    let planned = plan(&finding, &make_image(&tab_now, &now));
    let restored = |row| planned.repairs.iter().find(|repair| repair.row == Some(row)).map(|repair| &repair.copies);
    assert!(restored(1).is_some_and(|copies| copies.contains(&scratch(BASE, 1, 1))), "{planned:?}");
    assert!(restored(2).is_some_and(|copies| copies.contains(&scratch(BASE + 1, 1, 1))), "{planned:?}");
}

#[test]
fn a_copy_in_a_blank_row_is_known_once_its_key_is_cleared() {
    let finding = make_second(&json!(["stray", 5, "x"]), &json!([]), &json!(["k", 10, "note"]));
    let (tab, copy) = (tab(&HEADER), json!(["k", 10, "note"]));
    let now = rows(&[json!(HEADER), json!([]), copy.clone(), copy.clone()]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let expected = "rows 3 and 4 could each be the one of key \"k\", and a write filled the other by mistake; clear column \"id\" of that other row";
    assert_eq!(planned.ambiguous, [expected]);
    let now = rows(&[json!(HEADER), json!([]), copy, json!(["", 10, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!((planned.ambiguous.len(), written_rows(&planned)), (0, vec![Some(3)]), "{planned:?}");
}

#[test]
fn a_row_restored_by_hand_leaves_its_twin_alone() {
    let finding = finding(&HEADER, &[("a", 1)], &[json!(["", 7, "total"])], &[json!(["", 10, "total"])]);
    let tab = tab(&HEADER);
    let (own, twin) = (json!(["a", 1]), json!(["", 10, "total"]));
    let now = rows(&[json!(HEADER), own.clone(), twin.clone(), twin.clone()]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.ambiguous[0].contains("rows 3 and 4 could each be one without a key"), "{planned:?}");
    let now = rows(&[json!(HEADER), own, json!(["", 7, "total"]), twin]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!((planned.ambiguous.len(), written_rows(&planned)), (0, vec![Some(1)]), "{planned:?}");
}

#[test]
fn rows_with_nothing_but_formulas_are_alike_as_blank_ones() {
    let finding = finding(&HEADER, &[("a", 1)], &[json!(["", 7, 2])], &[json!(["", "", 2])]);
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["a", 1]), json!(["", "", 2]), json!(["", "", 2])]);
    let filled = json!(["", "", "=1+1"]);
    let entered = rows(&[json!(HEADER), json!(["a", 1]), filled.clone(), filled]);
    let planned = plan(&finding, &TabImage { entered: &entered, ..make_image(&tab, &now) });
    assert_eq!(planned.ambiguous, Vec::<String>::new());
    assert_eq!(written_rows(&planned), [Some(1), Some(2)], "the nearest one: {planned:?}");
}

#[test]
fn a_settled_row_is_no_rival_of_one_that_people_changed() {
    let expected = json!(["stray", 10, "note"]);
    let mut finding = make_second(&expected, &json!(["stray", 10, "typed"]), &json!(["k", 10, "typed"]));
    finding.misplaced[0].target.columns = vec![0];
    finding.hit_as_intended = vec![(2, cells_of(&json!(["stray", 10, "x"])))];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["k", 10, "typed"]), json!(["stray", 10, "x"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let copies: Vec<_> = planned.repairs.iter().flat_map(|repair| &repair.copies).collect();
    assert_eq!(copies, [&scratch(BASE + 1, 0, 0)], "its key stays: {planned:?}");
}

#[test]
fn a_row_between_rows_that_stood_still_is_the_expected_one() {
    let expected = json!(["stray", 10, "note"]);
    let mut finding = make_second(&expected, &json!(["stray", 11, "typed"]), &json!(["k", 11, "typed"]));
    finding.misplaced[0].target.row = 2;
    finding.misplaced[0].target.columns = vec![0];
    let RowPredicate::Row { key, .. } = &mut finding.misplaced[0].target.expect else { unreachable!("a repair") };
    *key = None;
    let (above, below) = (json!(["u", 1, "one"]), json!(["v", 2, "two"]));
    finding.hit_as_intended = vec![(1, cells_of(&above)), (3, cells_of(&below))];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), above, json!(["k", 11, "typed"]), below]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(planned.repairs[0].copies, [scratch(BASE + 1, 0, 0)], "its key stays: {planned:?}");
    finding.hit_as_intended.truncate(1);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.unrepaired[0].contains("key \"k\", which had lost its key"), "{planned:?}");
}

#[test]
fn a_row_whose_key_is_changed_under_way_gets_its_cells_back() {
    let (before, after) = (json!(["odd", 10, "note"]), json!(["odd", 7, "note"]));
    let mut finding = make_second(&json!(["k", 10, "note"]), &before, &after);
    finding.misplaced[0].target.columns = vec![1];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["odd", 7, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(planned.repairs[0].copies, [scratch(BASE + 1, 1, 1)], "what was restored stays: {planned:?}");
    // A version is for the row of its key.
    finding.misplaced[0].target.is_rewrite = true;
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(planned.repairs[0].copies, [scratch(BASE, 1, 1)], "it belongs to no key: {planned:?}");
    // Once more was changed, it counts as gone.
    finding.misplaced[0].target.is_rewrite = false;
    (finding.misplaced[0].pre_image, finding.misplaced[0].pre_image_values) =
        (cells_of(&before), cells_of(&json!(["odd", 11, "note"])));
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(planned.repairs[0].copies, [scratch(BASE, 1, 1)], "{planned:?}");
}

#[test]
fn a_key_typed_back_finds_its_row_though_more_was_changed() {
    let finding = make_second(&json!(["stray", 10, "note"]), &json!([]), &json!(["k", 7, "old"]));
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["k", 7, "old"]), json!(["k", 11, "note"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let own = planned.repairs.iter().find(|repair| repair.row == Some(2)).expect("its row");
    assert!(own.copies.iter().all(|copy| copy.to != 1), "what was typed stays: {planned:?}");
}

#[test]
fn what_a_row_showed_for_a_key_by_mistake_names_no_row() {
    // The hit row is the one in which the write was to restore key k; it showed "open" in place of it.
    let mut finding = make_second(&json!(["open", 5, "note"]), &json!(["open", 5, "note"]), &json!(["k", 7, "note"]));
    finding.misplaced[0].target.columns = vec![0, 1];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["open", 7, "other"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.repairs.is_empty(), "the other row is left alone: {planned:?}");
    assert!(planned.unrepaired.iter().all(|expected| !expected.contains("\"open\"")), "{planned:?}");
}

#[test]
fn a_value_that_others_show_too_identifies_no_row() {
    let finding = finding(&HEADER, &[("a", 1)], &[json!(["", "", "total"])], &[json!(["", "open", "total"])]);
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["a", 1]), json!(["", "open", "remark"]), json!(["b", "open"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(written_rows(&planned), [Some(1)], "{planned:?}");
}

#[test]
fn a_stray_formula_in_a_blank_row_does_not_make_it_any_blank_row() {
    let mut finding = finding(&HEADER, &[("a", 1)], &[json!([])], &[json!(["", 2])]);
    finding.undo_log.is_repair = true;
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["a", 1]), json!([]), json!(["", 2])]);
    let entered = rows(&[json!(HEADER), json!(["a", 1]), json!([]), json!(["", "=1+1"])]);
    let planned = plan(&finding, &TabImage { entered: &entered, ..make_image(&tab, &now) });
    let stray = planned.repairs.iter().find(|repair| repair.row == Some(3)).expect("the formula's row");
    let RowPredicate::Row { fingerprint, .. } = &stray.expect else { unreachable!("it has no key") };
    assert!(fingerprint.compare(&now[3], |_| false).is_exact());
    assert!(!fingerprint.compare(&now[2], |_| false).is_exact(), "a blank row is another one");
}

#[test]
fn a_constant_typed_over_a_formula_that_a_repair_overwrites_is_noticed() {
    let finding = finding(&HEADER, &[("a", 1)], &[json!(["z", 7, "note"])], &[json!(["z", 2, "note"])]);
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["a", 1]), json!(["z", 2, "note"])]);
    let entered = rows(&[json!(HEADER), json!(["a", 1]), json!(["z", "=1+1", "note"])]);
    let planned = plan(&finding, &TabImage { entered: &entered, ..make_image(&tab, &now) });
    let RowPredicate::Row { fingerprint, .. } = &planned.repairs[1].expect else { unreachable!("a repair") };
    assert!(!fingerprint.compare(&cells_of(&json!(["z", "typed", "note"])), |_| false).is_exact());
}

#[test]
fn a_row_created_anew_gets_the_cells_that_were_meant_for_it() {
    // The row of key k had its value under another header; the write that was to fix that emptied it.
    let mut finding = make_second(&json!(["k", "", 10]), &json!(["k", "", 10]), &json!([]));
    let mut fix = finding.misplaced[0].clone();
    (fix.index, fix.target.row, fix.target.columns) = (1, 2, vec![1, 2]);
    (fix.pre_image, fix.pre_image_values, fix.post_image_values) =
        (Vec::new(), Vec::new(), cells_of(&json!(["", 10, ""])));
    let RowPredicate::Row { fingerprint, .. } = fix.target.expect.clone() else { unreachable!("a repair") };
    finding.misplaced[0].target.expect = RowPredicate::Row { key: Some("other".into()), fingerprint };
    finding.undo_log.targets.push(fix.target.clone());
    finding.misplaced.push(fix);
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["b", 1, "x"])]);
    let image = TabImage { height: 2, ..make_image(&tab, &now) };
    let planned = plan(&finding, &image);
    let new: Vec<_> = planned.repairs.iter().filter(|repair| repair.row.is_none()).collect();
    assert_eq!(new.len(), 1, "{planned:?}");
    let meant = scratch(finding.undo_log.post_image_row(1), 1, 1);
    assert!(new[0].copies.contains(&meant) && new[0].key() == Some("k"), "{planned:?}");
}

#[test]
fn of_two_equal_rows_with_other_repairs_the_hit_one_is_not_guessed() {
    // Two rows showed the same when their repairs were planned; then one of them was hit.
    let expected = json!(["", 10, "note"]);
    let mut finding = make_second(&expected, &expected, &json!(["k", 7, "own"]));
    let mut other = finding.misplaced[0].clone();
    (other.index, other.target.row) = (1, 2);
    (other.pre_image, other.pre_image_values, other.post_image_values) =
        (Vec::new(), Vec::new(), cells_of(&json!(["l", 8, "own"])));
    finding.misplaced[0].pre_image = cells_of(&json!(["z", 1, "z"]));
    finding.misplaced[0].pre_image_values = finding.misplaced[0].pre_image.clone();
    let mut hit = other.clone();
    (hit.index, hit.target.row, hit.target.columns) = (2, 3, vec![1]);
    hit.target.expect = RowPredicate::Key("z".into());
    hit.pre_image = cells_of(&expected);
    (hit.pre_image_values, hit.post_image_values) = (hit.pre_image.clone(), cells_of(&json!(["", 5, "note"])));
    finding.undo_log.targets.extend([other.target.clone(), hit.target.clone()]);
    finding.misplaced.extend([other, hit]);
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["k", 7, "own"]), json!([]), json!(["", 5, "note"]), expected]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.ambiguous.iter().any(|expected| expected.contains("rows 4 and 5 could each be")), "{planned:?}");
}

#[test]
fn a_settled_row_whose_key_was_cleared_is_no_other_row() {
    // A person changed a cell of the hit row since the plan; a row hit as intended resembles it as much.
    let expected = json!(["", 10, "note", "x"]);
    let mut finding = make_second(&expected, &json!(["", 10, "hers", "x"]), &json!(["", 7, "", "x"]));
    finding.hit_as_intended = vec![(2, cells_of(&json!(["k", 10, "note", "mine"])))];
    let header = ["id", "n", "mine", "more"];
    (finding.header, finding.undo_log.header) = (tab(&header).header, tab(&header).header);
    let tab = tab(&header);
    let now = rows(&[json!(header), json!(["", 7, "", "x"]), json!(["", 10, "note", "mine"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.repairs.iter().all(|repair| repair.row == Some(1)), "{planned:?}");
    let restored = [scratch(BASE + 1, 0, 0), scratch(BASE + 1, 1, 1), scratch(BASE, 2, 2)];
    assert_eq!(planned.repairs[0].copies, restored, "{planned:?}");
}
