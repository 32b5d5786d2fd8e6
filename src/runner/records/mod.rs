//! What becomes of a record: an item, a row or a failure.
//!
//! | question | file |
//! |---|---|
//! | How does a record become an item, and an item settled? | `intake` |
//! | How do the values of the steps become rows? | `output_builder` |
//! | What is written about a failure, and what closes it? | `item_failures` |
//! | How are stored failures tried again? | `failure_retries` |
//! | Which record of a key counts, if the source has several? | `selected_records` |
//! | When are records of failures looked for in the source? | `failure_records` |
//! | Which of the kept failures are obsolete? | `superseded_failures` |
//! | Which changes would a run make, and how would it fall short? | `change_forecast` |
//! | Which changes are held back until a person approves them? | `change_hold` |
//! | How are items marked that began, and how is an unknown outcome reported? | `in_doubt` |
//!
//! Out of scope: reading the records (`runner::input`), and the commits (`runner::commit`).

pub mod intake;
pub mod output_builder;
mod item_failures;
mod failure_retries;
pub mod selected_records;
pub mod failure_records;
mod superseded_failures;
mod in_doubt;
pub mod change_forecast;
pub mod change_hold;
