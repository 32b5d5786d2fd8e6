//! The operands of formulas: one scalar, or a matrix of them.
//!
//! In scope: matrices, and access to their elements.
//! Out of scope: parsing (`evaluate`), where a matrix goes in a sheet (`spill`).

use std::rc::Rc;

use crate::grid::value::Scalar;

/// The most scalars of one matrix in memory.
pub(crate) const CELL_LIMIT: u64 = 1_000_000;

/// A matrix of scalars, row by row. Missing scalars at its end are blank. Clones share the scalars.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The number of rows.
    pub height: u32,
    /// The number of columns.
    pub width: u32,
    cells: Rc<Vec<Scalar>>,
}

/// A part of a formula.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// One scalar, which may be an error.
    Single(Scalar),
    /// Several values in rows and columns: a range, an array literal, an array result.
    Matrix(Matrix),
}

impl Matrix {
    /// Creates a matrix. Missing `cells` are blank.
    pub fn new(height: u32, width: u32, cells: Vec<Scalar>) -> Self {
        Self { height, width, cells: Rc::new(cells) }
    }

    /// Creates a matrix of rows. Short rows are filled with blanks.
    pub fn from_rows(rows: Vec<Vec<Scalar>>) -> Self {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let height = count(rows.len());
        let mut cells = Vec::with_capacity(rows.len() * width);
        for mut row in rows {
            row.resize(width, Scalar::Blank);
            cells.append(&mut row);
        }
        Self::new(height, count(width), cells)
    }

    /// Returns the scalar at a position; blank outside.
    pub fn at(&self, row: u32, column: u32) -> &Scalar {
        let index = u64::from(row) * u64::from(self.width) + u64::from(column);
        let inside = column < self.width && row < self.height;
        let found = usize::try_from(index).ok().filter(|_| inside).and_then(|index| self.cells.get(index));
        found.unwrap_or(&Scalar::Blank)
    }

    /// Returns the stored scalars, row by row.
    pub fn cells(&self) -> &[Scalar] {
        &self.cells
    }

    /// Returns the stored scalars, and consumes the matrix. Shared scalars are copied.
    pub fn into_cells(self) -> Vec<Scalar> {
        Rc::try_unwrap(self.cells).unwrap_or_else(|shared| (*shared).clone())
    }

    /// Returns the number of scalars, including blank ones.
    pub fn size(&self) -> u64 {
        u64::from(self.height) * u64::from(self.width)
    }

    /// Returns the number of rows with stored scalars.
    pub fn used_rows(&self) -> u32 {
        count(self.cells.len().div_ceil(usize::try_from(self.width).unwrap_or(1).max(1))).min(self.height)
    }

    /// Returns a row.
    pub fn copy_row(&self, row: u32) -> Vec<Scalar> {
        (0..self.width).map(|column| self.at(row, column).clone()).collect()
    }

    /// Returns the scalar for a position of a larger matrix. A single row or column is repeated.
    pub fn broadcast_at(&self, row: u32, column: u32) -> Option<&Scalar> {
        let row = if self.height == 1 { 0 } else { row };
        let column = if self.width == 1 { 0 } else { column };
        (row < self.height && column < self.width).then(|| self.at(row, column))
    }
}

impl Operand {
    /// Returns the height and width.
    pub fn extent(&self) -> (u32, u32) {
        match self {
            Self::Single(_) => (1, 1),
            Self::Matrix(matrix) => (matrix.height, matrix.width),
        }
    }

    /// Converts the operand into a matrix.
    pub fn into_matrix(self) -> Matrix {
        match self {
            Self::Single(scalar) => Matrix::new(1, 1, vec![scalar]),
            Self::Matrix(matrix) => matrix,
        }
    }

    /// Returns the first scalar.
    pub fn first(&self) -> &Scalar {
        match self {
            Self::Single(scalar) => scalar,
            Self::Matrix(matrix) => matrix.at(0, 0),
        }
    }
}

/// Converts a length into a number of rows or columns.
pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
