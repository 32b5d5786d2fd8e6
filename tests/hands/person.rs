//! A person at work in the data tab: what they do, and what they remember having done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sheetkeep::port::chance::Chance;
use sheetkeep::system::SeededChance;

use crate::front::View;

/// Columns of the job.
pub const OWNED: [&str; 3] = ["id", "a", "b"];
/// The person's own column in every row that they have marked.
pub const MARK: &str = "mine";

/// One person.
pub struct Person {
    chance: SeededChance,
    /// How likely they act before a call; 0 to 1.
    pub eagerness: f64,
    /// What they may do.
    pub acts: &'static [Act],
    /// Rows of their own: number, and what stands in its columns a and b.
    pub own_rows: BTreeMap<u64, (String, String)>,
    /// Keys of rows that they marked.
    pub marked: BTreeSet<String>,
    /// Keys whose rows they deleted at some time.
    pub deleted: BTreeSet<String>,
    /// What was done, in order.
    pub diary: Vec<(Act, String)>,
    made: u64,
}

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Sort,
    InsertOwnRow,
    InsertBlankRows,
    DeleteOwnRow,
    DeleteKeyedRow,
    MoveRows,
    InsertColumn,
    MoveColumn,
    RenameTab,
    Filter,
    FillDown,
}

/// Everything that a person may do while a run is under way.
pub const ALL: &[Act] = &[
    Act::Sort,
    Act::InsertOwnRow,
    Act::InsertBlankRows,
    Act::DeleteOwnRow,
    Act::DeleteKeyedRow,
    Act::MoveRows,
    Act::InsertColumn,
    Act::MoveColumn,
    Act::RenameTab,
    Act::Filter,
    Act::FillDown,
];

/// Of these, what moves no column.
pub const ROWS: &[Act] = &[Act::Sort, Act::InsertOwnRow, Act::InsertBlankRows, Act::DeleteOwnRow, Act::MoveRows];

impl Person {
    pub fn new(seed: u64) -> Self {
        Self {
            chance: SeededChance::new(seed ^ 0xBEEF),
            eagerness: 0.0,
            acts: ALL,
            own_rows: BTreeMap::new(),
            marked: BTreeSet::new(),
            deleted: BTreeSet::new(),
            diary: Vec::new(),
            made: 0,
        }
    }

    pub fn wants_to_act(&mut self) -> bool {
        self.chance.draw() < self.eagerness
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.bits() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// The requests of one act, on the tab as it is.
    pub fn act(&mut self, view: &Option<View>) -> Vec<Value> {
        let Some(view) = view else { return Vec::new() };
        let act = self.acts[self.below(self.acts.len())];
        let requests = self.requests(act, view);
        if !requests.is_empty() {
            let told = requests.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
            self.diary.push((act, told.chars().take(300).collect()));
        }
        requests
    }

    fn requests(&mut self, act: Act, view: &View) -> Vec<Value> {
        let tab = view.id;
        let rows = view.rows.len();
        let (width, height) = (view.width(), usize::try_from(view.grid.0).unwrap_or(rows));
        let dimension = |kind: &str, from: usize, to: usize| json!({"sheetId": tab, "dimension": kind, "startIndex": from, "endIndex": to});
        match act {
            Act::Sort if rows > 2 => {
                let order = if self.below(2) == 0 { "ASCENDING" } else { "DESCENDING" };
                let by = self.below(width);
                let range = json!({"sheetId": tab, "startRowIndex": 1});
                vec![json!({"sortRange": {"range": range, "sortSpecs": [{"dimensionIndex": by, "sortOrder": order}]}})]
            }
            Act::InsertOwnRow => self.own_row(view, 1 + self.made as usize % rows.max(1)),
            Act::InsertBlankRows => {
                let at = 1 + self.below(rows.max(1));
                let count = 1 + self.below(2);
                vec![
                    json!({"insertDimension": {"range": dimension("ROWS", at.min(height), at.min(height) + count), "inheritFromBefore": true}}),
                ]
            }
            Act::DeleteOwnRow => {
                let Some(mark) = view.column(MARK) else { return Vec::new() };
                let found = (1..rows).filter_map(|row| {
                    let number = view.text(row, mark).strip_prefix("own ")?.parse::<u64>().ok()?;
                    Some((row, number))
                });
                let found: Vec<_> = found.collect();
                let Some(&(row, number)) = found.get(self.below(found.len())) else { return Vec::new() };
                self.own_rows.remove(&number);
                vec![json!({"deleteDimension": {"range": dimension("ROWS", row, row + 1)}})]
            }
            Act::DeleteKeyedRow => {
                let Some(id) = view.column("id") else { return Vec::new() };
                let keyed: Vec<_> = (1..rows).filter(|&row| view.text(row, id).starts_with('k')).collect();
                let Some(&row) = keyed.get(self.below(keyed.len() * 3)) else { return Vec::new() };
                self.deleted.insert(view.text(row, id));
                vec![json!({"deleteDimension": {"range": dimension("ROWS", row, row + 1)}})]
            }
            Act::MoveRows if rows > 3 => {
                let from = 1 + self.below(rows - 2);
                let to = (from + 1 + self.below(2)).min(rows);
                let target = 1 + self.below(rows - 1);
                if target >= from && target <= to {
                    return Vec::new();
                }
                vec![json!({"moveDimension": {"source": dimension("ROWS", from, to), "destinationIndex": target}})]
            }
            Act::InsertColumn if width < 12 => {
                self.made += 1;
                let at = self.below(width + 1);
                let header =
                    json!([{"values": [{"userEnteredValue": {"stringValue": format!("own column {}", self.made)}}]}]);
                let start = json!({"sheetId": tab, "rowIndex": 0, "columnIndex": at});
                vec![
                    json!({"insertDimension": {"range": dimension("COLUMNS", at, at + 1), "inheritFromBefore": at > 0}}),
                    json!({"updateCells": {"start": start, "fields": "userEnteredValue", "rows": header}}),
                ]
            }
            Act::MoveColumn if width > 2 => {
                let from = self.below(width);
                let target = self.below(width + 1);
                if target == from || target == from + 1 {
                    return Vec::new();
                }
                vec![
                    json!({"moveDimension": {"source": dimension("COLUMNS", from, from + 1), "destinationIndex": target}}),
                ]
            }
            Act::RenameTab => {
                self.made += 1;
                let properties = json!({"sheetId": tab, "title": format!("It's tab {}", self.made)});
                vec![json!({"updateSheetProperties": {"properties": properties, "fields": "title"}})]
            }
            Act::Filter => {
                let range = json!({"sheetId": tab, "startRowIndex": 0, "startColumnIndex": 0});
                vec![json!({"setBasicFilter": {"filter": {"range": range}}})]
            }
            Act::FillDown if view.column("filled").is_none() && height < 200 => {
                let cell = json!({"values": [{"userEnteredValue": {"formulaValue": "=1+1"}}]});
                let mut cells = vec![json!({"values": [{"userEnteredValue": {"stringValue": "filled"}}]})];
                cells.resize(height, cell);
                let start = json!({"sheetId": tab, "rowIndex": 0, "columnIndex": width});
                let grow = (u64::try_from(width).unwrap_or(0) >= view.grid.1)
                    .then(|| json!({"appendDimension": {"sheetId": tab, "dimension": "COLUMNS", "length": 1}}));
                grow.into_iter()
                    .chain([json!({"updateCells": {"start": start, "fields": "userEnteredValue", "rows": cells}})])
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// A row without a key, with words and a formula in the job's columns: a total, a remark.
    fn own_row(&mut self, view: &View, at: usize) -> Vec<Value> {
        let (Some(a), Some(b), Some(mark)) = (view.column("a"), view.column("b"), view.column(MARK)) else {
            return Vec::new();
        };
        self.made += 1;
        let number = self.made;
        let (word, formula) = (format!("remark {number}"), format!("=1000+{number}"));
        self.own_rows.insert(number, (word.clone(), formula.clone()));
        let mut values = vec![json!({}); view.width()];
        values[a] = json!({"userEnteredValue": {"stringValue": word}});
        values[b] = json!({"userEnteredValue": {"formulaValue": formula}});
        values[mark] = json!({"userEnteredValue": {"stringValue": format!("own {number}")}, "note": format!("note of own {number}")});
        let range = json!({"sheetId": view.id, "dimension": "ROWS", "startIndex": at, "endIndex": at + 1});
        let start = json!({"sheetId": view.id, "rowIndex": at, "columnIndex": 0});
        vec![
            json!({"insertDimension": {"range": range, "inheritFromBefore": true}}),
            json!({"updateCells": {"start": start, "fields": "userEnteredValue,note", "rows": [{"values": values}]}}),
        ]
    }

    /// Between runs: an own column, and in each row with a key a mark of their own with a note.
    pub fn mark_rows(&mut self, view: &View) -> Vec<Value> {
        let mut requests = Vec::new();
        let column = view.column(MARK).unwrap_or_else(|| {
            let width = view.width();
            if u64::try_from(width).unwrap_or(0) >= view.grid.1 {
                requests.push(json!({"appendDimension": {"sheetId": view.id, "dimension": "COLUMNS", "length": 1}}));
            }
            requests.push(cell(view.id, 0, width, &json!({"userEnteredValue": {"stringValue": MARK}})));
            width
        });
        let Some(id) = view.column("id") else { return requests };
        for row in 1..view.rows.len() {
            let key = view.text(row, id);
            if key.starts_with('k') && view.text(row, column).is_empty() {
                let written = json!({"userEnteredValue": {"stringValue": format!("mine {key}")}, "note": format!("note of {key}")});
                requests.push(cell(view.id, row, column, &written));
                self.marked.insert(key);
            }
        }
        requests
    }
}

fn cell(tab: i64, row: usize, column: usize, cell: &Value) -> Value {
    let start = json!({"sheetId": tab, "rowIndex": row, "columnIndex": column});
    json!({"updateCells": {"start": start, "fields": "userEnteredValue,note", "rows": [{"values": [cell]}]}})
}
