//! Keys that a write put into other rows, and rows that would show a key a second time.

use serde_json::json;

use super::*;

const HEADER: [&str; 3] = ["id", "n", "mine"];
const WIDE: [&str; 7] = ["id", "n", "mine", "m1", "m2", "m3", "m4"];

/// A repair for the row of k that wrote its key into another row, in which a person then typed over
/// most of what was there.
fn typed_over() -> UndoFinding {
    let found = json!(["z", 7, "of z", 1, 2, 3, 4]);
    let mut finding = second(&json!(["", 5, "of k"]), &found, &json!(["k", 10, "of z", 1, 2, 3, 4]));
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
    let planned = plan(&typed_over(), &present(&tab, &now));
    let of_row = |row| planned.repairs.iter().find(|repair| repair.row == Some(row)).expect("a repair");
    assert_eq!((&of_row(1).copies, &of_row(1).clears), (&Vec::new(), &vec![0]), "{planned:?}");
    assert!(of_row(2).copies.contains(&scratch(BASE + 1, 0, 0)), "its own row gets the key: {planned:?}");
    assert!(planned.unrepaired.iter().any(|text| text.contains("row 2 showed the key \"k\"")), "{planned:?}");
}

#[test]
fn a_key_in_two_rows_stops_the_run_if_nothing_shows_its_own() {
    let tab = tab(&WIDE);
    let stray = json!(["k", 10, "hers", "hers", "hers", "hers", "hers"]);
    let now = rows(&[json!(WIDE), stray, json!(["k", 10, "of k"])]);
    let planned = plan(&typed_over(), &present(&tab, &now));
    assert!(planned.ambiguous[0].contains("rows 2 and 3 could each be the one of key \"k\""), "{planned:?}");
    let cleared = rows(&[json!(WIDE), json!(["", 10, "hers", "hers"]), json!(["k", 10, "of k"])]);
    let planned = plan(&typed_over(), &present(&tab, &cleared));
    assert_eq!(planned.ambiguous, Vec::<String>::new(), "what the message asks for is done");
}

#[test]
fn an_emptied_row_does_not_come_back_once_its_key_is_shown() {
    let mut finding = second(&json!(["", 5, "x"]), &json!(["k", 7, "note"]), &json!([]));
    finding.misplaced[0].target.columns = vec![0, 1, 2];
    let tab = tab(&HEADER);
    let now = rows(&[json!(HEADER), json!([]), json!(["k", "", "written back"])]);
    let planned = plan(&finding, &present(&tab, &now));
    assert!(planned.repairs.iter().all(|repair| !repair.copies.contains(&scratch(BASE, 0, 0))), "{planned:?}");
    let without = rows(&[json!(HEADER), json!([]), json!(["other"])]);
    let planned = plan(&finding, &present(&tab, &without));
    assert!(planned.repairs.iter().any(|repair| repair.copies.contains(&scratch(BASE, 0, 0))), "{planned:?}");
}

#[test]
fn a_repair_of_an_emptied_row_is_not_repeated_once_its_key_is_shown() {
    let mut finding = second(&json!([]), &json!(["", 3, "total"]), &json!(["k", 7, "note"]));
    let RowPredicate::Row { key, .. } = &mut finding.misplaced[0].target.expect else { unreachable!("it is a repair") };
    *key = None;
    let tab = tab(&HEADER);
    let own = json!(["k", "", "written back"]);
    let now = rows(&[json!(HEADER), json!(["k", 7, "note"]), json!([]), own]);
    let planned = plan(&finding, &present(&tab, &now));
    let brings_key = |repair: &RowRepair| repair.copies.contains(&scratch(BASE + 1, 0, 0));
    assert!(!planned.repairs.iter().any(brings_key), "{planned:?}");
    assert!(planned.unrepaired.iter().any(|text| text.contains("another row shows the key now")), "{planned:?}");
}

/// A repair that was to take the key k out of the row of z, and hit a row that is gone.
fn missed_taking_a_key() -> UndoFinding {
    let left = json!(["k", 10, "of z", 1, 2]);
    let mut finding = second(&left, &json!(["y", 3, "of y", 8, 9]), &json!(["z", 7, "of y", 8, 9]));
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
    finding.settled.push((2, cells_of(&own)));
    let now = rows(&[json!(WIDE), stray, own]);
    let planned = plan(&finding, &present(&tab, &now));
    let of_row = |row| planned.repairs.iter().find(|repair| repair.row == Some(row));
    assert_eq!(of_row(1).map(|repair| repair.clears.clone()), Some(vec![0]), "{planned:?}");
    assert_eq!(of_row(2), None, "the key's own row stays: {planned:?}");
    assert_eq!(planned.ambiguous, Vec::<String>::new());
}
