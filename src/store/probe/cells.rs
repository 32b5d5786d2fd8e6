//! Checks of cells: batch order, copies, response contents, lengths, texts that look like formulas.
//!
//! In scope: these checks.
//! Out of scope: appended rows (`store::probe::appended_rows`), retries (`store::probe::run`).

use crate::grid::quote_title;
use crate::sheets_client::types::cell::CellData;
use crate::sheets_client::types::request_objects::{GridRange, PasteOrientation, PasteType};
use crate::sheets_client::types::requests::{Batch, Request};
use crate::store::probe::assumption::AssumptionOutcome;
use crate::store::probe::client::{CheckResult, ProbeClient, ProbeFailure, ProbeTab, ROWS, SentBatch, read_text};

/// UTF-16 units that a cell accepts.
const CELL_UNITS: usize = 50_000;

fn make_cell_range(tab: &ProbeTab, row: u32, column: u32) -> GridRange {
    GridRange {
        sheet_id: tab.id,
        start_row_index: Some(row),
        end_row_index: Some(row + 1),
        start_column_index: Some(column),
        end_column_index: Some(column + 1),
    }
}

fn copy(tab: &ProbeTab, from: (u32, u32), to: (u32, u32), paste_type: PasteType) -> Request {
    Request::CopyPaste {
        source: make_cell_range(tab, from.0, from.1),
        destination: make_cell_range(tab, to.0, to.1),
        paste_type,
        paste_orientation: PasteOrientation::Normal,
    }
}

/// Writes a cell twice in one batch.
pub async fn check_write_order(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let writes = ["first", "second"].map(|text| tab.write(0, 0, CellData::text(text)));
    client.prepare(std::iter::once(tab.add()).chain(writes).collect()).await?;
    let rows = client.read(&tab, "A1", |rows| read_text(rows, 0, 0) == "second").await?;
    let seen = read_text(&rows, 0, 0);
    Ok((AssumptionOutcome::from_held(seen == "second"), format!("the cell that was written twice holds the {seen}")))
}

/// Copies a cell between two writes to it.
pub async fn copy_in_order(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let late = tab.write(0, 0, CellData::text("late"));
    let requests =
        vec![tab.add(), tab.write(0, 0, CellData::text("early")), copy(&tab, (0, 0), (1, 0), PasteType::Normal), late];
    client.prepare(requests).await?;
    let rows = client.read(&tab, "A1:A2", |rows| read_text(rows, 1, 0) == "early").await?;
    let seen = read_text(&rows, 1, 0);
    Ok((AssumptionOutcome::from_held(seen == "early"), format!("the copy holds \"{seen}\"")))
}

/// Copies a formula to the row below.
pub async fn copy_shifts(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let texts = [(0, "upper"), (1, "lower")].map(|(row, text)| tab.write(row, 0, CellData::text(text)));
    let formula = [tab.write(0, 1, CellData::formula("=A1")), copy(&tab, (0, 1), (1, 1), PasteType::Normal)];
    client.prepare(std::iter::once(tab.add()).chain(texts).chain(formula).collect()).await?;
    let rows = client.read(&tab, "A1:B2", |rows| read_text(rows, 1, 1) == "lower").await?;
    let seen = read_text(&rows, 1, 1);
    Ok((AssumptionOutcome::from_held(seen == "lower"), format!("the copied formula shows \"{seen}\"")))
}

/// Copies a cell into which a formula spills, in the same way as undo rows are copied.
pub async fn copy_spilled(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let texts = [(0, "own"), (1, "spilled")].map(|(row, text)| tab.write(row, 1, CellData::text(text)));
    // This formula is independent of the spreadsheet's locale.
    let formula = tab.write(0, 0, CellData::formula("=ARRAYFORMULA(B1:B2)"));
    client.prepare(std::iter::once(tab.add()).chain(texts).chain([formula]).collect()).await?;
    let rows = client.read(&tab, "A1:A2", |rows| read_text(rows, 1, 0) == "spilled").await?;
    if read_text(&rows, 1, 0) != "spilled" {
        return Err(ProbeFailure::Inconclusive(format!("the formula spills \"{}\"", read_text(&rows, 1, 0))));
    }
    client
        .prepare(vec![copy(&tab, (1, 0), (1, 2), PasteType::Formula), tab.write(1, 3, CellData::text("copied"))])
        .await?;
    let rows = client.read(&tab, "A1:D2", |rows| read_text(rows, 1, 3) == "copied").await?;
    if read_text(&rows, 1, 3) != "copied" {
        return Err(ProbeFailure::Inconclusive("no read shows the copy".to_owned()));
    }
    let seen = read_text(&rows, 1, 2);
    Ok((AssumptionOutcome::from_held(seen.is_empty()), format!("the copy holds \"{seen}\"")))
}

/// Copies a formula to where its reference is beyond the grid, and back.
pub async fn copy_beyond(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let last = ROWS - 1;
    let formula = CellData::formula(format!("=A{ROWS}"));
    let there = vec![
        tab.add(),
        tab.write(last, 0, CellData::text("there")),
        tab.write(0, 1, formula),
        copy(&tab, (0, 1), (last, 1), PasteType::Formula),
        tab.write(0, 1, CellData::text("written over")),
        copy(&tab, (last, 1), (0, 1), PasteType::Formula),
    ];
    client.prepare(there).await?;
    let rows = client.read(&tab, "B1", |rows| read_text(rows, 0, 0) == "there").await?;
    let seen = read_text(&rows, 0, 0);
    Ok((AssumptionOutcome::from_held(seen == "there"), format!("the formula that came back shows \"{seen}\"")))
}

/// Reads a cell from the response to the batch that changes it.
pub async fn check_read_back(client: &ProbeClient) -> CheckResult {
    let (home, row) = (client.open_shared_tab()?, client.next_row());
    client.prepare(vec![home.write(row, 0, CellData::text("before"))]).await?;
    let area = format!("{}!A{}", quote_title(&home.title), row + 1);
    let batch = Batch::new(vec![home.write(row, 0, CellData::text("after"))]).with_response_ranges(vec![area]);
    let SentBatch::Applied(response) = client.send(batch).await? else {
        return Ok((AssumptionOutcome::NotHeld, "a batch that reads back was refused".to_owned()));
    };
    match response.entered_text(0, 0) {
        Some("after") => Ok((AssumptionOutcome::Held, "the response shows the cell as written".to_owned())),
        Some(text) => {
            Ok((AssumptionOutcome::NotHeld, format!("the response shows \"{text}\" where \"after\" was written")))
        }
        None => Ok((AssumptionOutcome::NotHeld, "the response shows no cell".to_owned())),
    }
}

/// Fills a cell with characters of two units each, up to the limit and beyond it.
pub async fn check_length(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    let full = |beyond: usize| tab.write(0, 0, CellData::text("\u{1F600}".repeat(CELL_UNITS / 2 + beyond)));
    if let SentBatch::Refused(refusal) = client.send(Batch::new(vec![tab.add(), full(0)])).await? {
        return Ok((AssumptionOutcome::NotHeld, format!("50,000 units were too many: {}", refusal.message)));
    }
    match client.send(Batch::new(vec![full(1)])).await? {
        SentBatch::Applied(_) => {
            Ok((AssumptionOutcome::NotHeld, "50,002 units of 25,001 characters were taken".to_owned()))
        }
        SentBatch::Refused(refusal) => Ok((AssumptionOutcome::Held, refusal.message)),
    }
}

/// Writes a text that looks like a formula.
pub async fn check_formula_text(client: &ProbeClient) -> CheckResult {
    let tab = client.new_tab();
    client.prepare(vec![tab.add(), tab.write(0, 0, CellData::text("=1+1"))]).await?;
    let rows = client.read(&tab, "A1", |rows| !read_text(rows, 0, 0).is_empty()).await?;
    let seen = read_text(&rows, 0, 0);
    Ok((AssumptionOutcome::from_held(seen == "=1+1"), format!("it reads \"{seen}\"")))
}
