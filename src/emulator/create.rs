//! `spreadsheets.create`.
//!
//! In scope: a new spreadsheet as its caller describes it. Out of scope: where it is kept (`storage`).

use serde_json::{Map, Value};

use crate::emulator::batch::context::{Batch, Doubts};
use crate::emulator::batch::proto::{NOT_JSON, normalise};
use crate::emulator::batch::sheets::{first_sheets, spreadsheet_from};
use crate::emulator::error::ApiError;
use crate::emulator::fields::Mask;
use crate::emulator::get::{View, spreadsheet};
use crate::emulator::storage::Store;
use crate::port::chance::Chance;

/// Answers `spreadsheets.create`: makes the spreadsheet `id` as the body describes it, and returns it.
pub fn create(store: &Store, id: &str, body: &[u8], mask: &Mask, chance: &dyn Chance) -> Result<Value, ApiError> {
    let text = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let not_json = |_| ApiError::invalid_argument(NOT_JSON);
    let described = normalise(serde_json::from_slice(text).map_err(not_json)?, "Spreadsheet", "")?;
    let none = Map::new();
    let properties = described.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let sheets: Vec<Map<String, Value>> = match described.get("sheets") {
        Some(Value::Array(sheets)) => sheets
            .iter()
            .map(|sheet| sheet.get("properties").and_then(Value::as_object).cloned().unwrap_or_default())
            .collect(),
        _ => Vec::new(),
    };
    let tx = store.start(id, &spreadsheet_from(properties))?;
    first_sheets(&Batch::new(&tx, Doubts::default(), chance)?, &sheets)?;
    let answer = spreadsheet(&tx, id, &View::default())?;
    tx.commit()?;
    Ok(mask.apply(answer))
}
