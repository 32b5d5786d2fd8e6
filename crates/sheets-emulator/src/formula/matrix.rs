//! What a part of a formula comes to: one outcome, or a rectangle of them.
//!
//! In scope: rectangles, and doing something to each of their elements. Out of scope: reading formulas (`formula`), where a rectangle
//! lands in a sheet (`spill`).

use crate::grid::value::Scalar;

/// The most outcomes in memory for one rectangle.
pub(crate) const CELL_LIMIT: u64 = 1_000_000;

/// A rectangle of outcomes, row by row; those at its end that are not stored are blank.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The number of rows.
    pub height: u32,
    /// The number of columns.
    pub width: u32,
    cells: Vec<Scalar>,
}

/// What a part of a formula comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// One outcome; errors are outcomes too.
    Single(Scalar),
    /// Several.
    Matrix(Matrix),
}

impl Matrix {
    /// A rectangle; what `cells` has too few of is blank.
    pub fn new(height: u32, width: u32, cells: Vec<Scalar>) -> Self {
        Self { height, width, cells }
    }

    /// The rows one below the other; short ones are filled up with blanks.
    pub fn from_rows(rows: Vec<Vec<Scalar>>) -> Self {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let height = count(rows.len());
        let mut cells = Vec::with_capacity(rows.len() * width);
        for mut row in rows {
            row.resize(width, Scalar::Blank);
            cells.append(&mut row);
        }
        Self { height, width: count(width), cells }
    }

    /// The outcome at a place; blank where there is none.
    pub fn at(&self, row: u32, column: u32) -> &Scalar {
        let index = u64::from(row) * u64::from(self.width) + u64::from(column);
        let inside = column < self.width && row < self.height;
        let found = usize::try_from(index).ok().filter(|_| inside).and_then(|index| self.cells.get(index));
        found.unwrap_or(&Scalar::Blank)
    }

    /// The outcomes that are stored, row by row.
    pub fn cells(&self) -> &[Scalar] {
        &self.cells
    }

    /// The same, on their own.
    pub fn into_cells(self) -> Vec<Scalar> {
        self.cells
    }

    /// How many outcomes there are, blank ones included.
    pub fn size(&self) -> u64 {
        u64::from(self.height) * u64::from(self.width)
    }

    /// The number of rows in which anything is stored.
    pub fn used_rows(&self) -> u32 {
        count(self.cells.len().div_ceil(usize::try_from(self.width).unwrap_or(1).max(1))).min(self.height)
    }

    /// A row.
    pub fn row(&self, row: u32) -> Vec<Scalar> {
        (0..self.width).map(|column| self.at(row, column).clone()).collect()
    }

    /// The outcome that stands for a place of a larger rectangle: a single row or column is repeated.
    pub fn broadcast_at(&self, row: u32, column: u32) -> Option<&Scalar> {
        let row = if self.height == 1 { 0 } else { row };
        let column = if self.width == 1 { 0 } else { column };
        (row < self.height && column < self.width).then(|| self.at(row, column))
    }
}

impl Operand {
    /// The height and width.
    pub fn extent(&self) -> (u32, u32) {
        match self {
            Self::Single(_) => (1, 1),
            Self::Matrix(matrix) => (matrix.height, matrix.width),
        }
    }

    /// As a rectangle.
    pub fn into_matrix(self) -> Matrix {
        match self {
            Self::Single(scalar) => Matrix::new(1, 1, vec![scalar]),
            Self::Matrix(matrix) => matrix,
        }
    }

    /// The outcome of the first place.
    pub fn first(&self) -> &Scalar {
        match self {
            Self::Single(scalar) => scalar,
            Self::Matrix(matrix) => matrix.at(0, 0),
        }
    }
}

/// A count, as sheets count.
pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
