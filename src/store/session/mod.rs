//! What the store keeps between calls.
//!
//! | question | file |
//! |---|---|
//! | What is cached of the spreadsheet, and which batches are in doubt? | `sheet_session` |
//! | Where are the rows of the data tab, and which writes wait for verification? | `row_tracker` |

pub mod sheet_session;
pub mod row_tracker;
