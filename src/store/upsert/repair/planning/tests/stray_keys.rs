//! Keys that a write put into other rows, and rows that would show a key a second time.

use serde_json::json;

use super::*;

const HEADER: [&str; 3] = ["id", "n", "mine"];
const WIDE: [&str; 7] = ["id", "n", "mine", "m1", "m2", "m3", "m4"];

/// A repair for the row of k that wrote its key into another row. A person then typed over most of
/// that row.
fn typed_over() -> UndoFinding {
    let found = json!(["z", 7, "of z", 1, 2, 3, 4]);
    let mut finding = make_second(&json!(["", 5, "of k"]), &found, &json!(["k", 10, "of z", 1, 2, 3, 4]));
    finding.misplaced[0].target.columns = vec![0, 1];
    finding.undo_log.targets = vec![finding.misplaced[0].target.clone()];
    (finding.header, finding.undo_log.header) = (tab(&WIDE).header, tab(&WIDE).header);
    finding
}

#[test]
fn a_key_in_a_row_that_counts_as_gone_is_cleared() {
    let tab = tab(&WIDE);
    let stray = json!(["k", "hers", "hers", "hers", "hers", "hers", 4]);
    let now = rows(&[json!(WIDE), stray, json!(["", 5, "of k"])]);
    let planned = plan(&typed_over(), &make_image(&tab, &now));
    let of_row = |row| planned.repairs.iter().find(|repair| repair.row == Some(row)).expect("a repair");
    assert_eq!((&of_row(1).copies, &of_row(1).clears), (&Vec::new(), &vec![0]), "{planned:?}");
    assert!(of_row(2).copies.contains(&scratch(BASE + 1, 0, 0)), "its own row gets the key: {planned:?}");
    assert!(planned.unrepaired.iter().any(|text| text.contains("row 2 showed the key \"k\"")), "{planned:?}");
}

#[test]
fn a_key_in_two_rows_stops_the_run_if_nothing_shows_its_own() {
    let tab = tab(&WIDE);
    let stray = json!(["k", 10, "hers", "hers", "hers", "hers", "hers"]);
    let now = rows(&[json!(WIDE), stray, json!(["k", 10, "hers too"])]);
    let planned = plan(&typed_over(), &make_image(&tab, &now));
    assert!(planned.ambiguous[0].contains("rows 2 and 3 could each be the one of key \"k\""), "{planned:?}");
    let cleared = rows(&[json!(WIDE), json!(["", 10, "hers", "hers"]), json!(["k", 10, "of k"])]);
    let planned = plan(&typed_over(), &make_image(&tab, &cleared));
    assert_eq!(planned.ambiguous, Vec::<String>::new(), "what the message asks for is done");
}

#[test]
fn an_emptied_row_does_not_come_back_once_its_key_is_shown() {
    let mut finding = make_second(&json!(["", 5, "x"]), &json!(["k", 7, "note"]), &json!([]));
    finding.misplaced[0].target.columns = vec![0, 1, 2];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!([]), json!(["k", "", "written back"])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert!(planned.repairs.iter().all(|repair| !repair.copies.contains(&scratch(BASE, 0, 0))), "{planned:?}");
    let without = rows(&[json!(HEADER), json!([]), json!(["other"])]);
    let planned = plan(&finding, &make_image(&tab, &without));
    assert!(planned.repairs.iter().any(|repair| repair.copies.contains(&scratch(BASE, 0, 0))), "{planned:?}");
}

#[test]
fn a_repair_of_an_emptied_row_is_not_repeated_once_its_key_is_shown() {
    let mut finding = make_second(&json!([]), &json!(["", 3, "total"]), &json!(["k", 7, "note"]));
    let RowPredicate::Row { key, .. } = &mut finding.misplaced[0].target.expect else { unreachable!("it is a repair") };
    *key = None;
    let tab = tab(&HEADER);
    let own = json!(["k", "", "written back"]);
    let now = rows(&[json!(HEADER), json!(["k", 7, "note"]), json!([]), own]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let brings_key = |repair: &RowRepair| repair.copies.contains(&scratch(BASE + 1, 0, 0));
    assert!(!planned.repairs.iter().any(brings_key), "{planned:?}");
    assert!(planned.unrepaired.iter().any(|text| text.contains("another row shows the key now")), "{planned:?}");
}

/// A repair that was to take the key k out of the row of z, and hit a row that is gone.
fn missed_taking_a_key() -> UndoFinding {
    let left = json!(["k", 10, "of z", 1, 2]);
    let mut finding = make_second(&left, &json!(["y", 3, "of y", 8, 9]), &json!(["z", 7, "of y", 8, 9]));
    finding.misplaced[0].target.expect =
        RowPredicate::Row { key: None, fingerprint: RowFingerprint::new(&cells_of(&left), |_| false) };
    finding.misplaced[0].target.columns = vec![0, 1];
    finding.undo_log.targets = vec![finding.misplaced[0].target.clone()];
    (finding.header, finding.undo_log.header) = (tab(&WIDE).header, tab(&WIDE).header);
    finding
}

#[test]
fn a_key_that_a_missed_repair_was_to_take_away_is_cleared() {
    let tab = tab(&WIDE);
    // The row from which the repair was to take the key: a person has typed over most of it since.
    let stray = json!(["k", 10, "hers", "hers", "hers"]);
    let own = json!(["k", 20, "of k", 5, 6]);
    let mut finding = missed_taking_a_key();
    finding.hit_as_intended.push((2, cells_of(&own)));
    let now = rows(&[json!(WIDE), stray, own]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let of_row = |row| planned.repairs.iter().find(|repair| repair.row == Some(row));
    assert_eq!(of_row(1).map(|repair| repair.clears.clone()), Some(vec![0]), "{planned:?}");
    assert_eq!(of_row(2), None, "the key's own row stays: {planned:?}");
    assert_eq!(planned.ambiguous, Vec::<String>::new());
}

#[test]
fn of_two_rows_with_a_key_one_shows_what_no_write_touched() {
    let left = json!(["", 1, "of k", "old", "c of k"]);
    let mut finding = make_second(&left, &json!([]), &json!(["k", 10, "of k", "new"]));
    finding.misplaced[0].target.expect =
        RowPredicate::Row { key: None, fingerprint: RowFingerprint::new(&cells_of(&left), |_| false) };
    finding.misplaced[0].target.columns = vec![0, 1, 2, 3];
    finding.undo_log.targets = vec![finding.misplaced[0].target.clone()];
    finding.undo_log.written_columns = vec![0, 1, 2, 3];
    (finding.header, finding.undo_log.header) = (tab(&WIDE).header, tab(&WIDE).header);
    let tab = tab(&WIDE);
    // A person wrote the key back into its own row, and typed over most of what the repair left elsewhere.
    let (own, stray) = (json!(["k", 10, "hers", "hers", "c of k"]), json!(["k", 10, "", "hers"]));
    let now = rows(&[json!(WIDE), own.clone(), stray.clone()]);
    let planned = plan(&finding, &make_image(&tab, &now));
    assert_eq!(planned.ambiguous, Vec::<String>::new());
    let cleared: Vec<_> =
        planned.repairs.iter().filter(|repair| repair.clears == [0]).map(|repair| repair.row).collect();
    assert_eq!(cleared, [Some(2)], "{planned:?}");
    // Where the other row shows the same there, nothing distinguishes them.
    let twin = json!(["k", 10, "", "hers", "c of k"]);
    let now = rows(&[json!(WIDE), own, twin]);
    assert_eq!(plan(&finding, &make_image(&tab, &now)).ambiguous.len(), 1);
}

#[test]
fn a_missed_row_is_known_by_a_cell_that_no_new_row_has() {
    // The new row of k was written over a person's column, and is made again elsewhere.
    let left = json!(["k", 10, "c of k", 1]);
    let mut finding = make_second(&left, &json!(["", "", 2]), &json!(["", "", 2]));
    finding.misplaced[0].target.expect =
        RowPredicate::Row { key: None, fingerprint: RowFingerprint::new(&cells_of(&left), |_| false) };
    finding.undo_log.targets = vec![finding.misplaced[0].target.clone()];
    finding.undo_log.recreated = vec!["k".into()];
    finding.undo_log.written_columns = vec![0, 1, 2, 3];
    finding.undo_log.names = ["id", "n", "", "c"].map(str::to_owned).into();
    let header = ["id", "n", "mine", "c"];
    (finding.header, finding.undo_log.header) = (tab(&header).header, tab(&header).header);
    let tab = tab(&header);
    let now = rows(&[json!(header), json!(["", "", 2]), json!(["k", "", "c of k", 1])]);
    let planned = plan(&finding, &make_image(&tab, &now));
    let repaired = planned.repairs.iter().find(|repair| repair.row == Some(2)).expect("the row that was missed");
    assert!(repaired.copies.contains(&scratch(BASE + 1, 0, 0)), "its key is taken away: {planned:?}");
}
