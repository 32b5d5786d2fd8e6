//! A commit as one `batchUpdate`. Pure.
//!
//! | question | file |
//! |---|---|
//! | In which order are the requests of a commit? | `guard::head_guard` (steps), `encoder` (changes) |
//! | Which row of the data tab does each row of a commit get? | `row_plan` |
//! | How are rows written to the data tab? | `row_writer` |
//! | Below which row are new rows written? | `append_position` |
//! | Which columns are the job's own, and how are they marked? | `own_columns` |
//! | Which rows does a commit delete, and how are wrongly deleted rows restored? | `deletion`, `restore` |
//! | How does a job's row get into the tab Jobs? | `jobs_row` |
//! | Does the spreadsheet have enough cells? | `cell_budget` |
//! | Which cells does the response to a batch return? | `response` |

pub mod encoder;
pub mod row_plan;
pub mod jobs_row;
pub mod row_writer;
pub mod own_columns;
pub mod cell_budget;
pub mod response;
pub mod append_position;
pub mod deletion;
pub mod restore;
