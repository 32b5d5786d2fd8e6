//! What a person does in the data tab: the requests of one edit, and what the model expects then.
//!
//! Out of scope: when she does it (`shared_sheet.rs`), edits on columns (`column_edits.rs`), the tab `Processed` (`shared_sheet.rs`).

use std::fmt::Write as _;

use serde_json::{Value, json};
use sheetkeep::rng::Rng;
use sheetkeep::system::SeededRng;

use crate::model::{ColumnContent, RowModel, RowOwner, TabModel};
use crate::sight::Sight;

/// Rows beyond which she adds no more.
const ROWS: usize = 45;

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
    pub fn is_on_rows(self) -> bool {
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

/// Her requests, and their description.
pub type Done = Option<(Vec<Value>, String)>;

/// The person.
pub struct Hand {
    rng: SeededRng,
    pub made: u64,
}

impl Hand {
    pub fn new(seed: u64) -> Self {
        Self { rng: SeededRng::new(seed ^ 0xBEEF), made: 0 }
    }

    pub fn draws(&mut self, likely: f64) -> bool {
        self.rng.next_f64() < likely
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u64() % (bound.max(1) as u64)).unwrap_or(0)
    }

    pub fn one_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { all.get(self.below(all.len())).cloned() }
    }

    /// One edit of these.
    pub fn pick(&mut self, may: impl Fn(PersonEdit) -> bool) -> PersonEdit {
        let may = PersonEdit::ALL
            .into_iter()
            .filter(|(edit, _)| may(*edit))
            .flat_map(|(edit, times)| (0..times).map(move |_| edit));
        let may: Vec<_> = may.collect();
        self.one_of(&may).unwrap_or(PersonEdit::Sort)
    }

    /// An edit in the data tab.
    pub fn act(&mut self, edit: PersonEdit, model: &mut TabModel, sight: &Sight) -> Done {
        let rows = sight.depth();
        let view = &sight.view;
        match edit {
            PersonEdit::Sort if rows > 2 => {
                let order = if self.below(2) == 0 { "ASCENDING" } else { "DESCENDING" };
                let by = self.below(view.width());
                let range = json!({"sheetId": view.id, "startRowIndex": 1});
                let specs = json!([{"dimensionIndex": by, "sortOrder": order}]);
                Some((vec![json!({"sortRange": {"range": range, "sortSpecs": specs}})], format!("column {by} {order}")))
            }
            PersonEdit::InsertOwnRow if rows < ROWS => self.own_row(model, sight),
            PersonEdit::InsertBlankRows if rows < ROWS => {
                let at = 1 + self.below(rows);
                let range = view.span("ROWS", at, at + 1 + self.below(2));
                let description = format!("{range}");
                Some((vec![json!({"insertDimension": {"range": range, "inheritFromBefore": true}})], description))
            }
            PersonEdit::MoveRows if rows > 3 => {
                let from = 1 + self.below(rows - 2);
                let to = (from + 1 + self.below(2)).min(rows);
                let target = 1 + self.below(rows - 1);
                let is_moved = target < from || target > to;
                let request =
                    json!({"moveDimension": {"source": view.span("ROWS", from, to), "destinationIndex": target}});
                is_moved.then(|| (vec![request], format!("rows {}..{to} before row {}", from + 1, target + 1)))
            }
            PersonEdit::DeleteOwnRow | PersonEdit::DeleteKeyedRow | PersonEdit::DeleteWaitingRow => {
                self.delete_row(edit, model, sight)
            }
            PersonEdit::TypeIntoWaitingRow | PersonEdit::TypeIntoAnyRow => self.type_cells(edit, model, sight),
            PersonEdit::ChangeKey => self.change_key(model, sight),
            PersonEdit::RenameTab => {
                self.made += 1;
                let properties = json!({"sheetId": view.id, "title": format!("It's tab {}", self.made)});
                let request = json!({"updateSheetProperties": {"properties": properties, "fields": "title"}});
                Some((vec![request], format!("{}", self.made)))
            }
            PersonEdit::Filter => {
                let range = json!({"sheetId": view.id, "startRowIndex": 0, "startColumnIndex": 0});
                Some((vec![json!({"setBasicFilter": {"filter": {"range": range}}})], String::new()))
            }
            _ if !edit.is_on_rows() => self.act_on_columns(edit, model, sight),
            _ => None,
        }
    }

    fn delete_row(&mut self, edit: PersonEdit, model: &mut TabModel, sight: &Sight) -> Done {
        let waiting = model.wrong_cells(sight);
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
        let all = sight.lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.stamp?)));
        let is_waiting = |at: usize| waiting.iter().any(|(waits, _)| *waits == at);
        let all = all.filter(|(at, stamp)| {
            let row = model.rows.get(stamp).filter(|row| may(*at, row));
            row.is_some_and(|row| !(row.is_new && is_waiting(*at)))
        });
        let all: Vec<_> = all.collect();
        let (at, stamp) = self.one_of(&all)?;
        let description = format!("row {} ({:?})", at + 1, model.rows.get(&stamp)?.owner);
        model.delete_row(sight, stamp);
        Some((vec![json!({"deleteDimension": {"range": sight.view.span("ROWS", at, at + 1)}})], description))
    }

    /// One or two cells of a row: words of hers, or what was there before the job wrote over it.
    fn type_cells(&mut self, edit: PersonEdit, model: &mut TabModel, sight: &Sight) -> Done {
        let waiting = model.wrong_cells(sight);
        let rows: Vec<_> = if edit == PersonEdit::TypeIntoWaitingRow {
            waiting.iter().map(|(at, _)| *at).collect()
        } else {
            let known = sight.lines.iter().enumerate();
            known
                .filter(|(_, line)| line.stamp.is_some_and(|stamp| model.rows.contains_key(&stamp)))
                .map(|(at, _)| at)
                .collect()
        };
        let at = self.one_of(&rows)?;
        let stamp = sight.lines[at].stamp?;
        let is_new = model.rows.get(&stamp)?.is_new && waiting.iter().any(|(waits, _)| *waits == at);
        if is_new {
            return None;
        }
        let mut requests = Vec::new();
        let mut description = String::new();
        let mut texts: Vec<(u32, String)> = Vec::new();
        for _ in 0..=self.below(2) {
            let wrong: Vec<_> = waiting.iter().filter(|(waits, _)| *waits == at).map(|(_, column)| *column).collect();
            let is_words =
                |content: &ColumnContent| matches!(content, ColumnContent::Texts | ColumnContent::Job("a" | "b" | "c"));
            let words = model.columns.iter().filter(|(_, column)| is_words(&column.content)).map(|(stamp, _)| *stamp);
            let words: Vec<_> = words.collect();
            let column = if self.draws(0.7) { self.one_of(&wrong) } else { None }.or_else(|| self.one_of(&words))?;
            let place = sight.column(column)?;
            let content = model.columns.get(&column)?.content.clone();
            let right = model.rows.get(&stamp)?.cell(column).first().to_owned();
            // A formula that she knows by heart is none; nor is a key's cell for words.
            let is_for_words = is_words(&content) || content == ColumnContent::Job("id");
            if right.starts_with('=') || !is_for_words || texts.iter().any(|(typed, _)| *typed == column) {
                continue;
            }
            let is_keys = content == ColumnContent::Job("id");
            let is_right = is_keys || (wrong.contains(&column) && self.draws(0.3));
            self.made += 1;
            let text = if is_right { right } else { format!("hers {}", self.made) };
            let _ = write!(description, "row {} column {place} ({content:?}) {text:?}; ", at + 1);
            requests.push(written(sight.view.id, at, place, &text));
            texts.push((column, text));
        }
        model.type_texts(sight, stamp, &texts);
        (!requests.is_empty()).then_some((requests, description))
    }

    fn change_key(&mut self, model: &mut TabModel, sight: &Sight) -> Done {
        let keys = model.job_column("id")?;
        let place = sight.column(keys)?;
        let is_keyed = |stamp: &u32| model.rows.get(stamp).is_some_and(|row| matches!(row.owner, RowOwner::Key(_)));
        let all = sight.lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.stamp.filter(is_keyed)?)));
        let all: Vec<_> = all.collect();
        let (at, stamp) = self.one_of(&all)?;
        let is_new = model.rows.get(&stamp)?.is_new && model.wrong_cells(sight).iter().any(|(waits, _)| *waits == at);
        if is_new {
            return None;
        }
        self.made += 1;
        let text = if self.draws(0.4) { String::new() } else { format!("odd {}", self.made) };
        let description = format!("row {} ({:?}) to {text:?}", at + 1, model.rows.get(&stamp)?.owner);
        model.type_texts(sight, stamp, &[(keys, text.clone())]);
        Some((vec![written(sight.view.id, at, place, &text)], description))
    }

    /// A row without a key, with words and a formula in the job's columns: a total, a remark.
    fn own_row(&mut self, model: &mut TabModel, sight: &Sight) -> Done {
        let [a, b, mark] = [model.job_column("a")?, model.job_column("b")?, *model.text_columns().first()?];
        let at = 1 + self.below(sight.depth());
        self.made += 1;
        let stamp = model.stamp();
        let filled = [
            (a, format!("remark {}", self.made)),
            (b, format!("=1000+{}", self.made)),
            (mark, format!("own {}", self.made)),
        ];
        let range = sight.view.span("ROWS", at, at + 1);
        let mut requests = vec![json!({"insertDimension": {"range": range, "inheritFromBefore": true}})];
        for (column, text) in &filled {
            requests.push(written(sight.view.id, at, sight.column(*column)?, text));
        }
        requests.push(noted(sight.view.id, at, sight.column(mark)?, &format!("row {stamp}")));
        model.insert_own_row(stamp, filled);
        Some((requests, format!("own {} as row {}", self.made, at + 1)))
    }

    /// When all is quiet: words of hers in her columns, and formulas in theirs.
    pub fn dress(&mut self, model: &mut TabModel, sight: &Sight) -> Vec<Value> {
        let mut requests = Vec::new();
        let columns: Vec<_> = model.columns.iter().map(|(stamp, column)| (*stamp, column.content.clone())).collect();
        for (at, line) in sight.lines.iter().enumerate() {
            let Some(RowOwner::Key(key)) = line.stamp.and_then(|stamp| Some(model.rows.get(&stamp)?.owner.clone()))
            else {
                continue;
            };
            for (column, content) in &columns {
                let (Some(place), Some(stamp)) = (sight.column(*column), line.stamp) else { continue };
                if !sight.entered(at, place).is_empty() || !self.draws(0.6) {
                    continue;
                }
                self.made += 1;
                let (text, kept) = match content {
                    ColumnContent::Texts => (format!("my {key} {}", self.made), format!("my {key} {}", self.made)),
                    ColumnContent::Formulas(of) => {
                        let Some(other) = sight.column(*of) else { continue };
                        let letters = crate::sight::letters(other);
                        (format!("=\"f-\"&{letters}{}", at + 1), format!("=\"f-\"&{{{of}}}."))
                    }
                    _ => continue,
                };
                model.fill_own_cell(stamp, *column, kept);
                requests.push(written(sight.view.id, at, place, &text));
            }
        }
        requests
    }

    /// She writes a key into the row that it is of, if that is one of those that were shown.
    pub fn restore_key(model: &TabModel, sight: &Sight, key: &str, rows: &[usize]) -> Done {
        let place = sight.column(model.job_column("id")?)?;
        let own = model.rows.iter().find(|(_, row)| row.owner == RowOwner::Key(key.to_owned()));
        let at = sight.row(*own?.0).filter(|at| rows.contains(at))?;
        Some((vec![written(sight.view.id, at, place, key)], format!("row {} is {key}", at + 1)))
    }

    /// Whether a key has its row.
    pub fn has_row(model: &TabModel, sight: &Sight, key: &str) -> bool {
        model.rows.iter().any(|(stamp, row)| row.owner == RowOwner::Key(key.to_owned()) && sight.row(*stamp).is_some())
    }

    /// She clears the key of the row that is not this key's.
    pub fn clear_other(model: &mut TabModel, sight: &Sight, key: &str, rows: &[usize]) -> Done {
        let keys = model.job_column("id")?;
        let place = sight.column(keys)?;
        let owner = |at: usize| Some(&model.rows.get(&sight.lines.get(at)?.stamp?)?.owner);
        let is_own = |at: &usize| owner(*at) == Some(&RowOwner::Key(key.to_owned()));
        let at = *rows.iter().find(|at| !is_own(at)).or(rows.iter().max())?;
        if matches!(owner(at), Some(RowOwner::Key(_))) {
            model.type_texts(sight, sight.lines.get(at)?.stamp?, &[(keys, String::new())]);
        }
        Some((vec![written(sight.view.id, at, place, "")], format!("row {} is not {key}", at + 1)))
    }

    /// She writes a text for a key into the row that shows what is right.
    pub fn name_row(&mut self, model: &mut TabModel, sight: &Sight, rows: &[usize]) -> Done {
        let keys = model.job_column("id")?;
        let is_right = |at: &usize| {
            let Some(row) = sight.lines.get(*at).and_then(|line| model.rows.get(&line.stamp?)) else { return false };
            let mut cells = row.cells.iter().filter_map(|(column, cell)| Some((sight.column(*column)?, cell)));
            cells.all(|(place, cell)| cell.allows(sight.entered(*at, place)))
        };
        let at = *rows.iter().find(|at| is_right(at))?;
        self.made += 1;
        let text = format!("hers {}", self.made);
        model.type_texts(sight, sight.lines.get(at)?.stamp?, &[(keys, text.clone())]);
        Some((vec![written(sight.view.id, at, sight.column(keys)?, &text)], format!("row {} is {text}", at + 1)))
    }

    /// She gives rows back what was right in them, as the version history has it.
    pub fn restore_rows(model: &TabModel, sight: &Sight, rows: &[usize]) -> Done {
        let mut requests = Vec::new();
        for at in rows {
            let Some(row) = sight.lines.get(*at).and_then(|line| model.rows.get(&line.stamp?)) else { continue };
            for (column, cell) in row.cells.iter().filter(|(_, cell)| !cell.first().contains('{')) {
                let right = cell.first();
                let Some(place) = sight.column(*column) else { continue };
                if sight.entered(*at, place) != right {
                    requests.push(written(sight.view.id, *at, place, right));
                }
            }
        }
        (!requests.is_empty()).then(|| (requests, format!("rows {rows:?} are as they were")))
    }

    /// The key is in none of the rows. She writes it into one of those that were shown, and it is
    /// that key's from now on.
    pub fn choose_row(model: &mut TabModel, sight: &Sight, key: &str, at: usize) -> Done {
        let (keys, stamp) = (model.job_column("id")?, sight.lines.get(at)?.stamp?);
        model.give_key(stamp, key);
        Some((vec![written(sight.view.id, at, sight.column(keys)?, key)], format!("row {} becomes {key}", at + 1)))
    }
}

/// A person enters this; what begins with `=` is a formula.
pub fn written(tab: i64, row: usize, column: usize, text: &str) -> Value {
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

/// A note at a cell.
pub fn noted(tab: i64, row: usize, column: usize, note: &str) -> Value {
    let start = json!({"sheetId": tab, "rowIndex": row, "columnIndex": column});
    json!({"updateCells": {"start": start, "fields": "note", "rows": [{"values": [{"note": note}]}]}})
}
