//! What a person does to columns of the data tab.

use serde_json::json;

use crate::edits::{Done, Hand, PersonEdit, noted, written};
use crate::model::{ColumnContent, ColumnModel, FILLED, JOB_COLUMNS, TabModel};
use crate::sight::{Sight, letters};

/// Columns beyond which she adds no more.
const COLUMNS: usize = 13;
/// The last row that an array covers when it is made.
const ARRAY_END: usize = 50;

impl Hand {
    pub fn act_on_columns(&mut self, edit: PersonEdit, model: &mut TabModel, sight: &Sight) -> Done {
        match edit {
            PersonEdit::InsertColumn | PersonEdit::InsertArrayColumn | PersonEdit::InsertFormulaColumn => {
                self.insert_column(edit, model, sight)
            }
            PersonEdit::MoveJobColumn | PersonEdit::MoveOwnColumn => self.move_column(edit, model, sight),
            PersonEdit::RenameHeader => self.rename_header(model, sight),
            PersonEdit::FillDown => self.fill_down(model, sight),
            _ => None,
        }
    }

    fn insert_column(&mut self, edit: PersonEdit, model: &mut TabModel, sight: &Sight) -> Done {
        let width = sight.view.width();
        let others = model
            .columns
            .values()
            .filter(|column| matches!(column.content, ColumnContent::Array(_) | ColumnContent::Formulas(_)));
        if width >= COLUMNS || (edit != PersonEdit::InsertColumn && others.count() >= 3) {
            return None;
        }
        let plain = model
            .columns
            .iter()
            .filter(|(_, column)| matches!(column.content, ColumnContent::Texts | ColumnContent::Job(_)));
        let plain: Vec<_> = plain.map(|(stamp, _)| *stamp).collect();
        let of = self.one_of(&plain)?;
        let at = self.below(width + 1);
        let other = sight.column(of)?;
        let other = letters(if other >= at { other + 1 } else { other });
        self.made += 1;
        let number = self.made;
        let (content, header, kept) = match edit {
            PersonEdit::InsertArrayColumn => (
                ColumnContent::Array(of),
                format!("={{\"arr {number}\";ARRAYFORMULA(\"x-\"&{other}2:{other}{ARRAY_END})}}"),
                format!("={{\"arr {number}\";ARRAYFORMULA(\"x-\"&{{{of}}}:{{{of}}})}}"),
            ),
            PersonEdit::InsertFormulaColumn => {
                (ColumnContent::Formulas(of), format!("form {number}"), format!("form {number}"))
            }
            _ => (ColumnContent::Texts, format!("own {number}"), format!("own {number}")),
        };
        let stamp = model.stamp();
        let description = format!("{content:?} as column {}", letters(at));
        model.columns.insert(stamp, ColumnModel { content, header: kept });
        let range = sight.view.span("COLUMNS", at, at + 1);
        let requests = vec![
            json!({"insertDimension": {"range": range, "inheritFromBefore": at > 0}}),
            written(sight.view.id, 0, at, &header),
            noted(sight.view.id, 0, at, &format!("column {stamp}")),
        ];
        Some((requests, description))
    }

    fn move_column(&mut self, edit: PersonEdit, model: &TabModel, sight: &Sight) -> Done {
        let is_meant = |stamp: u32| {
            let is_job =
                model.columns.get(&stamp).is_some_and(|column| matches!(column.content, ColumnContent::Job(_)));
            is_job == (edit == PersonEdit::MoveJobColumn)
        };
        let places = sight.columns.iter().enumerate().filter_map(|(at, stamp)| Some((at, (*stamp)?)));
        let places: Vec<_> = places.filter(|(_, stamp)| is_meant(*stamp)).map(|(at, _)| at).collect();
        let from = self.one_of(&places)?;
        let target = self.below(sight.view.width() + 1);
        let source = sight.view.span("COLUMNS", from, from + 1);
        let request = json!({"moveDimension": {"source": source, "destinationIndex": target}});
        let description = format!("{} ({:?}) before {}", letters(from), sight.entered(0, from), letters(target));
        (target != from && target != from + 1).then(|| (vec![request], description))
    }

    fn rename_header(&mut self, model: &mut TabModel, sight: &Sight) -> Done {
        let name = self.one_of(&JOB_COLUMNS)?;
        let stamp = model.job_column(name)?;
        let at = sight.column(stamp)?;
        self.made += 1;
        let text = format!("{name} by another name {}", self.made);
        model.columns.get_mut(&stamp)?.header.clone_from(&text);
        Some((vec![written(sight.view.id, 0, at, &text)], format!("{} to {text:?}", letters(at))))
    }

    fn fill_down(&mut self, model: &mut TabModel, sight: &Sight) -> Done {
        let width = sight.view.width();
        let height = usize::try_from(sight.view.grid.0).unwrap_or(0);
        if model.columns.values().any(|column| column.content == ColumnContent::FilledDown) || width >= COLUMNS {
            return None;
        }
        let stamp = model.stamp();
        model.columns.insert(stamp, ColumnModel { content: ColumnContent::FilledDown, header: "filled".into() });
        let deep = if self.below(2) == 0 { height } else { (sight.depth() + self.below(20)).min(height) };
        let mut cells = vec![
            json!({"values": [{"userEnteredValue": {"stringValue": "filled"}, "note": format!("column {stamp}")}]}),
        ];
        cells.resize(deep.max(2), json!({"values": [{"userEnteredValue": {"formulaValue": FILLED}}]}));
        model.fill_down(sight, stamp, deep.max(2));
        let range = sight.view.span("COLUMNS", width, width + 1);
        let start = json!({"sheetId": sight.view.id, "rowIndex": 0, "columnIndex": width});
        let requests = vec![
            json!({"insertDimension": {"range": range, "inheritFromBefore": true}}),
            json!({"updateCells": {"start": start, "fields": "userEnteredValue,note", "rows": cells}}),
        ];
        Some((requests, format!("{deep} rows")))
    }
}
