//! What a person does to columns of the data tab.

use serde_json::json;

use crate::model::{ColumnContent, ColumnModel, FILLED, JOB_COLUMNS, TabModel};
use crate::random_editor::{EditRequests, PersonEdit, RandomEditor, make_cell_request, make_note_request};
use crate::tab_snapshot::{TabSnapshot, column_letters};

/// Columns beyond which she adds no more.
const MAX_COLUMNS: usize = 13;
/// The last row that an array covers when it is made.
const ARRAY_END: usize = 50;

impl RandomEditor {
    pub fn edit_columns(&mut self, edit: PersonEdit, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        match edit {
            PersonEdit::InsertColumn | PersonEdit::InsertArrayColumn | PersonEdit::InsertFormulaColumn => {
                self.insert_column(edit, model, snapshot)
            }
            PersonEdit::MoveJobColumn | PersonEdit::MoveOwnColumn => self.move_column(edit, model, snapshot),
            PersonEdit::RenameHeader => self.rename_header(model, snapshot),
            PersonEdit::FillDown => self.fill_down(model, snapshot),
            _ => None,
        }
    }

    fn insert_column(&mut self, edit: PersonEdit, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let width = snapshot.data_tab.width();
        let others = model
            .columns
            .values()
            .filter(|column| matches!(column.content, ColumnContent::Array(_) | ColumnContent::Formulas(_)));
        if width >= MAX_COLUMNS || (edit != PersonEdit::InsertColumn && others.count() >= 3) {
            return None;
        }
        let plain = model
            .columns
            .iter()
            .filter(|(_, column)| matches!(column.content, ColumnContent::Texts | ColumnContent::Job(_)));
        let plain: Vec<_> = plain.map(|(stamp, _)| *stamp).collect();
        let of = self.draw_one_of(&plain)?;
        let at = self.draw_below(width + 1);
        let other = snapshot.column(of)?;
        let other = column_letters(if other >= at { other + 1 } else { other });
        self.edit_count += 1;
        let number = self.edit_count;
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
        let description = format!("{content:?} as column {}", column_letters(at));
        model.columns.insert(stamp, ColumnModel { content, header: kept });
        let range = snapshot.data_tab.dimension_range("COLUMNS", at, at + 1);
        let requests = vec![
            json!({"insertDimension": {"range": range, "inheritFromBefore": at > 0}}),
            make_cell_request(snapshot.data_tab.id, 0, at, &header),
            make_note_request(snapshot.data_tab.id, 0, at, &format!("column {stamp}")),
        ];
        Some((requests, description))
    }

    fn move_column(&mut self, edit: PersonEdit, model: &TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let is_meant = |stamp: u32| {
            let is_job =
                model.columns.get(&stamp).is_some_and(|column| matches!(column.content, ColumnContent::Job(_)));
            is_job == (edit == PersonEdit::MoveJobColumn)
        };
        let places = snapshot.columns.iter().enumerate().filter_map(|(at, stamp)| Some((at, (*stamp)?)));
        let places: Vec<_> = places.filter(|(_, stamp)| is_meant(*stamp)).map(|(at, _)| at).collect();
        let from = self.draw_one_of(&places)?;
        let target = self.draw_below(snapshot.data_tab.width() + 1);
        let source = snapshot.data_tab.dimension_range("COLUMNS", from, from + 1);
        let request = json!({"moveDimension": {"source": source, "destinationIndex": target}});
        let description = format!(
            "{} ({:?}) before {}",
            column_letters(from),
            snapshot.entered_text(0, from),
            column_letters(target)
        );
        (target != from && target != from + 1).then(|| (vec![request], description))
    }

    fn rename_header(&mut self, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let name = self.draw_one_of(&JOB_COLUMNS)?;
        let stamp = model.job_column(name)?;
        let at = snapshot.column(stamp)?;
        self.edit_count += 1;
        let text = format!("{name} by another name {}", self.edit_count);
        model.columns.get_mut(&stamp)?.header.clone_from(&text);
        Some((
            vec![make_cell_request(snapshot.data_tab.id, 0, at, &text)],
            format!("{} to {text:?}", column_letters(at)),
        ))
    }

    fn fill_down(&mut self, model: &mut TabModel, snapshot: &TabSnapshot) -> EditRequests {
        let width = snapshot.data_tab.width();
        let height = usize::try_from(snapshot.data_tab.grid.0).unwrap_or(0);
        if model.columns.values().any(|column| column.content == ColumnContent::FilledDown) || width >= MAX_COLUMNS {
            return None;
        }
        let stamp = model.stamp();
        model.columns.insert(stamp, ColumnModel { content: ColumnContent::FilledDown, header: "filled".into() });
        let deep =
            if self.draw_below(2) == 0 { height } else { (snapshot.filled_height() + self.draw_below(20)).min(height) };
        let mut cells = vec![
            json!({"values": [{"userEnteredValue": {"stringValue": "filled"}, "note": format!("column {stamp}")}]}),
        ];
        cells.resize(deep.max(2), json!({"values": [{"userEnteredValue": {"formulaValue": FILLED}}]}));
        model.fill_down(snapshot, stamp, deep.max(2));
        let range = snapshot.data_tab.dimension_range("COLUMNS", width, width + 1);
        let start = json!({"sheetId": snapshot.data_tab.id, "rowIndex": 0, "columnIndex": width});
        let requests = vec![
            json!({"insertDimension": {"range": range, "inheritFromBefore": true}}),
            json!({"updateCells": {"start": start, "fields": "userEnteredValue,note", "rows": cells}}),
        ];
        Some((requests, format!("{deep} rows")))
    }
}
