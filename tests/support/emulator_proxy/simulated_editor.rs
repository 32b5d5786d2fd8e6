//! A person who edits the data tab at random, and remembers each edit.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sheetkeep::rng::Rng;
use sheetkeep::system::SeededRng;

use super::data_tab::DataTab;

/// The person's own column in every row that they have marked.
pub const OWN_COLUMN: &str = "mine";

/// A person who edits the data tab at random, and remembers each edit.
pub struct SimulatedEditor {
    rng: SeededRng,
    /// How likely they edit before a call; 0 to 1.
    pub edit_probability: f64,
    /// What they may do.
    pub allowed_edits: &'static [EditKind],
    /// Rows of their own: number, and what is in its columns a and b.
    pub own_rows: BTreeMap<u64, (String, String)>,
    /// Keys of rows that they marked.
    pub marked_keys: BTreeSet<String>,
    /// Keys whose rows they deleted at some time.
    pub deleted_keys: BTreeSet<String>,
    /// What they call the job's columns by now.
    pub header_names: BTreeMap<&'static str, String>,
    /// What was done, in order.
    pub edit_log: Vec<(EditKind, String)>,
    edit_count: u64,
}

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EditKind {
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
pub const ALL_EDITS: &[EditKind] = &[
    EditKind::Sort,
    EditKind::InsertOwnRow,
    EditKind::InsertBlankRows,
    EditKind::DeleteOwnRow,
    EditKind::DeleteKeyedRow,
    EditKind::MoveRows,
    EditKind::InsertColumn,
    EditKind::MoveColumn,
    EditKind::RenameTab,
    EditKind::RenameHeader,
    EditKind::Filter,
    EditKind::FillDown,
];

/// Of these, what moves no column.
pub const ROW_EDITS: &[EditKind] =
    &[EditKind::Sort, EditKind::InsertOwnRow, EditKind::InsertBlankRows, EditKind::DeleteOwnRow, EditKind::MoveRows];

impl SimulatedEditor {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: SeededRng::new(seed ^ 0xBEEF),
            edit_probability: 0.0,
            allowed_edits: ALL_EDITS,
            own_rows: BTreeMap::new(),
            marked_keys: BTreeSet::new(),
            deleted_keys: BTreeSet::new(),
            header_names: ["id", "a", "b"].map(|name| (name, name.to_owned())).into(),
            edit_log: Vec::new(),
            edit_count: 0,
        }
    }

    /// What a column of the job is called by now.
    pub fn header_name(&self, own: &str) -> &str {
        self.header_names.get(own).map_or("", String::as_str)
    }

    pub fn draws_edit(&mut self) -> bool {
        self.rng.next_f64() < self.edit_probability
    }

    fn draw_below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u64() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// Draws one edit, and returns its requests on the tab as it is.
    pub fn draw_edit(&mut self, data_tab: &DataTab) -> Vec<Value> {
        let edit = self.allowed_edits[self.draw_below(self.allowed_edits.len())];
        let requests = self.make_requests(edit, data_tab);
        if !requests.is_empty() {
            let text = requests.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
            self.edit_log.push((edit, text.chars().take(300).collect()));
        }
        requests
    }

    fn make_requests(&mut self, edit: EditKind, data_tab: &DataTab) -> Vec<Value> {
        match edit {
            EditKind::InsertColumn | EditKind::MoveColumn | EditKind::RenameHeader | EditKind::FillDown => {
                self.edit_columns(edit, data_tab)
            }
            EditKind::RenameTab => {
                self.edit_count += 1;
                let properties = json!({"sheetId": data_tab.id, "title": format!("It's tab {}", self.edit_count)});
                vec![json!({"updateSheetProperties": {"properties": properties, "fields": "title"}})]
            }
            EditKind::Filter => {
                let range = json!({"sheetId": data_tab.id, "startRowIndex": 0, "startColumnIndex": 0});
                vec![json!({"setBasicFilter": {"filter": {"range": range}}})]
            }
            EditKind::DeleteOwnRow | EditKind::DeleteKeyedRow => self.delete_row(edit, data_tab),
            _ => self.edit_rows(edit, data_tab),
        }
    }

    fn edit_rows(&mut self, edit: EditKind, data_tab: &DataTab) -> Vec<Value> {
        let rows = data_tab.rows.len();
        let height = usize::try_from(data_tab.grid.0).unwrap_or(rows);
        match edit {
            EditKind::Sort if rows > 2 => {
                let order = if self.draw_below(2) == 0 { "ASCENDING" } else { "DESCENDING" };
                let by = self.draw_below(data_tab.width());
                let range = json!({"sheetId": data_tab.id, "startRowIndex": 1});
                vec![json!({"sortRange": {"range": range, "sortSpecs": [{"dimensionIndex": by, "sortOrder": order}]}})]
            }
            EditKind::InsertOwnRow => {
                let at = 1 + self.draw_below(rows);
                self.insert_own_row(data_tab, at)
            }
            EditKind::InsertBlankRows => {
                let at = (1 + self.draw_below(rows.max(1))).min(height);
                let count = 1 + self.draw_below(2);
                vec![
                    json!({"insertDimension": {"range": data_tab.dimension_range("ROWS", at, at + count), "inheritFromBefore": true}}),
                ]
            }
            EditKind::MoveRows if rows > 3 => {
                let from = 1 + self.draw_below(rows - 2);
                let to = (from + 1 + self.draw_below(2)).min(rows);
                let target = 1 + self.draw_below(rows - 1);
                if target >= from && target <= to {
                    return Vec::new();
                }
                vec![
                    json!({"moveDimension": {"source": data_tab.dimension_range("ROWS", from, to), "destinationIndex": target}}),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn delete_row(&mut self, edit: EditKind, data_tab: &DataTab) -> Vec<Value> {
        let rows = 1..data_tab.rows.len();
        let row = if edit == EditKind::DeleteOwnRow {
            let found: Vec<_> = rows.filter_map(|row| Some((row, self.find_own_row(data_tab, row)?))).collect();
            let Some(&(row, number)) = found.get(self.draw_below(found.len())) else { return Vec::new() };
            self.own_rows.remove(&number);
            row
        } else {
            let Some(id) = data_tab.column(self.header_name("id")) else { return Vec::new() };
            let keyed: Vec<_> = rows.filter(|&row| is_key(&data_tab.text(row, id))).collect();
            let Some(&row) = keyed.get(self.draw_below(keyed.len() * 3)) else { return Vec::new() };
            self.deleted_keys.insert(data_tab.text(row, id));
            row
        };
        vec![json!({"deleteDimension": {"range": data_tab.dimension_range("ROWS", row, row + 1)}})]
    }

    /// The number of a row of the person's own. Where a misplaced write shows parts of it in another row, they know that it isn't theirs.
    fn find_own_row(&self, data_tab: &DataTab, row: usize) -> Option<u64> {
        let text = |name: &str| data_tab.column(self.header_name(name)).map(|column| data_tab.text(row, column));
        let number = data_tab.text(row, data_tab.column(OWN_COLUMN)?).strip_prefix("own ")?.parse().ok()?;
        let (word, formula) = self.own_rows.get(&number)?;
        (text("id")?.is_empty() && text("a")? == *word && text("b")? == *formula).then_some(number)
    }

    fn edit_columns(&mut self, edit: EditKind, data_tab: &DataTab) -> Vec<Value> {
        let width = data_tab.width();
        let height = usize::try_from(data_tab.grid.0).unwrap_or(0);
        match edit {
            EditKind::InsertColumn if width < 12 => {
                self.edit_count += 1;
                let at = self.draw_below(width + 1);
                let header = json!({"userEnteredValue": {"stringValue": format!("own column {}", self.edit_count)}});
                let range = data_tab.dimension_range("COLUMNS", at, at + 1);
                vec![
                    json!({"insertDimension": {"range": range, "inheritFromBefore": at > 0}}),
                    make_cell_request(data_tab.id, 0, at, &header),
                ]
            }
            EditKind::MoveColumn if width > 2 => {
                let from = self.draw_below(width);
                let target = self.draw_below(width + 1);
                if target == from || target == from + 1 {
                    return Vec::new();
                }
                let source = data_tab.dimension_range("COLUMNS", from, from + 1);
                vec![json!({"moveDimension": {"source": source, "destinationIndex": target}})]
            }
            EditKind::RenameHeader => {
                let own = ["id", "a", "b"][self.draw_below(3)];
                let Some(at) = data_tab.column(self.header_name(own)) else { return Vec::new() };
                self.edit_count += 1;
                let text = format!("{own} by another name {}", self.edit_count);
                self.header_names.insert(own, text.clone());
                vec![make_cell_request(data_tab.id, 0, at, &json!({"userEnteredValue": {"stringValue": text}}))]
            }
            EditKind::FillDown if data_tab.column("filled").is_none() && height < 200 => {
                let cell = json!({"values": [{"userEnteredValue": {"formulaValue": "=1+1"}}]});
                let mut cells = vec![json!({"values": [{"userEnteredValue": {"stringValue": "filled"}}]})];
                // To the end of the grid, or over some rows only that are still to come.
                let deep = if self.draw_below(2) == 0 {
                    height
                } else {
                    (data_tab.rows.len() + self.draw_below(20)).min(height)
                };
                cells.resize(deep.max(2), cell);
                let start = json!({"sheetId": data_tab.id, "rowIndex": 0, "columnIndex": width});
                let grow = (u64::try_from(width).unwrap_or(0) >= data_tab.grid.1)
                    .then(|| json!({"appendDimension": {"sheetId": data_tab.id, "dimension": "COLUMNS", "length": 1}}));
                let fill = json!({"updateCells": {"start": start, "fields": "userEnteredValue", "rows": cells}});
                grow.into_iter().chain([fill]).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A row without a key, with words and a formula in the job's columns: a total, a remark.
    fn insert_own_row(&mut self, data_tab: &DataTab, at: usize) -> Vec<Value> {
        let (Some(a), Some(b), Some(mark)) = (
            data_tab.column(self.header_name("a")),
            data_tab.column(self.header_name("b")),
            data_tab.column(OWN_COLUMN),
        ) else {
            return Vec::new();
        };
        self.edit_count += 1;
        let number = self.edit_count;
        let (word, formula) = (format!("remark {number}"), format!("=1000+{number}"));
        self.own_rows.insert(number, (word.clone(), formula.clone()));
        let mut values = vec![json!({}); data_tab.width()];
        values[a] = json!({"userEnteredValue": {"stringValue": word}});
        values[b] = json!({"userEnteredValue": {"formulaValue": formula}});
        values[mark] = json!({"userEnteredValue": {"stringValue": format!("own {number}")}, "note": format!("note of own {number}")});
        let range = json!({"sheetId": data_tab.id, "dimension": "ROWS", "startIndex": at, "endIndex": at + 1});
        let start = json!({"sheetId": data_tab.id, "rowIndex": at, "columnIndex": 0});
        vec![
            json!({"insertDimension": {"range": range, "inheritFromBefore": true}}),
            json!({"updateCells": {"start": start, "fields": "userEnteredValue,note", "rows": [{"values": values}]}}),
        ]
    }

    /// Between runs: an own column, and in each row with a key a mark of their own with a note.
    pub fn mark_rows(&mut self, data_tab: &DataTab) -> Vec<Value> {
        let mut requests = Vec::new();
        let column = data_tab.column(OWN_COLUMN).unwrap_or_else(|| {
            let width = data_tab.width();
            if u64::try_from(width).unwrap_or(0) >= data_tab.grid.1 {
                requests
                    .push(json!({"appendDimension": {"sheetId": data_tab.id, "dimension": "COLUMNS", "length": 1}}));
            }
            requests.push(make_cell_request(
                data_tab.id,
                0,
                width,
                &json!({"userEnteredValue": {"stringValue": OWN_COLUMN}}),
            ));
            width
        });
        let Some(id) = data_tab.column(self.header_name("id")) else { return requests };
        for row in 1..data_tab.rows.len() {
            let key = data_tab.text(row, id);
            if is_key(&key) && data_tab.text(row, column).is_empty() {
                let written = json!({"userEnteredValue": {"stringValue": format!("mine {key}")}, "note": format!("note of {key}")});
                requests.push(make_cell_request(data_tab.id, row, column, &written));
                self.marked_keys.insert(key);
            }
        }
        requests
    }
}

/// Whether a text is one of the source's keys, such as k07.
fn is_key(text: &str) -> bool {
    text.len() == 3 && text.starts_with('k')
}

fn make_cell_request(tab: i64, row: usize, column: usize, cell: &Value) -> Value {
    let start = json!({"sheetId": tab, "rowIndex": row, "columnIndex": column});
    json!({"updateCells": {"start": start, "fields": "userEnteredValue,note", "rows": [{"values": [cell]}]}})
}
