//! The contents of a spreadsheet, inside a transaction.
//!
//! Out of scope: transactions (`storage::transaction`), the bytes of a row (`storage::row_blob`).
//!
//! | question | file |
//! |---|---|
//! | Which cells has a row, and where does a sheet end? | `sheet_rows` |
//! | Which range has a name? | `named_ranges` |
//! | Which developer metadata belongs to which place? | `developer_metadata` |
//! | When was the spreadsheet recalculated? | `recalculation` |
//! | Where did the table begin to which rows are appended? | `table_hint` |

pub(crate) mod developer_metadata;
pub(crate) mod named_ranges;
pub(crate) mod recalculation;
pub(crate) mod sheet_rows;
pub(crate) mod table_hint;
