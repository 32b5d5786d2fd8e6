//! Encodes a row of cells as bytes.
//!
//! Each cell is a tag byte and its data; a run of blank cells takes two bytes. Numbers keep all
//! their bits, which JSON would not guarantee.
//! Out of scope: where the bytes are stored (`content`).

use crate::grid::cell::{Cell, CellValue, FormulaResult};

/// The bytes are not a row of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored row can't be read at byte {at}; the file was written by another version or is damaged")]
pub struct RowBlobError {
    /// The position of the error.
    pub at: usize,
}

const BLANKS: u8 = 0;
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const WHOLE_NUMBER: u8 = 3;
const FALSE: u8 = 4;
const TRUE: u8 = 5;
const FORMULA: u8 = 6;
const ERROR: u8 = 7;
const MEMBERS: u8 = 8;

/// Encodes a row. The caller should trim blank cells at its end.
pub(crate) fn encode(row: &[Cell]) -> Vec<u8> {
    let mut out = Vec::with_capacity(row.len() * 12);
    let mut blanks = 0_u64;
    for cell in row {
        let entered = cell.value.as_ref().filter(|value| !matches!(value, CellValue::Spilled(_)));
        if entered.is_none() && cell.members.is_none() {
            blanks += 1;
            continue;
        }
        put_blanks(&mut out, &mut blanks);
        if let Some(members) = &cell.members {
            let json = serde_json::to_vec(members).expect("a JSON object with text keys is always written");
            out.push(MEMBERS);
            put_bytes(&mut out, &json);
        }
        match entered {
            None | Some(CellValue::Spilled(_)) => put_blanks(&mut out, &mut 1),
            Some(CellValue::Text(text)) => put_text(&mut out, TEXT, text),
            Some(CellValue::Number(number)) => put_number(&mut out, *number),
            Some(CellValue::Bool(truth)) => out.push(if *truth { TRUE } else { FALSE }),
            Some(CellValue::Formula { source, result }) => {
                put_text(&mut out, FORMULA, source);
                match result {
                    None => put_blanks(&mut out, &mut 1),
                    Some(FormulaResult::Text(text)) => put_text(&mut out, TEXT, text),
                    Some(FormulaResult::Number(number)) => put_number(&mut out, *number),
                    Some(FormulaResult::Bool(truth)) => out.push(if *truth { TRUE } else { FALSE }),
                    Some(FormulaResult::Error(error)) => put_text(&mut out, ERROR, error),
                }
            }
        }
    }
    out
}

fn put_blanks(out: &mut Vec<u8>, count: &mut u64) {
    if *count > 0 {
        out.push(BLANKS);
        put_varint(out, *count);
        *count = 0;
    }
}

fn put_text(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    put_bytes(out, text.as_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "guarded: whole and below 2^53")]
fn put_number(out: &mut Vec<u8>, number: f64) {
    let small = (0.0..9_007_199_254_740_992.0).contains(&number) && !(number == 0.0 && number.is_sign_negative());
    if small && number.fract() == 0.0 {
        out.push(WHOLE_NUMBER);
        put_varint(out, number as u64);
    } else {
        out.push(NUMBER);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Decodes a row.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Cell>, RowBlobError> {
    let mut reader = BlobReader { bytes, at: 0 };
    let mut row = Vec::new();
    while reader.at < bytes.len() {
        let mut tag = reader.read_byte()?;
        let mut members = None;
        if tag == MEMBERS {
            let at = reader.at;
            members = Some(serde_json::from_slice(reader.read_bytes()?).map_err(|_| RowBlobError { at })?);
            tag = reader.read_byte()?;
        }
        if tag == BLANKS && members.is_none() {
            let count = reader.read_length()?;
            if count > 100_000 {
                return Err(reader.make_error());
            }
            row.resize_with(row.len() + count, Cell::default);
            continue;
        }
        row.push(Cell { value: reader.read_value(tag)?, members });
    }
    Ok(row)
}

struct BlobReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BlobReader<'a> {
    fn make_error(&self) -> RowBlobError {
        RowBlobError { at: self.at }
    }

    fn read_byte(&mut self) -> Result<u8, RowBlobError> {
        let byte = *self.bytes.get(self.at).ok_or(self.make_error())?;
        self.at += 1;
        Ok(byte)
    }

    fn read_varint(&mut self) -> Result<u64, RowBlobError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.read_byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.make_error())
    }

    fn read_length(&mut self) -> Result<usize, RowBlobError> {
        usize::try_from(self.read_varint()?).map_err(|_| self.make_error())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], RowBlobError> {
        let end = self.at.checked_add(count).ok_or(self.make_error())?;
        let taken = self.bytes.get(self.at..end).ok_or(self.make_error())?;
        self.at = end;
        Ok(taken)
    }

    fn read_bytes(&mut self) -> Result<&'a [u8], RowBlobError> {
        let count = self.read_length()?;
        self.take(count)
    }

    fn read_text(&mut self) -> Result<String, RowBlobError> {
        let bytes = self.read_bytes()?;
        std::str::from_utf8(bytes).map(ToOwned::to_owned).map_err(|_| self.make_error())
    }

    #[expect(clippy::cast_precision_loss, reason = "whole numbers are written below 2^53 only")]
    fn read_number(&mut self, tag: u8) -> Result<f64, RowBlobError> {
        if tag == WHOLE_NUMBER {
            return Ok(self.read_varint()? as f64);
        }
        let bytes = self.take(8)?.try_into().map_err(|_| self.make_error())?;
        Ok(f64::from_le_bytes(bytes))
    }

    fn read_value(&mut self, tag: u8) -> Result<Option<CellValue>, RowBlobError> {
        Ok(Some(match tag {
            BLANKS => {
                self.read_varint()?;
                return Ok(None);
            }
            TEXT => CellValue::Text(self.read_text()?),
            NUMBER | WHOLE_NUMBER => CellValue::Number(self.read_number(tag)?),
            FALSE | TRUE => CellValue::Bool(tag == TRUE),
            FORMULA => CellValue::Formula { source: self.read_text()?, result: self.read_result()? },
            _ => return Err(self.make_error()),
        }))
    }

    fn read_result(&mut self) -> Result<Option<FormulaResult>, RowBlobError> {
        let tag = self.read_byte()?;
        Ok(Some(match tag {
            BLANKS => {
                self.read_varint()?;
                return Ok(None);
            }
            TEXT => FormulaResult::Text(self.read_text()?),
            NUMBER | WHOLE_NUMBER => FormulaResult::Number(self.read_number(tag)?),
            FALSE | TRUE => FormulaResult::Bool(tag == TRUE),
            ERROR => FormulaResult::Error(self.read_text()?),
            _ => return Err(self.make_error()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Option<CellValue>> {
        let computed = prop_oneof![
            Just(None),
            ".*".prop_map(|t| Some(FormulaResult::Text(t))),
            any::<bool>().prop_map(|b| Some(FormulaResult::Bool(b))),
            Just(Some(FormulaResult::Error("#DIV/0!".to_owned()))),
            (-1e9..1e9).prop_map(|n| Some(FormulaResult::Number(n))),
        ];
        prop_oneof![
            Just(None),
            ".*".prop_map(|t| Some(CellValue::Text(t))),
            proptest::num::f64::NORMAL.prop_map(|n| Some(CellValue::Number(n))),
            any::<i32>().prop_map(|n| Some(CellValue::Number(f64::from(n)))),
            any::<bool>().prop_map(|b| Some(CellValue::Bool(b))),
            (".*", computed).prop_map(|(source, result)| Some(CellValue::Formula { source, result })),
        ]
    }

    proptest! {
        #[test]
        fn a_row_reads_back_as_it_was_written(cells in proptest::collection::vec((any_value(), any::<bool>()), 0..12)) {
            let mut row: Vec<Cell> = cells.into_iter().map(|(value, noted)| {
                let mut cell = Cell { value, members: None };
                cell.set_member("note", noted.then(|| json!("look")));
                cell
            }).collect();
            crate::grid::cell::trim(&mut row);
            prop_assert_eq!(decode(&encode(&row)), Ok(row));
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_row_of_small_numbers_is_small() {
        let row: Vec<Cell> = (0..8).map(|n| Cell::number(f64::from(n))).collect();
        assert_eq!(encode(&row).len(), 16);
    }
}
