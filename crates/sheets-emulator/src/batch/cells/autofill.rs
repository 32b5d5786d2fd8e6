//! `autoFill`: continues a series, as dragging the corner of a selection does.
//!
//! In scope: numbers, and texts that end in a number, by equal steps; single dates by days;
//! formulas, whose references move. All other cells are repeated. Out of scope, and refused: series
//! of unequal steps and of mixed kinds, and finding the source inside a range. Names of days and
//! months are repeated.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::batch::cells::paste::{move_references, read_block, transpose};
use crate::batch::context::{Batch, make_outside_grid_error, refuse};
use crate::batch::field_mask::CellMask;
use crate::batch::request_types::GridRangeMessage;
use crate::batch::write_cells::write_block;
use crate::error::ApiError;
use crate::format::render::read_number_format;
use crate::grid::area::{Area, GridRange};
use crate::grid::cell::{Cell, CellValue};
use crate::storage::transaction::SheetProperties;

/// `AutoFillRequest`: cells from which a series continues into the cells beside them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct AutoFill {
    range: Option<GridRangeMessage>,
    source_and_destination: FillTarget,
    use_alternate_series: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct FillTarget {
    source: GridRangeMessage,
    dimension: String,
    fill_length: i32,
}

/// Fills cells after the source, or before it if the length is negative.
pub(crate) fn fill(batch: &Batch<'_, '_>, request: &AutoFill) -> Result<Value, ApiError> {
    if request.range.is_some() {
        return Err(ApiError::unimplemented("This emulator fills by sourceAndDestination only."));
    }
    let FillTarget { source, dimension, fill_length } = &request.source_and_destination;
    let across = match dimension.as_str() {
        "ROWS" => false,
        "COLUMNS" => true,
        _ => return refuse("A dimension must be specified."),
    };
    let (sheet, from) = batch.area(source)?;
    if from.is_empty() || *fill_length == 0 {
        return Ok(json!({}));
    }
    let target = find_destination(&sheet, &from, across, *fill_length)?;
    let cells = read_block(batch, &sheet, &from)?;
    let lines = if across { cells } else { transpose(cells) };
    let way = FillRule { is_across: across, is_backward: *fill_length < 0, is_alternate: request.use_alternate_series };
    let count = fill_length.unsigned_abs() as usize;
    let filled: Vec<Vec<Cell>> =
        lines.into_iter().map(|line| way.continue_series(line, count)).collect::<Result<_, _>>()?;
    let rows = if across { filled } else { transpose(filled) };
    let mask = CellMask::read("userEnteredValue,userEnteredFormat,textFormatRuns")?;
    write_block(batch, &sheet, target.rows.start, target.cols.start, rows, &mask)?;
    Ok(json!({}))
}

/// Returns the cells to fill, which must lie inside the grid.
fn find_destination(sheet: &SheetProperties, from: &Area, is_across: bool, length: i32) -> Result<Area, ApiError> {
    let mut area = from.clone();
    let side = if is_across { &mut area.cols } else { &mut area.rows };
    let bound = if is_across { sheet.column_count } else { sheet.row_count };
    let count = length.unsigned_abs();
    *side = if length > 0 {
        side.end..side.end.saturating_add(count)
    } else {
        side.start.checked_sub(count).map_or(bound..bound.saturating_add(count), |start| start..side.start)
    };
    if side.end > bound {
        return Err(make_outside_grid_error(sheet, &GridRange::from_area(sheet.id, &area)));
    }
    Ok(area)
}

/// How a line of cells is continued.
struct FillRule {
    is_across: bool,
    is_backward: bool,
    is_alternate: bool,
}

impl FillRule {
    /// Returns the cells that follow a line, or precede it, in the order of the sheet.
    fn continue_series(&self, mut line: Vec<Cell>, count: usize) -> Result<Vec<Cell>, ApiError> {
        if self.is_backward {
            line.reverse();
        }
        let series = CellSeries::detect(&line, self.is_alternate)?;
        let mut filled = Vec::with_capacity(count);
        for at in 0..count {
            let source = at % line.len();
            let mut cell = line[source].clone();
            if let Some(series) = &series {
                cell.enter(Some(series.continue_value(at)));
            }
            let distance = i64::try_from(line.len() + at - source).unwrap_or(i64::MAX);
            let distance = if self.is_backward { -distance } else { distance };
            let (down, right) = if self.is_across { (0, distance) } else { (distance, 0) };
            move_references(std::slice::from_mut(&mut cell), down, right);
            filled.push(cell);
        }
        if self.is_backward {
            filled.reverse();
        }
        Ok(filled)
    }
}

/// Numbers by equal steps, each with or without a text in front.
struct CellSeries {
    front: Option<String>,
    last: f64,
    step: f64,
}

impl CellSeries {
    /// Returns the series that a line begins; `None` if its cells are repeated.
    fn detect(line: &[Cell], is_alternate: bool) -> Result<Option<Self>, ApiError> {
        let unknown = || Err(ApiError::unimplemented("This emulator carries on series of equal steps only."));
        let parts: Vec<Option<(Option<&str>, f64)>> = line.iter().map(split_number).collect();
        if parts.iter().all(Option::is_none) {
            return Ok(None);
        }
        let Some(parts) = parts.into_iter().collect::<Option<Vec<_>>>() else { return unknown() };
        let (front, last) = parts[parts.len() - 1];
        let step = match parts.as_slice() {
            [_] => {
                let stays = front.is_none() && !is_moment(&line[0]);
                if stays == is_alternate { 1.0 } else { 0.0 }
            }
            [.., (_, before), _] => last - before,
            [] => 0.0,
        };
        let equal = parts.windows(2).all(|pair| (pair[1].1 - pair[0].1 - step).abs() <= 1e-9 * step.abs().max(1.0));
        if !equal || parts.iter().any(|(own, _)| *own != front) {
            return unknown();
        }
        Ok(Some(Self { front: front.map(str::to_owned), last, step }))
    }

    fn continue_value(&self, at: usize) -> CellValue {
        let steps = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let number = self.last + self.step * f64::from(steps);
        match &self.front {
            Some(front) => CellValue::Text(format!("{front}{}", number.abs())),
            None => CellValue::Number(number),
        }
    }
}

/// Returns a cell's number, and the text in front of it.
fn split_number(cell: &Cell) -> Option<(Option<&str>, f64)> {
    match &cell.value {
        Some(CellValue::Number(number)) => Some((None, *number)),
        Some(CellValue::Text(text)) => {
            let front = text.trim_end_matches(|c: char| c.is_ascii_digit());
            let number: u32 = text[front.len()..].parse().ok()?;
            Some((Some(front), f64::from(number)))
        }
        _ => None,
    }
}

fn is_moment(cell: &Cell) -> bool {
    read_number_format(cell).is_some_and(|format| matches!(format.kind.as_str(), "DATE" | "DATE_TIME"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(line: &[f64], count: usize, is_backward: bool) -> Result<Vec<Cell>, ApiError> {
        let line = line.iter().map(|number| Cell::number(*number)).collect();
        FillRule { is_across: false, is_backward, is_alternate: false }.continue_series(line, count)
    }

    fn texts(line: &[&str], is_alternate: bool) -> Vec<Cell> {
        let line = line.iter().map(|text| Cell::text(*text)).collect();
        FillRule { is_across: false, is_backward: false, is_alternate }.continue_series(line, 3).unwrap()
    }

    #[test]
    fn series_go_on_by_their_step_and_all_else_is_repeated() {
        let of = |line: &[f64]| line.iter().map(|number| Cell::number(*number)).collect::<Vec<_>>();
        assert_eq!(numbers(&[1.0, 2.0], 3, false).unwrap(), of(&[3.0, 4.0, 5.0]));
        assert_eq!(numbers(&[10.0, 7.5], 2, false).unwrap(), of(&[5.0, 2.5]));
        assert_eq!(numbers(&[3.0, 4.0], 2, true).unwrap(), of(&[1.0, 2.0]));
        assert_eq!(numbers(&[5.0], 2, false).unwrap(), of(&[5.0, 5.0]));
        assert_eq!(numbers(&[1.0, 2.0, 4.0], 1, false).unwrap_err().code, 422);
        let got = |cells: Vec<Cell>| cells.into_iter().map(|cell| cell.value).collect::<Vec<_>>();
        let text = |text: &str| Some(CellValue::Text(text.to_owned()));
        assert_eq!(got(texts(&["Item 1"], false)), [text("Item 2"), text("Item 3"), text("Item 4")]);
        assert_eq!(got(texts(&["Item 1"], true)), [text("Item 1"), text("Item 1"), text("Item 1")]);
        assert_eq!(got(texts(&["a", "b"], false)), [text("a"), text("b"), text("a")]);
    }

    #[test]
    fn formulas_move_with_the_cells_that_they_fill() {
        let formula = |source: &str| Cell::from_value(CellValue::Formula { source: source.to_owned(), result: None });
        let way = FillRule { is_across: false, is_backward: false, is_alternate: false };
        let filled = way.continue_series(vec![formula("=A1*2"), formula("=$A$1")], 3).unwrap();
        assert_eq!(filled, [formula("=A3*2"), formula("=$A$1"), formula("=A5*2")]);
    }
}
