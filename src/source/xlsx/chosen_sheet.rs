//! The sheet of a workbook that is read.
//!
//! In scope: the choice, and what a user may have meant. Out of scope: its cells (`source::xlsx`).

use std::io::{Read, Seek};

use calamine::{Reader, SheetType, SheetVisible, Xlsx};
use serde_json::Value;

use crate::port::source::SourceError;

/// Which part of a workbook is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SheetChoice {
    /// The sheet's name; `None` for the only one.
    pub sheet: Option<String>,
    /// The number of the row that names the fields, from 1; `None` for the first one with a value.
    pub header_row: Option<u32>,
}

/// Returns the name of the sheet that `choice` means. Fails if the workbook does not have it, or has
/// several and none is named.
pub(super) fn choose_sheet<R: Read + Seek>(
    name: &str,
    workbook: &Xlsx<R>,
    choice: &SheetChoice,
) -> Result<String, SourceError> {
    let sheets = workbook.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let (all, visible): (Vec<_>, Vec<_>) = (
        sheets.clone().map(|sheet| sheet.name.clone()).collect(),
        sheets.filter(|sheet| sheet.visible == SheetVisible::Visible).map(|sheet| sheet.name.clone()).collect(),
    );
    let listed = |names: &[String]| names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    let broken = |why| SourceError::InvalidContent { position: name.to_owned(), why };
    match (&choice.sheet, visible.as_slice()) {
        (Some(wanted), _) if all.contains(wanted) => Ok(wanted.clone()),
        (Some(wanted), _) => Err(SourceError::SettingsMismatch {
            position: name.to_owned(),
            why: format!("it has no sheet {wanted:?}; it has {}", listed(&all)),
            advice: format!(
                "write one of them below [source], such as sheet = {}",
                Value::from(find_nearest_sheet(wanted, &all))
            ),
        }),
        (None, [only]) => Ok(only.clone()),
        (None, []) => Err(broken("it has no sheet with cells".to_owned())),
        (None, [first, ..]) => {
            let why = format!(
                "it has several sheets, {}: name one below [source], such as sheet = {}",
                listed(&visible),
                Value::from(first.as_str())
            );
            Err(broken(why))
        }
    }
}

/// Returns the sheet that was probably meant: one that differs in case and blanks only, or the first.
fn find_nearest_sheet<'n>(wanted: &str, all: &'n [String]) -> &'n str {
    let plain = |name: &str| name.to_lowercase().replace(' ', "");
    all.iter().find(|name| plain(name) == plain(wanted)).or(all.first()).map_or("", String::as_str)
}
