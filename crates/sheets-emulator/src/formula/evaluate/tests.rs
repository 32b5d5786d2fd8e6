use super::*;

mod functions;
mod language;

/// A sheet of 6 rows and 26 columns; the formula is in its second row.
#[derive(Default)]
struct SmallSheet {
    budget: EvalBudget,
    settings: FormulaSettings,
}

impl FormulaCells for SmallSheet {
    fn cell(&self, _: Option<&str>, row: u32, column: u32) -> Scalar {
        match (row, column) {
            (0, 0) => Scalar::Number(2.0),
            (1, 0) => Scalar::Number(40.0),
            (2, 0) => Scalar::Text("x".to_owned()),
            _ => Scalar::Blank,
        }
    }

    fn area(&self, title: Option<&str>, span: CellSpan) -> Option<Area> {
        let closed = span.close(6, 26);
        let range = crate::grid::area::GridRange {
            sheet_id: 0,
            start_row: closed.start_row,
            end_row: closed.end_row,
            start_col: closed.start_column,
            end_col: closed.end_column,
        };
        title.is_none().then(|| range.resolve(6, 26))
    }

    fn block(&self, title: Option<&str>, area: &Area) -> EvalResult<Matrix> {
        let row = |row: u32| area.cols.clone().map(|column| self.cell(title, row, column)).collect();
        Ok(Matrix::from_rows(area.rows.clone().map(row).collect()))
    }

    fn position(&self) -> (u32, u32) {
        (1, 3)
    }

    fn budget(&self) -> &EvalBudget {
        &self.budget
    }

    fn settings(&self) -> FormulaSettings {
        self.settings
    }
}

fn run(text: &str) -> Scalar {
    evaluate(text, &SmallSheet::default()).first().clone()
}

/// Returns a result in a locale with a decimal comma, at a time.
fn run_in_german(text: &str, now: f64) -> Scalar {
    let small = SmallSheet { settings: FormulaSettings { has_decimal_comma: true, now }, ..SmallSheet::default() };
    evaluate(text, &small).first().clone()
}

/// Returns the cells of a result as texts: commas between columns, semicolons between rows.
fn table(text: &str) -> String {
    let matrix = evaluate(text, &SmallSheet::default()).into_matrix();
    let row = |row: u32| matrix.copy_row(row).iter().map(to_text).collect::<Vec<_>>().join(",");
    (0..matrix.height).map(row).collect::<Vec<_>>().join(";")
}
