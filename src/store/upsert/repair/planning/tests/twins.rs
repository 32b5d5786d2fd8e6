//! Rows with equal contents of which something proves which is which, and what proves nothing.

use serde_json::json;

use super::*;

const HEADER: [&str; 3] = ["id", "n", "mine"];

/// A row without a visible key, with these contents.
fn row_showing(cells: &Value) -> RowPredicate {
    RowPredicate::Row { key: None, fingerprint: RowFingerprint::new(&cells_of(cells), |_| false) }
}

/// A repair that expected a row with these contents and hit another one.
fn repair_that_missed(expected: &Value, before: &Value, after: &Value) -> UndoFinding {
    let mut finding = make_second(expected, before, after);
    finding.misplaced[0].target.expect = row_showing(expected);
    finding.misplaced[0].target.columns = vec![0, 1];
    finding
}

/// Another write of the same repair, for a row with these contents: it hit a blank row and left it blank.
fn and_one_that_clears(mut finding: UndoFinding, expected: &Value) -> UndoFinding {
    let mut other = finding.misplaced[0].clone();
    (other.index, other.target.row, other.target.expect) = (1, 4, row_showing(expected));
    (other.pre_image, other.pre_image_values, other.post_image_values) = (Vec::new(), Vec::new(), Vec::new());
    finding.undo_log.targets.push(other.target.clone());
    finding.misplaced.push(other);
    finding
}

#[test]
fn a_row_expected_elsewhere_leaves_no_doubt_about_another() {
    // What a write left in a row of formulas is also what another one expected in a row without any.
    let finding = repair_that_missed(&json!(["stray", 5]), &json!(["", "", 2]), &json!(["k", 10, 2]));
    let finding = and_one_that_clears(finding, &json!(["k", 10]));
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["k", 10, 2]), json!([]), json!(["k", 10])]);
    let entered = rows(&[json!(HEADER), json!(["k", 10, "=1+1"]), json!([]), json!(["k", 10])]);
    let planned = plan(&finding, &TabImage { entered: &entered, ..make_image(&tab, &now) });
    assert_eq!(planned.ambiguous, Vec::<String>::new());
    let cleared = planned.repairs.iter().find(|repair| repair.row == Some(1)).expect("the hit row");
    assert_eq!(cleared.copies, [scratch(BASE, 0, 0), scratch(BASE, 1, 1)], "{planned:?}");
    let twin = planned.repairs.iter().find(|repair| repair.row == Some(3)).expect("the expected row");
    assert!(twin.copies.contains(&scratch(finding.undo_log.post_image_row(1), 0, 0)), "{planned:?}");
}

#[test]
fn what_a_header_fills_in_does_not_prove_a_row() {
    let mut finding = repair_that_missed(&json!(["", 10, "x-1"]), &json!(["z", 1, "x-1"]), &json!(["k", 7, "x-1"]));
    let tab = tab(&["id", "n", "arr"]);
    (finding.header, finding.undo_log.header) = (tab.header.clone(), tab.header.clone());
    let now = [json!(tab.header), json!(["k", 7, "x-0"]), json!(["", 10, "x-1"]), json!(["", 10, "x-2"])];
    let entered = [json!(["id", "n", "={\"arr\";A2:A9}"]), json!(["k", 7]), json!(["", 10]), json!(["", 10])];
    let (now, entered) = (rows(&now), rows(&entered));
    let planned = plan(&finding, &TabImage { entered: &entered, ..make_image(&tab, &now) });
    assert!(planned.ambiguous[0].contains("rows 3 and 4 could each be the one of key \"k\""), "{planned:?}");
}

#[test]
fn a_key_that_two_rows_show_identifies_neither() {
    let finding = repair_that_missed(&json!(["k", 10, "note"]), &json!(["z", 1, "z"]), &json!(["k", 7, "z"]));
    let (tab, twin) = (tab(&HEADER), json!(["k", 10, "note"]));
    let now = rows(&[json!(HEADER), json!(["k", 7, "z"]), twin.clone(), twin.clone()]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.ambiguous[0].contains("rows 3 and 4 could each be the one of key \"k\""), "{planned:?}");
    let now = rows(&[json!(HEADER), json!(["k", 7, "z"]), twin]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.ambiguous.is_empty() && planned.repairs.iter().any(|repair| repair.row == Some(2)), "{planned:?}");
}

#[test]
fn of_a_key_and_its_copy_the_one_that_is_left_is_the_keys() {
    // One write restores k's row, and another clears a row that shows the same by mistake. Users
    // changed the key of one of the two.
    let finding = repair_that_missed(&json!(["k", 10, "note"]), &json!(["z", 1, "z"]), &json!(["k", 7, "z"]));
    let finding = and_one_that_clears(finding, &json!(["k", 10, "note"]));
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["k", 7, "z"]), json!(["k", 10, "note"]), json!(["odd", 10, "hers"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(planned.ambiguous, Vec::<String>::new());
    let left = planned.repairs.iter().find(|repair| repair.row == Some(2)).expect("k's row");
    assert!(left.copies.contains(&scratch(finding.undo_log.post_image_row(0), 1, 1)), "{planned:?}");
    assert!(planned.repairs.iter().all(|repair| repair.row != Some(3)), "{planned:?}");
}

#[test]
fn a_row_with_formulas_alone_is_not_one_restored_by_hand() {
    let mut finding = repair_that_missed(&json!([]), &json!(["", "", 2]), &json!(["k", 10, 2]));
    finding.misplaced[0].target.expect = RowPredicate::Blank("k".into());
    finding.undo_log.is_repair = false;
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!([]), json!(["k", 10, 2]), json!(["", "", 2])]);
    let entered = rows(&[json!(HEADER), json!([]), json!(["k", 10, "=1+1"]), json!(["", "", "=1+1"])]);
    let planned = plan(&finding, &TabImage { entered: &entered, ..make_image(&tab, &now) });
    let written: Vec<_> = planned.repairs.iter().map(|repair| repair.row).collect();
    assert_eq!(written, [Some(2)], "{planned:?}");
}

#[test]
fn two_stray_rows_that_are_both_to_be_emptied_are_no_question() {
    let stray = json!(["", 10]);
    // A repair was to empty one, hit the total, and left the same in a blank row.
    let mut finding = make_second(&stray, &json!(["", "", "total"]), &json!(["", "", "total"]));
    let mut hit = make_second(&json!(["k", 1]), &json!([]), &stray).misplaced.remove(0);
    (hit.index, hit.target.row, hit.target.columns) = (1, 2, vec![1]);
    finding.misplaced[0].target.columns = vec![1];
    finding.misplaced.push(hit);
    finding.undo_log.targets = finding.misplaced.iter().map(|misplaced| misplaced.target.clone()).collect();
    let tab = tab(&["id", "n", "mine"]);
    let header = json!(["id", "n", "mine"]);
    let now = rows(&[header.clone(), json!(["k", 1]), json!(["", "", "total"]), stray.clone(), stray.clone()]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(planned.ambiguous, Vec::<String>::new());
    let emptied: Vec<_> = planned.repairs.iter().filter_map(|repair| repair.row).filter(|row| *row > 2).collect();
    assert_eq!(emptied.len(), 2, "{planned:?}");
    let third = rows(&[header, json!(["k", 1]), json!(["", "", "total"]), stray.clone(), stray.clone(), stray]);
    assert_eq!(plan(&finding, &make_image(&tab, &third)).ambiguous.len(), 1, "one of three is a person's");
}

#[test]
fn of_rows_with_nothing_but_formulas_the_nearest_is_used() {
    let finding = repair_that_missed(&json!(["", "", 2]), &json!(["z", 1, 2]), &json!(["k", 10, 2]));
    let tab = tab(&HEADER);
    let now = [json!(HEADER), json!(["", "", 2]), json!([]), json!(["", "", 2]), json!(["k", 10, 2])];
    let entered =
        [json!(HEADER), json!(["", "", "=1+1"]), json!([]), json!(["", "", "=1+1"]), json!(["k", 10, "=1+1"])];
    let (now, entered) = (rows(&now), rows(&entered));
    let planned = plan(&finding, &TabImage { entered: &entered, ..make_image(&tab, &now) });
    assert_eq!(planned.ambiguous, Vec::<String>::new(), "they are all alike");
}

#[test]
fn a_row_that_showed_another_key_is_not_one_without_a_key() {
    // The expected row is gone; k's row, which the repair hit, has as much in common with it.
    let mut finding = repair_that_missed(&json!(["", 10, "same", 4, 5, 6]), &json!(["z", 1]), &json!(["z", 7]));
    finding = and_one_that_clears(finding, &json!(["", "", "other"]));
    let shown = cells_of(&json!(["k", 10, "same", 4, 5, 6]));
    let hit = &mut finding.misplaced[1];
    (hit.pre_image, hit.pre_image_values, hit.post_image_values) =
        (shown.clone(), shown.clone(), cells_of(&json!(["k", 9, "same", 4, 5, 6])));
    let tab = tab(&["id", "n", "mine", "m1", "m2", "m3"]);
    (finding.header, finding.undo_log.header) = (tab.header.clone(), tab.header.clone());
    let now = rows(&[json!(tab.header), json!(["z", 7]), json!(["k", 9, "same", 4, 5, 6])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let after = finding.undo_log.post_image_row(0);
    let is_wrong = |repair: &RowRepair| repair.row == Some(2) && repair.copies.contains(&scratch(after, 1, 1));
    assert!(!planned.repairs.iter().any(is_wrong), "{planned:?}");
}

#[test]
fn a_formula_distinguishes_a_row_from_a_new_one() {
    // A repair expected a row with a filled-down formula; the new row that it made has none.
    let mut finding = repair_that_missed(&json!(["k", 10]), &json!(["z", 1, 2]), &json!(["y", 7, 2]));
    let cells = cells_of(&json!(["k", 10, 2]));
    let fingerprint = RowFingerprint::new(&cells, |column| column == 2);
    finding.misplaced[0].target.expect = RowPredicate::Row { key: None, fingerprint };
    finding.undo_log.targets = vec![finding.misplaced[0].target.clone()];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!(["y", 7, 2]), json!(["k", 10]), json!(["k", 10, 2])]);
    let entered = [json!(HEADER), json!(["y", 7, "=1+1"]), json!(["k", 10]), json!(["k", 10, "=1+1"])];
    let entered = rows(&entered);
    let planned = plan(&finding, &TabImage { entered: &entered, ..make_image(&tab, &now) });
    assert_eq!(planned.ambiguous, Vec::<String>::new());
    let own = planned.repairs.iter().find(|repair| repair.row == Some(3)).expect("the row with the formula");
    assert!(own.copies.contains(&scratch(BASE + 1, 0, 0)), "{planned:?}");
    assert!(planned.repairs.iter().all(|repair| repair.row != Some(2)), "the new row stays: {planned:?}");
}
