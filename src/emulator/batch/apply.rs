//! A batch from body to answer.
//!
//! In scope: one write transaction, requests in order, replies in order, which kinds are known and which are done.
//! Out of scope: each kind (its own file), the `fields` of the answer beyond what they ask of grid data.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::emulator::batch::context::{Batch, Doubts};
use crate::emulator::batch::envelope::{Envelope, Sealed, open};
use crate::emulator::batch::proto::{read, read_checked, snake};
use crate::emulator::batch::{cells, dimensions, marks, named, paste, ranges, sheets, view};
use crate::emulator::error::ApiError;
use crate::emulator::fields::Mask;
use crate::emulator::get::{View, spreadsheet};
use crate::emulator::storage::Store;
use crate::port::chance::Chance;

/// Applies a batch to a spreadsheet: everything, durable when this returns, or nothing. `body` is the JSON of
/// `BatchUpdateSpreadsheetRequest`; `mask` is the `fields` parameter over `BatchUpdateSpreadsheetResponse`, and is
/// only asked whether the answer needs cells: the caller cuts the answer down. Fails as Google does.
pub fn batch_update(
    store: &Store,
    id: &str,
    body: &[u8],
    mask: &Mask,
    doubts: Doubts,
    chance: &dyn Chance,
) -> Result<Value, ApiError> {
    let envelope = open(body)?;
    let tx = store.write(id)?;
    if envelope.requests.is_empty() {
        return Err(ApiError::invalid_argument("Must specify at least one request."));
    }
    let batch = Batch::new(&tx, doubts, chance)?;
    let mut replies = Vec::with_capacity(envelope.requests.len());
    for (n, request) in envelope.requests.iter().enumerate() {
        replies.push(apply(&batch, n, *request)?);
    }
    let mut answer = Map::new();
    answer.insert("spreadsheetId".to_owned(), id.into());
    answer.insert("replies".to_owned(), Value::Array(replies));
    if envelope.include_spreadsheet {
        answer.insert("updatedSpreadsheet".to_owned(), after(&batch, id, envelope, mask)?);
    }
    drop(batch);
    tx.commit()?;
    Ok(Value::Object(answer))
}

/// The spreadsheet as the batch left it, seen before anybody else can change it.
fn after(batch: &Batch<'_, '_>, id: &str, envelope: Envelope<'_>, mask: &Mask) -> Result<Value, ApiError> {
    let grid_data = match mask {
        Mask::All => envelope.include_grid_data,
        Mask::Members(_) => mask.covers("updatedSpreadsheet.sheets.data"),
    };
    spreadsheet(batch.tx, id, &View { ranges: envelope.ranges, grid_data })
}

/// Applies one request. A malformed one is refused by its path in the body, one that does not fit by its index.
fn apply(batch: &Batch<'_, '_>, n: usize, request: Sealed<'_>) -> Result<Value, ApiError> {
    let reader = Reader { path: format!("requests[{n}].{}", snake(request.kind)), request };
    let done = match request.kind {
        "addNamedRange" => named::add(batch, reader.lean()?),
        "addProtectedRange" => named::protect(batch, reader.checked()?),
        "addSheet" => sheets::add(batch, &reader.checked()?),
        "appendCells" => cells::append(batch, reader.lean()?),
        "appendDimension" => dimensions::append(batch, &reader.lean()?),
        "clearBasicFilter" => view::clear_filter(batch, &reader.lean()?),
        "copyPaste" => paste::copy(batch, &reader.lean()?),
        "createDeveloperMetadata" => marks::create(batch, reader.checked()?),
        "deleteDeveloperMetadata" => marks::delete(batch, reader.checked()?),
        "deleteDimension" => dimensions::delete(batch, &reader.lean()?),
        "deleteDuplicates" => ranges::delete_duplicates(batch, &reader.lean()?),
        "deleteNamedRange" => named::delete(batch, &reader.lean()?),
        "deleteProtectedRange" => named::unprotect(batch, &reader.lean()?),
        "deleteRange" => ranges::delete(batch, &reader.lean()?),
        "deleteSheet" => sheets::delete(batch, &reader.lean()?),
        "duplicateSheet" => sheets::duplicate(batch, reader.lean()?),
        "findReplace" => view::find_replace(batch, &reader.lean()?),
        "insertDimension" => dimensions::insert(batch, &reader.lean()?),
        "insertRange" => ranges::insert(batch, &reader.lean()?),
        "mergeCells" => view::merge(batch, &reader.lean()?),
        "moveDimension" => dimensions::relocate(batch, &reader.lean()?),
        "repeatCell" => cells::repeat(batch, reader.lean()?),
        "setBasicFilter" => view::set_filter(batch, reader.checked()?),
        "setDataValidation" => cells::validation(batch, reader.checked()?),
        "sortRange" => ranges::sort(batch, &reader.lean()?),
        "unmergeCells" => view::unmerge(batch, &reader.lean()?),
        "updateCells" => cells::update(batch, reader.lean()?),
        "updateDeveloperMetadata" => marks::update(batch, reader.checked()?),
        "updateDimensionProperties" => dimensions::properties(batch, &reader.checked()?),
        "updateNamedRange" => named::update(batch, reader.lean()?),
        "updateProtectedRange" => named::update_protected(batch, reader.checked()?),
        "updateSheetProperties" => sheets::update(batch, reader.checked()?),
        "updateSpreadsheetProperties" => sheets::update_spreadsheet(batch, &reader.checked()?),
        other => {
            return Err(ApiError::unimplemented(format!("requests[{n}].{other} is not implemented in this emulator.")));
        }
    };
    done.map_err(|error| match error.code {
        400 => error.within(&format!("Invalid requests[{n}].{}: ", request.kind)),
        _ => error,
    })
}

/// Reads the message of one request.
struct Reader<'a> {
    path: String,
    request: Sealed<'a>,
}

impl Reader<'_> {
    fn raw(&self) -> &RawValue {
        self.request.body
    }

    /// For messages whose every member has a field to go to.
    fn lean<T: serde::de::DeserializeOwned>(&self) -> Result<T, ApiError> {
        read(self.raw(), self.request.message, &self.path)
    }

    /// For messages that are kept as JSON.
    fn checked<T: serde::de::DeserializeOwned>(&self) -> Result<T, ApiError> {
        read_checked(self.raw(), self.request.message, &self.path)
    }
}
