//! `spreadsheets.batchUpdate`: a list of requests, applied in order, all of them or none.
//!
//! | question | file |
//! |---|---|
//! | How does a batch run, from body to answer? | `apply` |
//! | How is the body split into requests? | `envelope` |
//! | What do all request kinds share: look-ups, limits, behaviours? | `context` |
//! | How are rows, cells and ranges read from a request? | `request_types` |
//! | What does a `fields` member write? | `field_mask` |
//! | Append, update and repeat cells; validation | `write_cells` |
//! | What moves when rows, columns or cells move? | `shift_cells`, `object_ranges` |
//! | Requests inside a sheet; about sheets; about objects | `cells/`, `sheets/`, `objects/` |
//!
//! Out of scope: storage (`storage`), the HTTP around it (`http`).

pub(crate) mod apply;
pub(crate) mod cells;
pub(crate) mod context;
pub(crate) mod envelope;
pub(crate) mod field_mask;
pub(crate) mod object_ranges;
pub(crate) mod objects;
pub(crate) mod request_types;
pub(crate) mod sheets;
pub(crate) mod shift_cells;
pub(crate) mod write_cells;

#[cfg(test)]
mod tests;
