use super::*;
use crate::input::entry_settings::EntrySettings;
use crate::input::value_matrix::enter_text;
use crate::storage::store::SpreadsheetStore;
use crate::storage::transaction::{SheetProperties, SpreadsheetProperties};

/// Returns the values of a sheet of ten rows and eight columns as texts; formulas begin with
/// `=`.
fn evaluate_lines(lines: &[&[&str]]) -> Vec<String> {
    let store = SpreadsheetStore::in_memory().unwrap();
    let grid = SheetProperties { row_count: 10, column_count: 8, ..SheetProperties::new(0, "Jobs", 0) };
    store.create("s", &SpreadsheetProperties::default(), &[grid]).unwrap();
    let tx = store.write("s").unwrap();
    for (row, line) in (0..).zip(lines) {
        tx.put_row(
            0,
            row,
            line.iter().map(|text| enter_text(Cell::default(), text, EntrySettings::default()).unwrap()).collect(),
        )
        .unwrap();
    }
    let workbook = Workbook::open(&tx).unwrap();
    let mut seen = Vec::new();
    workbook
        .visit(0, &Area::new(0..10, 0..8), |row, cells| {
            let texts: Vec<String> = cells
                .iter()
                .map(|cell| match read_effective_value(cell) {
                    Scalar::Blank => "_".to_owned(),
                    value_at => crate::grid::value::to_text(&value_at),
                })
                .collect();
            seen.push(format!("{row}: {}", texts.join(" ")));
            Ok::<(), StorageError>(())
        })
        .unwrap();
    seen
}

#[test]
fn a_formula_fills_the_column_below_it_to_the_end_of_the_grid() {
    let lines: [&[&str]; 3] =
        [&["n", "twice"], &["2", "=ARRAYFORMULA(IF(A2:A=\"\",\"\",A2:A*2))", "=SUM(B2:B)"], &["5"]];
    let expected =
        ["0: n twice", "1: 2 4 14", "2: 5 10", "3: _ ", "4: _ ", "5: _ ", "6: _ ", "7: _ ", "8: _ ", "9: _ "];
    assert_eq!(evaluate_lines(&lines), expected);
}

#[test]
fn one_spill_feeds_another_in_any_order() {
    let lines: [&[&str]; 2] = [&["=ARRAYFORMULA(B1:B2+1)", "=ARRAYFORMULA(C1:C2*10)", "1", "=A2"], &["", "", "2"]];
    assert_eq!(evaluate_lines(&lines), ["0: 11 10 1 21", "1: 21 20 2"]);
}

#[test]
fn a_blocked_or_circular_spill_is_a_reference_error() {
    let blocked: [&[&str]; 3] = [&["=ARRAYFORMULA({1;2;3})"], &[""], &["x"]];
    assert_eq!(evaluate_lines(&blocked), ["0: #REF!", "2: x"]);
    let beyond: [&[&str]; 2] = [&["1"], &["", "=ARRAYFORMULA(A1:A*1)"]];
    assert_eq!(evaluate_lines(&beyond), ["0: 1", "1: _ #REF!"]);
    let circle: [&[&str]; 1] = [&["=ARRAYFORMULA(B1:B2)", "=ARRAYFORMULA(A1:A2)"]];
    assert_eq!(evaluate_lines(&circle)[0], "0: #REF! #REF!");
    let own: [&[&str]; 1] = [&["=ARRAYFORMULA(A1:A2)"]];
    assert_eq!(evaluate_lines(&own)[0], "0: #REF!");
}

#[test]
fn a_blank_cell_makes_no_circle_of_formulas_that_may_fill_it() {
    let lines: [&[&str]; 1] = [&["1", "=SORT(IF(H1=\"\",A1+1,0))", "=SORT(B1*10)", "=SORT(C1+B1)"]];
    assert_eq!(evaluate_lines(&lines), ["0: 1 2 20 22"]);
}

#[test]
fn a_long_chain_of_formulas_is_computed_in_order() {
    let mut lines: Vec<Vec<String>> = vec![vec!["1".to_owned()]];
    lines.extend((1..10).map(|row| vec![format!("=A{row}+1")]));
    let lines: Vec<Vec<&str>> = lines.iter().map(|line| line.iter().map(String::as_str).collect()).collect();
    let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
    assert_eq!(evaluate_lines(&lines).last().unwrap(), "9: 10");
}

#[test]
fn cells_that_double_a_text_stop_at_what_a_cell_holds() {
    let mut lines: Vec<Vec<String>> = vec![vec!["x".repeat(1_000)]];
    lines.extend((1..10).map(|row| vec![format!("=A{row}&A{row}")]));
    let lines: Vec<Vec<&str>> = lines.iter().map(|line| line.iter().map(String::as_str).collect()).collect();
    let lines: Vec<&[&str]> = lines.iter().map(Vec::as_slice).collect();
    let lengths: Vec<usize> = evaluate_lines(&lines).iter().map(|line| line.len() - "0: ".len()).collect();
    assert_eq!(lengths[..6], [1_000, 2_000, 4_000, 8_000, 16_000, 32_000]);
    assert_eq!(evaluate_lines(&lines)[6..], ["6: #VALUE!", "7: #VALUE!", "8: #VALUE!", "9: #VALUE!"]);
}

#[test]
fn nested_formulas_end_before_the_stack_does() {
    for (open, close) in [("(", ")"), ("IF(TRUE,", ")"), ("{", "}"), ("-", "")] {
        let formula = |row: usize| format!("={}A{}{}", open.repeat(60), row + 2, close.repeat(60));
        let lines: Vec<[String; 1]> = (0..10).map(|row| [formula(row)]).collect();
        let lines: Vec<[&str; 1]> = lines.iter().map(|line| [line[0].as_str()]).collect();
        let lines: Vec<&[&str]> = lines.iter().map(<[&str; 1]>::as_slice).collect();
        assert!(evaluate_lines(&lines)[0].contains("#ERROR!"), "{open}: {}", evaluate_lines(&lines)[0]);
    }
}
