//! Checks of what the column `overdue` of the tab Jobs rests on: recalculation by the hour, formulas
//! with semicolons, a colour by a formula.
//!
//! In scope: these checks.
//! Out of scope: retries (`store::probe::run`), formulas of the tab (`store::tabs::jobs_formulas`).
//!
//! The interval of recalculation is the one thing that a probe changes outside its own tabs. It is
//! set back immediately, and by the cleanup if that failed.

use crate::sheets_client::types::cell::CellData;
use crate::sheets_client::types::request_objects::{FormatRule, GridRange, RgbColor, SpreadsheetProperties};
use crate::sheets_client::types::requests::{Batch, Request};
use crate::store::probe::assumption::AssumptionOutcome;
use crate::store::probe::client::{CheckResult, ProbeClient, ProbeFailure, SentBatch, read_text};
use crate::store::probe::developer_metadata::{MAX_READS, READ_PAUSE};
use crate::store::tabs::error::convert_call_error;

/// The intervals of recalculation, as the service calls them.
const INTERVALS: [&str; 3] = ["ON_CHANGE", "MINUTE", "HOUR"];
/// The interval that a job sets, and the one that is tried where it is set already.
const HOURLY: &str = "HOUR";
const BY_THE_MINUTE: &str = "MINUTE";
/// Any colour, in a tab that is deleted.
const OVERDUE_COLOR: RgbColor = RgbColor { red: 0.96, green: 0.78, blue: 0.76 };

/// Sets another interval of recalculation than the spreadsheet has, reads it, and sets it back.
pub async fn check_recalculation(client: &ProbeClient) -> CheckResult {
    let before = client.recalculation();
    let tried = if before == HOURLY { BY_THE_MINUTE } else { HOURLY };
    let (Some(set), Some(reset)) = (make_recalculation_request(tried), make_recalculation_request(before)) else {
        return Err(ProbeFailure::Inconclusive(format!(
            "the spreadsheet recalculates \"{before}\", which is not known"
        )));
    };
    client.note_recalculation_changed();
    if let SentBatch::Refused(refusal) = client.send(Batch::new(vec![set])).await? {
        return Ok((AssumptionOutcome::NotHeld, refusal.message));
    }
    let seen = read_interval(client, tried).await;
    client.prepare(vec![reset]).await?;
    let (seen, after) = (seen?, read_interval(client, before).await?);
    let reads_back = seen == tried && after == before;
    Ok((AssumptionOutcome::from_held(reads_back), format!("set to {tried} it reads {seen}, set back it reads {after}")))
}

/// Returns the request that sets an interval; `None` for one that is not known.
pub fn make_recalculation_request(interval: &str) -> Option<Request> {
    let auto_recalc = INTERVALS.into_iter().find(|known| *known == interval)?;
    let properties = SpreadsheetProperties { auto_recalc };
    Some(Request::UpdateSpreadsheetProperties { properties, fields: "autoRecalc".into() })
}

/// Reads the interval until it is the expected one: a read may be older than a write before it.
async fn read_interval(client: &ProbeClient, expected: &str) -> Result<String, ProbeFailure> {
    let mut seen = String::new();
    for nth in 0..MAX_READS {
        if nth > 0 {
            client.clock.sleep(READ_PAUSE).await;
        }
        let read = client.sheets.read_metadata(&client.id).await;
        seen = read.map_err(|error| ProbeFailure::Inconclusive(convert_call_error(&error).to_string()))?.auto_recalc;
        if seen == expected {
            break;
        }
    }
    Ok(seen)
}

/// Writes a formula with semicolons, without a decimal and without a word of any language.
pub async fn check_semicolons(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    client.prepare(vec![tab.add(), tab.write(0, 0, CellData::formula("=IF(1>0;2;3)"))]).await?;
    let rows = client.read(&tab, "A1", |rows| read_text(rows, 0, 0) == "2").await?;
    let seen = read_text(&rows, 0, 0);
    Ok((AssumptionOutcome::from_held(seen == "2"), format!("=IF(1>0;2;3) shows \"{seen}\"")))
}

/// Adds a colour by a formula to a scratch tab.
pub async fn check_colour_rule(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let range = GridRange {
        sheet_id: tab.id,
        start_row_index: Some(1),
        start_column_index: Some(0),
        end_column_index: Some(1),
        ..GridRange::default()
    };
    let rule = FormatRule::background(range, "=$A2=\"yes\"".to_owned(), OVERDUE_COLOR);
    match client.send(Batch::new(vec![tab.add(), Request::AddConditionalFormatRule { rule, index: 0 }])).await? {
        SentBatch::Applied(_) => Ok((AssumptionOutcome::Held, "it was accepted".to_owned())),
        SentBatch::Refused(refusal) => Ok((AssumptionOutcome::NotHeld, refusal.message)),
    }
}
