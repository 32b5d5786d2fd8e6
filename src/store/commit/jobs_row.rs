//! The requests that make the tab Jobs, append a job's row to it, and give Runs the columns that
//! its formulas read. Pure.
//!
//! In scope: these requests. Out of scope: the formulas (`store::tabs::jobs_formulas`), reading the
//! tab (`store::tabs::jobs`), a refusal of these requests (`store::spreadsheet::refusal`).
//!
//! The service refuses a second tab of the same title. So of two jobs that make the tab at the same time,
//! one is refused as a whole and loads again. All other writes append or insert: whatever other
//! jobs and people do at that moment, no cell is overwritten.

use crate::ledger::rows::row_codec::RUNS;
use crate::sheets_client::types::cell::{CellData, CellFormat, NumberKind};
use crate::sheets_client::types::request_objects::{
    FormatRule, GridProperties, GridRange, RgbColor, SheetProperties, SpreadsheetProperties,
};
use crate::sheets_client::types::requests::Request;
use crate::store::tabs::cells::{VALUE_AND_FORMAT, VALUE_AND_NUMBER, build_cell_row, convert_figure};
use crate::store::tabs::jobs::{JOBS, JOBS_TITLE};
use crate::store::tabs::jobs_formulas::{RowFormulas, ShownFormula};
use crate::store::tabs::requests::{convert_index, make_room_after_header, put, write_header_after_last};
use crate::store::tabs::schema::{FIRST_ROWS, JobsTab, Tab};

/// The `fields` mask of the appended row.
const ROW_FIELDS: &str = "userEnteredValue,userEnteredFormat.numberFormat,dataValidation";
/// The background of an overdue job.
const OVERDUE_COLOR: RgbColor = RgbColor { red: 0.96, green: 0.78, blue: 0.76 };

/// Returns the requests that add to Runs the columns that it lacks, and records them in `runs`.
pub fn add_runs_columns(runs: &mut Tab) -> Vec<Request> {
    let missing: Vec<&str> = RUNS.into_iter().filter(|name| runs.position(name).is_none()).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    let requests = vec![make_room_after_header(runs, missing.len()), write_header_after_last(runs, &missing)];
    runs.header.extend(missing.iter().map(|&name| name.to_owned()));
    runs.width += missing.len();
    requests
}

/// Returns the requests that complete the tab: they make it with this id if it is missing, and
/// append the job's row.
pub fn make_requests(jobs: &JobsTab, new_id: i32, job: &str, runs: &Tab) -> Vec<Request> {
    match jobs {
        JobsTab::Unused(_) | JobsTab::Complete(_) => Vec::new(),
        JobsTab::WithoutRow { tab, owner } => vec![append_row(tab, runs, job, owner.as_deref())],
        JobsTab::Missing { recalculates, owner } => {
            let header = JOBS.map(str::to_owned).to_vec();
            let tab = Tab { id: new_id, title: JOBS_TITLE.to_owned(), header, ..Tab::default() };
            let mut requests = make_tab(&tab);
            if *recalculates {
                let properties = SpreadsheetProperties { auto_recalc: "HOUR" };
                requests.push(Request::UpdateSpreadsheetProperties { properties, fields: "autoRecalc".into() });
            }
            requests.push(append_row(&tab, runs, job, owner.as_deref()));
            requests
        }
    }
}

/// Makes the tab with its header and the colour of overdue jobs.
fn make_tab(tab: &Tab) -> Vec<Request> {
    let columns = convert_index(tab.header.len());
    let grid = GridProperties { row_count: Some(FIRST_ROWS), column_count: Some(columns), frozen_row_count: Some(1) };
    let properties = SheetProperties {
        sheet_id: Some(tab.id),
        title: Some(tab.title.clone()),
        grid_properties: Some(grid),
        ..SheetProperties::default()
    };
    let header =
        tab.header.iter().map(|text| CellData::text(&**text).with_format(CellFormat::bold())).collect::<Vec<_>>();
    let mut requests = vec![Request::AddSheet { properties }, put(tab.id, 0, 0, vec![header.into()], VALUE_AND_FORMAT)];
    requests.extend(tab.position("overdue").map(|at| {
        let range = GridRange {
            sheet_id: tab.id,
            start_row_index: Some(1),
            start_column_index: Some(convert_index(at)),
            end_column_index: Some(convert_index(at + 1)),
            ..GridRange::default()
        };
        let letters = crate::grid::format_column_letters(at);
        let rule = FormatRule::background(range, format!("=${letters}2=\"yes\""), OVERDUE_COLOR);
        Request::AddConditionalFormatRule { rule, index: 0 }
    }));
    requests
}

fn append_row(tab: &Tab, runs: &Tab, job: &str, owner: Option<&str>) -> Request {
    let formulas = RowFormulas::new(tab, runs);
    let as_text = |text: &str| CellData::text(text).with_format(CellFormat::number(NumberKind::Text, None));
    let cell = |column: &str| match column {
        "job" => Some(as_text(job)),
        "owner" => owner.map(as_text),
        "paused" => Some(CellData::blank().with_checkbox()),
        column => formulas.make_formula(column).map(encode_shown_formula),
    };
    let placed = JOBS.iter().filter_map(|column| Some((tab.position(column)?, cell(column)?)));
    let fields = if tab.position("paused").is_some() { ROW_FIELDS } else { VALUE_AND_NUMBER };
    Request::AppendCells { sheet_id: tab.id, rows: vec![build_cell_row(placed)], fields: fields.into() }
}

fn encode_shown_formula(formula: ShownFormula) -> CellData {
    let cell = CellData::formula(formula.text);
    match formula.figure {
        Some(figure) => cell.with_format(CellFormat::number(convert_figure(figure), figure.default_pattern())),
        None => cell,
    }
}
