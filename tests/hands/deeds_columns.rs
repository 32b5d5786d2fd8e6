//! What a person does to columns of the data tab.

use serde_json::json;

use crate::book::{Book, Column, Holds, JOBS};
use crate::deeds::{Deed, Done, Hand, noted, written};
use crate::sight::{Sight, letters};

/// Columns beyond which she adds no more.
const COLUMNS: usize = 13;
/// The last row that an array covers when it is made.
const ARRAY_END: usize = 50;

impl Hand {
    pub fn act_on_columns(&mut self, deed: Deed, book: &mut Book, sight: &Sight) -> Done {
        match deed {
            Deed::InsertColumn | Deed::InsertArrayColumn | Deed::InsertFormulaColumn => {
                self.insert_column(deed, book, sight)
            }
            Deed::MoveJobColumn | Deed::MoveOwnColumn => self.move_column(deed, book, sight),
            Deed::RenameHeader => self.rename_header(book, sight),
            Deed::FillDown => self.fill_down(book, sight),
            _ => None,
        }
    }

    fn insert_column(&mut self, deed: Deed, book: &mut Book, sight: &Sight) -> Done {
        let width = sight.view.width();
        let others = book.columns.values().filter(|column| matches!(column.holds, Holds::Array(_) | Holds::Formula(_)));
        if width >= COLUMNS || (deed != Deed::InsertColumn && others.count() >= 3) {
            return None;
        }
        let plain = book.columns.iter().filter(|(_, column)| matches!(column.holds, Holds::Words | Holds::Job(_)));
        let plain: Vec<_> = plain.map(|(stamp, _)| *stamp).collect();
        let of = self.one_of(&plain)?;
        let at = self.below(width + 1);
        let other = sight.column(of)?;
        let other = letters(if other >= at { other + 1 } else { other });
        self.made += 1;
        let number = self.made;
        let (holds, header, kept) = match deed {
            Deed::InsertArrayColumn => (
                Holds::Array(of),
                format!("={{\"arr {number}\";ARRAYFORMULA(\"x-\"&{other}2:{other}{ARRAY_END})}}"),
                format!("={{\"arr {number}\";ARRAYFORMULA(\"x-\"&{{{of}}}:{{{of}}})}}"),
            ),
            Deed::InsertFormulaColumn => (Holds::Formula(of), format!("form {number}"), format!("form {number}")),
            _ => (Holds::Words, format!("own {number}"), format!("own {number}")),
        };
        let stamp = book.stamp();
        let told = format!("{holds:?} as column {}", letters(at));
        book.columns.insert(stamp, Column { holds, header: kept });
        let range = sight.view.span("COLUMNS", at, at + 1);
        let requests = vec![
            json!({"insertDimension": {"range": range, "inheritFromBefore": at > 0}}),
            written(sight.view.id, 0, at, &header),
            noted(sight.view.id, 0, at, &format!("column {stamp}")),
        ];
        Some((requests, told))
    }

    fn move_column(&mut self, deed: Deed, book: &Book, sight: &Sight) -> Done {
        let is_meant = |stamp: u32| {
            let is_job = book.columns.get(&stamp).is_some_and(|column| matches!(column.holds, Holds::Job(_)));
            is_job == (deed == Deed::MoveJobColumn)
        };
        let places = sight.columns.iter().enumerate().filter_map(|(at, stamp)| Some((at, (*stamp)?)));
        let places: Vec<_> = places.filter(|(_, stamp)| is_meant(*stamp)).map(|(at, _)| at).collect();
        let from = self.one_of(&places)?;
        let target = self.below(sight.view.width() + 1);
        let source = sight.view.span("COLUMNS", from, from + 1);
        let request = json!({"moveDimension": {"source": source, "destinationIndex": target}});
        let told = format!("{} ({:?}) before {}", letters(from), sight.entered(0, from), letters(target));
        (target != from && target != from + 1).then(|| (vec![request], told))
    }

    fn rename_header(&mut self, book: &mut Book, sight: &Sight) -> Done {
        let name = self.one_of(&JOBS)?;
        let stamp = book.job(name)?;
        let at = sight.column(stamp)?;
        self.made += 1;
        let text = format!("{name} by another name {}", self.made);
        book.columns.get_mut(&stamp)?.header.clone_from(&text);
        Some((vec![written(sight.view.id, 0, at, &text)], format!("{} to {text:?}", letters(at))))
    }

    fn fill_down(&mut self, book: &mut Book, sight: &Sight) -> Done {
        let width = sight.view.width();
        let height = usize::try_from(sight.view.grid.0).unwrap_or(0);
        if book.columns.values().any(|column| column.holds == Holds::Filled) || width >= COLUMNS {
            return None;
        }
        let stamp = book.stamp();
        book.columns.insert(stamp, Column { holds: Holds::Filled, header: "filled".into() });
        let deep = if self.below(2) == 0 { height } else { (sight.depth() + self.below(20)).min(height) };
        let mut cells = vec![
            json!({"values": [{"userEnteredValue": {"stringValue": "filled"}, "note": format!("column {stamp}")}]}),
        ];
        cells.resize(deep.max(2), json!({"values": [{"userEnteredValue": {"formulaValue": "=1+1"}}]}));
        for (at, line) in sight.lines.iter().enumerate().take(deep.max(2)) {
            if let Some(row) = line.stamp.and_then(|stamp| book.rows.get_mut(&stamp)).filter(|_| at > 0) {
                row.cells.insert(stamp, "=1+1".into());
            }
        }
        let range = sight.view.span("COLUMNS", width, width + 1);
        let start = json!({"sheetId": sight.view.id, "rowIndex": 0, "columnIndex": width});
        let requests = vec![
            json!({"insertDimension": {"range": range, "inheritFromBefore": true}}),
            json!({"updateCells": {"start": start, "fields": "userEnteredValue,note", "rows": cells}}),
        ];
        Some((requests, format!("{deep} rows")))
    }
}
