//! What a person does when a message asks for it: she writes, clears or restores keys and rows.

use crate::model::{RowOwner, TabModel};
use crate::random_editor::{EditRequests, RandomEditor, make_cell_request};
use crate::tab_snapshot::TabSnapshot;

impl RandomEditor {
    /// She writes a key into the row that it is of, if that is one of those that were shown.
    pub fn write_key(model: &TabModel, snapshot: &TabSnapshot, key: &str, rows: &[usize]) -> EditRequests {
        let position = snapshot.column(model.job_column("id")?)?;
        let own = model.rows.iter().find(|(_, row)| row.owner == RowOwner::Key(key.to_owned()));
        let at = snapshot.row(*own?.0).filter(|at| rows.contains(at))?;
        Some((vec![make_cell_request(snapshot.data_tab.id, at, position, key)], format!("row {} is {key}", at + 1)))
    }

    /// Whether a key has its row.
    pub fn has_row_of(model: &TabModel, snapshot: &TabSnapshot, key: &str) -> bool {
        model
            .rows
            .iter()
            .any(|(stamp, row)| row.owner == RowOwner::Key(key.to_owned()) && snapshot.row(*stamp).is_some())
    }

    /// She clears the key of the row that is not this key's.
    pub fn clear_key_of_other_row(
        model: &mut TabModel,
        snapshot: &TabSnapshot,
        key: &str,
        rows: &[usize],
    ) -> EditRequests {
        let keys = model.job_column("id")?;
        let position = snapshot.column(keys)?;
        let owner = |at: usize| Some(&model.rows.get(&snapshot.rows.get(at)?.stamp?)?.owner);
        let is_own = |at: &usize| owner(*at) == Some(&RowOwner::Key(key.to_owned()));
        let at = *rows.iter().find(|at| !is_own(at)).or(rows.iter().max())?;
        if matches!(owner(at), Some(RowOwner::Key(_))) {
            model.type_texts(snapshot, snapshot.rows.get(at)?.stamp?, &[(keys, String::new())]);
        }
        Some((vec![make_cell_request(snapshot.data_tab.id, at, position, "")], format!("row {} is not {key}", at + 1)))
    }

    /// She writes a text for a key into the row that shows what is right.
    pub fn write_text_as_key(&mut self, model: &mut TabModel, snapshot: &TabSnapshot, rows: &[usize]) -> EditRequests {
        let keys = model.job_column("id")?;
        let is_right = |at: &usize| {
            let Some(row) = snapshot.rows.get(*at).and_then(|row_snapshot| model.rows.get(&row_snapshot.stamp?)) else {
                return false;
            };
            let mut cells = row.cells.iter().filter_map(|(column, cell)| Some((snapshot.column(*column)?, cell)));
            cells.all(|(position, cell)| cell.allows(snapshot.entered_text(*at, position)))
        };
        let at = *rows.iter().find(|at| is_right(at))?;
        self.edit_count += 1;
        let text = format!("hers {}", self.edit_count);
        model.type_texts(snapshot, snapshot.rows.get(at)?.stamp?, &[(keys, text.clone())]);
        Some((
            vec![make_cell_request(snapshot.data_tab.id, at, snapshot.column(keys)?, &text)],
            format!("row {} is {text}", at + 1),
        ))
    }

    /// She gives rows back what was right in them, as the version history has it.
    pub fn restore_rows(model: &TabModel, snapshot: &TabSnapshot, rows: &[usize]) -> EditRequests {
        let mut requests = Vec::new();
        for at in rows {
            let Some(row) = snapshot.rows.get(*at).and_then(|row_snapshot| model.rows.get(&row_snapshot.stamp?)) else {
                continue;
            };
            for (column, cell) in row.cells.iter().filter(|(_, cell)| !cell.first().contains('{')) {
                let right = cell.first();
                let Some(position) = snapshot.column(*column) else { continue };
                if snapshot.entered_text(*at, position) != right {
                    requests.push(make_cell_request(snapshot.data_tab.id, *at, position, right));
                }
            }
        }
        (!requests.is_empty()).then(|| (requests, format!("rows {rows:?} are as they were")))
    }

    /// The key is in none of the rows. She writes it into one of those that were shown, and it is
    /// that key's from now on.
    pub fn give_key_to_row(model: &mut TabModel, snapshot: &TabSnapshot, key: &str, at: usize) -> EditRequests {
        let (keys, stamp) = (model.job_column("id")?, snapshot.rows.get(at)?.stamp?);
        model.give_key(stamp, key);
        Some((
            vec![make_cell_request(snapshot.data_tab.id, at, snapshot.column(keys)?, key)],
            format!("row {} becomes {key}", at + 1),
        ))
    }
}
