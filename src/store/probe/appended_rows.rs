//! Checks of appended rows, and of reads that follow a write.
//!
//! In scope: these checks.
//! Out of scope: retries (`store::probe::run`).

use crate::fault::Fault;
use crate::grid::quote_title;
use crate::sheets_client::types::cell::{CellData, ValidationRule};
use crate::sheets_client::types::request_objects::GridRange;
use crate::sheets_client::types::requests::Request;
use crate::store::probe::assumption::AssumptionOutcome;
use crate::store::probe::client::{CheckResult, ProbeClient, ProbeFailure, ProbeTab, read_text};
use crate::store::tabs::error::convert_call_error;

/// Number of writes that are read back at the same time.
const READ_BACK_WRITES: u32 = 5;

fn append(tab: &ProbeTab) -> Request {
    let rows = vec![vec![CellData::text("appended")].into()];
    Request::AppendCells { sheet_id: tab.id, rows, fields: "userEnteredValue".into() }
}

/// The row number of the appended row.
async fn read_appended_row(client: &ProbeClient, tab: &ProbeTab) -> Result<usize, ProbeFailure> {
    let at = |rows: &[Vec<serde_json::Value>]| (0..rows.len()).find(|row| read_text(rows, *row, 0) == "appended");
    let rows = client.read(tab, "A1:F60", |rows| at(rows).is_some()).await?;
    at(&rows).map(|row| row + 1).ok_or_else(|| ProbeFailure::Inconclusive("the appended row was not found".to_owned()))
}

/// Appends to a tab whose last data is in another column, below a gap.
pub async fn append_below_gap(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let (first, stray) = (tab.write(0, 0, CellData::text("first")), tab.write(3, 1, CellData::text("stray")));
    client.prepare(vec![tab.add(), first, stray, append(&tab)]).await?;
    let row = read_appended_row(client, &tab).await?;
    Ok((AssumptionOutcome::from_held(row == 5), format!("with a last cell in B4, it went to row {row}")))
}

/// Appends to a tab with unticked checkboxes below the last data.
pub async fn check_checkboxes(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let range = GridRange {
        sheet_id: tab.id,
        start_row_index: Some(1),
        end_row_index: Some(10),
        start_column_index: Some(1),
        end_column_index: Some(2),
    };
    let boxes = Request::SetDataValidation { range, rule: ValidationRule::checkbox() };
    client.prepare(vec![tab.add(), tab.write(0, 0, CellData::text("first")), boxes, append(&tab)]).await?;
    let row = read_appended_row(client, &tab).await?;
    Ok((AssumptionOutcome::from_held(row == 2), format!("with checkboxes in B2 to B10, it went to row {row}")))
}

/// Writes and reads immediately, several times.
pub async fn read_after_write(client: &ProbeClient) -> CheckResult {
    let (home, row) = (client.open_shared_tab()?, client.next_row());
    let ranges = [format!("{}!A{}", quote_title(&home.title), row + 1)];
    let mut older = 0;
    for nth in 0..READ_BACK_WRITES {
        let text = format!("write {nth}");
        client.prepare(vec![home.write(row, 0, CellData::text(&*text))]).await?;
        let read =
            client.sheets.read_values(&client.id, &ranges).await.map_err(|error| match convert_call_error(&error) {
                error if error.fault() == Fault::Denied => ProbeFailure::Impossible(error),
                error => ProbeFailure::Inconclusive(error.to_string()),
            })?;
        older += u32::from(read.first().is_none_or(|rows| read_text(rows, 0, 0) != text));
    }
    Ok((
        AssumptionOutcome::from_held(older == 0),
        format!("{older} of {READ_BACK_WRITES} reads were older than the write before them"),
    ))
}

/// Checks whether responses contained the service's time.
pub fn check_date(client: &ProbeClient) -> (AssumptionOutcome, String) {
    match client.sheets.service_time() {
        Some((at, _)) => (AssumptionOutcome::Held, format!("the last one was {at}")),
        None => (AssumptionOutcome::NotHeld, "no response had one that can be read".to_owned()),
    }
}
