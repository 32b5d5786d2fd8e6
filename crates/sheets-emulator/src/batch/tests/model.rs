//! Random batches against a sheet and against a list of lists, which must agree after each batch.
//! Also the number of rows that a batch changes.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::batch::tests::calls::{rows, send, store, texts};

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Vec<String>>),
    Update(u32, u32, Vec<Vec<String>>),
    Insert(bool, u32, u32),
    Delete(bool, u32, u32),
    Move(bool, u32, u32, u32),
    Clear(u32, u32),
}

fn block() -> impl Strategy<Value = Vec<Vec<String>>> {
    proptest::collection::vec(proptest::collection::vec("[a-c]?", 0..4), 0..4)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        block().prop_map(Step::Append),
        (0..8_u32, 0..4_u32, block()).prop_map(|(row, col, cells)| Step::Update(row, col, cells)),
        (any::<bool>(), 0..8_u32, 1..4_u32).prop_map(|(rows, at, n)| Step::Insert(rows, at, n)),
        (any::<bool>(), 0..8_u32, 1..4_u32).prop_map(|(rows, at, n)| Step::Delete(rows, at, n)),
        (any::<bool>(), 0..8_u32, 1..4_u32, 0..12_u32).prop_map(|(rows, at, n, to)| Step::Move(rows, at, n, to)),
        (0..8_u32, 0..8_u32).prop_map(|(a, b)| Step::Clear(a, b)),
    ]
}

/// Rows of equal width with one text per cell.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    cells: Vec<Vec<String>>,
}

impl Model {
    fn new() -> Self {
        Self { cells: vec![vec![String::new(); 26]; 1000] }
    }

    fn write(&mut self, top: usize, left: usize, block: &[Vec<String>]) {
        for (r, line) in block.iter().enumerate() {
            for (c, text) in line.iter().enumerate() {
                self.cells[top + r][left + c].clone_from(text);
            }
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Append(block) => {
                let used = self.cells.iter().rposition(|row| row.iter().any(|cell| !cell.is_empty()));
                let top = used.map_or(0, |row| row + 1);
                let width = self.cells[0].len();
                while self.cells.len() < top + block.len() {
                    self.cells.push(vec![String::new(); width]);
                }
                self.write(top, 0, block);
            }
            Step::Update(row, col, block) => self.write(*row as usize, *col as usize, block),
            Step::Insert(true, at, n) => {
                let width = self.cells[0].len();
                let at = *at as usize;
                self.cells.splice(at..at, std::iter::repeat_n(vec![String::new(); width], *n as usize));
            }
            Step::Insert(false, at, n) => {
                let at = *at as usize;
                for row in &mut self.cells {
                    row.splice(at..at, std::iter::repeat_n(String::new(), *n as usize));
                }
            }
            Step::Delete(true, at, n) => {
                self.cells.drain(*at as usize..(*at + *n) as usize);
            }
            Step::Delete(false, at, n) => {
                for row in &mut self.cells {
                    row.drain(*at as usize..(*at + *n) as usize);
                }
            }
            Step::Move(true, at, n, to) => relocate(&mut self.cells, *at, *n, *to),
            Step::Move(false, at, n, to) => self.cells.iter_mut().for_each(|row| relocate(row, *at, *n, *to)),
            Step::Clear(a, b) => {
                for row in &mut self.cells[*a.min(b) as usize..=*a.max(b) as usize] {
                    row.fill(String::new());
                }
            }
        }
    }

    /// Returns the texts as `texts` does: without blank cells and rows at the ends.
    fn read_cells(&self) -> Vec<Vec<String>> {
        let mut got = self.cells.clone();
        for row in &mut got {
            let used = row.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
            row.truncate(used);
        }
        let used = got.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
        got.truncate(used);
        got
    }
}

fn relocate<T>(list: &mut Vec<T>, at: u32, n: u32, to: u32) {
    let (at, end, to) = (at as usize, (at + n) as usize, to as usize);
    if (at..=end).contains(&to) {
        return;
    }
    let moved: Vec<T> = list.drain(at..end).collect();
    let to = if to > at { to - moved.len() } else { to };
    list.splice(to..to, moved);
}

fn request(step: &Step) -> Value {
    let block = |cells: &[Vec<String>]| {
        let lines: Vec<Vec<&str>> = cells.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        rows(&lines.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let span = |is_rows: bool, at: u32, n: u32| json!({"dimension": if is_rows { "ROWS" } else { "COLUMNS" }, "startIndex": at, "endIndex": at + n});
    match step {
        Step::Append(cells) => json!({"appendCells": {"rows": block(cells), "fields": "userEnteredValue"}}),
        Step::Update(row, col, cells) => json!({"updateCells": {"start": {"rowIndex": row, "columnIndex": col},
            "rows": block(cells), "fields": "userEnteredValue"}}),
        Step::Insert(rows, at, n) => json!({"insertDimension": {"range": span(*rows, *at, *n)}}),
        Step::Delete(rows, at, n) => json!({"deleteDimension": {"range": span(*rows, *at, *n)}}),
        Step::Move(rows, at, n, to) => {
            json!({"moveDimension": {"source": span(*rows, *at, *n), "destinationIndex": to}})
        }
        Step::Clear(a, b) => json!({"updateCells": {"fields": "*",
            "range": {"startRowIndex": a.min(b), "endRowIndex": a.max(b) + 1}}}),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sheet_does_what_a_list_of_lists_does(batches in proptest::collection::vec(proptest::collection::vec(step(), 1..4), 1..8)) {
        let store = store();
        let mut model = Model::new();
        for steps in batches {
            send(&store, steps.iter().map(request).collect()).unwrap();
            for step in &steps {
                model.apply(step);
            }
            prop_assert_eq!(texts(&store, 0), model.read_cells());
            let tx = store.read("s").unwrap();
            let sheet = tx.sheet(0).unwrap().unwrap();
            prop_assert_eq!((sheet.row_count as usize, sheet.column_count as usize), (model.cells.len(), model.cells[0].len()));
            let last = model.read_cells().iter().rposition(|row| !row.is_empty());
            prop_assert_eq!(tx.last_row_with_data(0).unwrap().map(|row| row as usize), last);
        }
    }
}

/// Returns the rows that `SQLite` changed for a batch of one append, one update and one new name.
fn count_touched(filled: u32) -> u64 {
    let store = store();
    let line = json!({"values": [{"userEnteredValue": {"numberValue": 1}}]});
    let fill: Vec<Value> = vec![line.clone(); filled as usize];
    send(&store, json!([{"appendCells": {"rows": fill, "fields": "*"}}])).unwrap();
    let before = changes(&store);
    send(
        &store,
        json!([
            {"addNamedRange": {"namedRange": {"name": "head", "range": {"endRowIndex": 1}}}},
            {"updateCells": {"start": {"rowIndex": 5}, "rows": [line], "fields": "userEnteredValue"}},
            {"appendCells": {"rows": [line, line], "fields": "userEnteredValue"}}
        ]),
    )
    .unwrap();
    changes(&store) - before
}

fn changes(store: &crate::storage::store::SpreadsheetStore) -> u64 {
    let connection = store.take().unwrap();
    let changes = connection.total_changes();
    store.return_connection(connection);
    changes
}

#[test]
fn a_batch_touches_its_own_rows_however_long_the_sheet_is() {
    assert_eq!(count_touched(1_000), count_touched(100_000));
}
