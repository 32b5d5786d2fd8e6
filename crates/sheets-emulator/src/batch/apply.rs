//! Applies a batch: from body to response.
//!
//! In scope: one write transaction, requests and replies in order, which request kinds exist and
//! which are supported.
//! Out of scope: each kind (its own file), trimming the response to `fields`.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::auth::protection::WriteOpener;
use crate::batch::cells::{autofill, basic_filter, find_replace, formatting, merge, paste, paste_text, range_edits};
use crate::batch::context::{Batch, UnknownBehaviors};
use crate::batch::objects::{developer_metadata, embedded_objects, named_ranges};
use crate::batch::request_body::{BatchBody, RawRequest, open};
use crate::batch::sheets::{dimension_groups, dimensions, sheet};
use crate::batch::write_cells;
use crate::error::ApiError;
use crate::random::RandomSource;
use crate::schema::proto_json::{read, read_checked, to_snake_case};
use crate::schema::response_mask::ResponseMask;
use crate::workbook::spreadsheet_json::{CellSelection, SpreadsheetView, render_spreadsheet};

/// Applies a batch to a spreadsheet. Everything is durable when this returns, or nothing is
/// changed. `body` is the JSON of `BatchUpdateSpreadsheetRequest`. `mask` is the `fields` parameter
/// over `BatchUpdateSpreadsheetResponse`; it decides only whether the response needs cells, and the
/// caller trims the response. Errors are Google's. The function waits for the disk and for other
/// writers of the file, so async code calls it on a blocking thread.
pub(crate) fn batch_update(
    store: &impl WriteOpener,
    id: &str,
    body: &[u8],
    mask: &ResponseMask,
    behaviors: UnknownBehaviors,
    random: &dyn RandomSource,
) -> Result<Value, ApiError> {
    let request_body = open(body)?;
    let sealed = request_body.requests.iter().enumerate();
    let jobs: Vec<PreparedRequest> = sealed.map(|(n, request)| prepare(n, *request)).collect::<Result<_, _>>()?;
    let tx = store.write(id)?;
    if jobs.is_empty() {
        return Err(ApiError::invalid_argument("Must specify at least one request."));
    }
    let batch = Batch::new(&tx, behaviors, random)?;
    let mut replies = Vec::with_capacity(jobs.len());
    for (n, job) in jobs.into_iter().enumerate() {
        tx.check_time_limit()?;
        replies.push(job.apply(&batch, n)?);
    }
    let mut answer = Map::new();
    answer.insert("spreadsheetId".to_owned(), id.into());
    answer.insert("replies".to_owned(), Value::Array(replies));
    if request_body.includes_spreadsheet {
        answer.insert("updatedSpreadsheet".to_owned(), render_spreadsheet_after(&batch, id, request_body, mask)?);
    }
    drop(batch);
    tx.commit()?;
    Ok(Value::Object(answer))
}

/// Returns the spreadsheet after the batch, before another writer can change it.
fn render_spreadsheet_after(
    batch: &Batch<'_, '_>,
    id: &str,
    request_body: BatchBody<'_>,
    mask: &ResponseMask,
) -> Result<Value, ApiError> {
    let grid_data = match mask {
        ResponseMask::All => request_body.includes_grid_data,
        ResponseMask::Members(_) => mask.covers("updatedSpreadsheet.sheets.data"),
    };
    let selections = request_body.ranges.into_iter().map(CellSelection::Range).collect();
    let mask = mask.child("updatedSpreadsheet").cloned().unwrap_or_default();
    render_spreadsheet(batch.tx, id, &SpreadsheetView { selections, includes_grid_data: grid_data, mask })
}

/// Applies one prepared request.
type RequestFn = Box<dyn FnOnce(&Batch<'_, '_>) -> Result<Value, ApiError>>;

/// A request that is parsed, and not applied yet.
struct PreparedRequest {
    kind: &'static str,
    run: RequestFn,
}

impl PreparedRequest {
    /// Applies the request with index `n` of its batch.
    fn apply(self, batch: &Batch<'_, '_>, n: usize) -> Result<Value, ApiError> {
        (self.run)(batch).map_err(|error| match error.code {
            400 => error.within(&format!("Invalid requests[{n}].{}: ", self.kind)),
            _ => error,
        })
    }
}

/// Parses one request. A malformed one is rejected by its path in the body, before any request is
/// applied.
fn prepare(n: usize, request: RawRequest<'_>) -> Result<PreparedRequest, ApiError> {
    let reader = RequestReader { path: format!("requests[{n}].{}", to_snake_case(request.kind)), request };
    match request.kind {
        "addConditionalFormatRule" => reader.parse_checked(formatting::add_rule),
        "addDimensionGroup" => reader.parse(|batch, request| dimension_groups::add(batch, &request)),
        "addNamedRange" => reader.parse(named_ranges::add),
        "addProtectedRange" => reader.parse_checked(named_ranges::protect),
        "addSheet" => reader.parse_checked(|batch, request| sheet::add(batch, &request)),
        "appendCells" => reader.parse(write_cells::append),
        "appendDimension" => reader.parse(|batch, request| dimensions::append(batch, &request)),
        "autoFill" => reader.parse(|batch, request| autofill::fill(batch, &request)),
        "autoResizeDimensions" => reader.parse(|batch, request| dimension_groups::auto_resize(batch, &request)),
        "clearBasicFilter" => reader.parse(|batch, request| basic_filter::clear(batch, &request)),
        "copyPaste" => reader.parse(|batch, request| paste::copy(batch, &request)),
        "createDeveloperMetadata" => reader.parse_checked(developer_metadata::create),
        "cutPaste" => reader.parse(|batch, request| paste::cut(batch, &request)),
        "deleteConditionalFormatRule" => reader.parse(|batch, request| formatting::delete_rule(batch, &request)),
        "deleteDeveloperMetadata" => reader.parse_checked(developer_metadata::delete),
        "deleteDimension" => reader.parse(|batch, request| dimensions::delete(batch, &request)),
        "deleteDimensionGroup" => reader.parse(|batch, request| dimension_groups::delete(batch, &request)),
        "deleteDuplicates" => reader.parse(|batch, request| range_edits::delete_duplicates(batch, &request)),
        "deleteNamedRange" => reader.parse(|batch, request| named_ranges::delete(batch, &request)),
        "deleteProtectedRange" => reader.parse(|batch, request| named_ranges::unprotect(batch, &request)),
        "deleteRange" => reader.parse(|batch, request| range_edits::delete(batch, &request)),
        "deleteSheet" => reader.parse(|batch, request| sheet::delete(batch, &request)),
        "duplicateSheet" => reader.parse(sheet::duplicate),
        "findReplace" => reader.parse(|batch, request| find_replace::find_replace(batch, &request)),
        "insertDimension" => reader.parse(|batch, request| dimensions::insert(batch, &request)),
        "insertRange" => reader.parse(|batch, request| range_edits::insert(batch, &request)),
        "mergeCells" => reader.parse(|batch, request| merge::merge(batch, &request)),
        "moveDimension" => reader.parse(|batch, request| dimensions::relocate(batch, &request)),
        "pasteData" => reader.parse(|batch, request| paste_text::paste(batch, &request)),
        "randomizeRange" => reader.parse(|batch, request| paste_text::shuffle(batch, &request)),
        "repeatCell" => reader.parse(write_cells::repeat),
        "setBasicFilter" => reader.parse_checked(basic_filter::set),
        "setDataValidation" => reader.parse_checked(write_cells::set_validation),
        "sortRange" => reader.parse(|batch, request| range_edits::sort(batch, &request)),
        "textToColumns" => reader.parse(|batch, request| paste_text::split(batch, &request)),
        "trimWhitespace" => reader.parse(|batch, request| formatting::trim(batch, &request)),
        "unmergeCells" => reader.parse(|batch, request| merge::unmerge(batch, &request)),
        "updateBorders" => reader.parse_checked(|batch, request| formatting::set_borders(batch, &request)),
        "updateCells" => reader.parse(write_cells::update),
        "updateConditionalFormatRule" => reader.parse_checked(formatting::update_rule),
        "updateDeveloperMetadata" => reader.parse_checked(developer_metadata::update),
        "updateDimensionProperties" => {
            reader.parse_checked(|batch, request| dimensions::update_properties(batch, &request))
        }
        "updateNamedRange" => reader.parse(named_ranges::update),
        "updateProtectedRange" => reader.parse_checked(named_ranges::update_protected),
        "updateSheetProperties" => reader.parse_checked(sheet::update),
        "updateSpreadsheetProperties" => {
            reader.parse_checked(|batch, request| sheet::update_spreadsheet(batch, &request))
        }
        _ => prepare_object_request(n, &reader),
    }
}

/// Parses requests about embedded objects, and rejects unknown kinds.
fn prepare_object_request(n: usize, reader: &RequestReader<'_>) -> Result<PreparedRequest, ApiError> {
    match reader.request.kind {
        "addBanding" => reader.parse_checked(embedded_objects::add_banding),
        "addChart" => reader.parse_checked(embedded_objects::add_chart),
        "addFilterView" => reader.parse_checked(embedded_objects::add_filter_view),
        "addSlicer" => reader.parse_checked(embedded_objects::add_slicer),
        "deleteBanding" => reader.parse_checked(|batch, request| embedded_objects::delete_banding(batch, &request)),
        "deleteEmbeddedObject" => {
            reader.parse_checked(|batch, request| embedded_objects::delete_object(batch, &request))
        }
        "deleteFilterView" => {
            reader.parse_checked(|batch, request| embedded_objects::delete_filter_view(batch, &request))
        }
        "duplicateFilterView" => {
            reader.parse_checked(|batch, request| embedded_objects::duplicate_filter_view(batch, &request))
        }
        "updateBanding" => reader.parse_checked(|batch, request| embedded_objects::update_banding(batch, &request)),
        "updateChartSpec" => reader.parse_checked(|batch, request| embedded_objects::update_chart(batch, &request)),
        "updateEmbeddedObjectBorder" => {
            reader.parse_checked(|batch, request| embedded_objects::update_border(batch, &request))
        }
        "updateEmbeddedObjectPosition" => {
            reader.parse_checked(|batch, request| embedded_objects::update_position(batch, &request))
        }
        "updateFilterView" => {
            reader.parse_checked(|batch, request| embedded_objects::update_filter_view(batch, &request))
        }
        "updateSlicerSpec" => reader.parse_checked(|batch, request| embedded_objects::update_slicer(batch, &request)),
        other => Err(ApiError::unimplemented(format!("requests[{n}].{other} is not implemented in this emulator."))),
    }
}

/// Applies a request of one kind.
type RequestHandler<T> = fn(&Batch<'_, '_>, T) -> Result<Value, ApiError>;

/// Parses the message of one request.
struct RequestReader<'a> {
    path: String,
    request: RawRequest<'a>,
}

impl RequestReader<'_> {
    fn raw(&self) -> &RawValue {
        self.request.body
    }

    /// Parses a message into a struct that has a field for every member.
    fn parse<T: DeserializeOwned + 'static>(&self, run: RequestHandler<T>) -> Result<PreparedRequest, ApiError> {
        Ok(self.prepare_handler(read(self.raw(), self.request.message, &self.path)?, run))
    }

    /// Parses a message that is stored as JSON.
    fn parse_checked<T: DeserializeOwned + 'static>(
        &self,
        run: RequestHandler<T>,
    ) -> Result<PreparedRequest, ApiError> {
        Ok(self.prepare_handler(read_checked(self.raw(), self.request.message, &self.path)?, run))
    }

    fn prepare_handler<T: 'static>(&self, message: T, run: RequestHandler<T>) -> PreparedRequest {
        PreparedRequest { kind: self.request.kind, run: Box::new(move |batch| run(batch, message)) }
    }
}
