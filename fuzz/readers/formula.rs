//! Formulas over cells that are all blank: no text makes working it out panic or take for ever.
use sheetkeep::emulator::a1::Span;
use sheetkeep::emulator::formula::{Sight, evaluate, link};
use sheetkeep::emulator::grid::Area;
use sheetkeep::emulator::matrix::Matrix;
use sheetkeep::emulator::outcome::{Computed, Outcome};
use sheetkeep::emulator::purse::Purse;

#[derive(Default)]
struct Blank {
    purse: Purse,
}

impl Sight for Blank {
    fn cell(&self, _: Option<&str>, row: u32, column: u32) -> Outcome {
        Outcome::Number(f64::from(row) - f64::from(column))
    }

    fn area(&self, _: Option<&str>, _: Span) -> Option<Area> {
        None
    }

    fn block(&self, _: Option<&str>, _: &Area) -> Computed<Matrix> {
        Err("#REF!")
    }

    fn home(&self) -> (u32, u32) {
        (2, 3)
    }

    fn purse(&self) -> &Purse {
        &self.purse
    }
}

/// Reads these bytes.
pub fn read_all(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (evaluate(text, &Blank::default()), link(text, &Blank::default()));
}
