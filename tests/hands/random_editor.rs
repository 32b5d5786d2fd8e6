//! What a person does in the data tab: the requests of one edit, and what the model expects then.
//!
//! Out of scope: when she does it (`shared_sheet.rs`), edits on columns (`column_edits.rs`), the tab `Processed` (`shared_sheet.rs`).

use std::fmt::Write as _;

use serde_json::{Value, json};
use sheetkeep::rng::Rng;
use sheetkeep::system::SeededRng;

use crate::model::{ColumnContent, RowModel, RowOwner, TabModel};
use crate::tab_snapshot::TabSnapshot;

/// Rows beyond which she adds no more.
const MAX_ROWS: usize = 45;

/// What she does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonEdit {
    Sort,
    InsertOwnRow,
    InsertBlankRows,
    DeleteOwnRow,
    DeleteKeyedRow,
    DeleteWaitingRow,
    MoveRows,
    TypeIntoWaitingRow,
    TypeIntoAnyRow,
    ChangeKey,
    InsertColumn,
    InsertArrayColumn,
    InsertFormulaColumn,
    MoveJobColumn,
    MoveOwnColumn,
    RenameHeader,
    RenameTab,
    Filter,
    FillDown,
    SortProcessed,
    DeleteProcessed,
}

impl PersonEdit {
    /// All, each as often as it is drawn.
    pub const ALL: [(Self, u64); 21] = [
        (Self::Sort, 10),
        (Self::InsertOwnRow, 6),
        (Self::InsertBlankRows, 4),
        (Self::DeleteOwnRow, 4),
        (Self::DeleteKeyedRow, 2),
        (Self::DeleteWaitingRow, 3),
        (Self::MoveRows, 10),
        (Self::TypeIntoWaitingRow, 14),
        (Self::TypeIntoAnyRow, 6),
        (Self::ChangeKey, 1),
        (Self::InsertColumn, 3),
        (Self::InsertArrayColumn, 3),
        (Self::InsertFormulaColumn, 3),
        (Self::MoveJobColumn, 8),
        (Self::MoveOwnColumn, 8),
        (Self::RenameHeader, 2),
        (Self::RenameTab, 1),
        (Self::Filter, 1),
        (Self::FillDown, 1),
        (Self::SortProcessed, 3),
        (Self::DeleteProcessed, 2),
    ];

    /// Whether it leaves columns where they are.
    pub fn leaves_columns(self) -> bool {
        use PersonEdit::{FillDown, InsertArrayColumn, InsertColumn, InsertFormulaColumn};
        use PersonEdit::{MoveJobColumn, MoveOwnColumn, RenameHeader};
        !matches!(
            self,
            InsertColumn
                | InsertArrayColumn
                | InsertFormulaColumn
                | MoveJobColumn
                | MoveOwnColumn
                | RenameHeader
                | FillDown
        )
    }
}

/// The requests of one edit, and their description; none where the edit can't be made.
pub type EditRequests = Option<(Vec<Value>, String)>;

/// A person who edits at random, and reports each edit to the model.
pub struct RandomEditor {
    rng: SeededRng,
    pub edit_count: u64,
}

impl RandomEditor {
    pub fn new(seed: u64) -> Self {
        Self { rng: SeededRng::new(seed ^ 0xBEEF), edit_count: 0 }
    }

    pub fn draw_bool(&mut self, probability: f64) -> bool {
        self.rng.next_f64() < probability
    }

    pub fn draw_below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u64() % (bound.max(1) as u64)).unwrap_or(0)
    }

    pub fn draw_one_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { all.get(self.draw_below(all.len())).cloned() }
    }

    /// One edit of these.
    pub fn draw_edit(&mut self, may: impl Fn(PersonEdit) -> bool) -> PersonEdit {
        let may = PersonEdit::ALL
            .into_iter()
            .filter(|(edit, _)| may(*edit))
            .flat_map(|(edit, times)| (0..times).map(move |_| edit));
        let may: Vec<_> = may.collect();
        self.draw_one_of(&may).unwrap_or(PersonEdit::Sort)
    }

    /// An edit in the data tab.
    pub fn make_requests(&mut self, edit: PersonEdit, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let rows = snapshot.filled_height();
        let data_tab = &snapshot.data_tab;
        match edit {
            PersonEdit::Sort if rows > 2 => {
                let order = if self.draw_below(2) == 0 { "ASCENDING" } else { "DESCENDING" };
                let by = self.draw_below(data_tab.width());
                let range = json!({"sheetId": data_tab.id, "startRowIndex": 1});
                let specs = json!([{"dimensionIndex": by, "sortOrder": order}]);
                Some((vec![json!({"sortRange": {"range": range, "sortSpecs": specs}})], format!("column {by} {order}")))
            }
            PersonEdit::InsertOwnRow if rows < MAX_ROWS => self.insert_own_row(model, snapshot),
            PersonEdit::InsertBlankRows if rows < MAX_ROWS => {
                let at = 1 + self.draw_below(rows);
                let range = data_tab.dimension_range("ROWS", at, at + 1 + self.draw_below(2));
                let description = format!("{range}");
                Some((vec![json!({"insertDimension": {"range": range, "inheritFromBefore": true}})], description))
            }
            PersonEdit::MoveRows if rows > 3 => {
                let from = 1 + self.draw_below(rows - 2);
                let to = (from + 1 + self.draw_below(2)).min(rows);
                let target = 1 + self.draw_below(rows - 1);
                let is_moved = target < from || target > to;
                let request = json!({"moveDimension": {"source": data_tab.dimension_range("ROWS", from, to), "destinationIndex": target}});
                is_moved.then(|| (vec![request], format!("rows {}..{to} before row {}", from + 1, target + 1)))
            }
            PersonEdit::DeleteOwnRow | PersonEdit::DeleteKeyedRow | PersonEdit::DeleteWaitingRow => {
                self.delete_row(edit, model, snapshot)
            }
            PersonEdit::TypeIntoWaitingRow | PersonEdit::TypeIntoAnyRow => self.type_cells(edit, model, snapshot),
            PersonEdit::ChangeKey => self.change_key(model, snapshot),
            PersonEdit::RenameTab => {
                self.edit_count += 1;
                let properties = json!({"sheetId": data_tab.id, "title": format!("It's tab {}", self.edit_count)});
                let request = json!({"updateSheetProperties": {"properties": properties, "fields": "title"}});
                Some((vec![request], format!("{}", self.edit_count)))
            }
            PersonEdit::Filter => {
                let range = json!({"sheetId": data_tab.id, "startRowIndex": 0, "startColumnIndex": 0});
                Some((vec![json!({"setBasicFilter": {"filter": {"range": range}}})], String::new()))
            }
            _ if !edit.leaves_columns() => self.edit_columns(edit, model, snapshot),
            _ => None,
        }
    }

    fn delete_row(&mut self, edit: PersonEdit, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let waiting = model.wrong_cells(snapshot);
        let may = |at: usize, row: &RowModel| match edit {
            PersonEdit::DeleteOwnRow => row.owner != RowOwner::Person || waiting.iter().all(|(waits, _)| *waits != at),
            _ => true,
        };
        let may = |at: usize, row: &RowModel| {
            may(at, row)
                && match edit {
                    PersonEdit::DeleteWaitingRow => waiting.iter().any(|(waits, _)| *waits == at),
                    PersonEdit::DeleteKeyedRow => matches!(row.owner, RowOwner::Key(_)),
                    _ => !matches!(row.owner, RowOwner::Key(_)),
                }
        };
        let all = snapshot.rows.iter().enumerate().filter_map(|(at, row_snapshot)| Some((at, row_snapshot.stamp?)));
        let is_waiting = |at: usize| waiting.iter().any(|(waits, _)| *waits == at);
        let all = all.filter(|(at, stamp)| {
            let row = model.rows.get(stamp).filter(|row| may(*at, row));
            row.is_some_and(|row| !(row.is_new && is_waiting(*at)))
        });
        let all: Vec<_> = all.collect();
        let (at, stamp) = self.draw_one_of(&all)?;
        let description = format!("row {} ({:?})", at + 1, model.rows.get(&stamp)?.owner);
        model.delete_row(snapshot, stamp);
        Some((
            vec![json!({"deleteDimension": {"range": snapshot.data_tab.dimension_range("ROWS", at, at + 1)}})],
            description,
        ))
    }

    /// One or two cells of a row: words of hers, or what was there before the job wrote over it.
    fn type_cells(&mut self, edit: PersonEdit, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let waiting = model.wrong_cells(snapshot);
        let rows: Vec<_> = if edit == PersonEdit::TypeIntoWaitingRow {
            waiting.iter().map(|(at, _)| *at).collect()
        } else {
            let known = snapshot.rows.iter().enumerate();
            known
                .filter(|(_, row_snapshot)| row_snapshot.stamp.is_some_and(|stamp| model.rows.contains_key(&stamp)))
                .map(|(at, _)| at)
                .collect()
        };
        let at = self.draw_one_of(&rows)?;
        let stamp = snapshot.rows[at].stamp?;
        let is_new = model.rows.get(&stamp)?.is_new && waiting.iter().any(|(waits, _)| *waits == at);
        if is_new {
            return None;
        }
        let mut requests = Vec::new();
        let mut description = String::new();
        let mut texts: Vec<(u32, String)> = Vec::new();
        for _ in 0..=self.draw_below(2) {
            let wrong: Vec<_> = waiting.iter().filter(|(waits, _)| *waits == at).map(|(_, column)| *column).collect();
            let is_words =
                |content: &ColumnContent| matches!(content, ColumnContent::Texts | ColumnContent::Job("a" | "b" | "c"));
            let words = model.columns.iter().filter(|(_, column)| is_words(&column.content)).map(|(stamp, _)| *stamp);
            let words: Vec<_> = words.collect();
            let column = if self.draw_bool(0.7) { self.draw_one_of(&wrong) } else { None }
                .or_else(|| self.draw_one_of(&words))?;
            let position = snapshot.column(column)?;
            let content = model.columns.get(&column)?.content.clone();
            let right = model.rows.get(&stamp)?.cell(column).first().to_owned();
            // A formula that she knows by heart is none; nor is a key's cell for words.
            let is_for_words = is_words(&content) || content == ColumnContent::Job("id");
            if right.starts_with('=') || !is_for_words || texts.iter().any(|(typed, _)| *typed == column) {
                continue;
            }
            let is_keys = content == ColumnContent::Job("id");
            let is_right = is_keys || (wrong.contains(&column) && self.draw_bool(0.3));
            self.edit_count += 1;
            let text = if is_right { right } else { format!("hers {}", self.edit_count) };
            let _ = write!(description, "row {} column {position} ({content:?}) {text:?}; ", at + 1);
            requests.push(make_cell_request(snapshot.data_tab.id, at, position, &text));
            texts.push((column, text));
        }
        model.type_texts(snapshot, stamp, &texts);
        (!requests.is_empty()).then_some((requests, description))
    }

    fn change_key(&mut self, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let keys = model.job_column("id")?;
        let position = snapshot.column(keys)?;
        let is_keyed = |stamp: &u32| model.rows.get(stamp).is_some_and(|row| matches!(row.owner, RowOwner::Key(_)));
        let all = snapshot
            .rows
            .iter()
            .enumerate()
            .filter_map(|(at, row_snapshot)| Some((at, row_snapshot.stamp.filter(is_keyed)?)));
        let all: Vec<_> = all.collect();
        let (at, stamp) = self.draw_one_of(&all)?;
        let is_new =
            model.rows.get(&stamp)?.is_new && model.wrong_cells(snapshot).iter().any(|(waits, _)| *waits == at);
        if is_new {
            return None;
        }
        self.edit_count += 1;
        let text = if self.draw_bool(0.4) { String::new() } else { format!("odd {}", self.edit_count) };
        let description = format!("row {} ({:?}) to {text:?}", at + 1, model.rows.get(&stamp)?.owner);
        model.type_texts(snapshot, stamp, &[(keys, text.clone())]);
        Some((vec![make_cell_request(snapshot.data_tab.id, at, position, &text)], description))
    }

    /// A row without a key, with words and a formula in the job's columns: a total, a remark.
    fn insert_own_row(&mut self, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let [a, b, mark] = [model.job_column("a")?, model.job_column("b")?, *model.text_columns().first()?];
        let at = 1 + self.draw_below(snapshot.filled_height());
        self.edit_count += 1;
        let stamp = model.stamp();
        let filled = [
            (a, format!("remark {}", self.edit_count)),
            (b, format!("=1000+{}", self.edit_count)),
            (mark, format!("own {}", self.edit_count)),
        ];
        let range = snapshot.data_tab.dimension_range("ROWS", at, at + 1);
        let mut requests = vec![json!({"insertDimension": {"range": range, "inheritFromBefore": true}})];
        for (column, text) in &filled {
            requests.push(make_cell_request(snapshot.data_tab.id, at, snapshot.column(*column)?, text));
        }
        requests.push(make_note_request(snapshot.data_tab.id, at, snapshot.column(mark)?, &format!("row {stamp}")));
        model.insert_own_row(stamp, filled);
        Some((requests, format!("own {} as row {}", self.edit_count, at + 1)))
    }

    /// Fills cells of her own columns when all is quiet: with words, or with formulas.
    pub fn fill_own_columns(&mut self, model: &mut TabModel, snapshot: &TabSnapshot) -> Vec<Value> {
        let mut requests = Vec::new();
        let columns: Vec<_> = model.columns.iter().map(|(stamp, column)| (*stamp, column.content.clone())).collect();
        for (at, row_snapshot) in snapshot.rows.iter().enumerate() {
            let Some(RowOwner::Key(key)) =
                row_snapshot.stamp.and_then(|stamp| Some(model.rows.get(&stamp)?.owner.clone()))
            else {
                continue;
            };
            for (column, content) in &columns {
                let (Some(position), Some(stamp)) = (snapshot.column(*column), row_snapshot.stamp) else { continue };
                if !snapshot.entered_text(at, position).is_empty() || !self.draw_bool(0.6) {
                    continue;
                }
                self.edit_count += 1;
                let (text, kept) = match content {
                    ColumnContent::Texts => {
                        (format!("my {key} {}", self.edit_count), format!("my {key} {}", self.edit_count))
                    }
                    ColumnContent::Formulas(of) => {
                        let Some(other) = snapshot.column(*of) else { continue };
                        let column_letters = crate::tab_snapshot::column_letters(other);
                        (format!("=\"f-\"&{column_letters}{}", at + 1), format!("=\"f-\"&{{{of}}}."))
                    }
                    _ => continue,
                };
                model.fill_own_cell(stamp, *column, kept);
                requests.push(make_cell_request(snapshot.data_tab.id, at, position, &text));
            }
        }
        requests
    }
}

/// Makes the request by which a person enters a text; one that begins with `=` is a formula.
pub fn make_cell_request(tab: i64, row: usize, column: usize, text: &str) -> Value {
    let value = match text {
        "" => json!({}),
        _ if text.starts_with('=') => json!({"userEnteredValue": {"formulaValue": text}}),
        _ => match text.parse::<u32>() {
            Ok(number) => json!({"userEnteredValue": {"numberValue": number}}),
            Err(_) => json!({"userEnteredValue": {"stringValue": text}}),
        },
    };
    let start = json!({"sheetId": tab, "rowIndex": row, "columnIndex": column});
    json!({"updateCells": {"start": start, "fields": "userEnteredValue", "rows": [{"values": [value]}]}})
}

/// Makes the request that puts a note at a cell.
pub fn make_note_request(tab: i64, row: usize, column: usize, note: &str) -> Value {
    let start = json!({"sheetId": tab, "rowIndex": row, "columnIndex": column});
    json!({"updateCells": {"start": start, "fields": "note", "rows": [{"values": [{"note": note}]}]}})
}
