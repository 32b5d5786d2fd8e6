//! A person at work in the data tab: what they do, and what they remember having done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sheetkeep::rng::Rng;
use sheetkeep::system::SeededRng;

use crate::front::View;

/// The person's own column in every row that they have marked.
pub const MARK: &str = "mine";

/// A person who edits the data tab at random, and remembers each edit.
pub struct SimulatedEditor {
    rng: SeededRng,
    /// How likely they act before a call; 0 to 1.
    pub eagerness: f64,
    /// What they may do.
    pub acts: &'static [Act],
    /// Rows of their own: number, and what is in its columns a and b.
    pub own_rows: BTreeMap<u64, (String, String)>,
    /// Keys of rows that they marked.
    pub marked: BTreeSet<String>,
    /// Keys whose rows they deleted at some time.
    pub deleted: BTreeSet<String>,
    /// What they call the job's columns by now.
    pub names: BTreeMap<&'static str, String>,
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
    RenameHeader,
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
    Act::RenameHeader,
    Act::Filter,
    Act::FillDown,
];

/// Of these, what moves no column.
pub const ROWS: &[Act] = &[Act::Sort, Act::InsertOwnRow, Act::InsertBlankRows, Act::DeleteOwnRow, Act::MoveRows];

impl SimulatedEditor {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: SeededRng::new(seed ^ 0xBEEF),
            eagerness: 0.0,
            acts: ALL,
            own_rows: BTreeMap::new(),
            marked: BTreeSet::new(),
            deleted: BTreeSet::new(),
            names: ["id", "a", "b"].map(|name| (name, name.to_owned())).into(),
            diary: Vec::new(),
            made: 0,
        }
    }

    /// What a column of the job is called by now.
    pub fn name(&self, own: &str) -> &str {
        self.names.get(own).map_or("", String::as_str)
    }

    pub fn wants_to_act(&mut self) -> bool {
        self.rng.next_f64() < self.eagerness
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u64() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// The requests of one act, on the tab as it is.
    pub fn act(&mut self, view: &View) -> Vec<Value> {
        let act = self.acts[self.below(self.acts.len())];
        let requests = self.requests(act, view);
        if !requests.is_empty() {
            let text = requests.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
            self.diary.push((act, text.chars().take(300).collect()));
        }
        requests
    }

    fn requests(&mut self, act: Act, view: &View) -> Vec<Value> {
        match act {
            Act::InsertColumn | Act::MoveColumn | Act::RenameHeader | Act::FillDown => self.on_columns(act, view),
            Act::RenameTab => {
                self.made += 1;
                let properties = json!({"sheetId": view.id, "title": format!("It's tab {}", self.made)});
                vec![json!({"updateSheetProperties": {"properties": properties, "fields": "title"}})]
            }
            Act::Filter => {
                let range = json!({"sheetId": view.id, "startRowIndex": 0, "startColumnIndex": 0});
                vec![json!({"setBasicFilter": {"filter": {"range": range}}})]
            }
            Act::DeleteOwnRow | Act::DeleteKeyedRow => self.delete_row(act, view),
            _ => self.on_rows(act, view),
        }
    }

    fn on_rows(&mut self, act: Act, view: &View) -> Vec<Value> {
        let rows = view.rows.len();
        let height = usize::try_from(view.grid.0).unwrap_or(rows);
        match act {
            Act::Sort if rows > 2 => {
                let order = if self.below(2) == 0 { "ASCENDING" } else { "DESCENDING" };
                let by = self.below(view.width());
                let range = json!({"sheetId": view.id, "startRowIndex": 1});
                vec![json!({"sortRange": {"range": range, "sortSpecs": [{"dimensionIndex": by, "sortOrder": order}]}})]
            }
            Act::InsertOwnRow => {
                let at = 1 + self.below(rows);
                self.own_row(view, at)
            }
            Act::InsertBlankRows => {
                let at = (1 + self.below(rows.max(1))).min(height);
                let count = 1 + self.below(2);
                vec![
                    json!({"insertDimension": {"range": view.span("ROWS", at, at + count), "inheritFromBefore": true}}),
                ]
            }
            Act::MoveRows if rows > 3 => {
                let from = 1 + self.below(rows - 2);
                let to = (from + 1 + self.below(2)).min(rows);
                let target = 1 + self.below(rows - 1);
                if target >= from && target <= to {
                    return Vec::new();
                }
                vec![json!({"moveDimension": {"source": view.span("ROWS", from, to), "destinationIndex": target}})]
            }
            _ => Vec::new(),
        }
    }

    fn delete_row(&mut self, act: Act, view: &View) -> Vec<Value> {
        let rows = 1..view.rows.len();
        let row = if act == Act::DeleteOwnRow {
            let found: Vec<_> = rows.filter_map(|row| Some((row, self.whole_own_row(view, row)?))).collect();
            let Some(&(row, number)) = found.get(self.below(found.len())) else { return Vec::new() };
            self.own_rows.remove(&number);
            row
        } else {
            let Some(id) = view.column(self.name("id")) else { return Vec::new() };
            let keyed: Vec<_> = rows.filter(|&row| is_key(&view.text(row, id))).collect();
            let Some(&row) = keyed.get(self.below(keyed.len() * 3)) else { return Vec::new() };
            self.deleted.insert(view.text(row, id));
            row
        };
        vec![json!({"deleteDimension": {"range": view.span("ROWS", row, row + 1)}})]
    }

    /// The number of a row of the person's own. Where a misplaced write shows parts of it in another row, they know that it isn't theirs.
    fn whole_own_row(&self, view: &View, row: usize) -> Option<u64> {
        let text = |name: &str| view.column(self.name(name)).map(|column| view.text(row, column));
        let number = view.text(row, view.column(MARK)?).strip_prefix("own ")?.parse().ok()?;
        let (word, formula) = self.own_rows.get(&number)?;
        (text("id")?.is_empty() && text("a")? == *word && text("b")? == *formula).then_some(number)
    }

    fn on_columns(&mut self, act: Act, view: &View) -> Vec<Value> {
        let width = view.width();
        let height = usize::try_from(view.grid.0).unwrap_or(0);
        match act {
            Act::InsertColumn if width < 12 => {
                self.made += 1;
                let at = self.below(width + 1);
                let header = json!({"userEnteredValue": {"stringValue": format!("own column {}", self.made)}});
                let range = view.span("COLUMNS", at, at + 1);
                vec![
                    json!({"insertDimension": {"range": range, "inheritFromBefore": at > 0}}),
                    cell(view.id, 0, at, &header),
                ]
            }
            Act::MoveColumn if width > 2 => {
                let from = self.below(width);
                let target = self.below(width + 1);
                if target == from || target == from + 1 {
                    return Vec::new();
                }
                let source = view.span("COLUMNS", from, from + 1);
                vec![json!({"moveDimension": {"source": source, "destinationIndex": target}})]
            }
            Act::RenameHeader => {
                let own = ["id", "a", "b"][self.below(3)];
                let Some(at) = view.column(self.name(own)) else { return Vec::new() };
                self.made += 1;
                let text = format!("{own} by another name {}", self.made);
                self.names.insert(own, text.clone());
                vec![cell(view.id, 0, at, &json!({"userEnteredValue": {"stringValue": text}}))]
            }
            Act::FillDown if view.column("filled").is_none() && height < 200 => {
                let cell = json!({"values": [{"userEnteredValue": {"formulaValue": "=1+1"}}]});
                let mut cells = vec![json!({"values": [{"userEnteredValue": {"stringValue": "filled"}}]})];
                // To the end of the grid, or over some rows only that are still to come.
                let deep = if self.below(2) == 0 { height } else { (view.rows.len() + self.below(20)).min(height) };
                cells.resize(deep.max(2), cell);
                let start = json!({"sheetId": view.id, "rowIndex": 0, "columnIndex": width});
                let grow = (u64::try_from(width).unwrap_or(0) >= view.grid.1)
                    .then(|| json!({"appendDimension": {"sheetId": view.id, "dimension": "COLUMNS", "length": 1}}));
                let fill = json!({"updateCells": {"start": start, "fields": "userEnteredValue", "rows": cells}});
                grow.into_iter().chain([fill]).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A row without a key, with words and a formula in the job's columns: a total, a remark.
    fn own_row(&mut self, view: &View, at: usize) -> Vec<Value> {
        let (Some(a), Some(b), Some(mark)) =
            (view.column(self.name("a")), view.column(self.name("b")), view.column(MARK))
        else {
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
        let Some(id) = view.column(self.name("id")) else { return requests };
        for row in 1..view.rows.len() {
            let key = view.text(row, id);
            if is_key(&key) && view.text(row, column).is_empty() {
                let written = json!({"userEnteredValue": {"stringValue": format!("mine {key}")}, "note": format!("note of {key}")});
                requests.push(cell(view.id, row, column, &written));
                self.marked.insert(key);
            }
        }
        requests
    }
}

/// Whether a text is one of the source's keys, such as k07.
fn is_key(text: &str) -> bool {
    text.len() == 3 && text.starts_with('k')
}

fn cell(tab: i64, row: usize, column: usize, cell: &Value) -> Value {
    let start = json!({"sheetId": tab, "rowIndex": row, "columnIndex": column});
    json!({"updateCells": {"start": start, "fields": "userEnteredValue,note", "rows": [{"values": [cell]}]}})
}
