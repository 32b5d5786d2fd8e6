//! Formulas over blank cells: no text makes the evaluation panic or run for ever.
use sheetkeep::emulator::internals::{
    Area, CellSpan, EvalBudget, EvalResult, FormulaCells, Matrix, Scalar, evaluate, link,
};

#[derive(Default)]
struct Blank {
    budget: EvalBudget,
}

impl FormulaCells for Blank {
    fn cell(&self, _: Option<&str>, row: u32, column: u32) -> Scalar {
        Scalar::Number(f64::from(row) - f64::from(column))
    }

    fn area(&self, _: Option<&str>, _: CellSpan) -> Option<Area> {
        None
    }

    fn block(&self, _: Option<&str>, _: &Area) -> EvalResult<Matrix> {
        Err("#REF!")
    }

    fn position(&self) -> (u32, u32) {
        (2, 3)
    }

    fn budget(&self) -> &EvalBudget {
        &self.budget
    }
}

/// Parses these bytes.
pub fn read_all(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (evaluate(text, &Blank::default()), link(text, &Blank::default()));
}
