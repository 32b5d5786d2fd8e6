//! Requests about things that belong to a sheet and are not cells.
//!
//! | question | file |
//! |---|---|
//! | Named and protected ranges | `named_ranges` |
//! | Developer metadata | `developer_metadata` |
//! | Charts, slicers, banded ranges, filter views | `embedded_objects` |
//!
//! Out of scope: how these move with rows and columns (`batch::shift_cells`,
//! `batch::object_ranges`).

pub(crate) mod developer_metadata;
pub(crate) mod embedded_objects;
pub(crate) mod named_ranges;
