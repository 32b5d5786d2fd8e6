use proptest::prelude::*;
use serde_json::json;

use super::scratch_rows::{FIRST_ROW, MARGIN, MAX_COLUMNS};
use super::scratch_text::{format_ranges, parse_ranges};
use super::*;
use crate::store::guard::head_guard::STATE_ROWS;

const HEAD: HeadId = HeadId { commit: 7, nonce: 42 };

fn undo_log(targets: Vec<RowWrite>) -> UndoLog {
    let header = ["id", "mine", "n"].map(str::to_owned).to_vec();
    UndoLog {
        head: HEAD,
        header,
        key: 0,
        written_columns: vec![0, 2],
        names: ["id", "n"].map(str::to_owned).to_vec(),
        appended: 0,
        processed_rows: 0,
        width: 20,
        recreated: vec!["m".into()],
        header_formulas: vec![(1, "={\"mine\";A2:A9}".into())],
        appended_per_key: HashMap::from([(shorten_key_hash("twice"), 2)]),
        first_target_row: FIRST_ROW,
        is_repair: targets.iter().any(|target| matches!(target.expect, RowPredicate::Row { .. })),
        targets,
    }
}

fn fingerprint(row: &[Value]) -> RowFingerprint {
    RowFingerprint::new(row, |_| false)
}

fn make_write(key: &str, row: u32) -> RowWrite {
    RowWrite { expect: RowPredicate::Key(key.into()), row, columns: vec![2], moves: Vec::new(), is_rewrite: false }
}

/// The scratch rows of a batch with this undo log that finds this header and these rows.
fn scratch(undo_log: &UndoLog, header: &[&str], before: &[Value], after: &[Value]) -> Vec<Vec<Value>> {
    let mut rows = vec![Vec::new(); (undo_log.count_needed_rows() - STATE_ROWS) as usize];
    for (at, texts) in undo_log.make_scratch_texts() {
        rows[(at - STATE_ROWS) as usize] = texts.into_iter().map(Value::from).collect();
    }
    let mut put = |at: u32, cells: Vec<Value>| {
        let row: &mut Vec<Value> = &mut rows[(at - STATE_ROWS) as usize];
        row.resize(MARGIN as usize, json!(""));
        row.extend(cells);
    };
    put(HEADER_ROW, header.iter().map(|&text| json!(text)).collect());
    for (index, (before, after)) in before.iter().zip(after).enumerate() {
        put(undo_log.pre_image_row(index), before.as_array().cloned().unwrap_or_default());
        put(undo_log.post_image_row(index), after.as_array().cloned().unwrap_or_default());
        if undo_log.is_repair {
            put(undo_log.pre_image_values_row(index), before.as_array().cloned().unwrap_or_default());
            put(undo_log.post_image_values_row(index), after.as_array().cloned().unwrap_or_default());
        }
    }
    rows
}

#[test]
fn what_a_batch_leaves_reads_back_and_only_under_its_own_head() {
    let undo_log = undo_log(vec![
        make_write("a", 4),
        RowWrite {
            expect: RowPredicate::Row { key: Some("m".into()), fingerprint: fingerprint(&[json!("m")]) },
            moves: vec![(0, 2), (2, 1)],
            ..make_write("", 5)
        },
        RowWrite {
            expect: RowPredicate::Row { key: Some("v".into()), fingerprint: fingerprint(&[json!("v")]) },
            is_rewrite: true,
            ..make_write("", 6)
        },
    ]);
    let rows = scratch(&undo_log, &["id", "mine", "n"], &[json!(["a"]), json!([])], &[json!(["a", "", 1]), json!([])]);
    let (read, images) = UndoLog::parse(&rows, HEAD).expect("it was left");
    assert_eq!(
        (&read, images.header.len(), &images.post_image_values[0]),
        (&undo_log, 3, &vec![json!("a"), json!(""), json!(1)])
    );
    assert!(UndoLog::parse(&rows, HEAD.next(1)).is_none());
}

#[test]
fn only_a_write_that_hit_another_key_is_misplaced() {
    let undo_log = undo_log(vec![make_write("a", 4), make_write("b", 5)]);
    let rows = scratch(
        &undo_log,
        &["id", "mine", "n"],
        &[json!(["a"]), json!(["z", "note", 5])],
        &[json!([]), json!(["z", "note", 6])],
    );
    assert!(!undo_log.is_proven_hit(&["id".into(), "mine".into(), "n".into()], &["a".into(), "z".into()]));
    let (read, images) = UndoLog::parse(&rows, HEAD).expect("it was left");
    let finding = read.evaluate(images, Vec::new);
    assert_eq!(
        (finding.count_rows_to_repair(), finding.misplaced[0].index, &finding.misplaced[0].pre_image[2]),
        (1, 1, &json!(5))
    );
}

#[test]
fn moved_job_columns_make_every_write_misplaced() {
    let one = || undo_log(vec![make_write("a", 4)]);
    let keys = ["a".to_owned()];
    let found = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert!(one().is_proven_hit(&found(&["id", "renamed by its owner", "n", "new"]), &keys));
    for moved in [&["id", "n", "mine"][..], &["id", "", "mine", "n"], &["id"]] {
        assert!(!one().is_proven_hit(&found(moved), &keys), "{moved:?}");
        let images = RowImages {
            header: found(moved),
            pre_images: vec![vec![json!("a")]],
            post_image_values: vec![Vec::new()],
            pre_image_values: Vec::new(),
        };
        let appending = UndoLog { appended: 1, ..one() };
        assert_eq!(appending.evaluate(images, || vec!["k".into()]).count_rows_to_repair(), 2, "{moved:?}");
    }
}

#[test]
fn a_header_written_anew_stood_still_unless_the_columns_beside_it_moved() {
    let undo_log = undo_log(vec![make_write("a", 4)]);
    let header = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(undo_log.header, header(&["id", "mine", "n"]));
    for (found, moved) in [
        (header(&["id", "mine", "number"]), false),
        (header(&["ident", "mine", "n"]), false),
        (header(&["theirs", "ident", "mine", "n"]), true),
        (header(&["id", "mine", "theirs", "number"]), true),
        (header(&["id", "theirs", "n"]), false),
    ] {
        assert_eq!(undo_log.has_moved_columns(&found), moved, "{found:?}");
    }
}

#[test]
fn a_row_without_a_key_is_known_by_what_it_holds() {
    let row = [json!(""), json!("x"), json!(7)];
    let target = RowWrite {
        expect: RowPredicate::Row { key: None, fingerprint: fingerprint(&row) },
        row: 3,
        columns: vec![2],
        moves: Vec::new(),
        is_rewrite: false,
    };
    assert!(target.is_hit(&[], &row, 0));
    assert!(!target.is_hit(&[], &[json!("k"), json!("x"), json!(7)], 0));
    assert!(!target.is_hit(&[], &[json!(""), json!("x"), json!(8)], 0));
}

#[test]
fn copied_rows_stand_no_higher_than_they_came_from_where_there_is_room() {
    assert_eq!(UndoLog::choose_base(5, 8, 0), FIRST_ROW);
    assert_eq!(UndoLog::choose_base(5_000, 8, 0), 5_001);
    assert_eq!(UndoLog::choose_base(900_000, 8, 0), 83_333);
    assert_eq!(UndoLog::choose_base(5, 8, 700), 700);
}

proptest! {
    #[test]
    fn invariant_6_no_content_of_scratch_rows_makes_reading_fail(rows in prop::collection::vec(prop::collection::vec("(witness|700000000000000000042|[0-9]{1,9}|0-99999999|.{0,6})", 0..9), 0..6)) {
        let rows: Vec<Vec<Value>> = rows.into_iter().map(|row| row.into_iter().map(Value::from).collect()).collect();
        let _ = UndoLog::parse(&rows, HEAD);
    }

    #[test]
    fn a_list_of_columns_reads_back(mut columns in prop::collection::vec(0_usize..300, 0..40)) {
        columns.sort_unstable();
        columns.dedup();
        prop_assert_eq!(parse_ranges(&format_ranges(&columns)), Some(columns));
    }
}

#[test]
fn a_row_that_is_filled_has_to_be_blank_where_it_is_written() {
    let fill = |row| RowWrite { expect: RowPredicate::Blank("a".into()), columns: vec![0, 2], ..make_write("a", row) };
    let undo_log = undo_log(vec![fill(4), fill(5)]);
    let before = [json!(["", "note"]), json!(["", "note", 5])];
    let after = [json!(["a", "note", 1]), json!(["a", "note", 1])];
    let rows = scratch(&undo_log, &["id", "mine", "n"], &before, &after);
    assert!(!undo_log.is_proven_hit(&["id".into(), "mine".into(), "n".into()], &[String::new(), String::new()]));
    let (read, images) = UndoLog::parse(&rows, HEAD).expect("it was left");
    assert_eq!((&read, read.target_keys().collect::<Vec<_>>()), (&undo_log, vec!["a", "a"]));
    let finding = read.evaluate(images, Vec::new);
    assert_eq!((finding.count_rows_to_repair(), finding.misplaced[0].index), (1, 1));
}

#[test]
fn a_tab_as_wide_as_a_tab_can_be_leaves_its_witness_too() {
    for tab in [18_258, 18_259, 18_278] {
        let mut wide = undo_log(vec![make_write("a", 4), make_write("b", 9)]);
        wide.width = UndoLog::choose_width(tab);
        assert!(wide.columns() <= MAX_COLUMNS && wide.width >= tab, "{tab}");
        let mut rows = vec![Vec::new(); (wide.count_needed_rows() - STATE_ROWS) as usize];
        for (at, texts) in wide.make_scratch_texts() {
            rows[(at - STATE_ROWS) as usize] = texts.into_iter().map(Value::from).collect();
        }
        for (at, cells) in [(wide.pre_image_row(0), ["a", "x"]), (wide.post_image_row(1), ["b", "y"])] {
            let row = &mut rows[(at - STATE_ROWS) as usize];
            row.resize(wide.margin() as usize, json!(""));
            row.extend(cells.map(Value::from));
        }
        let (read, images) = UndoLog::parse(&rows, HEAD).expect("it was left");
        assert_eq!(
            (&read, &images.pre_images[0][1], &images.post_image_values[1][1]),
            (&wide, &json!("x"), &json!("y")),
            "{tab}"
        );
    }
}
