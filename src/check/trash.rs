//! Whether the spreadsheet's file is in the trash, where the Sheets API still reads and writes it.
//!
//! In scope: the line. Out of scope: the call (`sheets_client::sheets`).

use crate::check::report::{CheckItem, StartBlocker, Subject};
use crate::sheets_client::sheets::Sheets;
use crate::sheets_client::types::address::SpreadsheetId;

/// Asks Drive about the file. `drive` has tokens for that. An account or project for which Drive
/// does not answer proves nothing about the file.
pub async fn check_trash(drive: &Sheets, id: &SpreadsheetId) -> CheckItem {
    let subject = Subject::Spreadsheet;
    match drive.is_trashed(id).await {
        Ok(false) => CheckItem::new_expected(subject, "its file is not in the trash"),
        Ok(true) => {
            let what = "its file is in the trash: runs write into it without an error, and after 30 days it is deleted";
            let help = "take the file out of the trash in Google Drive, or name another spreadsheet";
            CheckItem::new_problem(subject, StartBlocker::Environment { what: what.to_owned(), help: help.to_owned() })
        }
        Err(error) => {
            let why = error.to_string();
            CheckItem::new_expected(
                subject,
                format!("whether its file is in the trash is not known, because only Drive shows that ({why})"),
            )
        }
    }
}
